public import SottoBase

/// A packet that waits, or waited, in a jitter buffer.
public struct BufferedPacket {
    /// Sequence number and timestamp, extended over their wraps.
    public let sequence: Int64
    public let timestamp: Int64
    /// How long it plays, in RTP ticks.
    public let ticks: UInt32
    public let payloadType: PayloadType
    public let marker: Bool
    /// Lies in the buffer's own memory: valid until the next `push` or `pull`.
    public let payload: UnsafeRawBufferPointer
}

/// What is to be played next.
public enum JitterPull {
    case packet(BufferedPacket)
    /// A packet is missing, or time must be stretched: conceal so many RTP ticks.
    case lost(ticks: UInt32)
    /// The sender paused (DTX, an event instead of audio) or nothing has come for a while: so many RTP ticks of silence.
    case silence(ticks: UInt32)
    /// No stream yet, or its first packets still gather: play one tick's worth of silence; nothing is missing.
    case notReady
}

/// What became of a packet that was pushed.
public enum JitterPush: Equatable, Sendable {
    case stored
    case duplicate
    case late
    case overflow
    /// Empty, larger than a slot, or without a duration.
    case refused
}

/// Skeleton; the implementation follows.
public struct JitterBuffer: ~Copyable {
    public init(clockRate: Int, minimumDelayMilliseconds: Int = 20, maximumDelayMilliseconds: Int = 200) {}
    /// Copies an audio packet in. `ticks`: how long it plays, in RTP ticks (Audio's `AudioCodec.rtpTicks(of:)`).
    /// A jump in sequence or timestamp that no loss explains, resets the buffer.
    public mutating func push(
        sequence: Int64, timestamp: UInt32, payloadType: PayloadType, marker: Bool, ticks: UInt32, payload: UnsafeRawBufferPointer,
        arrival: Instant
    ) -> JitterPush { .refused }
    /// A packet of the stream that holds no audio (a telephone event): its sequence number is no loss.
    public mutating func note(sequence: Int64) {}
    /// What to play next. Call it only when less than one tick of samples waits in the sample queue.
    /// - Parameter isQuiet: what was played last was near silence, so a frame may be dropped or put in unheard.
    public mutating func pull(now: Instant, isQuiet: Bool) -> JitterPull { .notReady }
    /// The RTP timestamp of what `pull` gives next; nil before the stream started.
    public var playoutTimestamp: UInt32? { nil }
    /// A new SSRC, `.restarted`, or a re-INVITE: forgets packets and timing, keeps the counters.
    public mutating func reset() {}
    public private(set) var counters = JitterCounters()
    public var targetDelay: Duration { .zero }
}

public struct JitterCounters: Equatable, Sendable {
    public var stored: Int64 = 0
    public var played: Int64 = 0
    public var lost: Int64 = 0
    public var late: Int64 = 0
    public var duplicate: Int64 = 0
    public var overflow: Int64 = 0
    /// Frames dropped or put in to follow the sender's clock and the target delay.
    public var dropped: Int64 = 0
    public var stretched: Int64 = 0
    public var resets: Int64 = 0
    public init() {}
}
