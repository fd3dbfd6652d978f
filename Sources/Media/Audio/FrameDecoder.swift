/// Skeleton; the implementation follows.
public struct FrameDecoder: ~Copyable {
    /// 120 ms: what the target of `decode` must hold.
    public static let maximumSamples = 1_920
    public let codec: AudioCodec

    /// Allocates all that decoding needs.
    public init(codec: AudioCodec) throws(AudioCodecFault) { self.codec = codec }
    /// Decodes one payload. Returns the samples written; nil when it is malformed or does not fit: conceal instead.
    public mutating func decode(_ payload: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Int16>) -> Int? { nil }
    /// Fills `target` whole (1 to 1,920 samples) with what may stand for a missing packet; fades to silence in 60 ms of loss.
    public mutating func conceal(into target: UnsafeMutableBufferPointer<Int16>) {}
    /// A new stream of the same codec.
    public mutating func reset() {}
}
