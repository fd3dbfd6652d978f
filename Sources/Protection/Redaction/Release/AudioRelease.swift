public import SottoBase

/// How a codec encodes silence, so that a masked frame has the length of the one it replaces.
public enum SilencePayload: Equatable, Sendable {
    /// One byte repeated: PCMU 0xFF, PCMA 0xD5, 8 bytes a millisecond.
    case repeated(UInt8, bytesPerMillisecond: Int)
    /// A payload per frame duration in milliseconds. A duration without one gets an empty payload: a lost frame.
    case fixed([UInt16: [UInt8]])
}

/// Takes frames out of a call's recording ring once redaction has passed them, and silences what it found. The only way from the ring to
/// the sealed recording.
public struct AudioRelease: Sendable {
    public struct Counters: Equatable, Sendable {
        /// Frames released as they were.
        public var released = 0
        /// Frames replaced by silence because a window lay on them or they were cut before.
        public var silenced = 0
        /// Frames replaced by silence because redaction lagged and the ring was nearly full.
        public var lagged = 0
        /// Windows that came when some of their audio had been released in clear. A defect: stays 0.
        public var late = 0
    }

    public private(set) var counters = Counters()

    /// - Parameters:
    ///   - silence: per speaker, since the legs may use different codecs.
    ///   - lagLimit: occupied bytes above which the oldest frames are released as silence. Default: seven eighths of the ring.
    public init(ring: RecordingRing, silence: [Speaker: SilencePayload], lagLimit: Int? = nil) {}

    /// Notes a window or a safe point; other outputs of the session are none of its business.
    public mutating func apply(_ output: RedactionSession.Output) {}

    /// The next frame that may leave; nil when the oldest one must wait. Call it until nil.
    public mutating func next() -> Masked<RecordedFrame>? { nil }

    /// As `next`, at the call's end: a frame that redaction has not passed leaves as silence.
    public mutating func drain() -> Masked<RecordedFrame>? { nil }
}
