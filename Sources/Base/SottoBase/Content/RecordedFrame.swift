/// An encoded frame on its way into a recording. As `Masked<RecordedFrame>` it has passed redaction: the Redaction room took it out of the
/// `RecordingRing`, and replaced it by silence where a mask window lies.
public struct RecordedFrame: Equatable, Sendable {
    public var header: RecordedFrameHeader
    /// The codec's bytes as they were received or sent, at most 4,096. An empty payload is a frame of silence that was never coded.
    public var payload: [UInt8]

    public init(header: RecordedFrameHeader, payload: [UInt8]) {
        self.header = header
        self.payload = payload
    }
}
