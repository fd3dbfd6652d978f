import SIPMessages
import SottoBase

@testable import SIPSessions

/// A caller's user agent with transactions of its own, for the simulated pair: it calls, perhaps cancels, acknowledges every 2xx,
/// talks, perhaps hangs up, and answers a BYE.
struct FarEnd {
    struct Plan {
        var cancelsAfter: Duration?
        var hangsUpAfter: Duration?
    }

    private enum Timer: Hashable {
        case cancel
        case hangUp
    }

    private let plan: Plan
    private var caller: Caller
    private var invite: ClientInviteTransaction
    private var others: [WireText: ClientTransaction] = [:]
    private var served: [WireText: ServerTransaction] = [:]
    private var timers = TimerTable<Timer>()
    /// The ACK of the 2xx, for each repetition.
    private var ack: SIPRequest?
    private var isInviteOver = false
    private var isProceeding = false
    private(set) var isOver = false
    private(set) var wasAnswered = false

    init(_ caller: Caller, plan: Plan, now: Instant, send: (SIPMessage) -> Void) {
        self.caller = caller
        self.plan = plan
        let request = caller.request("INVITE")
        invite = ClientInviteTransaction(request, timings: SIPTimings(), isReliable: false, patience: .seconds(200), now: now)
        if let delay = plan.cancelsAfter { timers.start(.cancel, at: now + delay) }
        send(.request(request))
    }

    var nextDeadline: Instant? {
        let waits = [isInviteOver ? nil : invite.nextDeadline, timers.next].compactMap { $0 }
        return (waits + others.values.compactMap(\.nextDeadline) + served.values.compactMap(\.nextDeadline)).min()
    }

    mutating func receive(_ message: SIPMessage, now: Instant, send: (SIPMessage) -> Void) {
        switch message {
        case .response(let response) where response.cseq.method == .invite:
            apply(invite.responseReceived(response, now: now), now: now, send)
        case .response(let response):
            guard let branch = response.topVia?.branch, let outputs = others[branch]?.responseReceived(response, now: now) else { return }
            apply(outputs, to: branch, send)
        case .request(let request):
            guard let branch = request.topVia?.branch, request.method != .ack else { return }
            var machine = served[branch] ?? ServerTransaction(timings: SIPTimings(), isReliable: false, now: now)
            let outputs = served[branch] == nil ? machine.final(SIPResponse(200, to: request), now: now) : machine.retransmissionReceived()
            served[branch] = machine
            if request.method == .bye { over() }
            apply(outputs, servedBy: branch, send)
        }
    }

    mutating func timersFired(now: Instant, send: (SIPMessage) -> Void) {
        if !isInviteOver { apply(invite.timersFired(now: now), now: now, send) }
        for branch in others.keys.sorted(by: { $0.string < $1.string }) {
            if let outputs = others[branch]?.timersFired(now: now) { apply(outputs, to: branch, send) }
        }
        for branch in served.keys.sorted(by: { $0.string < $1.string }) {
            if let outputs = served[branch]?.timersFired(now: now) { apply(outputs, servedBy: branch, send) }
        }
        while let timer = timers.popExpired(now: now) {
            switch timer {
            case .cancel:
                guard !wasAnswered, !isOver else { break }
                // A CANCEL must wait for a provisional response (RFC 3261 §9.1).
                if isProceeding {
                    start(caller.request("CANCEL"), now: now, send)
                } else {
                    timers.start(.cancel, at: now + .milliseconds(100))
                }
            case .hangUp:
                if !isOver {
                    over()
                    start(caller.next().request("BYE"), now: now, send)
                }
            }
        }
    }

    private mutating func over() {
        isOver = true
        timers.stopAll()
    }

    private mutating func start(_ request: SIPRequest, now: Instant, _ send: (SIPMessage) -> Void) {
        guard let branch = request.topVia?.branch else { return }
        others[branch] = ClientTransaction(request, timings: SIPTimings(), isReliable: false, now: now)
        send(.request(request))
    }

    private mutating func apply(_ outputs: [ClientInviteTransaction.Output], now: Instant, _ send: (SIPMessage) -> Void) {
        for output in outputs {
            switch output {
            case .send(let request):
                send(.request(request))
            case .received(let response) where response.isSuccess:
                if ack == nil {
                    wasAnswered = true
                    caller.remoteTag = response.to.tag?.string
                    ack = caller.next(sameNumber: true).request("ACK")
                    if let delay = plan.hangsUpAfter { timers.start(.hangUp, at: now + delay) }
                }
                if let ack { send(.request(ack)) }
            case .received(let response):
                isProceeding = true
                if response.isFinal { over() }
            case .ended:
                isInviteOver = true
                if !wasAnswered { over() }
            }
        }
    }

    private mutating func apply(_ outputs: [ClientTransaction.Output], to branch: WireText, _ send: (SIPMessage) -> Void) {
        for output in outputs {
            switch output {
            case .send(let request): send(.request(request))
            case .received: break
            case .ended: others[branch] = nil
            }
        }
    }

    private mutating func apply(_ outputs: [ServerTransaction.Output], servedBy branch: WireText, _ send: (SIPMessage) -> Void) {
        for output in outputs {
            switch output {
            case .send(let response): send(.response(response))
            case .ended: break  // kept, as what was served once is served
            }
        }
    }
}
