import Audio
import Testing

/// The digests were made with spandsp 0.0.6, an independent implementation of ITU-T G.722, from the same input.
@Suite struct G722Tests {
    /// Noise at five levels, down to none, 0.1 s each.
    private var input: [Int16] {
        var state: UInt32 = 1
        return (0..<16_000).map { index in
            let amplitude = [16_000, 8_000, 600, 40, 0][index / 1_600 % 5]
            return Int16(truncatingIfNeeded: (((random(&state) >> 16) - 32_768) * amplitude) >> 15)
        }
    }

    private func random(_ state: inout UInt32) -> Int {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state)
    }

    private func digest(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    private func bytes(_ samples: [Int16]) -> [UInt8] {
        samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    private func encode(_ samples: [Int16], frame: Int) throws -> [UInt8] {
        var encoder = try FrameEncoder(codec: .g722)
        var result: [UInt8] = []
        var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        for start in stride(from: 0, to: samples.count, by: frame) {
            let size = samples[start..<start + frame].withUnsafeBufferPointer { input in
                payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) }
            }
            #expect(size == frame / 2)
            result += payload[0..<(size ?? 0)]
        }
        return result
    }

    private func decode(_ payload: [UInt8], frame: Int) throws -> [Int16] {
        var decoder = try FrameDecoder(codec: .g722)
        var result: [Int16] = []
        var output = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
        for start in stride(from: 0, to: payload.count, by: frame) {
            let count = payload[start..<start + frame].withUnsafeBytes { input in
                output.withUnsafeMutableBufferPointer { decoder.decode(input, into: $0) }
            }
            result += output[0..<(count ?? 0)]
        }
        return result
    }

    @Test(arguments: [160, 320, 640, 800])
    func encodesToTheReferencesBytes(frame: Int) throws {
        let code = try encode(input, frame: frame)
        #expect(Array(code.prefix(16)) == [0x30, 0x84, 0x20, 0x84, 0x20, 0x84, 0x1F, 0x88, 0x39, 0x93, 0x89, 0x36, 0xAF, 0xA5, 0x37, 0x96])
        #expect(digest(code) == 0xB418_D284_C664_4CC5)
    }

    @Test(arguments: [80, 160, 400])
    func decodesToTheReferencesSamples(frame: Int) throws {
        let samples = try decode(try encode(input, frame: 320), frame: frame)
        #expect(Array(samples.prefix(12)) == [0, -1, -1, 0, 0, -2, -1, 4, 1, -18, 0, 61])
        #expect(digest(bytes(samples)) == 0xE3ED_79C9_8091_BD3A)
    }

    /// Codes that no encoder would send in this order.
    @Test func decodesAnythingAsTheReferenceDoes() throws {
        var state: UInt32 = 1
        for _ in 0..<16_000 { _ = random(&state) }
        // Only small steps: the reference does not saturate.
        let steps: [UInt8] = [0x3F, 0x3E, 0x1F, 0x1E, 0x3D, 0x3C, 0x1D, 0x3B]
        let code = (0..<8_000).map { _ in
            let value = UInt8(random(&state) >> 24)
            return value & 0xC0 | steps[Int(value & 7)]
        }
        #expect(digest(bytes(try decode(code, frame: 160))) == 0x0F7A_DBF4_C453_7A20)
    }

    /// What the narrow codecs cannot carry.
    @Test func widebandPasses() throws {
        for hertz in [200.0, 3_000, 5_500, 6_800] {
            let (decoded, _) = try roundTrip(.g722, sine(hertz, 16_000))
            #expect(share(of: hertz, in: Array(decoded[1_600...])) > 0.99, "\(hertz) Hz")
        }
    }
}
