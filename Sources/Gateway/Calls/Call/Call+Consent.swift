internal import Consent
internal import Policy
internal import SottoBase

/// Consent, and what else the voice side has to say.
extension Call {
    mutating func startConsent(_ time: CallTime) -> [CallOutput] {
        state = .consenting
        let parties = ConsentParty.inbound(
            caller: record.caller, callee: record.called, tenantRegion: tenant.region, gatewayRegion: policy.gatewayRegion)
        let plan = facts.plan(parties: parties, policy: tenant.consent)
        consent = ConsentMachine(call: id, tenant: tenant, policyVersion: policy.version, plan: plan)
        return [.note(id, .consentPlanned(mode: plan.mode, because: plan.strictBecauseOf))] + consent(.started, time)
    }

    mutating func consent(_ input: ConsentMachine.Input, _ time: CallTime) -> [CallOutput] {
        guard var machine = consent else { return [] }
        let wishes = machine.handle(input, now: time.now, wall: time.wall)
        consent = machine
        record.consent = machine.evidence
        return wishes.flatMap { carryOut($0, time) }
    }

    private mutating func carryOut(_ wish: ConsentMachine.Output, _ time: CallTime) -> [CallOutput] {
        switch wish {
        case .say(let prompt, let text):
            lastPrompt &+= 1
            prompts[lastPrompt] = prompt
            let say = CallOutput.voice(id, .say(prompt: lastPrompt, text: text))
            // From the question on an answer may come at any time: callers do not wait for the last word.
            return prompt == .question ? [.voice(id, .expectConsent(true)), say] : [say]
        case .stopSaying(let prompt):
            prompts = prompts.filter { $0.value != prompt }
            return [.voice(id, .stopSaying)]
        case .listen:
            return [.voice(id, .expectConsent(true))]
        case .granted(let grant):
            // A recorder that failed before the grant does not begin with it.
            if record.recordingFailure == nil { record.wasRecorded = true }
            isRecording = record.recordingFailure == nil
            return [.record(id, .start(grant)), .note(id, .consentGranted(grant))]
        case .refused(let action):
            return [.note(id, .consentRefused(action))]
        case .revoked:
            isRecording = false
            let outputs: [CallOutput] = [.record(id, .stop), .note(id, .consentWithdrawn)]
            // A person is being called for a caller who leaves: nobody is to answer in vain.
            guard state == .talking, errand != nil, consent?.isLeaving ?? false else { return outputs }
            return outputs + end(Termination(.refusedByPolicy, "the caller withdrew consent"), time)
        case .proceed:
            guard state == .consenting else { return [] }
            state = .talking
            return [.voice(id, .expectConsent(false)), .voice(id, .beginDialogue)]
        case .hangUp:
            let what = state == .talking ? "withdrew" : "refused"
            return end(Termination(.refusedByPolicy, "the caller \(what) consent"), time)
        }
    }

    // MARK: - Voice

    mutating func voice(_ report: VoiceReport, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        if state == .ending || isVoiceGone { return [] }
        switch report {
        case .promptEnded(let number, let isWhole):
            if case .saying(let request, prompt: number) = errand { return handOver(request, time, &entropy) }
            guard let prompt = prompts.removeValue(forKey: number) else { return [] }
            return consent(.promptPlayed(prompt, isWhole: isWhole), time)
        case .answered(let answer, let by):
            return consent(.answered(answer, by: by), time)
        case .withdrawn(let by):
            return consent(.withdrawn(by: by), time)
        case .payment(let isOn):
            guard isOn != isPayment else { return [] }
            isPayment = isOn
            return [.media(id, .caller, .protect(isOn: isOn)), .note(id, .payment(isOn: isOn))]
        case .hangUp(let reason, let isFault):
            return end(Termination(isFault ? .ourFault : .completed, reason), time)
        case .handOver(let request):
            return handOverAsked(request, time, &entropy)
        case .recognizerFailed(let why):
            return [.note(id, .recognizerFailed(why))]
        }
    }

    /// Kept in the record, and told once: a recorder that has failed says nothing new by failing again.
    mutating func recordingFailed(_ why: String, began: Bool) -> [CallOutput] {
        guard record.recordingFailure == nil else { return [] }
        if !began { record.wasRecorded = false }
        record.recordingFailure = why
        isRecording = false
        return [.note(id, .recordingFailed(why))]
    }
}
