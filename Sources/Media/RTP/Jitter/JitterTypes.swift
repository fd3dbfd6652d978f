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

/// What happened to a buffer's packets since it was made.
public struct JitterCounters: Equatable, Sendable {
    public var stored: Int64 = 0
    public var played: Int64 = 0
    /// Never came, or came too late.
    public var lost: Int64 = 0
    public var late: Int64 = 0
    public var duplicate: Int64 = 0
    /// Came after a packet with a higher number, and still in time.
    public var reordered: Int64 = 0
    public var overflow: Int64 = 0
    public var refused: Int64 = 0
    /// Times that the next packet was due and nothing was there.
    public var underruns: Int64 = 0
    /// Frames dropped or put in to follow the sender's clock and the target delay.
    public var dropped: Int64 = 0
    public var stretched: Int64 = 0
    /// Jumps of sequence or timestamp that started the stream anew.
    public var resets: Int64 = 0
    public init() {}
}
