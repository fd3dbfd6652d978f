import SIPMessages
import SottoBase

/// Server side of a transaction other than INVITE (RFC 3261 §17.2.2).
///
///     trying ──1xx──▶ proceeding ──final──▶ completed ──J──▶ terminated
///        └─────────────final─────────────────▲
///
/// On a reliable transport J is zero: the transaction ends with its final response and keeps nothing.
struct ServerTransaction: Sendable {
    enum Timer: Hashable, Sendable {
        /// Absorbs retransmitted requests after the final response.
        case j
        /// The application let the client's timer F run out: an answer could no longer arrive (RFC 4320 §4.1 forbids a 408).
        case unanswered
    }

    private enum State {
        case trying
        case proceeding(last: SIPResponse)
        case completed(final: SIPResponse)
        case terminated
    }

    enum Output: Equatable, Sendable {
        case send(SIPResponse)
        case ended(Ending)
    }

    enum Ending: Hashable, Sendable {
        case answered
        /// No final response within 64·T1.
        case unanswered
    }

    private let timings: SIPTimings
    private let isReliable: Bool
    private var state: State = .trying
    private var timers = TimerTable<Timer>()

    init(timings: SIPTimings, isReliable: Bool, now: Instant) {
        self.timings = timings
        self.isReliable = isReliable
        timers.start(.unanswered, at: now + timings.transactionTimeout)
    }

    var nextDeadline: Instant? { timers.next }

    /// True until a final response was sent.
    var isOpen: Bool {
        switch state {
        case .trying, .proceeding: true
        case .completed, .terminated: false
        }
    }

    mutating func provisional(_ response: SIPResponse) -> [Output] {
        guard isOpen else { return [] }
        state = .proceeding(last: response)
        return [.send(response)]
    }

    mutating func final(_ response: SIPResponse, now: Instant) -> [Output] {
        guard isOpen else { return [] }
        timers.stopAll()
        let wait = timings.timerJ(isReliable: isReliable)
        guard wait > .zero else {
            state = .terminated
            return [.send(response), .ended(.answered)]
        }
        state = .completed(final: response)
        timers.start(.j, at: now + wait)
        return [.send(response)]
    }

    mutating func retransmissionReceived() -> [Output] {
        switch state {
        case .proceeding(let last): [.send(last)]
        case .completed(let final): [.send(final)]
        case .trying, .terminated: []
        }
    }

    mutating func timersFired(now: Instant) -> [Output] {
        guard let timer = timers.popExpired(now: now) else { return [] }
        timers.stopAll()
        state = .terminated
        switch timer {
        case .j: return [.ended(.answered)]
        case .unanswered: return [.ended(.unanswered)]
        }
    }
}
