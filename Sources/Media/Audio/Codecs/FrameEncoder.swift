internal import COpus

/// How Opus is encoded.
public struct OpusSettings: Equatable, Sendable {
    /// 0 (cheapest) to 10.
    public var complexity: Int32
    /// Bits per second, 6,000 to 128,000.
    public var bitrate: Int32
    /// A variable rate sounds better for its bits, but the sizes of encrypted packets tell something about speech (RFC 6562 §3).
    public var isVariable: Bool

    /// Each packet carries a coarse copy of the one before (RFC 6716 §2.1.7), as far as `FrameEncoder.expectLoss` makes it worth its bits.
    /// Only when the peer asked for it (RFC 7587 §6.1, `useinbandfec=1`).
    public var correctsErrors: Bool
    /// In pauses a payload of 1 or 2 bytes says that nothing need be sent (RFC 7587 §3.1.3). Only when the peer agreed (`usedtx=1`).
    public var isDiscontinuous: Bool

    public init(
        complexity: Int32 = 5, bitrate: Int32 = 24_000, isVariable: Bool = true, correctsErrors: Bool = false,
        isDiscontinuous: Bool = false
    ) {
        self.complexity = complexity
        self.bitrate = bitrate
        self.isVariable = isVariable
        self.correctsErrors = correctsErrors
        self.isDiscontinuous = isDiscontinuous
    }
}

/// Turns 16 kHz mono samples into one stream's payloads. It allocates when it is made, and never after.
public struct FrameEncoder: ~Copyable {
    /// What the target of `encode` must hold.
    public static let maximumPayload = 1_275
    /// 60 ms.
    public static let maximumSamples = 960

    public let codec: AudioCodec
    private var downsampler: Downsampler?
    private let scratch: UnsafeMutablePointer<Int16>
    private var subBands: G722Encoder?
    private let opus: OpusEncoderState?

    public init(codec: AudioCodec, opus settings: OpusSettings = OpusSettings()) throws(AudioCodecFault) {
        self.codec = codec
        switch codec {
        case .pcmu, .pcma:
            opus = nil
            downsampler = Downsampler()
            subBands = nil
        case .g722:
            opus = nil
            downsampler = nil
            subBands = G722Encoder()
        case .opus:
            opus = try OpusEncoderState(settings)
            downsampler = nil
            subBands = nil
        }
        scratch = .allocate(capacity: 480)
        scratch.initialize(repeating: 0, count: 480)
    }

    deinit { scratch.deallocate() }

    /// Packets lost on the way to the peer, 0 to 1, as its reports tell: how much Opus spends on error correction. Other codecs ignore it.
    public mutating func expectLoss(_ fraction: Double) {
        opus?.expectLoss(percent: fraction > 0 ? Int32(min(fraction, 1) * 100) : 0)
    }

    /// Encodes 10 to 60 ms in steps of 10 (160 to 960 samples); Opus has no frames of 30 and 50 ms (RFC 6716 §2.1.4). Returns the bytes
    /// written; nil for another count or too small a target.
    public mutating func encode(_ samples: UnsafeBufferPointer<Int16>, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard samples.count % 160 == 0, samples.count > 0, samples.count <= Self.maximumSamples else { return nil }
        switch codec {
        case .pcmu, .pcma:
            guard target.count >= samples.count / 2, let count = downsampler?.process(samples, into: scratch) else { return nil }
            if codec == .pcmu {
                for index in 0..<count { target[index] = G711.encodeMuLaw(scratch[index]) }
            } else {
                for index in 0..<count { target[index] = G711.encodeALaw(scratch[index]) }
            }
            return count
        case .g722:
            guard target.count >= samples.count / 2 else { return nil }
            subBands?.encode(samples, into: target)
            return samples.count / 2
        case .opus:
            guard samples.count != 480, samples.count != 800 else { return nil }
            return opus?.encode(samples, into: target)
        }
    }

    /// A new stream of the same codec.
    public mutating func reset() {
        downsampler?.reset()
        subBands?.reset()
        opus?.reset()
    }
}

struct OpusEncoderState: ~Copyable {
    private let encoder: OpaquePointer

    init(_ settings: OpusSettings) throws(AudioCodecFault) {
        var code: Int32 = 0
        guard let encoder = opus_encoder_create(16_000, 1, OPUS_APPLICATION_VOIP, &code), code == OPUS_OK else {
            throw .opus(code: code)
        }
        code = sotto_opus_encoder_configure(
            encoder, settings.bitrate, settings.complexity, settings.isVariable ? 1 : 0, settings.correctsErrors ? 1 : 0,
            settings.isDiscontinuous ? 1 : 0)
        guard code == OPUS_OK else {
            opus_encoder_destroy(encoder)
            throw .opus(code: code)
        }
        self.encoder = encoder
    }

    deinit { opus_encoder_destroy(encoder) }

    /// nil when libopus refuses the count or the target is too small.
    func encode(_ samples: UnsafeBufferPointer<Int16>, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard let source = samples.baseAddress, let start = target.baseAddress else { return nil }
        let capacity = min(target.count, FrameEncoder.maximumPayload)
        let result = opus_encode(
            encoder, source, Int32(samples.count), start.assumingMemoryBound(to: UInt8.self), Int32(capacity))
        return result > 0 ? Int(result) : nil
    }

    func expectLoss(percent: Int32) { _ = sotto_opus_encoder_expect_loss(encoder, percent) }

    func reset() { _ = sotto_opus_encoder_reset(encoder) }
}

/// A frame of digital silence, encoded: what stands in a recording in place of audio that was cut.
public enum EncodedSilence {
    /// - Parameter milliseconds: 10, 20, 40, 60, 80, 100 or 120 for Opus, 1 to 120 for the others; nil otherwise.
    public static func payload(_ codec: AudioCodec, milliseconds: Int) -> [UInt8]? {
        guard (1...120).contains(milliseconds) else { return nil }
        switch codec {
        case .pcmu: return [UInt8](repeating: G711.silenceMuLaw, count: milliseconds * 8)
        case .pcma: return [UInt8](repeating: G711.silenceALaw, count: milliseconds * 8)
        case .g722: return [UInt8](repeating: G722.silence, count: milliseconds * 8)
        case .opus:
            switch milliseconds {
            case 10: return opusFrames.ten
            case 20: return opusFrames.twenty
            case 40: return opusFrames.forty
            case 60: return opusFrames.sixty
            case 80, 100, 120: return encodeOpus(milliseconds)
            default: return nil
            }
        }
    }

    /// Made once: each with an encoder of its own, so that none depends on another.
    private static let opusFrames = (
        ten: encodeOpus(10), twenty: encodeOpus(20), forty: encodeOpus(40), sixty: encodeOpus(60)
    )

    private static func encodeOpus(_ milliseconds: Int) -> [UInt8]? {
        guard let encoder = try? OpusEncoderState(OpusSettings()) else { return nil }
        let zeros = [Int16](repeating: 0, count: milliseconds * 16)
        var bytes = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
        let count = zeros.withUnsafeBufferPointer { zeros in
            bytes.withUnsafeMutableBytes { encoder.encode(zeros, into: $0) }
        }
        return count.map { [UInt8](bytes[0..<$0]) }
    }
}
