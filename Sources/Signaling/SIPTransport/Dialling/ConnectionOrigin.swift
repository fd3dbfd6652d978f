internal import NIOCore
internal import SIPSessions
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// How a connection came to be.
enum ConnectionOrigin: Sendable {
    /// Its listener's advertised address; nil: the bound one.
    case accepted(host: String?, port: UInt16?, context: ServedTLSContext)
    case dialled(Dial)

    var dialled: Dial? {
        switch self {
        case .accepted: nil
        case .dialled(let dial): dial
        }
    }

    /// The one that new connections of this kind get today.
    var context: ServedTLSContext {
        switch self {
        case .accepted(_, _, let context): context
        case .dialled(let dial): dial.hop.context
        }
    }

    func info(address: PeerAddress, local: PeerAddress, tls: TLSHandshakeCompleted) -> PeerInfo {
        switch self {
        case .accepted(let host, let port, _):
            PeerInfo(
                address: address, localAddress: local, advertisedHost: host ?? local.uriHost, advertisedPort: port ?? local.port, tls: tls)
        case .dialled(let dial):
            PeerInfo(
                address: address, localAddress: local, advertisedHost: dial.hop.local.host, advertisedPort: dial.hop.local.port, tls: tls,
                dialledDomain: dial.hop.domain)
        }
    }
}

/// One attempt to open a connection. Its outcome is told once, from any thread.
final class Dial: Sendable {
    let peer: PeerID
    let hop: DialHop
    private let outcome: Mutex<(@Sendable (Result<ConnectionID, DialFailure>) -> Void)?>

    init(_ peer: PeerID, _ hop: DialHop, outcome: @escaping @Sendable (Result<ConnectionID, DialFailure>) -> Void) {
        self.peer = peer
        self.hop = hop
        self.outcome = Mutex(outcome)
    }

    func report(_ result: Result<ConnectionID, DialFailure>) {
        let tell = outcome.withLock { outcome in
            defer { outcome = nil }
            return outcome
        }
        tell?(result)
    }
}

/// Keep-alive of a connection that we opened (RFC 5626 §4.4.1): a ping at jittered intervals, and the end when no pong follows.
///
///     resting ──interval──▶ waiting ──pong──▶ resting
///                              └──patience──▶ dead
struct KeepAlive {
    enum Verdict: Equatable {
        case wait, ping, dead
    }

    private enum State {
        case resting(until: NIODeadline)
        case waiting(until: NIODeadline)
    }

    private let interval: TimeAmount
    private let patience: TimeAmount
    private var state: State

    init(interval: TimeAmount, patience: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.patience = patience
        state = .resting(until: now + Self.jittered(interval))
    }

    var next: NIODeadline {
        switch state {
        case .resting(let until), .waiting(let until): until
        }
    }

    mutating func timerDue(now: NIODeadline) -> Verdict {
        guard next <= now else { return .wait }
        switch state {
        case .resting:
            state = .waiting(until: now + patience)
            return .ping
        case .waiting:
            return .dead
        }
    }

    /// True when a pong was due.
    mutating func pongReceived(now: NIODeadline) -> Bool {
        guard case .waiting = state else { return false }
        state = .resting(until: now + Self.jittered(interval))
        return true
    }

    /// 80 to 100 % of the interval, so that the pings of many connections spread.
    private static func jittered(_ interval: TimeAmount) -> TimeAmount {
        let longest = max(1, interval.nanoseconds)
        return .nanoseconds(Int64.random(in: (longest - longest / 5)...longest))
    }
}
