internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Why a leg is being called, or the caller referred. One at a time.
enum Errand: Equatable, Sendable {
    /// The call's own route; `next`: trunks that are left to try.
    case route(next: [TrunkPolicy], DialledNumber)
    /// The dialogue wants a person: its words are being spoken first.
    case saying(HandOverRequest, prompt: UInt32)
    case handOver(HandOverRequest)
    /// The caller's side was asked to call the person; `consulted`: whom we have called already, to be replaced.
    case referring(HandOverRequest, consulted: CallLeg?)
    /// The far side wants the caller to be joined with somebody else (RFC 3515).
    case transfer(RequestID, by: CallLeg)
}

/// What the legs that we called say.
extension Call {
    /// Lets one leg change, does what it wants, and keeps its record when nothing of it is left.
    mutating func changeFar<Entropy: RandomNumberGenerator>(
        _ leg: CallLeg, _ time: CallTime, _ entropy: inout Entropy, _ body: (inout OutboundLeg, inout Entropy) -> [OutboundLeg.Output]
    ) -> [CallOutput] {
        guard let index = far.firstIndex(where: { $0.leg == leg }) else { return [] }
        let outputs = body(&far[index], &entropy)
        let result = carryOut(outputs, of: leg, time, &entropy)
        return result + collect()
    }

    /// Legs that are gone go into the record.
    private mutating func collect() -> [CallOutput] {
        for leg in far where leg.isGone { record.farLegs.append(leg.record) }
        far.removeAll { $0.isGone }
        return isEnding ? finishIfPossible() : []
    }

    mutating func carryOut(
        _ outputs: [OutboundLeg.Output], of leg: CallLeg, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        var result: [CallOutput] = []
        for output in outputs {
            switch output {
            case .media(let instruction): result.append(.media(id, leg, instruction))
            case .sip(let command): result.append(.sip(command))
            case .dial(let instruction): result.append(.dial(id, instruction))
            case .note(let note): result.append(.note(id, .leg(leg, note)))
            case .progressed(let status):
                guard leg == calling else { continue }
                result += farProgressed(status)
                if let machine = far.first(where: { $0.leg == leg }) { result += tellProgress(status, machine) }
            case .earlyMedia:
                result += advance(time, &entropy)
            case .connected:
                if leg == calling { result += farConnected(leg, time, &entropy) }
            case .changed(let asked):
                if leg == partner { result += tellCaller(asked, time, &entropy) }
            case .failed(let failure):
                if leg == calling { result += farFailed(failure, time, &entropy) }
            case .ended(let ending):
                result += farEnded(leg, ending, time, &entropy)
            }
        }
        return result
    }

    // MARK: - Events of the dialler and of attempts

    mutating func dialled(
        _ dial: DialID, _ hop: DialledHop, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let leg = far.first(where: { $0.dial == dial })?.leg else { return [] }
        return changeFar(leg, time, &entropy) { $0.dialled(dial, hop, time, &$1) }
    }

    mutating func notDialled(
        _ dial: DialID, _ failure: FarFailure, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let leg = far.first(where: { $0.dial == dial })?.leg else { return [] }
        return changeFar(leg, time, &entropy) { leg, _ in leg.notDialled(dial, failure, time) }
    }

    mutating func attempt(
        _ attempt: AttemptID, _ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let leg = far.first(where: { $0.attempt == attempt })?.leg else {
            // Its leg is gone, or has gone on: nobody wants the dialog.
            guard case .attemptAnswered(_, let dialog, _) = event else { return [] }
            return [.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [.reason(q850: 16, text: "")]))]
        }
        return changeFar(leg, time, &entropy) { leg, entropy in
            switch event {
            case .attemptProgressed(_, let dialog, let response): leg.attemptProgressed(dialog, response, time)
            case .attemptAnswered(_, let dialog, let response): leg.attemptAnswered(dialog, response, time)
            case .attemptEnded(_, let ending): leg.attemptEnded(ending, time, &entropy)
            default: []
            }
        }
    }

    // MARK: - What becomes of a leg

    private mutating func farConnected(
        _ leg: CallLeg, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        let errand = errand
        self.errand = nil
        calling = nil
        switch errand {
        case .route:
            partner = leg
            timers.start(.setUp, at: time.now + configuration.setUpTime)
            return advance(time, &entropy)
        case .handOver(let request):
            return personReached(request, leg, time, &entropy)
        case .transfer(let refer, let transferor):
            partner = leg
            let notice = CallOutput.sip(.notifyReferral(refer, status: 200))
            let done = changeFar(transferor, time, &entropy) { leg, _ in leg.hangUp(.reason(q850: 16, text: ""), time) }
            return [.media(id, .caller, .fill(.silence)), notice] + advance(time, &entropy) + done
        case .saying, .referring, nil:
            return []
        }
    }

    mutating func farFailed(
        _ failure: FarFailure, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        let errand = errand
        self.errand = nil
        calling = nil
        if isEnding { return [] }
        switch errand {
        case .route(let next, let dialled):
            if failure.triesNextTrunk, !progress.toldAnswer, let trunk = next.first,
                farLegs < UInt32(clamping: configuration.farLegsAtMost)
            {
                self.errand = .route(next: Array(next.dropFirst()), dialled)
                return callOut(by: trunk, dialled, time, &entropy)
            }
            guard case .dialling(let invite, _) = state else { return end(failure.termination, time, cause: failure.peerCause) }
            return refuse(invite, CallRefusal(answer: failure.answer, termination: failure.termination), time)
        case .handOver(let request):
            return handOverFailed(request, failure.handOver)
        case .transfer(let refer, let transferor):
            let notice = CallOutput.sip(.notifyReferral(refer, status: failure.answer.status))
            // Whoever wanted the transfer may have left already.
            guard far.contains(where: { $0.leg == transferor && $0.isConnected }) else {
                return [notice] + end(failure.termination, time, cause: failure.peerCause)
            }
            return [notice]
        case .saying, .referring, nil:
            return []
        }
    }

    private mutating func farEnded(
        _ leg: CallLeg, _ ending: FarEnding, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        if isEnding { return [] }
        switch errand {
        case .transfer(_, leg):
            // The transferor has done its part; the caller waits for the new one.
            partner = nil
            caller.bridgedWith = nil
            return [.media(id, .caller, .unbridge), .media(id, .caller, .fill(.ringBack))]
        case .referring(_, consulted: leg):
            // Replaced by the caller's own side; what the REFER has come to is still to be told.
            return []
        case .route, .saying, .handOver, .referring, .transfer, nil:
            break
        }
        guard leg == partner else { return [] }
        if ending.isHangUp { record.hungUpBy = leg }
        return end(ending.termination, time, cause: ending.peerCause)
    }
}
