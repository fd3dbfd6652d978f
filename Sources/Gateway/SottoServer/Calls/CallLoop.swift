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
    let dependencies: Dependencies
    private(set) var table: CallTable
    private(set) var media: MediaThreads?
    private(set) var driver: SIPEndpointDriver?
    private var outbound: OutboundCalls?
    var calls: [CallID: LiveCall] = [:]
    var byMedia: [MediaSessionID: (call: CallID, leg: CallLeg)] = [:]
    private var sources: [ConnectionID: PeerAddress] = [:]
    var nextMedia: UInt64 = 0
    private var ladders = SIPLadders()
    private var inputs = CircularBuffer<CallTable.Input>()
    private var isTurning = false
    private var tick: RepeatedTask?
    private var ticks = 0
    private var lastTick = SystemClock.now
    private var isIdle: [CheckedContinuation<Void, Never>] = []
    /// Recorders that are still closing: a drain waits for them.
    var recorders = 0
    private let turns = Atomic<UInt64>(0)
    private var entropy = SystemRandomNumberGenerator()

    init(loop: any EventLoop, configuration: CallsConfiguration, policy: PolicySnapshot, facts: ConsentFacts, dependencies: Dependencies) {
        self.loop = loop
        self.dependencies = dependencies
        table = CallTable(configuration: configuration, policy: policy, facts: facts)
    }

    /// Gives the loop its hands and starts its clock. On the loop.
    func begin(media: MediaThreads, driver: SIPEndpointDriver, outbound: OutboundCalls) {
        loop.preconditionInEventLoop()
        self.media = media
        self.driver = driver
        self.outbound = outbound
        tick = loop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { [weak self] _ in self?.ticked() }
    }

    func stop() {
        loop.preconditionInEventLoop()
        tick?.cancel()
        tick = nil
        driver = nil
        outbound = nil
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
        claimLadder(event)
        if case .digitArrived(let dialog, let digit) = event { return press(digit, in: dialog) }
        if outbound?.take(event) != true { feed(.sip(event)) }
    }

    /// The Call-ID of a leg that we called is known by its first response.
    private func claimLadder(_ event: SIPEndpointEvent) {
        switch event {
        case .attemptProgressed(let attempt, _, let response), .attemptAnswered(let attempt, _, let response),
            .attemptEnded(let attempt, .refused(let response)):
            if let call = table.call(of: attempt) { ladders.add(response.callID, to: call) }
        default: break
        }
    }

    /// Every message of the endpoint, for the ladders.
    func message(_ message: SIPMessage, _ direction: SIPMessageDirection) {
        ladders.record(message, direction, at: SystemClock.wall)
    }

    func ladder(of call: CallID) -> (steps: [SIPLadderStep], left: Int)? { ladders.steps(of: call) }

    func drainMedia() {
        media?.drainEvents { event in self.take(event) }
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
        if ticks % 20 == 0 { outbound?.ticked(now: now) }
        if ticks % 10 == 0 { feed(.loadChanged(LoadReading(loopLag: max(.zero, lag)))) }
    }

    // MARK: - Outputs

    private func carryOut(_ outputs: [CallOutput]) {
        for output in outputs {
            switch output {
            case .sip(let command): driver?.perform(command)
            case .media(let id, let leg, let instruction): carryOut(instruction, id, leg)
            case .voice(let id, let instruction): carryOut(instruction, id)
            case .record(let id, let instruction): carryOut(instruction, id)
            case .note(let id, let note):
                if case .recordingFailed(let why) = note { dependencies.alert("a recording failed: \(why)") }
                if case .recognizerFailed(let why) = note { dependencies.alert("a caller is not heard: \(why)") }
                CallNotes.write(note, call: id, to: dependencies.events, audit: dependencies.audit)
                if let id, let call = calls[id], let event = CallNotes.event(for: note) {
                    call.recorder?.send(.event(event, at: call.mediaTime(SystemClock.now)))
                }
            case .dial(let id, let instruction): outbound?.dialler.perform(instruction, for: id)
            case .gone(let id): forget(id)
            }
        }
    }

    /// An input that a turn gives rise to comes after it.
    func later(_ input: CallTable.Input) { loop.execute { self.feed(input) } }

    private func forget(_ id: CallID) {
        ladders.callEnded(id)
        guard let call = calls.removeValue(forKey: id) else { return }
        for leg in call.legs.values { byMedia[leg.media] = nil }
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

    func resumeIfIdle() {
        guard table.count == 0, calls.isEmpty, recorders == 0, !isIdle.isEmpty else { return }
        let waiting = isIdle
        isIdle = []
        for continuation in waiting { continuation.resume() }
    }

    var runningCalls: [Calls.CallSummary] { table.summaries }
    var callCount: Int { table.count }
    var recorderCount: Int { recorders }
    var gate: CallGate { table.admission }
    var farLegCount: Int { table.farLegCount }
    var attemptCount: Int { table.attemptCount }
    var ladderBytes: Int { ladders.bytes }
}

extension [CallOutput] {
    /// The call that began with this turn.
    fileprivate var newCall: CallID? {
        for case .note(let id?, .arrived) in self { return id }
        return nil
    }
}
