internal import Consent
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Time, and the end.
extension Call {
    /// What a 503 of ours says (RFC 3261 §20.33).
    static let retryAfter = Duration.seconds(5)

    mutating func timersFired(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
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
        for leg in far.map(\.leg) { outputs += changeFar(leg, time, &entropy) { $0.timersFired(time, &$1) } }
        return outputs + offerToCaller(time, &entropy)
    }

    /// Refuses the INVITE that would have begun the call.
    mutating func refuse(_ invite: InviteID, _ refusal: CallRefusal, _ time: CallTime) -> [CallOutput] {
        let note = CallOutput.note(id, .offerRefused(status: Int(refusal.answer.status), detail: refusal.termination.reason))
        return [note] + end(refusal.termination, time, by: .answer(invite, refusal.answer))
    }

    /// Ends the call for whatever reason; the first one counts.
    ///
    /// The words to the peers come last: `dialogEnded` may be the answer to one, and then nothing of this turn is left to do.
    ///
    /// - Parameters:
    ///   - cause: what one side gave as its Q.850 cause, for the other (RFC 3326).
    ///   - reason: what the caller gave besides, for a far leg that rings.
    mutating func end(
        _ termination: Termination, _ time: CallTime, by farewell: SIPEndpointCommand? = nil, cause: UInt16? = nil,
        reason: SIPHeader? = nil
    ) -> [CallOutput] {
        guard state != .ending else { return [] }
        state = .ending
        timers.stopAll()
        errand = nil
        calling = nil
        partner = nil
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
        outputs.append(.note(id, .ending(termination)))
        if mode == .voice, !isVoiceGone {
            isVoiceGone = true
            outputs.append(.voice(id, .end))
        }
        if !caller.isMediaGone { outputs.append(.media(id, .caller, .close)) }
        let q850 = SIPHeader.reason(q850: cause ?? termination.q850Cause, text: termination.cause.rawValue)
        for index in far.indices {
            outputs += far[index].hangUp(reason ?? q850, time).compactMap { output(of: $0, far[index].leg) }
        }
        if !caller.isDialogGone { outputs.append(.sip(farewell ?? hangUp(q850))) }
        caller.forget()
        timers.start(.closing(isLast: false), at: time.now + configuration.closingTime)
        let words = outputs.filter { if case .sip = $0 { true } else { false } }
        let others = outputs.filter { if case .sip = $0 { false } else { true } }
        return others + words + finishIfPossible()
    }

    /// A leg that is being hung up on has nothing to say to the call.
    private func output(of output: OutboundLeg.Output, _ leg: CallLeg) -> CallOutput? {
        switch output {
        case .media(let instruction): .media(id, leg, instruction)
        case .sip(let command): .sip(command)
        case .dial(let instruction): .dial(id, instruction)
        case .note(let note): .note(id, .leg(leg, note))
        case .progressed, .earlyMedia, .connected, .changed, .failed, .ended: nil
        }
    }

    /// BYE, or the refusal of an INVITE that is still open; both tell why (RFC 3326, RFC 6432).
    private func hangUp(_ reason: SIPHeader) -> SIPEndpointCommand {
        let refusal = record.termination.cause == .ourFault ? SIPAnswer(503, headers: [.retryAfter(Self.retryAfter)]) : SIPAnswer(480)
        guard let dialog = caller.dialog else { preconditionFailure("a call begins with its caller's dialog") }
        return .hangUp(dialog, refusal: refusal, headers: [reason])
    }

    mutating func dialogEnded(_ ending: DialogEnding, _ time: CallTime) -> [CallOutput] {
        caller.isDialogGone = true
        var reason: SIPHeader?
        switch ending {
        case .remoteBye(let request), .cancelled(let request):
            record.peerCause = request.reasons.lazy.compactMap(\.q850Cause).first.map { Int($0) }
            if !isEnding { record.hungUpBy = .caller }
            // Somebody else took the call: the far side's telephone shows no missed one.
            if request.reasons.contains(where: { $0.protocolName.equalsIgnoringCase("SIP") && $0.cause == 200 }) {
                reason = SIPReason(protocolName: "SIP", cause: 200, text: "Call completed elsewhere").header
            }
        case .refused, .expired, .unanswered, .localBye, .unacknowledged, .sessionExpired, .lost:
            break
        }
        if isEnding { return finishIfPossible() }
        return end(Termination(of: ending), time, cause: record.peerCause.map { UInt16(clamping: $0) }, reason: reason)
    }

    mutating func mediaClosed(_ summary: CallMediaSummary?, _ time: CallTime) -> [CallOutput] {
        if !caller.isMediaGone { record.media = summary }
        caller.isMediaGone = true
        return state == .ending ? finishIfPossible() : end(Termination(.ourFault, "media ended"), time)
    }

    /// The end was not confirmed: perhaps an instruction was lost. Both do nothing when they come a second time.
    private mutating func closeAgain(_ time: CallTime) -> [CallOutput] {
        timers.start(.closing(isLast: true), at: time.now + configuration.closingTime)
        let q850 = SIPHeader.reason(q850: record.termination.q850Cause, text: record.termination.cause.rawValue)
        return (caller.isMediaGone ? [] : [.media(id, .caller, .close)]) + (caller.isDialogGone ? [] : [.sip(hangUp(q850))])
    }

    /// Whoever owes the confirmation is dead. The call is over all the same, and its record is written without the figures.
    private mutating func giveUp() -> [CallOutput] {
        if caller.isGone { return finishIfPossible() }
        let what = caller.isMediaGone ? "signaling" : "media"
        caller.isMediaGone = true
        caller.isDialogGone = true
        return [.note(id, .ending(Termination(.ourFault, "\(what) never confirmed the end")))] + finishIfPossible()
    }

    /// The record is written when every leg's last figures are in and its dialog has gone.
    mutating func finishIfPossible() -> [CallOutput] {
        guard isEnding, caller.isGone, far.allSatisfy(\.isGone), !isFinished else { return [] }
        for leg in far { record.farLegs.append(leg.record) }
        far = []
        record.farLegs.sort { $0.leg < $1.leg }
        isFinished = true
        timers.stopAll()
        return [.record(id, .finish(record))]
    }
}
