import Foundation
import FuzzKit
import ReadersFuzz
import Testing

/// Replays the kept corpus, and deterministic mutations of it. A trap fails the run, a finding fails the test and names its seed.
/// `SOTTO_FUZZ_SEEDS` asks for more of them.
@Suite struct ReadersFuzzTests {
    private static var seeds: Range<UInt64> {
        0..<(ProcessInfo.processInfo.environment["SOTTO_FUZZ_SEEDS"].flatMap { UInt64($0) } ?? 1)
    }

    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private static func files(_ folder: String, _ suffix: String = "") throws -> [[UInt8]] {
        try FileManager.default.contentsOfDirectory(at: tests.appendingPathComponent(folder), includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(suffix) }.sorted { $0.lastPathComponent < $1.lastPathComponent }
            .map { [UInt8](try Data(contentsOf: $0)) }
    }

    /// What the mutator starts from, without the byte that names the entry point.
    private static func inputs(_ entry: ReadersFuzzEntry) throws -> [[UInt8]] {
        let entries = ReadersFuzzEntry.allCases
        let kept = try files("Fuzz/Corpus/readers").filter { $0.first.map { entries[Int($0) % entries.count] == entry } ?? false }
            .map { Array($0.dropFirst()) }
        switch entry {
        case .configuration:
            let folder = "SottoConfigurationTests/Corpus"
            return kept + (try files(folder, "-good.toml").flatMap { [[0] + $0, [1] + $0] })
                + (try files(folder, "bridge.toml").map { [0] + $0 })
        case .dns: return kept + [[1] + dnsAnswer]
        case .dtls: return kept + [hello]
        case .administration:
            return kept
                + [
                    "/v1/records?tenant=acme&limit=7", "/v1/audit?from=18446744073709551615&limit=1", "/v1/calls",
                    "/v1/records/search\n{\"tenant\":\"acme\",\"number\":\"+4930\",\"limit\":3}",
                    "/v1/records/acme/00000000000000000000000001/audio",
                ].map { Array($0.utf8) }
        case .journal: return kept + [[0, 3, 1, 2, 3, 0, 0], Array("sotto.example/a\n7\n\(String(repeating: "A", count: 43))=\n".utf8)]
        case .sealed: return kept + [[0, 0, 0, 0, 0, 0, 0, 1, 0, 20, 1, 0, 2, 9, 9], [UInt8](repeating: 0, count: 16)]
        case .program:
            return kept
                + [
                    #"{"type":"final","start":10,"end":400,"words":[{"text":"caf\u00e9","start":10,"end":90}]}"#,
                    #"{"type":"ready","version":1}"#, #"{"type":"processed","until":31536000000}"#,
                    #"{"type":"actions","actions":[{"type":"say","text":"\ud83d\ude00"},{"type":"listen","silence-ms":1000}]}"#,
                    ##"{"type":"actions","actions":[{"type":"collect","kind":"card","least":1,"most":64,"silence-ms":9000}]}"##,
                    ##"{"type":"actions","actions":[{"type":"collect","kind":"pin","terminator":"#"},{"type":"payment","on":true}]}"##,
                ].map { Array(($0 + "\n").utf8) }
        }
    }

    /// An SRV answer with a compressed name, an alias, addresses, and the zone's SOA.
    private static let dnsAnswer: [UInt8] =
        [0, 1, 0x81, 0x80, 0, 1, 0, 4, 0, 1, 0, 0, 7] + Array("carrier".utf8) + [7] + Array("example".utf8) + [0, 0, 33, 0, 1]
        + [0xC0, 12, 0, 33, 0, 1, 0, 0, 1, 44, 0, 8, 0, 10, 0, 60, 0x13, 0xC5, 0xC0, 12]
        + [0xC0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, 2, 0xC0, 12] + [0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]
        + [0xC0, 12, 0, 28, 0, 1, 0, 0, 1, 44, 0, 16] + [UInt8](repeating: 0x20, count: 16)
        + [0xC0, 12, 0, 6, 0, 1, 0, 0, 0, 9, 0, 24, 0xC0, 12, 0xC0, 12] + [UInt8](repeating: 1, count: 20)

    private static let hello: [UInt8] =
        [22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54, 1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xFE, 0xFD]
        + [UInt8](repeating: 5, count: 40)

    private static let tokens: [[UInt8]] =
        ["\"", "\\u", "\\ud800", "{", "}", "[", "]", ":", ",", "null", "-1", "9223372036854775808", "\n", "=", "?", "&", "/", "%00"]
            .map { Array($0.utf8) }
        + [
            "[[trunk]]\n", "[tenant]\n", "peers = [\"::/0\"]\n", "\"\"\"", "'", "1979-05-27", "inf", "nan", "a.b.c = 1\n", "#", "0x",
            "\u{FEFF}", "\u{0}",
        ].map { Array($0.utf8) }
        + [[0xC0, 12], [0xC0, 0], [0xFF, 0xFF], [0, 0, 0, 0], [63], [22, 0xFE, 0xFD], [0, 35, 0, 1]]

    @Test(arguments: ReadersFuzzEntry.allCases)
    func corpusHoldsTheProperties(_ entry: ReadersFuzzEntry) throws {
        let inputs = try Self.inputs(entry)
        #expect(!inputs.isEmpty)
        for input in inputs { #expect(entry.run(input) == nil, "\(String(decoding: input, as: UTF8.self).debugDescription)") }
    }

    @Test(arguments: ReadersFuzzEntry.allCases)
    func mutationsHoldTheProperties(_ entry: ReadersFuzzEntry) throws {
        let inputs = try Self.inputs(entry)
        for seed in Self.seeds {
            var mutator = Mutator(seed: seed)
            for round in 0..<(entry == .configuration ? 400 : 8_000) {
                let input = mutator.mutate(
                    inputs[mutator.below(inputs.count)], with: inputs[mutator.below(inputs.count)], tokens: Self.tokens)
                let finding = entry.run(input)
                #expect(finding == nil, "seed \(seed) round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
                if finding != nil { return }
            }
        }
    }
}
