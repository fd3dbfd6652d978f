/// Gauges and counters of the whole plane. Gauges return to zero when all sessions are closed (resting ports after their rest).
public struct MediaGauges: Equatable, Sendable {
    // Gauges.
    public var sessions = 0
    public var sockets = 0
    public var portPairsInUse = 0
    public var portPairsResting = 0
    public var mailboxDepth = 0
    public var eventsWaiting = 0
    /// How late the latest play-out or send deadline of the last half second was met: the media side of overload. Under 3,000 is healthy.
    public var worstLatenessMicroseconds = 0
    /// DTLS handshakes under way.
    public var handshakes = 0
    // Counters since start.
    public var packetsReceived: UInt64 = 0
    public var packetsSent: UInt64 = 0
    public var unauthenticated: UInt64 = 0
    public var replayed: UInt64 = 0
    public var malformed: UInt64 = 0
    public var sendFailures: UInt64 = 0
    /// DTLS datagrams that were not taken.
    public var dtlsIgnored: UInt64 = 0
    /// Statistics that were dropped because the owner was slow.
    public var statisticsDropped: UInt64 = 0
    /// Other events that were dropped: a broken promise, alert on it.
    public var eventsLost: UInt64 = 0
    /// 20 ms frames that a recognizer or recorder was too slow for.
    public var framesRefused: UInt64 = 0

    public init() {}
}
