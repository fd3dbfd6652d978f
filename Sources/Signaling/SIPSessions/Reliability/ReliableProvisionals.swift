import SIPMessages
import SottoBase

/// The reliable provisional responses of one received INVITE (RFC 3262 §3): one is under way at a time, sent again after T1 and then at
/// doubling intervals, over TLS as well; the next ones wait for its PRACK. 64·T1 without one end the INVITE.
struct ReliableProvisionals: Sendable {
    private enum Timer: Hashable, Sendable {
        case resend
        case giveUp
    }

    private struct Outstanding: Sendable {
        let response: SIPResponse
        let number: UInt32
        var interval: Duration
    }

    enum Output: Equatable, Sendable {
        case send(SIPResponse)
        /// No PRACK within 64·T1.
        case unacknowledged
    }

    /// Answers that wait, at most.
    static let maximumWaiting = 8

    /// The INVITE's offer, which an answer may be sent for before the 2xx.
    let isPossible: Bool
    let isRequired: Bool
    private let timings: SIPTimings
    /// RSeq of the last one; zero before the first.
    private var number: UInt32 = 0
    private var outstanding: Outstanding?
    /// What the application said meanwhile, in order; a 2xx comes last.
    private(set) var waiting: [SIPAnswer] = []
    private var timers = TimerTable<Timer>()

    init(_ request: SIPRequest, timings: SIPTimings) {
        self.timings = timings
        isRequired = request.has("100rel", in: .require)
        // Without an offer the first reliable response would have to bring ours (§5), and its PRACK the answer. The 2xx does that instead.
        isPossible = !request.body.isEmpty && (isRequired || request.has("100rel", in: .supported))
    }

    var nextDeadline: Instant? { timers.next }
    var isOutstanding: Bool { outstanding != nil }
    /// One with a body: a 2xx may not overtake it (§3).
    var holdsBackSuccess: Bool { outstanding.map { !$0.response.body.isEmpty } ?? false }

    /// False when no more can wait; then it is not sent at all.
    mutating func wait(_ answer: SIPAnswer) {
        if answer.status / 100 == 2 {
            if waiting.last.map({ $0.status / 100 == 2 }) ?? false { return }
            waiting.append(answer)
        } else if waiting.count < Self.maximumWaiting {
            waiting.append(answer)
        }
    }

    mutating func nextWaiting() -> SIPAnswer? { outstanding == nil && !waiting.isEmpty ? waiting.removeFirst() : nil }

    /// The RSeq of the next one. `first`: by chance, 1 to 2^31 - 1 (§3).
    mutating func nextNumber(first: UInt32) -> UInt32 {
        number = number == 0 ? max(1, first & 0x3FFF_FFFF) : number &+ 1
        return number
    }

    mutating func sent(_ response: SIPResponse, now: Instant) {
        outstanding = Outstanding(response: response, number: number, interval: timings.t1)
        timers.start(.resend, at: now + timings.t1)
        timers.start(.giveUp, at: now + timings.transactionTimeout)
    }

    /// The response that a PRACK with this number acknowledges; nil when it belongs to none.
    mutating func acknowledged(_ number: UInt32) -> SIPResponse? {
        guard let acknowledged = outstanding, acknowledged.number == number else { return nil }
        outstanding = nil
        timers.stopAll()
        return acknowledged.response
    }

    /// A final response was sent: no more is sent again, but a PRACK on its way still finds its response.
    mutating func stop() {
        timers.stopAll()
        waiting = []
    }

    mutating func timersFired(now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch timer {
            case .resend:
                guard var again = outstanding else { continue }
                if let end = timers.deadline(of: .giveUp), end <= now { continue }
                again.interval = again.interval * 2
                outstanding = again
                timers.start(.resend, at: now + again.interval)
                outputs.append(.send(again.response))
            case .giveUp:
                stop()
                outputs.append(.unacknowledged)
            }
        }
        return outputs
    }
}
