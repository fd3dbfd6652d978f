import Audio
import Testing

@Suite struct ErrorCorrectionTests {
    /// A tone whose pitch changes each 100 ms: what stands for a lost frame must be its own.
    private var speech: [Int16] { (0..<40).flatMap { sine(300 + 90 * Double($0 % 9), 1_600, levelDBov: -14) } }

    private func encode(_ settings: OpusSettings, loss: Double, _ samples: [Int16]) throws -> [[UInt8]] {
        var encoder = try FrameEncoder(codec: .opus, opus: settings)
        encoder.expectLoss(loss)
        var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        return stride(from: 0, to: samples.count - 319, by: 320).map { start in
            let size = samples[start..<start + 320].withUnsafeBufferPointer { input in
                payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) }
            }
            return Array(payload[0..<(size ?? 0)])
        }
    }

    /// Loses every fifth packet. Returns the mean squared difference to the decoding without loss, over its power.
    private func error(_ packets: [[UInt8]], recovering: Bool) throws -> Double {
        var whole = try FrameDecoder(codec: .opus)
        var broken = try FrameDecoder(codec: .opus)
        var a = [Int16](repeating: 0, count: 320)
        var b = a
        var difference = 0.0
        var power = 1.0
        for index in 0..<packets.count - 1 {
            _ = packets[index].withUnsafeBytes { input in a.withUnsafeMutableBufferPointer { whole.decode(input, into: $0) } }
            if index % 5 != 4 {
                _ = packets[index].withUnsafeBytes { input in b.withUnsafeMutableBufferPointer { broken.decode(input, into: $0) } }
            } else if recovering {
                let isTried = packets[index + 1].withUnsafeBytes { input in
                    b.withUnsafeMutableBufferPointer { broken.recover(from: input, into: $0) }
                }
                #expect(isTried)
            } else {
                b.withUnsafeMutableBufferPointer { broken.conceal(into: $0) }
            }
            guard index > 10 else { continue }
            for (x, y) in zip(a, b) {
                difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
                power += Double(x) * Double(x)
            }
        }
        return difference / power
    }

    /// RFC 6716 §2.1.7.
    @Test func lostFramesComeBackFromTheNextPacket() throws {
        let settings = OpusSettings(complexity: 5, bitrate: 32_000, correctsErrors: true)
        let packets = try encode(settings, loss: 0.2, speech)
        let recovered = try error(packets, recovering: true)
        let concealed = try error(packets, recovering: false)
        #expect(recovered < concealed / 2, "\(recovered) against \(concealed)")
    }

    /// Without error correction the next packet holds nothing: the frame is concealed, whole.
    @Test func packetsWithoutACopyAreConcealed() throws {
        let packets = try encode(OpusSettings(), loss: 0.2, speech)
        #expect(try error(packets, recovering: true) < 2)
        for codec in [AudioCodec.pcmu, .g722] {
            var decoder = try FrameDecoder(codec: codec)
            var target = [Int16](repeating: 0x5A5A, count: 320)
            let isTried = [UInt8](repeating: 0xFF, count: 160).withUnsafeBytes { input in
                target.withUnsafeMutableBufferPointer { decoder.recover(from: input, into: $0) }
            }
            #expect(!isTried && target.allSatisfy { $0 == 0 })
        }
    }

    @Test func errorCorrectionCostsBitsOnlyWhereLossIsExpected() throws {
        let settings = OpusSettings(complexity: 5, bitrate: 32_000, correctsErrors: true)
        let quiet = try encode(settings, loss: 0, speech)
        #expect(try encode(OpusSettings(complexity: 5, bitrate: 32_000), loss: 0, speech) == quiet)
        let plain = try encode(OpusSettings(complexity: 5, bitrate: 32_000), loss: 0.2, speech)
        #expect(try encode(settings, loss: 0.2, speech) != plain)
        #expect(try encode(settings, loss: .nan, speech) == quiet)
        _ = try encode(settings, loss: 7, speech)
    }

    /// RFC 7587 §3.1.3: payloads of 1 or 2 bytes need not be sent.
    @Test func pausesAreTold() throws {
        let silence = [Int16](repeating: 0, count: 32_000)
        let packets = try encode(OpusSettings(isDiscontinuous: true), loss: 0, silence)
        #expect(packets.suffix(50).filter { $0.count <= 2 }.count > 40)
        #expect(try encode(OpusSettings(), loss: 0, silence).allSatisfy { $0.count > 2 })
    }

    @Test func recoveryOfAnythingFillsItsTargetAndNoMore() throws {
        var state: UInt64 = 5
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
        var decoder = try FrameDecoder(codec: .opus)
        var output = [Int16](repeating: 0, count: FrameDecoder.maximumSamples + 8)
        for round in 0..<500 {
            let payload = (0..<Int(next())).map { _ in next() }
            let wanted = [160, 320, 640, 960, 40, 333, 1_920][round % 7]
            output.withUnsafeMutableBufferPointer { target in
                for index in wanted..<target.count { target[index] = 0x5A5A }
                payload.withUnsafeBytes { _ = decoder.recover(from: $0, into: UnsafeMutableBufferPointer(rebasing: target[0..<wanted])) }
                #expect(target[wanted...].allSatisfy { $0 == 0x5A5A })
            }
        }
    }

    /// Every packet time that a codec has (RFC 3551 §4.2, RFC 6716 §2.1.4).
    @Test(arguments: AudioCodec.allCases, [10, 20, 30, 40, 50, 60])
    func everyPacketTimeIsEncoded(codec: AudioCodec, milliseconds: Int) throws {
        var encoder = try FrameEncoder(codec: codec)
        var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        let samples = sine(500, milliseconds * 16)
        let size = samples.withUnsafeBufferPointer { input in payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) } }
        if codec == .opus, milliseconds == 30 || milliseconds == 50 {
            #expect(size == nil)
        } else {
            let written = try #require(size)
            #expect(payload[0..<written].withUnsafeBytes { codec.sampleCount(of: $0) } == milliseconds * 16)
        }
    }
}
