internal import Admission
internal import Audio
internal import AuditLog
internal import Calls
internal import Consent
internal import Dialogue
internal import Logging
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import Redaction
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SIPTransport
internal import SealedStorage
internal import SottoBase
internal import Speech
internal import Synchronization

/// Runs the table of calls on the call loop: events of signaling, media and voice go in, and what the table wants done is carried out.
///
/// Everything here is touched on `loop` alone; others reach it by `execute`.
final class CallLoop: @unchecked Sendable {  // proof: mutable state is touched on `loop` alone
    struct Dependencies {
        var storage: SealedStore
        var audit: AuditTrail
        var events: EventLog
        var providers: SpeechProviders
        var directory: TrunkDirectory
        var voiceGroup: any EventLoopGroup
        var mediaTimeout: Duration
        var guardMilliseconds: Int
        var voice: String
        /// Raises something that an operator should look at.
        var alert: @Sendable (String) -> Void
    }

    let loop: any EventLoop
    private let dependencies: Dependencies
    private var table: CallTable
    private var media: MediaThreads?
    private var driver: SIPEndpointDriver?
    private var calls: [CallID: LiveCall] = [:]
    private var byMedia: [MediaSessionID: CallID] = [:]
    private var sources: [ConnectionID: PeerAddress] = [:]
    private var nextMedia: UInt64 = 0
    private var ladders = SIPLadders()
    private var inputs = CircularBuffer<CallTable.Input>()
    private var isTurning = false
    private var tick: RepeatedTask?
    private var ticks = 0
    private var lastTick = SystemClock.now
    private var isIdle: [CheckedContinuation<Void, Never>] = []
    /// Recorders that are still closing: a drain waits for them.
    private var recorders = 0
    private let turns = Atomic<UInt64>(0)
    private var entropy = SystemRandomNumberGenerator()

    init(loop: any EventLoop, configuration: CallsConfiguration, policy: PolicySnapshot, facts: ConsentFacts, dependencies: Dependencies) {
        self.loop = loop
        self.dependencies = dependencies
        table = CallTable(configuration: configuration, policy: policy, facts: facts)
    }

    /// Gives the loop its hands and starts its clock. On the loop.
    func begin(media: MediaThreads, driver: SIPEndpointDriver) {
        loop.preconditionInEventLoop()
        self.media = media
        self.driver = driver
        tick = loop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { [weak self] _ in self?.ticked() }
    }

    func stop() {
        loop.preconditionInEventLoop()
        tick?.cancel()
        tick = nil
        driver = nil
        media = nil
    }

    /// For the watchdog: rises as long as the loop turns.
    var turnCount: UInt64 { turns.load(ordering: .relaxed) }

    // MARK: - Events

    func connection(_ event: SIPConnectionEvent) {
        switch event {
        case .opened(let id, let info, _): sources[id] = info.address
        case .closed(let id, _): sources[id] = nil
        }
    }

    func signaling(_ event: SIPEndpointEvent) {
        if case .inviteArrived(let arrived) = event {
            guard let trunk = dependencies.directory.trunk(of: arrived.peer), let source = sources[arrived.connection] else {
                // Its connection has gone, or a reload took the trunk away meanwhile: nobody waits for an answer that never comes.
                driver?.perform(.answer(arrived.invite, SIPAnswer(403)))
                return
            }
            return feed(.invited(arrived, trunk: trunk, source: source))
        }
        feed(.sip(event))
    }

    /// Every message of the endpoint, for the ladders.
    func message(_ message: SIPMessage, _ direction: SIPMessageDirection) {
        ladders.record(message, direction, at: SystemClock.wall)
    }

    func ladder(of call: CallID) -> (steps: [SIPLadderStep], left: Int)? { ladders.steps(of: call) }

    func drainMedia() {
        media?.drainEvents { event in self.media(event) }
    }

    /// Takes an input now, or, when a turn is being carried out (whose commands may bring events at once), right after it.
    func feed(_ input: CallTable.Input) {
        inputs.append(input)
        guard !isTurning else { return }
        isTurning = true
        while let next = inputs.popFirst() {
            let outputs = table.handle(next, now: SystemClock.now, wall: SystemClock.wall, entropy: &entropy)
            if case .invited(let arrived, _, _) = next, let id = outputs.newCall { ladders.add(arrived.request.callID, to: id) }
            carryOut(outputs)
        }
        isTurning = false
    }

    private func media(_ event: MediaEvent) {
        switch event {
        case .reserved(let id, let ports): report(id, .reserved(port: ports.rtp))
        case .started(let id):
            call(id)?.startedAt = SystemClock.now
            report(id, .started)
        case .updated(let id): report(id, .updated)
        case .failed(let id, let failure): report(id, .failed(failure.description))
        case .digit(let id, let key, _):
            guard let call = call(id), let voice = call.voice else { return ClearArena.keys.discard(key) }
            call.voiceLoop?.execute { voice.keyPressed(key) }
        case .promptPlayed(let id, let tag, _):
            guard let call = call(id), let voice = call.voice else { return }
            call.voiceLoop?.execute { voice.promptPlayed(tag) }
        case .mediaTimedOut(let id): report(id, .timedOut)
        case .keyExhausted(let id): report(id, .keyExhausted)
        case .statistics(let id, let statistics): call(id)?.statistics = statistics
        case .closed(let id, let statistics):
            report(id, .closed(statistics.summary))
            byMedia[id] = nil
        case .firstAuthenticatedPacket(let id, _): note(.debug, "media.first-packet", id)
        case .sourceMoved(let id, let address): note(.notice, "media.source-moved", id, [("address", address.text)])
        case .digitLost(let id, _): note(.warning, "media.digit-lost", id)
        case .peerSaidBye(let id): note(.debug, "media.peer-bye", id)
        case .dtlsFailed(let id, let failure): report(id, .failed(failure.description))
        case .bridged, .unbridged, .dtlsEstablished, .digitsSent: break
        }
    }

    private func call(_ id: MediaSessionID) -> LiveCall? { byMedia[id].flatMap { calls[$0] } }

    private func report(_ id: MediaSessionID, _ report: MediaReport) {
        if let call = byMedia[id] { feed(.media(call, report)) }
    }

    private func note(_ level: Logger.Level, _ name: String, _ id: MediaSessionID, _ fields: [(String, String)] = []) {
        guard let call = call(id) else { return }
        dependencies.events.note(level, name, call: call.id, tenant: call.tenant, fields)
    }

    // MARK: - Time

    private func ticked() {
        turns.wrappingAdd(1, ordering: .relaxed)
        let now = SystemClock.now
        let lag = now - lastTick - .milliseconds(50)
        lastTick = now
        ticks &+= 1
        drainMedia()
        if let deadline = table.nextDeadline, deadline <= now { feed(.timerDue) }
        if ticks % 4 == 0 {
            for call in calls.values { call.recorder?.send(.tick) }
        }
        if ticks % 10 == 0 { feed(.loadChanged(LoadReading(loopLag: max(.zero, lag)))) }
    }

    // MARK: - Outputs

    private func carryOut(_ outputs: [CallOutput]) {
        for output in outputs {
            switch output {
            case .sip(let command): driver?.perform(command)
            case .media(let id, let leg, let instruction): if leg == .caller { carryOut(instruction, id) }
            case .voice(let id, let instruction): carryOut(instruction, id)
            case .record(let id, let instruction): carryOut(instruction, id)
            case .note(let id, let note):
                if case .recordingFailed(let why) = note { dependencies.alert("a recording failed: \(why)") }
                if case .recognizerFailed(let why) = note { dependencies.alert("a caller is not heard: \(why)") }
                CallNotes.write(note, call: id, to: dependencies.events, audit: dependencies.audit)
                if let id, let call = calls[id], let event = CallNotes.event(for: note) {
                    call.recorder?.send(.event(event, at: call.mediaTime(SystemClock.now)))
                }
            case .dial(let id, .begin(let dial, _, _)), .dial(let id, .next(let dial, _)):
                later(.notDialled(id, dial, "this gateway does not dial yet"))
            case .dial(_, .over): break
            case .gone(let id): forget(id)
            }
        }
    }

    private func carryOut(_ instruction: MediaInstruction, _ id: CallID) {
        guard let media else { return }
        switch instruction {
        case .reserve(let range):
            guard let tenant = table.tenant(of: id) else { return }
            nextMedia &+= 1
            let session = MediaSessionID(nextMedia)
            calls[id] = LiveCall(id: id, tenant: tenant, media: session)
            byMedia[session] = id
            if !media.submit(.reserve(session, range: range)) { later(.media(id, .failed("the media threads take no more calls"))) }
        case .start(let negotiated, let guardMilliseconds, _):
            guard let call = calls[id] else { return }
            let codec = negotiated.codec.name.audioCodec
            let rings = MediaRings(
                recognizer: AudioRing(content: .clear, capacity: RingSizes.recognizer),
                playout: AudioRing(content: .own, capacity: RingSizes.playout))
            call.codec = codec
            call.rings = rings
            startRecorder(call, codec)
            let options = MediaSessionOptions(
                owner: id, rings: rings, guardMilliseconds: guardMilliseconds ?? dependencies.guardMilliseconds,
                mediaTimeout: dependencies.mediaTimeout)
            submit(.start(call.media, negotiated.settings, options), id)
        case .update(let negotiated):
            guard let call = calls[id] else { return }
            call.codec = negotiated.codec.name.audioCodec
            submit(.update(call.media, negotiated.settings), id)
        case .bridge: later(.media(id, .failed("this gateway does not bridge yet")))
        case .unbridge, .fill: break
        case .protect(let isOn):
            if let call = calls[id] { submit(.protect(call.media, on: isOn), id) }
        case .close:
            if let call = calls[id] { submit(.close(call.media), id) }
        }
    }

    private func submit(_ command: MediaCommand, _ id: CallID) {
        if media?.submit(command) != true { later(.media(id, .failed("the media thread's mailbox is full"))) }
    }

    /// An input that a turn gives rise to comes after it.
    private func later(_ input: CallTable.Input) { loop.execute { self.feed(input) } }

    private func carryOut(_ instruction: VoiceInstruction, _ id: CallID) {
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

    private func carryOut(_ instruction: RecordInstruction, _ id: CallID) {
        let call = calls[id]
        switch instruction {
        case .start(let grant):
            guard let call, let retention = table.retention(of: id), let codec = call.codec else { return }
            let ring = RecordingRing(capacity: RingSizes.heardRecording(codec), agentCapacity: RingSizes.ownRecording(codec))
            submit(.setRecording(call.media, ring), id)
            call.recorder?.send(.start(grant, retention, ring, from: call.mediaTime(SystemClock.now)))
        case .stop:
            if let call { submit(.setRecording(call.media, nil), id) }
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

    private func startRecorder(_ call: LiveCall, _ codec: AudioCodec) {
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

    private func recordingFailed(_ id: CallID, _ why: String, began: Bool) {
        // Nobody empties the ring any more.
        if !began, let call = calls[id] { submit(.setRecording(call.media, nil), id) }
        feed(.recordingFailed(id, why, began: began))
    }

    private func recorderClosed(_ id: CallID, _ counters: AudioRelease.Counters) {
        recorders -= 1
        dependencies.events.note(
            .info, "call.recorded", call: id,
            [
                ("frames", String(counters.released)), ("silenced", String(counters.silenced)), ("lagged", String(counters.lagged)),
                ("late", String(counters.late)),
            ])
        resumeIfIdle()
    }

    private func beginVoice(_ call: LiveCall, _ policy: PolicySnapshot, _ tenant: TenantName) {
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

    private func voice(_ event: VoiceEvent, _ id: CallID) {
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

    private func forget(_ id: CallID) {
        ladders.callEnded(id)
        guard let call = calls.removeValue(forKey: id) else { return }
        byMedia[call.media] = nil
        ClearArena.words.discard(ownedBy: id)
        ClearArena.keys.discard(ownedBy: id)
        resumeIfIdle()
    }

    // MARK: - Draining and gauges

    /// Returns when no call and no recorder is left.
    func waitUntilIdle() async {
        await withCheckedContinuation { continuation in
            loop.execute {
                self.isIdle.append(continuation)
                self.resumeIfIdle()
            }
        }
    }

    private func resumeIfIdle() {
        guard table.count == 0, calls.isEmpty, recorders == 0, !isIdle.isEmpty else { return }
        let waiting = isIdle
        isIdle = []
        for continuation in waiting { continuation.resume() }
    }

    var runningCalls: [Calls.CallSummary] { table.summaries }
    var callCount: Int { table.count }
    var recorderCount: Int { recorders }
    var gate: CallGate { table.admission }
}

extension [CallOutput] {
    /// The call that began with this turn.
    fileprivate var newCall: CallID? {
        for case .note(let id?, .arrived) in self { return id }
        return nil
    }
}
