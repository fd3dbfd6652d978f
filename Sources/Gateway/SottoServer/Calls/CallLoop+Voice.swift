internal import Audio
internal import AuditLog
internal import Calls
internal import Dialogue
internal import Logging
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import Redaction
internal import SealedStorage
internal import SottoBase
internal import Speech

/// A call's voice side and its recorder: what the machine wants of them, and what they say.
extension CallLoop {
    func carryOut(_ instruction: VoiceInstruction, _ id: CallID) {
        guard let call = calls[id] else { return }
        if case .begin(let policy, let tenant) = instruction { return beginVoice(call, policy, tenant) }
        guard let voice = call.voice, let voiceLoop = call.voiceLoop else { return }
        switch instruction {
        case .begin: break
        case .say(let prompt, let text): voiceLoop.execute { voice.say(text, prompt: prompt) }
        case .stopSaying: voiceLoop.execute { voice.stopSaying() }
        case .expectConsent(let isExpected): voiceLoop.execute { voice.expectConsent(isExpected) }
        case .beginDialogue: voiceLoop.execute { voice.beginDialogue() }
        case .handOverFailed: voiceLoop.execute { voice.handOverFailed() }
        case .end: voiceLoop.execute { voice.end() }
        }
    }

    func carryOut(_ instruction: RecordInstruction, _ id: CallID) {
        let call = calls[id]
        switch instruction {
        case .start(let grant):
            guard let call, let caller = call.caller, let retention = table.retention(of: id), let codec = caller.codec else { return }
            let ring = RecordingRing(capacity: RingSizes.heardRecording(codec), agentCapacity: RingSizes.ownRecording(codec))
            submit(.setRecording(caller.media, ring), id)
            call.recorder?.send(.start(grant, retention, ring, from: call.mediaTime(SystemClock.now)))
        case .stop:
            if let caller = call?.caller { submit(.setRecording(caller.media, nil), id) }
            call?.recorder?.send(.stop)
        case .finish(let record):
            if let call, let recorder = call.recorder {
                // Behind the voice side's last lines, which come by its own loop.
                if let voiceLoop = call.voiceLoop { voiceLoop.execute { recorder.finish(record) } } else { recorder.finish(record) }
            } else {
                let audit = dependencies.audit
                let entry = AuditEntry(
                    act: .callEnded, actor: .daemon, tenant: record.trunk.tenant, call: id, reason: record.termination.reason,
                    facts: ["cause": record.termination.cause.rawValue, "policy": record.policyVersion, "recorded": "no"])
                audit.note(entry)
            }
        }
    }

    // MARK: - Parts of a call

    func startRecorder(_ call: LiveCall, _ codec: AudioCodec) {
        guard let record = table.record(of: call.id), let retention = table.retention(of: call.id) else {
            return
        }
        let id = call.id
        recorders += 1
        call.recorder = CallRecorder(
            place: CallPlace(tenant: call.tenant, call: id, started: record.arrivedAt),
            opening: CallOpening(
                direction: .inbound, trunk: record.trunk.trunk.text, policyVersion: record.policyVersion, caller: record.caller?.text,
                callee: record.called.text),
            codec: codec, retention: retention, storage: dependencies.storage, audit: dependencies.audit,
            failed: { [self] why, began in loop.execute { self.recordingFailed(id, why, began: began) } },
            closed: { [self] counters in loop.execute { self.recorderClosed(id, counters) } })
    }

    func recordingFailed(_ id: CallID, _ why: String, began: Bool) {
        // Nobody empties the ring any more.
        if !began, let caller = calls[id]?.caller { submit(.setRecording(caller.media, nil), id) }
        feed(.recordingFailed(id, why, began: began))
    }

    func recorderClosed(_ id: CallID, _ counters: AudioRelease.Counters) {
        recorders -= 1
        dependencies.events.note(
            .info, "call.recorded", call: id,
            [
                ("frames", String(counters.released)), ("silenced", String(counters.silenced)), ("lagged", String(counters.lagged)),
                ("late", String(counters.late)),
            ])
        resumeIfIdle()
    }

    func beginVoice(_ call: LiveCall, _ policy: PolicySnapshot, _ tenant: TenantName) {
        guard let rings = call.rings, let heard = rings.recognizer, let playout = rings.playout, let tenantPolicy = policy.tenant(tenant),
            let script = table.script(of: call.id)
        else { return }
        let id = call.id
        let events = dependencies.events
        let speech = tenantPolicy.speech
        let recorder = call.recorder
        guard let recognizer = dependencies.providers.recognizers[speech.recognizer],
            let synthesizer = dependencies.providers.synthesizers[speech.synthesizer],
            let makeModel = dependencies.providers.models[speech.model],
            let settings = try? RedactionSettings(actions: tenantPolicy.redaction.all)
        else {
            return later(.voice(id, .hangUp(reason: "a speech provider is missing", isFault: true)))
        }
        let setup = VoiceSetup(
            call: id, settings: settings, model: makeModel(script), recognizer: recognizer, synthesizer: synthesizer,
            voice: dependencies.voice, heard: heard, playout: playout)
        let voiceLoop = dependencies.voiceGroup.next()
        call.voiceLoop = voiceLoop
        let report: @Sendable (VoiceEvent) -> Void = { [self] event in loop.execute { self.voice(event, id) } }
        let trace: @Sendable (VoiceTrace) -> Void = { trace in
            recorder?.send(.trace(trace))
            CallNotes.write(trace, call: id, tenant: tenant, to: events)
        }
        let audit = dependencies.audit
        let voice = VoiceSession(loop: voiceLoop, setup: setup, report: report, trace: trace)
        call.voice = voice
        let provider = policy.provider(for: .recognizer, tenant: tenant)
        voiceLoop.execute {
            guard let provider else { return voice.begin(grant: nil) }
            switch policy.grantBoundary(recognizer: provider, tenant: tenant) {
            case .granted(let grant):
                let entry = AuditEntry(
                    act: .boundaryOpened, actor: .daemon, tenant: tenant, call: id, reason: grant.rule,
                    facts: ["recipient": grant.recipient, "boundary": provider.boundary.rawValue])
                audit.note(entry)
                voice.begin(grant: grant)
            case .refused(let reason):
                events.note(.warning, "voice.no-recognizer", call: id, tenant: tenant, [("reason", reason.description)])
                voice.begin(grant: nil)
            }
        }
    }

    func voice(_ event: VoiceEvent, _ id: CallID) {
        switch event {
        case .promptEnded(let prompt, let isWhole): feed(.voice(id, .promptEnded(prompt, isWhole: isWhole)))
        case .answered(let answer, let by): feed(.voice(id, .answered(answer, by: by)))
        case .withdrawn(let by): feed(.voice(id, .withdrawn(by: by)))
        case .payment(let isOn): feed(.voice(id, .payment(isOn: isOn)))
        case .handOver(let to, let trunk):
            feed(.voice(id, .handOver(HandOverRequest(trunk: trunk, number: DialledNumber(user: to)))))
        case .hangUp(let reason): feed(.voice(id, .hangUp(reason: reason.rawValue, isFault: reason != .finished)))
        case .recognizerFailed(let error): feed(.voice(id, .recognizerFailed(error.description)))
        }
    }
}
