public import SottoBase

/// A media plane without threads: whoever owns it turns it, with a clock of its own. For tests on virtual time and for measurements;
/// everything else is the same code.
///
///     plane.submit(.reserve(id, range: 0))
///     plane.turn(now: now)
///     plane.drainEvents { … }
public final class ManualMediaPlane {
    private let worker: MediaWorker
    private let desk: HandshakeDesk?

    /// `threads` of the configuration must be 1.
    public init(configuration: MediaPlaneConfiguration) throws(MediaPlaneError) {
        try configuration.check()
        guard configuration.threads == 1 else { throw .configuration("a manual plane has one thread: its owner's") }
        let worker = try MediaWorker(configuration, thread: 0)
        self.worker = worker
        desk = configuration.identity.map { HandshakeDesk(identity: $0, posts: [worker.handshakes]) }
    }

    /// See `MediaThreads.submit`.
    public func submit(_ command: MediaCommand) -> Bool { worker.mailbox.submit(command) }

    /// Obeys commands, takes what waits on the sockets, and does what is due at `now`, which never goes back.
    public func turn(now: Instant) {
        desk?.turn(now: now)
        worker.turn(now: now)
    }

    /// See `MediaThreads.drainEvents`.
    @discardableResult
    public func drainEvents(limit: Int = 4_096, _ body: (MediaEvent) -> Void) -> Int { worker.events.drain(limit: limit, body) }

    /// See `MediaThreads.gauges`.
    public var gauges: MediaGauges {
        var sum = MediaGauges()
        worker.gauges.add(to: &sum)
        sum.mailboxDepth = worker.mailbox.depth
        sum.eventsWaiting = worker.events.count
        sum.statisticsDropped = worker.events.statisticsDropped
        sum.eventsLost = worker.events.lost
        sum.handshakes = desk?.underWay ?? 0
        return sum
    }
}
