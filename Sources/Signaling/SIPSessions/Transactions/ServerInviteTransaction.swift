import SIPMessages
import SottoBase

/// Server side of an INVITE transaction (RFC 3261 §17.2.1, with RFC 6026 §7.1's Accepted state).
///
///     proceeding ──2xx──▶ accepted ──L──▶ terminated
///         │ 3xx–6xx                           ▲
///         └────────▶ completed ──ACK──▶ confirmed ──I──┤
///                        └───────────H────────────────┘
///
/// It never retransmits a 2xx and keeps none: the dialog does (RFC 6026 §7.1). So it never holds our session description once that
/// has been accepted.
struct ServerInviteTransaction: Sendable {
    enum Timer: Hashable, Sendable {
        /// Retransmits a final non-2xx response; unreliable transports only.
        case g
        /// Waits for the ACK of a non-2xx.
        case h
        /// Absorbs further ACKs; zero on reliable transports.
        case i
        /// Absorbs retransmitted INVITEs after a 2xx.
        case l
    }

    private enum State {
        /// The last provisional response, sent again for each retransmitted INVITE.
        case proceeding(lastProvisional: SIPResponse?)
        case accepted
        case completed(final: SIPResponse, resendAfter: Duration)
        case confirmed
        case terminated
    }

    enum Output: Equatable, Sendable {
        case send(SIPResponse)
        /// An ACK arrived that acknowledges a 2xx: the dialog's business (RFC 6026 §7.1).
        case acknowledgedSuccess
        case ended(Ending)
    }

    enum Ending: Hashable, Sendable {
        /// The final non-2xx was acknowledged.
        case acknowledged
        /// Timer H: no ACK came for a final non-2xx.
        case unacknowledged
        /// Timer L: a 2xx was sent, and INVITEs can no longer be retransmitted.
        case accepted
    }

    private let timings: SIPTimings
    private let isReliable: Bool
    private var state: State = .proceeding(lastProvisional: nil)
    private var timers = TimerTable<Timer>()

    init(timings: SIPTimings, isReliable: Bool) {
        self.timings = timings
        self.isReliable = isReliable
    }

    var nextDeadline: Instant? { timers.next }

    /// True until a final response was sent: only then may the application still answer, and a CANCEL still has an effect (§9.2).
    var isProceeding: Bool { if case .proceeding = state { true } else { false } }

    /// A provisional response of the application. Ignored after a final one.
    mutating func provisional(_ response: SIPResponse) -> [Output] {
        guard case .proceeding = state else { return [] }
        state = .proceeding(lastProvisional: response)
        return [.send(response)]
    }

    /// A 2xx: the first starts timer L; the dialog's retransmissions of it pass through while the state is Accepted (RFC 6026 §7.1).
    mutating func success(_ response: SIPResponse, now: Instant) -> [Output] {
        switch state {
        case .proceeding:
            state = .accepted
            timers.start(.l, at: now + timings.transactionTimeout)
            return [.send(response)]
        case .accepted:
            return [.send(response)]
        case .completed, .confirmed, .terminated:
            return []
        }
    }

    /// A final response other than 2xx. Ignored when a final one was sent already.
    mutating func failure(_ response: SIPResponse, now: Instant) -> [Output] {
        guard case .proceeding = state else { return [] }
        state = .completed(final: response, resendAfter: timings.t1)
        if !isReliable { timers.start(.g, at: now + timings.t1) }
        timers.start(.h, at: now + timings.transactionTimeout)
        return [.send(response)]
    }

    mutating func retransmissionReceived() -> [Output] {
        switch state {
        case .proceeding(let last):
            return last.map { [.send($0)] } ?? []
        case .completed(let final, _):
            return [.send(final)]
        case .accepted, .confirmed, .terminated:
            return []
        }
    }

    /// An ACK that matches this transaction: by rule that of a non-2xx; that of a 2xx only from peers that reuse the INVITE's branch.
    mutating func ackReceived(now: Instant) -> [Output] {
        switch state {
        case .completed:
            timers.stopAll()
            let wait = timings.absorbing(isReliable: isReliable)
            guard wait > .zero else {
                state = .terminated
                return [.ended(.acknowledged)]
            }
            state = .confirmed
            timers.start(.i, at: now + wait)
            return []
        case .accepted:
            return [.acknowledgedSuccess]
        case .proceeding, .confirmed, .terminated:
            return []
        }
    }

    mutating func timersFired(now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch (timer, state) {
            case (.g, .completed(let final, let interval)):
                let next = timings.doubled(interval)
                state = .completed(final: final, resendAfter: next)
                timers.start(.g, at: now + next)
                outputs.append(.send(final))
            case (.h, .completed):
                outputs.append(end(.unacknowledged))
            case (.i, .confirmed):
                outputs.append(end(.acknowledged))
            case (.l, .accepted):
                outputs.append(end(.accepted))
            case (_, .proceeding), (_, .accepted), (_, .completed), (_, .confirmed), (_, .terminated):
                preconditionFailure("a timer outlived the state that started it")
            }
        }
        return outputs
    }

    private mutating func end(_ ending: Ending) -> Output {
        timers.stopAll()
        state = .terminated
        return .ended(ending)
    }
}
