internal import Calls
internal import Policy
internal import SottoBase

/// Which of the trunks' servers are worth a call: one circuit breaker for each.
///
///     closed ──failures in a row, or a 503 that says until when──▶ open ──time over──▶ trial ──alive──▶ closed
///                                                                   ▲                    │
///                                                                   └──────failure───────┘
///
/// An open breaker lets nothing through until its time is over; then one attempt, or the next OPTIONS, is the trial.
struct ServerHealth {
    /// One address of one trunk: what a call is sent to.
    struct Server: Hashable, Comparable, CustomStringConvertible {
        let trunk: TrunkReference
        let address: PeerAddress

        var description: String { "\(trunk) \(address.text)" }
        static func < (a: Server, b: Server) -> Bool { (a.trunk, a.address.text) < (b.trunk, b.address.text) }
    }

    enum Change: Equatable {
        /// Out of rotation for so long.
        case opened(for: Duration)
        case closed
    }

    private enum Breaker: Equatable {
        case closed(failures: Int)
        case open(until: Instant)
        /// One attempt is under way; another one is let through when it has not reported by then.
        case trial(until: Instant)
    }

    /// A 503 may not take a server away for longer, whatever it says.
    static let longestRetryAfter = Duration.seconds(600)
    static let trialTime = Duration.seconds(40)
    /// Servers that are remembered; a trunk's DNS answers may change for ever.
    static let largestCount = 4_096

    private var breakers: [Server: Breaker] = [:]

    /// Servers that are out of rotation.
    func openCount(now: Instant) -> Int { breakers.values.filter { !Self.isClosed($0) }.count }
    func isHealthy(_ server: Server) -> Bool { breakers[server].map(Self.isClosed) ?? true }

    private static func isClosed(_ breaker: Breaker) -> Bool { if case .closed = breaker { true } else { false } }

    /// Whether a call may go there now. True for an open breaker whose time is over makes this call its trial.
    mutating func mayUse(_ server: Server, now: Instant) -> Bool {
        switch breakers[server] {
        case nil, .closed: return true
        case .open(let until), .trial(let until):
            guard until <= now else { return false }
            breakers[server] = .trial(until: now + Self.trialTime)
            return true
        }
    }

    /// What became of a call or an OPTIONS. A change is for the log; nil: nothing changed.
    mutating func report(_ outcome: HopOutcome, of server: Server, policy: CircuitBreakerPolicy, now: Instant) -> Change? {
        let breaker = breakers[server] ?? .closed(failures: 0)
        switch outcome {
        case .alive:
            // Only trouble is remembered.
            breakers[server] = nil
            return Self.isClosed(breaker) ? nil : .closed
        case .unavailable(let seconds) where seconds > 0:
            return open(server, breaker, for: min(.seconds(Int64(seconds)), Self.longestRetryAfter), now)
        case .unavailable, .silent, .unreachable:
            switch breaker {
            case .closed(let failures) where failures + 1 < policy.failures:
                guard breakers[server] != nil || breakers.count < Self.largestCount else { return nil }
                breakers[server] = .closed(failures: failures + 1)
                return nil
            case .closed, .trial: return open(server, breaker, for: policy.retryAfter, now)
            case .open: return nil
            }
        }
    }

    private mutating func open(_ server: Server, _ breaker: Breaker, for duration: Duration, _ now: Instant) -> Change? {
        guard breakers[server] != nil || breakers.count < Self.largestCount else { return nil }
        breakers[server] = .open(until: now + duration)
        return Self.isClosed(breaker) ? .opened(for: duration) : nil
    }

    /// Forgets the servers of trunks that are gone.
    mutating func keep(_ isKept: (TrunkReference) -> Bool) { breakers = breakers.filter { isKept($0.key.trunk) } }
}
