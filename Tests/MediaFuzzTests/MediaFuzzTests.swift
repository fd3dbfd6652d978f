import Foundation
import FuzzKit
import MediaFuzz
import Testing

/// Replays the kept corpus, and inputs drawn from seeds. A trap fails the run, a finding fails the test and names its seed.
/// `SOTTO_FUZZ_SEEDS` asks for more of them.
@Suite struct MediaFuzzTests {
    /// Datagrams as other stacks send them: what the mutator starts from.
    private static let datagrams: [[UInt8]] = [
        [0x80, 0x00, 0x12, 0x34, 0, 0, 0, 160, 1, 2, 3, 4] + [UInt8](repeating: 0x55, count: 160),
        // Contributors, an extension and padding.
        [0xB2, 0xE0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0, 0, 7, 7, 7, 0, 0, 0, 0, 4],
        // An event and its end.
        [0x80, 0x65, 0, 7, 0, 0, 1, 0, 1, 2, 3, 4, 5, 0x0A, 0x03, 0x20],
        [0x80, 0x65, 0, 8, 0, 0, 1, 0, 1, 2, 3, 4, 5, 0x8A, 0x06, 0x40],
        // SR with a block, SDES with a CNAME, BYE.
        [0x81, 200, 0, 12] + [UInt8](repeating: 3, count: 48) + [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 4, 97, 98, 99, 100, 0, 0]
            + [0x81, 203, 0, 1, 1, 2, 3, 4],
        [0x80, 201, 0, 1, 1, 2, 3, 4, 0xA1, 205, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4],
        // The beginnings of STUN and DTLS.
        [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0],
    ]

    private static var seeds: Range<UInt64> {
        0..<(ProcessInfo.processInfo.environment["SOTTO_FUZZ_SEEDS"].flatMap { UInt64($0) } ?? 1)
    }

    private static func corpus() throws -> [[UInt8]] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try FileManager.default.contentsOfDirectory(
            at: tests.appendingPathComponent("Fuzz/Corpus/media"), includingPropertiesForKeys: nil
        ).sorted { $0.lastPathComponent < $1.lastPathComponent }.map { [UInt8](try Data(contentsOf: $0)) }
    }

    @Test func corpusHoldsTheProperties() throws {
        let entries = MediaFuzzEntry.allCases
        let corpus = try Self.corpus()
        #expect(corpus.count > 10)
        for input in corpus {
            guard let first = input.first else { continue }
            #expect(entries[Int(first) % entries.count].run(Array(input.dropFirst())) == nil)
        }
        for datagram in Self.datagrams { #expect(fuzzDatagram(datagram) == nil) }
    }

    @Test func mutatedDatagramsHoldTheProperties() {
        for seed in Self.seeds {
            var mutator = Mutator(seed: seed)
            for round in 0..<20_000 {
                let tokens: [[UInt8]] = [[0], [0xFF, 0xFF], [0x80, 200], [0xA0], [0, 0], [0x7F], [203, 0, 1]]
                let input = mutator.mutate(
                    Self.datagrams[mutator.below(Self.datagrams.count)], with: Self.datagrams[mutator.below(Self.datagrams.count)],
                    tokens: tokens)
                let finding = fuzzDatagram(input)
                #expect(finding == nil, "seed \(seed) round \(round): \(input)")
                if finding != nil { return }
            }
        }
    }

    /// Events drawn at random, and corpus inputs with changes.
    @Test(arguments: [MediaFuzzEntry.audio, .jitter, .dtmfGuard, .srtp])
    func randomEventsHoldTheProperties(_ entry: MediaFuzzEntry) throws {
        let entries = MediaFuzzEntry.allCases
        let kept = try Self.corpus().filter { $0.first.map { entries[Int($0) % entries.count] == entry } ?? false }
        for seed in Self.seeds {
            var mutator = Mutator(seed: 1_000 + seed)
            for round in 0..<150 {
                let drawn = mutator.bytes(40 + mutator.below(2_000))
                let old = kept.isEmpty ? drawn : Array(kept[mutator.below(kept.count)].dropFirst())
                let input = round % 2 == 0 ? drawn : mutator.mutate(old, with: drawn)
                let finding = entry.run(input)
                #expect(finding == nil, "seed \(seed) round \(round): \(input)")
                if finding != nil { return }
            }
        }
    }
}
