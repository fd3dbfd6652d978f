import Foundation
import FuzzKit
import SignalingFuzz
import Testing

/// Replays the kept corpora and mutations of them. A trap fails the run, a finding fails the test and names its seed.
struct SignalingFuzzTests {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private static func corpus(_ folder: String) throws -> [[UInt8]] {
        let url = tests.appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
            .sorted { $0.lastPathComponent < $1.lastPathComponent }.map { [UInt8](try Data(contentsOf: $0)) }
    }

    private static func sip() throws -> [[UInt8]] {
        try corpus("Fuzz/Corpus/sip") + corpus("SIPMessagesTests/Corpus/rfc4475") + corpus("SIPMessagesTests/Corpus/rfc5118")
    }

    @Test func corpusHoldsTheProperties() throws {
        let sip = try Self.sip()
        let sdp = try Self.corpus("Fuzz/Corpus/sdp")
        #expect(sip.count > 50)
        #expect(sdp.count > 5)
        for input in sip {
            #expect(fuzzSIPStream(input) == nil)
            #expect(fuzzSIPMessage(input) == nil)
        }
        for input in sdp { #expect(fuzzSDP(input) == nil) }
        for input in try Self.corpus("Fuzz/Corpus/values") { #expect(fuzzValue(input) == nil) }
        for input in try Self.corpus("Fuzz/Corpus/multipart") { #expect(fuzzMultipart(input) == nil) }
    }

    @Test(arguments: [UInt64](21...24))
    func mutatedValuesHoldTheProperties(_ seed: UInt64) throws {
        try mutated("Fuzz/Corpus/values", seed, rounds: 5000) { fuzzValue($0) }
    }

    @Test(arguments: [UInt64](31...32))
    func mutatedPartsHoldTheProperties(_ seed: UInt64) throws {
        try mutated("Fuzz/Corpus/multipart", seed, rounds: 5000) { fuzzMultipart($0) }
    }

    private func mutated(_ folder: String, _ seed: UInt64, rounds: Int, _ property: ([UInt8]) -> FuzzFinding?) throws {
        let inputs = try Self.corpus(folder)
        var mutator = Mutator(seed: seed)
        for round in 0..<rounds {
            let input = mutator.mutate(inputs[mutator.below(inputs.count)], with: inputs[mutator.below(inputs.count)])
            let finding = property(input)
            #expect(finding == nil, "seed \(seed) round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
            if finding != nil { return }
        }
    }

    @Test(arguments: [UInt64](1...4))
    func mutatedMessagesHoldTheProperties(_ seed: UInt64) throws {
        let inputs = try Self.sip().filter { $0.count < 1200 }
        var mutator = Mutator(seed: seed)
        for round in 0..<2500 {
            let input = mutator.mutate(inputs[mutator.below(inputs.count)], with: inputs[mutator.below(inputs.count)])
            let finding = round % 4 == 0 ? fuzzSIPStream(input) : fuzzSIPMessage(input)
            #expect(finding == nil, "seed \(seed) round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
            if finding != nil { return }
        }
    }

    @Test(arguments: [UInt64](11...14))
    func mutatedDescriptionsHoldTheProperties(_ seed: UInt64) throws {
        let inputs = try Self.corpus("Fuzz/Corpus/sdp")
        var mutator = Mutator(seed: seed)
        for round in 0..<2500 {
            let input = mutator.mutate(inputs[mutator.below(inputs.count)], with: inputs[mutator.below(inputs.count)])
            let finding = fuzzSDP(input)
            #expect(finding == nil, "seed \(seed) round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
            if finding != nil { return }
        }
    }
}
