import Audio
import Testing

@Suite struct CodecTests {
    @Test(arguments: AudioCodec.allCases, [160, 320, 640, 960])
    func toneSurvivesTheRoundTrip(codec: AudioCodec, frame: Int) throws {
        let input = sine(440, 19_200)
        let (decoded, sizes) = try roundTrip(codec, input, frame: frame)
        #expect(decoded.count == input.count)
        if codec != .opus { #expect(sizes.allSatisfy { $0 == frame / 2 }) }
        let settled = Array(decoded[4_800...])
        #expect(abs(level(settled) - level(input)) <= 1)
        #expect(share(of: 440, in: settled) > (codec == .opus ? 0.97 : codec == .g722 ? 0.998 : 0.999))
    }

    /// G.711 has a signal-to-noise ratio of some 38 dB at a usual level.
    @Test(arguments: [AudioCodec.pcmu, .pcma])
    func quantizationNoiseIsTheLaws(codec: AudioCodec) throws {
        let (decoded, _) = try roundTrip(codec, sine(1_020, 32_000))
        let noise = 1 - share(of: 1_020, in: Array(decoded[1_600...]))
        #expect(noise < 0.000_4)
        #expect(noise > 0.000_01)
    }

    @Test func opusStaysNearItsBitrate() throws {
        var noise: [Int16] = []
        var state: UInt32 = 1
        for index in 0..<48_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            noise.append(Int16(truncatingIfNeeded: Int32(bitPattern: state) >> 18) + sine440[index % 400])
        }
        let (_, sizes) = try roundTrip(.opus, noise)
        let bitsPerSecond = sizes.reduce(0, +) * 8 / 3
        #expect((12_000...30_000).contains(bitsPerSecond), "\(bitsPerSecond)")
    }

    private let sine440 = sine(440, 400)

    @Test func encodersRefuseOtherLengths() throws {
        for codec in AudioCodec.allCases {
            var encoder = try FrameEncoder(codec: codec)
            var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
            for count in [0, 1, 80, 319, 1_120, 1_920] {
                let samples = [Int16](repeating: 0, count: count)
                let size = samples.withUnsafeBufferPointer { input in payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) } }
                #expect(size == nil)
            }
            let frame = [Int16](repeating: 0, count: 320)
            let size = frame.withUnsafeBufferPointer { input in
                payload.withUnsafeMutableBytes { encoder.encode(input, into: UnsafeMutableRawBufferPointer(rebasing: $0[0..<1])) }
            }
            #expect(codec == .opus ? (size ?? 0) <= 1 : size == nil)
        }
    }

    @Test func durationsAreToldWithoutDecoding() {
        let cases: [(AudioCodec, [UInt8], Int?)] = [
            (.pcmu, [UInt8](repeating: 0xFF, count: 160), 320),
            (.pcma, [UInt8](repeating: 0xD5, count: 240), 480),
            (.pcmu, [UInt8](repeating: 0xFF, count: 960), 1_920),
            (.pcmu, [UInt8](repeating: 0xFF, count: 961), nil),
            (.pcmu, [], nil),
            (.opus, [], nil),
            // RFC 6716 §3.1: configuration 9 is SILK wideband 20 ms; code 0 one frame, code 1 two, code 3 counts
            (.opus, [9 << 3], 320),
            (.opus, [9 << 3 | 1, 0, 0], 640),
            (.opus, [9 << 3 | 3, 6] + [UInt8](repeating: 0, count: 6), 1_920),
            (.opus, [9 << 3 | 3, 7] + [UInt8](repeating: 0, count: 7), nil),
            (.opus, [9 << 3 | 3], nil),
            (.opus, [11 << 3], 960),
            (.opus, [28 << 3], 40),
        ]
        for (codec, payload, expected) in cases {
            payload.withUnsafeBytes {
                #expect(codec.sampleCount(of: $0) == expected, "\(codec) \(payload.count)")
                #expect(codec.rtpTicks(of: $0) == expected.map { UInt32(codec == .opus ? $0 * 3 : $0 / 2) })
            }
        }
        #expect(AudioCodec.opus.samples(ticks: 960) == 320 && AudioCodec.pcma.samples(ticks: 160) == 320)
    }

    @Test func garbageNeverGoesBeyondItsTarget() throws {
        var state: UInt64 = 77
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
        for codec in AudioCodec.allCases {
            var decoder = try FrameDecoder(codec: codec)
            var output = [Int16](repeating: 0, count: FrameDecoder.maximumSamples + 16)
            var decodedSome = false
            for round in 0..<1_000 {
                let payload = (0..<Int(next()) * (round % 5 == 0 ? 8 : 1)).map { _ in next() }
                let limit = round % 3 == 0 ? 320 : FrameDecoder.maximumSamples
                output.withUnsafeMutableBufferPointer { target in
                    for index in limit..<target.count { target[index] = 0x5A5A }
                    let count = payload.withUnsafeBytes {
                        decoder.decode($0, into: UnsafeMutableBufferPointer(rebasing: target[0..<limit]))
                    }
                    if let count {
                        decodedSome = true
                        #expect(count > 0 && count <= limit)
                    }
                    #expect(target[limit...].allSatisfy { $0 == 0x5A5A })
                }
            }
            #expect(decodedSome)
        }
    }

    /// A payload of the TOC alone is DTX (RFC 6716 §3.1): comfort noise, no error.
    @Test func opusPausesAreDecoded() throws {
        var decoder = try FrameDecoder(codec: .opus)
        var output = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
        let count = [UInt8(9 << 3)].withUnsafeBytes { input in output.withUnsafeMutableBufferPointer { decoder.decode(input, into: $0) } }
        #expect(count == 320)
    }

    @Test(arguments: AudioCodec.allCases)
    func encodedSilenceIsSilentAnywhere(codec: AudioCodec) throws {
        for milliseconds in [10, 20, 40, 60, 80, 100, 120] {
            guard let payload = EncodedSilence.payload(codec, milliseconds: milliseconds) else {
                Issue.record("no silence of \(milliseconds) ms")
                continue
            }
            var decoder = try FrameDecoder(codec: codec)
            var output = [Int16](repeating: 0x7FFF, count: FrameDecoder.maximumSamples)
            payload.withUnsafeBytes { #expect(codec.sampleCount(of: $0) == milliseconds * 16) }
            let count = payload.withUnsafeBytes { input in output.withUnsafeMutableBufferPointer { decoder.decode(input, into: $0) } }
            #expect(count == milliseconds * 16)
            #expect(level(output[0..<milliseconds * 16]) <= -70)
        }
        #expect(EncodedSilence.payload(codec, milliseconds: 0) == nil)
        #expect(EncodedSilence.payload(codec, milliseconds: 121) == nil)
        #expect(EncodedSilence.payload(.opus, milliseconds: 30) == nil)
    }
}
