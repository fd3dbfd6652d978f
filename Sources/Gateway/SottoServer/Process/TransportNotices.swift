internal import AuditLog
internal import Logging
internal import Policy
internal import SIPSessions
internal import SIPTransport
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// Logs what happens to connections. Refused strangers are logged and audited, as often as the limiter allows.
final class TransportNotices: Sendable {
    private let events: EventLog
    private let audit: AuditTrail
    private let limiter = Mutex(NoticeLimiter())

    init(events: EventLog, audit: AuditTrail) {
        self.events = events
        self.audit = audit
    }

    /// A peer that is no trunk: closed without a SIP byte.
    func refused(_ info: PeerInfo, _ reason: DecisionReason) {
        guard let suppressed = allowance(.stranger) else { return }
        let fields = [("address", info.address.text), ("reason", reason.description), ("suppressed", String(suppressed))]
        events.note(.notice, "peer.refused", fields)
        audit.note(
            AuditEntry(
                act: .peerRefused, actor: .daemon, outcome: .refused, reason: reason.description,
                facts: ["suppressed": String(suppressed)]))
    }

    @Sendable func note(_ notice: SIPTransportNotice) {
        switch notice {
        case .turnedAway(let address, let fault, let error):
            guard let suppressed = allowance(.turnedAway(fault)) else { return }
            events.note(
                .info, "connection.turned-away",
                [
                    ("address", address.text), ("fault", fault.rawValue), ("detail", error.map { "\($0)" } ?? ""),
                    ("suppressed", String(suppressed)),
                ])
        case .unknownPeer: break
        case .dialFailed(_, let address, let failure):
            guard let suppressed = allowance(.dialFailed) else { return }
            events.note(
                .notice, "connection.dial-failed",
                [("address", address.text), ("reason", failure.description), ("suppressed", String(suppressed))])
        case .opened(let id, let info):
            events.note(
                .info, "connection.opened",
                [
                    ("connection", String(id.value)), ("address", info.address.text), ("tls", info.tls.version.description),
                    ("cipher", info.tls.cipher),
                ])
        case .fault(let id, let fault, let detail):
            events.note(.notice, "connection.fault", [("connection", String(id.value)), ("fault", fault.rawValue), ("detail", detail)])
        case .closed(let id, let ending):
            events.note(.debug, "connection.closed", [("connection", String(id.value)), ("ending", "\(ending)")])
        }
    }

    private func allowance(_ kind: NoticeLimiter.Kind) -> Int? {
        let now = SystemClock.now
        return limiter.withLock { $0.allowance(kind, now: now) }
    }
}
