/// How Opus is encoded.
public struct OpusSettings: Equatable, Sendable {
    /// 0 (cheapest) to 10.
    public var complexity: Int32 = 5
    /// Bits per second, 6,000 to 128,000.
    public var bitrate: Int32 = 24_000
    public init(complexity: Int32 = 5, bitrate: Int32 = 24_000) {
        self.complexity = complexity
        self.bitrate = bitrate
    }
}

/// Skeleton; the implementation follows.
public struct FrameEncoder: ~Copyable {
    /// What the target of `encode` must hold.
    public static let maximumPayload = 1_275
    public let codec: AudioCodec
    public init(codec: AudioCodec, opus: OpusSettings = OpusSettings()) throws(AudioCodecFault) { self.codec = codec }
    /// Encodes 160, 320, 640 or 960 samples (10, 20, 40, 60 ms). Returns the bytes written; nil for another count or too small a target.
    public mutating func encode(_ samples: UnsafeBufferPointer<Int16>, into target: UnsafeMutableRawBufferPointer) -> Int? { nil }
    public mutating func reset() {}
}

/// A frame of digital silence, encoded: what stands in a recording in place of audio that was cut.
public enum EncodedSilence {
    /// `milliseconds`: 10, 20, 40 or 60 for Opus; any up to 120 for G.711. nil otherwise.
    public static func payload(_ codec: AudioCodec, milliseconds: Int) -> [UInt8]? { nil }
}
