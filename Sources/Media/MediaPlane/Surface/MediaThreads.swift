internal import Synchronization

/// The media threads: sockets, SRTP, jitter buffers, codecs, DTMF guard, play-out clocks. Commands go in as values, events come out as
/// values; per packet there is no lock, no allocation of ours and no log.
///
/// One owner (the call loop) submits and drains. It knows nothing of signaling.
public final class MediaThreads: Sendable {
    private let threads: [MediaThread]
    /// nil without a certificate for DTLS.
    private let handshakes: HandshakeThread?
    private let isStopped = Mutex(false)

    /// Starts the threads.
    /// - Parameter wake: called on a media thread when events wait that nobody was told of; it must return at once (wake an event loop)
    ///   and may be called more often than needed.
    public init(configuration: MediaPlaneConfiguration, wake: @escaping @Sendable () -> Void) throws(MediaPlaneError) {
        try configuration.check()
        var started: [MediaThread] = []
        for number in 0..<configuration.threads {
            do {
                started.append(try MediaThread(configuration, number: number, wake: wake))
            } catch {
                for thread in started { thread.stop() }
                throw error
            }
        }
        threads = started
        guard let identity = configuration.identity else {
            handshakes = nil
            return
        }
        do {
            handshakes = try HandshakeThread(identity: identity, posts: started.map(\.handshakes))
        } catch {
            for thread in started { thread.stop() }
            throw error
        }
    }

    deinit { stop() }

    /// Hands a command to the session's thread. False when its mailbox is full, which happens to `.reserve` (and to a flood of
    /// commands for one session) only: room for an open session's start, updates and close is kept. Any thread may call it.
    public func submit(_ command: MediaCommand) -> Bool {
        threads[Int(command.session.value % UInt64(threads.count))].mailbox.submit(command)
    }

    /// The smallest id from `candidate` on that lives on the same thread as `session`, so that both can be bridged. The next free
    /// candidate is the result's value + 1.
    public func sessionID(beside session: MediaSessionID, candidate: UInt64) -> MediaSessionID {
        session.beside(candidate: candidate, threads: threads.count)
    }

    /// Takes events that wait, in order per session, up to `limit`. Returns how many there were.
    @discardableResult
    public func drainEvents(limit: Int = 4_096, _ body: (MediaEvent) -> Void) -> Int {
        var taken = 0
        for thread in threads where taken < limit { taken += thread.events.drain(limit: limit - taken, body) }
        return taken
    }

    /// Sums over the threads, as of each one's last turn.
    public var gauges: MediaGauges {
        var sum = MediaGauges()
        for thread in threads {
            thread.gauges.add(to: &sum)
            sum.mailboxDepth += thread.mailbox.depth
            sum.eventsWaiting += thread.events.count
            sum.statisticsDropped &+= thread.events.statisticsDropped
            sum.eventsLost &+= thread.events.lost
        }
        sum.handshakes = handshakes?.handshakes ?? 0
        return sum
    }

    /// For the watchdog: how often each thread has turned. A number that stands still for seconds means a stuck thread (idle threads
    /// turn at least once a second).
    public var turns: [UInt64] { threads.map { $0.gauges.turns.load(ordering: .relaxed) } }

    /// Closes all sessions, ends and joins the threads. Their last events can still be drained. Idempotent; not from `wake`.
    public func stop() {
        let isFirst = isStopped.withLock { stopped in
            defer { stopped = true }
            return !stopped
        }
        guard isFirst else { return }
        for thread in threads { thread.stop() }
        handshakes?.stop()
    }
}

extension MediaPlaneConfiguration {
    func check() throws(MediaPlaneError) {
        guard (1...64).contains(threads) else { throw .configuration("threads must be 1 to 64") }
        guard (1...100_000).contains(sessionsPerThread) else { throw .configuration("sessions per thread must be 1 to 100,000") }
        guard (1...64).contains(ranges.count) else { throw .configuration("1 to 64 port ranges") }
        for range in ranges {
            guard range.bind.count == 4 || range.bind.count == 16 else { throw .configuration("a bind address has 4 or 16 bytes") }
            guard range.first >= 1_024, range.first < range.last else {
                throw .configuration("ports must be 1,024 or higher, first below last")
            }
            guard range.dscp < 64 else { throw .configuration("a DSCP is below 64") }
        }
    }
}
