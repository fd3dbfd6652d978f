import Audio
import Testing

@Suite struct ConcealmentTests {
    /// Decodes frames of a tone with some of them missing.
    private func stream(_ codec: AudioCodec, _ input: [Int16], missing: Set<Int>) throws -> [Int16] {
        var encoder = try FrameEncoder(codec: codec)
        var decoder = try FrameDecoder(codec: codec)
        var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        var output = [Int16](repeating: 0, count: 320)
        var result: [Int16] = []
        for frame in 0..<input.count / 320 {
            let size = input[frame * 320..<frame * 320 + 320].withUnsafeBufferPointer { samples in
                payload.withUnsafeMutableBytes { encoder.encode(samples, into: $0) }
            }
            output.withUnsafeMutableBufferPointer { target in
                if missing.contains(frame) {
                    decoder.conceal(into: target)
                } else {
                    let count = payload[0..<(size ?? 0)].withUnsafeBytes { decoder.decode($0, into: target) }
                    #expect(count == 320)
                }
            }
            result += output
        }
        return result
    }

    @Test(arguments: [AudioCodec.pcmu, .pcma])
    func lossIsBridgedByThePitch(codec: AudioCodec) throws {
        let input = sine(200, 16_000)
        let output = try stream(codec, input, missing: [25])
        let whole = try stream(codec, input, missing: [])
        let bridged = Array(output[25 * 320..<26 * 320])
        #expect(abs(level(bridged) - level(input)) <= 3)
        #expect(share(of: 200, in: bridged) > 0.9)
        #expect(largestStep(output) <= largestStep(whole) * 3, "no click")
        #expect(Array(output[27 * 320..<28 * 320]) == Array(whole[27 * 320..<28 * 320]), "it leaves no trace")
    }

    @Test(arguments: [AudioCodec.pcmu, .pcma])
    func longLossFadesToSilence(codec: AudioCodec) throws {
        let output = try stream(codec, sine(200, 16_000), missing: Set(25..<32))
        let levels = (25..<32).map { level(output[$0 * 320..<$0 * 320 + 320]) }
        #expect(levels[0] > levels[1] && levels[1] > levels[2])
        #expect(levels[3...].allSatisfy { $0 == -127 }, "silence after 60 ms")
        #expect(largestStep(Array(output[24 * 320..<33 * 320])) < 1_500)
    }

    @Test func lossBeforeAnyFrameIsSilence() throws {
        for codec in AudioCodec.allCases {
            var decoder = try FrameDecoder(codec: codec)
            var output = [Int16](repeating: 99, count: 320)
            output.withUnsafeMutableBufferPointer { decoder.conceal(into: $0) }
            #expect(level(output) == -127)
        }
    }

    @Test func opusBridgesAndRecovers() throws {
        let input = sine(200, 16_000)
        let output = try stream(.opus, input, missing: [25])
        #expect(level(output[25 * 320..<26 * 320]) > -25)
        #expect(abs(level(output[30 * 320..<40 * 320]) - level(input)) <= 1)
    }

    /// libopus conceals in steps of 40 samples only.
    @Test func anyLengthIsFilled() throws {
        for codec in AudioCodec.allCases {
            var decoder = try FrameDecoder(codec: codec)
            for count in [1, 39, 40, 161, 320, 1_000, 1_920] {
                var output = [Int16](repeating: 0x5A5A, count: count)
                output.withUnsafeMutableBufferPointer { decoder.conceal(into: $0) }
                #expect(!output.contains(0x5A5A))
            }
        }
    }
}
