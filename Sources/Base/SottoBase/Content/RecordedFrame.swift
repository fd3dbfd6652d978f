/// An encoded frame on its way into a sealed recording. As `Masked<RecordedFrame>` it has passed redaction: the Redaction room took it out
/// of the `RecordingRing`. It lies here because the redactor makes it and the sealed storage keeps it, and neither imports the other.
public struct RecordedFrame: Equatable, Sendable {
    public var header: RecordedFrameHeader
    /// As the codec encoded it, or the codec's silence where the frame was cut or masked. At most 4,096 bytes; empty means lost.
    public var payload: [UInt8]
    /// True when `payload` is silence put here in place of what was heard.
    public var isSilenced: Bool

    public init(header: RecordedFrameHeader, payload: [UInt8], isSilenced: Bool) {
        self.header = header
        self.payload = payload
        self.isSilenced = isSilenced
    }
}
