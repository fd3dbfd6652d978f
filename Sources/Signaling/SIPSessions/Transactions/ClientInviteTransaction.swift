import SIPMessages
import SottoBase

/// Client side of an INVITE transaction (RFC 3261 §17.1.1, with RFC 6026 §7.2's Accepted state).
///
///     calling ──1xx──▶ proceeding ──2xx──▶ accepted ──M──▶ terminated
///        │ B                 │ 3xx–6xx                         ▲
///        ▼                   └────────▶ completed ──D──────────┘
///     terminated
///
/// It acknowledges a non-2xx itself. The ACK of a 2xx is the dialog's, which sees every 2xx, also retransmitted ones.
/// The INVITE with its body is kept only while it can be retransmitted: on a reliable transport never.
struct ClientInviteTransaction: Sendable {
    enum Timer: Hashable, Sendable {
        /// Retransmits the INVITE; unreliable transports only.
        case a
        /// Gives up without a response.
        case b
        /// Absorbs retransmitted final responses; zero on reliable transports.
        case d
        /// Lets further 2xx through to the dialog.
        case m
        /// Gives up after provisional responses only: the bound that RFC 3261 leaves to the user.
        case unanswered
    }

    private enum State {
        case calling(resend: SIPRequest?, after: Duration)
        case proceeding
        case completed(ack: SIPRequest)
        case accepted
        case terminated
    }

    enum Output: Equatable, Sendable {
        case send(SIPRequest)
        /// A provisional response, the first final non-2xx, or any 2xx.
        case received(SIPResponse)
        case ended(Ending)
    }

    enum Ending: Hashable, Sendable {
        case answered
        /// Timer B, or the application's patience: counts as 408 (RFC 3261 §8.1.3.1).
        case timedOut
        /// Counts as 503 (RFC 3261 §8.1.3.1).
        case transportFailed
    }

    private let timings: SIPTimings
    private let isReliable: Bool
    private let patience: Duration
    /// The INVITE without its body, for the ACK of a non-2xx (§17.1.1.3).
    private let template: SIPRequest
    private var state: State
    private var timers = TimerTable<Timer>()

    /// `patience`: how long provisional responses alone are accepted.
    init(_ invite: SIPRequest, timings: SIPTimings, isReliable: Bool, patience: Duration, now: Instant) {
        self.timings = timings
        self.isReliable = isReliable
        self.patience = patience
        template = invite.template
        state = .calling(resend: isReliable ? nil : invite, after: timings.t1)
        if !isReliable { timers.start(.a, at: now + timings.t1) }
        timers.start(.b, at: now + timings.transactionTimeout)
    }

    var nextDeadline: Instant? { timers.next }

    /// True until a final response came.
    var isWaiting: Bool {
        switch state {
        case .calling, .proceeding: true
        case .completed, .accepted, .terminated: false
        }
    }

    mutating func responseReceived(_ response: SIPResponse, now: Instant) -> [Output] {
        switch (state, response.status / 100) {
        case (.calling, 1):
            timers.stopAll()
            timers.start(.unanswered, at: now + patience)
            state = .proceeding
            return [.received(response)]
        case (.proceeding, 1):
            return [.received(response)]
        case (.calling, 2), (.proceeding, 2):
            timers.stopAll()
            timers.start(.m, at: now + timings.transactionTimeout)
            state = .accepted
            return [.received(response)]
        case (.accepted, 2):
            return [.received(response)]
        case (.calling, 3...6), (.proceeding, 3...6):
            timers.stopAll()
            let ack = SIPRequest.acknowledgement(of: response, to: template)
            let wait = timings.timerD(isReliable: isReliable)
            guard wait > .zero else {
                state = .terminated
                return [.send(ack), .received(response), .ended(.answered)]
            }
            timers.start(.d, at: now + wait)
            state = .completed(ack: ack)
            return [.send(ack), .received(response)]
        case (.completed(let ack), 3...6):
            return [.send(ack)]
        default:
            return []  // a 1xx after a final response, a 2xx after a failure, a status outside 100–699
        }
    }

    /// The message could not be sent (§17.1.4).
    mutating func transportFailed() -> [Output] {
        switch state {
        case .calling, .proceeding, .completed: [end(.transportFailed)]
        case .accepted, .terminated: []
        }
    }

    mutating func timersFired(now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch timer {
            case .a:
                guard case .calling(let resend?, let interval) = state else { continue }
                // Unlike E and G, A doubles without the cap of T2 (§17.1.1.2).
                state = .calling(resend: resend, after: interval * 2)
                timers.start(.a, at: now + interval * 2)
                outputs.append(.send(resend))
            case .b, .unanswered:
                outputs.append(end(.timedOut))
            case .d, .m:
                outputs.append(end(.answered))
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
