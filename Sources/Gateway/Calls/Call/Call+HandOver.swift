internal import Consent
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// From the agent to a person: by a leg of ours, or by asking the caller's own side (REFER).
extension Call {
    mutating func handOverAsked(
        _ request: HandOverRequest, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        // Whoever hears the caller on a bridge must not while a card is read out (payment mode).
        guard state == .talking, errand == nil, partner == nil, !isPayment, consent?.isLeaving != true,
            farLegs < UInt32(clamping: configuration.farLegsAtMost), tenant.trunk(named: request.trunk)?.outbound != nil
        else { return [.voice(id, .handOverFailed(.forbidden))] }
        guard let text = request.say, lastPrompt < Self.promptsAtMost else { return handOver(request, time, &entropy) }
        lastPrompt &+= 1
        errand = .saying(request, prompt: lastPrompt)
        return [.voice(id, .say(prompt: lastPrompt, text: text))]
    }

    /// Numbers of prompts stay below 1,000.
    static let promptsAtMost: UInt32 = 900

    /// Everything is said: call, or refer.
    mutating func handOver(
        _ request: HandOverRequest, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        errand = nil
        guard state == .talking, !isPayment, let trunk = tenant.trunk(named: request.trunk), let outbound = trunk.outbound else {
            return [.voice(id, .handOverFailed(.forbidden))]
        }
        let reference = TrunkReference(tenant: tenant.name, trunk: trunk.name)
        if outbound.transfer == .refer, !request.consults {
            return [.note(id, .handOver(trunk: reference, .referred))] + refer(request, trunk, outbound, consulted: nil)
        }
        errand = .handOver(request)
        return [.note(id, .handOver(trunk: reference, .dialled)), .media(id, .caller, .fill(request.fill))]
            + callOut(by: trunk, request.number, time, &entropy)
    }

    private mutating func refer(
        _ request: HandOverRequest, _ trunk: TrunkPolicy, _ outbound: OutboundTrunk, consulted: CallLeg?
    ) -> [CallOutput] {
        guard let dialog = caller.dialog else { return [] }
        errand = .referring(request, consulted: consulted)
        let scheme: SIPURI.Scheme = outbound.scheme == .sips ? .sips : .sip
        let target = NameAddress(
            SIPURI(scheme: scheme, user: request.number.user(style: trunk.numberStyle), host: WireText(outbound.domain.uriHost)))
        let replaces = far.first { $0.leg == consulted }?.session.dialog
        return [.sip(.refer(dialog, to: target, replaces: replaces, headers: []))]
    }

    /// The person has answered.
    mutating func personReached(
        _ request: HandOverRequest, _ leg: CallLeg, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let trunk = tenant.trunk(named: request.trunk), let outbound = trunk.outbound, outbound.transfer == .refer, request.consults
        else { return join(request, leg, time, &entropy) }
        return [.media(id, leg, .fill(.holdMusic))] + refer(request, trunk, outbound, consulted: leg)
    }

    /// The voice side ends, and the caller is bridged with the person.
    private mutating func join(
        _ request: HandOverRequest, _ leg: CallLeg, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        partner = leg
        isVoiceGone = true
        prompts = [:]
        let reference = TrunkReference(tenant: tenant.name, trunk: request.trunk)
        var outputs: [CallOutput] = [.note(id, .handOver(trunk: reference, .reached))]
        outputs += stopRecording("the person on the far leg has not agreed")
        // What the caller said of its consent is kept; nobody listens for more of it.
        _ = consent(.callEnded, time)
        consent = nil
        outputs += [.voice(id, .end), .media(id, .caller, .fill(.silence)), .media(id, leg, .fill(.silence))]
        return outputs + advance(time, &entropy)
    }

    /// Consent was given for a talk with the agent, by the caller alone: nothing says that it covers another person (fail closed).
    private mutating func stopRecording(_ why: String) -> [CallOutput] {
        guard isRecording else { return [] }
        isRecording = false
        return [.record(id, .stop), .note(id, .recordingStopped(why))]
    }

    /// Back to the dialogue.
    mutating func handOverFailed(_ request: HandOverRequest, _ why: HandOverFailure) -> [CallOutput] {
        let reference = TrunkReference(tenant: tenant.name, trunk: request.trunk)
        return [
            .note(id, .handOver(trunk: reference, .failed(why))), .media(id, .caller, .fill(.silence)), .voice(id, .handOverFailed(why)),
        ]
    }

    // MARK: - Our REFER

    mutating func referralProgressed(
        _ progress: ReferralProgress, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard case .referring(let request, let consulted) = errand else { return [] }
        switch progress {
        case .accepted, .progressed:
            return []
        case .ended(let status?) where (200..<300).contains(status):
            let reference = TrunkReference(tenant: tenant.name, trunk: request.trunk)
            let note = CallOutput.note(id, .handOver(trunk: reference, .reached))
            return [note] + end(Termination(.completed, "handed over to a person"), time)
        case .ended(let status):
            return referFailed(request, consulted, status.map { $0 == 486 || $0 == 600 } == true ? .busy : .noAnswer, time, &entropy)
        case .refused:
            return referFailed(request, consulted, .refused, time, &entropy)
        case .notNow, .failed:
            return referFailed(request, consulted, .unreachable, time, &entropy)
        }
    }

    /// A person who was called already stays, and is bridged; else the dialogue goes on.
    private mutating func referFailed(
        _ request: HandOverRequest, _ consulted: CallLeg?, _ why: HandOverFailure, _ time: CallTime,
        _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        errand = nil
        if let consulted, far.contains(where: { $0.leg == consulted && $0.isConnected }) {
            return join(request, consulted, time, &entropy)
        }
        return handOverFailed(request, why)
    }
}
