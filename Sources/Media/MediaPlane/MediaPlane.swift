public import SottoBase

/// The media threads: sockets, SRTP, jitter buffers, codecs, DTMF guard, play-out clocks. Commands go in as values, events come out as
/// values; per packet there is no lock, no allocation and no log.
///
/// One owner (the call loop) submits and drains. It knows nothing of signaling.
public final class MediaPlane: Sendable {
    /// Starts the threads.
    /// - Parameter wake: called on a media thread when events wait and none waited before; it must return at once (wake an event
    ///   loop) and may be called more often than needed.
    public init(configuration: MediaPlaneConfiguration, wake: @escaping @Sendable () -> Void) throws(MediaPlaneError) {
        throw .configuration("not written yet")
    }

    /// Hands a command to the session's thread. False when its mailbox is full, which happens to `.reserve` (and to a flood of
    /// commands for one session) only: room for an open session's start, updates and close is kept.
    public func submit(_ command: MediaCommand) -> Bool { false }

    /// Takes events that wait, in order per session, up to `limit`. Returns how many there were.
    @discardableResult
    public func drainEvents(limit: Int = 4_096, _ body: (MediaEvent) -> Void) -> Int { 0 }

    /// Sums over the threads, now.
    public var gauges: MediaGauges { MediaGauges() }

    /// For the watchdog: how often each thread has turned. A number that stands still for seconds means a stuck thread (idle threads
    /// turn at least once a second).
    public var turns: [UInt64] { [] }

    /// Closes all sessions, ends and joins the threads. Idempotent.
    public func stop() {}
}

/// Gauges and counters of the whole plane. Gauges return to zero when all sessions are closed (resting ports after their rest).
public struct MediaGauges: Equatable, Sendable {
    // Gauges.
    public var sessions = 0
    public var sockets = 0
    public var portPairsInUse = 0
    public var portPairsResting = 0
    public var mailboxDepth = 0
    public var eventsWaiting = 0
    // Counters since start.
    public var packetsReceived: UInt64 = 0
    public var packetsSent: UInt64 = 0
    public var unauthenticated: UInt64 = 0
    public var replayed: UInt64 = 0
    public var malformed: UInt64 = 0
    public var sendFailures: UInt64 = 0
    /// Statistics that were dropped because the owner was slow.
    public var statisticsDropped: UInt64 = 0
    /// Other events that were dropped: a broken promise, alert on it.
    public var eventsLost: UInt64 = 0
    /// 20 ms frames that a recognizer or recorder was too slow for.
    public var framesRefused: UInt64 = 0

    public init() {}
}
