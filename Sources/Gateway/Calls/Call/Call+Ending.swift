internal import Consent
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Time, and the end.
extension Call {
    /// What a 503 of ours says (RFC 3261 §20.33).
    static let retryAfter = Duration.seconds(5)

    mutating func timersFired(_ time: CallTime) -> [CallOutput] {
        var outputs: [CallOutput] = []
        while let timer = timers.popExpired(now: time.now) {
            switch timer {
            case .setUp: outputs += end(Termination(.ourFault, "media was not set up in time"), time)
            case .longest: outputs += end(Termination(.completed, "the longest call"), time)
            case .closing(isLast: false): outputs += closeAgain(time)
            case .closing(isLast: true): outputs += giveUp()
            }
        }
        if let deadline = consent?.nextDeadline, deadline <= time.now { outputs += consent(.timerDue, time) }
        return outputs
    }

    /// Refuses the INVITE that would have begun the call.
    mutating func refuse(_ invite: InviteID, _ refusal: CallRefusal, _ time: CallTime) -> [CallOutput] {
        let note = CallOutput.note(id, .offerRefused(status: Int(refusal.answer.status), detail: refusal.termination.reason))
        return [note] + end(refusal.termination, time, by: .answer(invite, refusal.answer))
    }

    /// Ends the call for whatever reason; the first one counts.
    ///
    /// The word to the peer comes last: `dialogEnded` may be the answer to it, and then nothing of this turn is left to do.
    mutating func end(_ termination: Termination, _ time: CallTime, by farewell: SIPEndpointCommand? = nil) -> [CallOutput] {
        guard state != .ending else { return [] }
        state = .ending
        timers.stopAll()
        agreed = nil
        localSession = nil
        updates = []
        offeredAgain = nil
        record.termination = termination
        record.endedAt = time.wall
        _ = consent(.callEnded, time)
        consent = nil
        prompts = [:]

        var outputs: [CallOutput] = []
        if isPayment {
            isPayment = false
            outputs.append(.note(id, .payment(isOn: false)))
        }
        outputs += [.note(id, .ending(termination)), .voice(id, .end)]
        if !isMediaGone { outputs.append(.media(id, .caller, .close)) }
        if !isDialogGone { outputs.append(.sip(farewell ?? hangUp)) }
        timers.start(.closing(isLast: false), at: time.now + configuration.closingTime)
        return outputs + finishIfPossible()
    }

    /// BYE, or the refusal of an INVITE that is still open; both tell why (RFC 3326, RFC 6432).
    private var hangUp: SIPEndpointCommand {
        let refusal = record.termination.cause == .ourFault ? SIPAnswer(503, headers: [.retryAfter(Self.retryAfter)]) : SIPAnswer(480)
        let reason = SIPHeader.reason(q850: record.termination.q850Cause, text: record.termination.cause.rawValue)
        return .hangUp(dialog, refusal: refusal, headers: [reason])
    }

    mutating func dialogEnded(_ ending: DialogEnding, _ time: CallTime) -> [CallOutput] {
        isDialogGone = true
        switch ending {
        case .remoteBye(let request), .cancelled(let request):
            record.peerCause = request.reasons.lazy.compactMap(\.q850Cause).first.map { Int($0) }
        case .refused, .expired, .unanswered, .localBye, .unacknowledged, .sessionExpired, .lost:
            break
        }
        return state == .ending ? finishIfPossible() : end(Termination(of: ending), time)
    }

    mutating func mediaClosed(_ summary: CallMediaSummary?, _ time: CallTime) -> [CallOutput] {
        if !isMediaGone { record.media = summary }
        isMediaGone = true
        return state == .ending ? finishIfPossible() : end(Termination(.ourFault, "media ended"), time)
    }

    /// The end was not confirmed: perhaps an instruction was lost. Both do nothing when they come a second time.
    private mutating func closeAgain(_ time: CallTime) -> [CallOutput] {
        timers.start(.closing(isLast: true), at: time.now + configuration.closingTime)
        return (isMediaGone ? [] : [.media(id, .caller, .close)]) + (isDialogGone ? [] : [.sip(hangUp)])
    }

    /// Whoever owes the confirmation is dead. The call is over all the same, and its record is written without the figures.
    private mutating func giveUp() -> [CallOutput] {
        let what = isMediaGone ? "signaling" : "media"
        isMediaGone = true
        isDialogGone = true
        return [.note(id, .ending(Termination(.ourFault, "\(what) never confirmed the end")))] + finishIfPossible()
    }

    /// The record is written when the media's last figures are in and the dialog has gone.
    private mutating func finishIfPossible() -> [CallOutput] {
        guard isMediaGone, isDialogGone, !isFinished else { return [] }
        isFinished = true
        timers.stopAll()
        return [.record(id, .finish(record))]
    }
}
