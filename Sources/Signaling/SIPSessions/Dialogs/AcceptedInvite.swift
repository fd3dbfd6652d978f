import SIPMessages
import SottoBase

/// A 2xx to an INVITE until its ACK: sent again after T1, then at doubling intervals up to T2, over TLS as well; given up after 64·T1
/// (RFC 3261 §13.3.1.4). It holds our session description and its keys no longer than that.
///
/// It goes to the connection that brought the INVITE while that is open, and else to another one of the same peer: §18.2.2 wants the first,
/// and asks for a new connection to the same place afterwards, which every connection of a peer is by its certificate.
struct AcceptedInvite: Sendable {
    enum Timer: Hashable, Sendable {
        case resend
        case giveUp
    }

    enum Output: Equatable, Sendable {
        case send(SIPResponse)
        /// No ACK within 64·T1.
        case unacknowledged
    }

    let invite: InviteID
    /// The INVITE's CSeq number: an ACK belongs to it by this number alone (§13.2.2.4).
    let cseq: UInt32
    /// The INVITE brought an offer, so the ACK carries no answer that we still need.
    let hadOffer: Bool
    private let response: SIPResponse
    private let timings: SIPTimings
    private var interval: Duration
    private var timers = TimerTable<Timer>()

    init(invite: InviteID, cseq: UInt32, hadOffer: Bool, response: SIPResponse, timings: SIPTimings, now: Instant) {
        self.invite = invite
        self.cseq = cseq
        self.hadOffer = hadOffer
        self.response = response
        self.timings = timings
        interval = timings.t1
        timers.start(.resend, at: now + timings.t1)
        timers.start(.giveUp, at: now + timings.transactionTimeout)
    }

    var nextDeadline: Instant? { timers.next }

    mutating func timersFired(now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch timer {
            case .resend:
                // Both may be due at once: then the time is over, and nothing is sent.
                if let end = timers.deadline(of: .giveUp), end <= now { continue }
                interval = timings.doubled(interval)
                timers.start(.resend, at: now + interval)
                outputs.append(.send(response))
            case .giveUp:
                timers.stopAll()
                outputs.append(.unacknowledged)
            }
        }
        return outputs
    }
}
