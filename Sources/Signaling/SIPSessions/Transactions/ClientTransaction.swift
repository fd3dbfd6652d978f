import SIPMessages
import SottoBase

/// Client side of a transaction other than INVITE (RFC 3261 §17.1.2).
///
///     trying ──1xx──▶ proceeding ──final──▶ completed ──K──▶ terminated
///        └──────────────final───────────────▲
///     trying, proceeding ──F──▶ terminated
struct ClientTransaction: Sendable {
    enum Timer: Hashable, Sendable {
        /// Retransmits the request; unreliable transports only.
        case e
        /// Gives up.
        case f
        /// Absorbs retransmitted responses; zero on reliable transports.
        case k
    }

    private enum State {
        case trying(resend: SIPRequest?, after: Duration)
        case proceeding(resend: SIPRequest?)
        case completed
        case terminated
    }

    enum Output: Equatable, Sendable {
        case send(SIPRequest)
        /// A provisional response or the first final one.
        case received(SIPResponse)
        case ended(Ending)
    }

    enum Ending: Hashable, Sendable {
        case answered
        /// Timer F: counts as 408.
        case timedOut
        /// Counts as 503.
        case transportFailed
    }

    private let timings: SIPTimings
    private let isReliable: Bool
    private var state: State
    private var timers = TimerTable<Timer>()

    init(_ request: SIPRequest, timings: SIPTimings, isReliable: Bool, now: Instant) {
        self.timings = timings
        self.isReliable = isReliable
        state = .trying(resend: isReliable ? nil : request, after: timings.t1)
        if !isReliable { timers.start(.e, at: now + timings.t1) }
        timers.start(.f, at: now + timings.transactionTimeout)
    }

    var nextDeadline: Instant? { timers.next }

    /// True until a final response came.
    var isWaiting: Bool {
        switch state {
        case .trying, .proceeding: true
        case .completed, .terminated: false
        }
    }

    mutating func responseReceived(_ response: SIPResponse, now: Instant) -> [Output] {
        switch (state, response.status / 100) {
        case (.trying(let resend, _), 1):
            state = .proceeding(resend: resend)
            return [.received(response)]
        case (.proceeding, 1):
            return [.received(response)]
        case (.trying, 2...6), (.proceeding, 2...6):
            timers.stopAll()
            let wait = timings.absorbing(isReliable: isReliable)
            guard wait > .zero else {
                state = .terminated
                return [.received(response), .ended(.answered)]
            }
            timers.start(.k, at: now + wait)
            state = .completed
            return [.received(response)]
        default:
            return []  // a retransmitted response, or a status outside 100–699
        }
    }

    /// The message could not be sent (§17.1.4).
    mutating func transportFailed() -> [Output] {
        switch state {
        case .trying, .proceeding: [end(.transportFailed)]
        case .completed, .terminated: []
        }
    }

    mutating func timersFired(now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch (timer, state) {
            case (.e, .trying(let resend?, let interval)):
                let next = timings.doubled(interval)
                state = .trying(resend: resend, after: next)
                timers.start(.e, at: now + next)
                outputs.append(.send(resend))
            case (.e, .proceeding(let resend?)):
                // In Proceeding, E stays at T2 (§17.1.2.2).
                timers.start(.e, at: now + timings.t2)
                outputs.append(.send(resend))
            case (.e, _):
                break
            case (.f, _):
                outputs.append(end(.timedOut))
            case (.k, _):
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
