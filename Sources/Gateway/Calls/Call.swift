internal import Admission
internal import Consent
internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// One call from its INVITE to its record.
///
///     reserving ─port─▶ starting ─media runs─▶ answered ─ACK─▶ consenting ─settled─▶ talking
///         │                │                      │               │                    │
///         └────────────────┴──────────────────────┴───────────────┴──── end ───────────┴─▶ ending ─media, dialog gone─▶ gone
///
/// The 200 leaves only after the media thread has confirmed sockets and keys. A call whose offer is missing sends its own in the 200 and
/// starts media on the answer in the ACK.
struct Call: Sendable {
    enum State: Equatable {
        case reserving(InviteID, SDPOffer?)
        case starting(InviteID, NegotiatedMedia)
        /// Our offer is out in the 200.
        case offering(InviteID, OfferedMedia)
        case answered(InviteID)
        case consenting
        case talking
        case ending
    }

    enum Timer: Hashable { case setUp, longest }

    let id: CallID
    let ticket: AdmissionTicket
    let dialog: DialogID
    let trunk: TrunkPolicy
    let tenant: TenantPolicy
    let script: DialogueScript
    let configuration: CallsConfiguration
    let address: CallsConfiguration.MediaAddress
    let policy: PolicySnapshot
    private let facts: ConsentFacts

    var state: State
    var record: CallRecord
    var agreed: NegotiatedMedia?
    var localSession: LocalSession?
    /// A re-INVITE or UPDATE whose new media the media thread is installing.
    var pendingChange: PendingChange?
    var timers = TimerTable<Timer>()
    private var consent: ConsentMachine?
    private var prompts: [UInt32: ConsentPrompt] = [:]
    private var lastPrompt: UInt32 = 0
    private var isPayment = false
    private var isDialogGone = false
    private var isMediaGone = false
    private var mediaIsOpen = false
    private var isFinished = false

    init(
        id: CallID, ticket: AdmissionTicket, arrived: InviteArrived, tenant: TenantPolicy, trunk: TrunkPolicy, reference: TrunkReference,
        script: DialogueScript, route: RouteDecision, called: DialledNumber, caller: DialledNumber?, policy: PolicySnapshot,
        facts: ConsentFacts, configuration: CallsConfiguration, address: CallsConfiguration.MediaAddress, time: CallTime
    ) {
        self.id = id
        self.ticket = ticket
        dialog = arrived.dialog
        self.tenant = tenant
        self.trunk = trunk
        self.script = script
        self.policy = policy
        self.facts = facts
        self.configuration = configuration
        self.address = address
        state = .reserving(arrived.invite, SDPOffer(arrived.request))
        record = CallRecord(
            call: id, trunk: reference, policyVersion: policy.version, called: called, caller: caller, arrivedAt: time.wall,
            endedAt: time.wall, route: "agent:\(script.name)", routeRule: route.reason.rule, wasRecorded: false,
            termination: Termination(.indeterminate, "not ended"))
        self.routeReason = route.reason
    }

    private let routeReason: DecisionReason

    var isGone: Bool { isFinished && isDialogGone && isMediaGone }

    var nextDeadline: Instant? {
        [timers.next, consent?.nextDeadline].compactMap { $0 }.min()
    }

    var summary: CallSummary {
        CallSummary(
            call: id, trunk: record.trunk, state: stateName, arrivedAt: record.arrivedAt, answeredAt: record.answeredAt,
            route: record.route, codec: record.codec, suite: record.suite, consent: consentName, isPayment: isPayment)
    }

    private var stateName: String {
        switch state {
        case .reserving, .starting, .offering: "answering"
        case .answered: "answered"
        case .consenting: "consenting"
        case .talking: isPayment ? "payment" : "talking"
        case .ending: "ending"
        }
    }

    private var consentName: String {
        guard let consent else { return "none" }
        return consent.isGranted ? "granted" : consent.isDone ? "refused" : "pending"
    }

    // MARK: - Set-up

    mutating func begin(_ time: CallTime) -> [CallOutput] {
        guard case .reserving(let invite, let offer) = state else { return [] }
        var outputs: [CallOutput] = [
            .note(id, .arrived(trunk: record.trunk, policyVersion: policy.version)),
            .note(id, .routed(reason: routeReason, to: record.route)),
        ]
        if let offer, let refusal = refusal(of: offer) {
            return outputs + refuse(invite, refusal, time)
        }
        timers.start(.setUp, at: time.now + configuration.setUpTime)
        timers.start(.longest, at: time.now + configuration.longestCall)
        mediaIsOpen = true
        outputs.append(.sip(.answer(invite, SIPAnswer(180))))
        outputs.append(.media(id, .reserve(range: address.range)))
        return outputs
    }

    mutating func media(_ report: MediaReport, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        switch (report, state) {
        case (.closed(let summary), _):
            record.media = summary ?? record.media
            isMediaGone = true
            guard state != .ending else { return finishIfPossible(time) }
            return end(Termination(.ourFault, "media ended"), time)
        case (_, .ending):
            return []
        case (.reserved(let port), .reserving(let invite, let offer)):
            localSession = LocalSession(address: address, port: port, entropy: &entropy)
            return portReserved(invite, offer, time)
        case (.started, .starting(let invite, let media)):
            return mediaStarted(answering: invite, media, time)
        case (.started, _):
            return []
        case (.updated, _):
            return changeInstalled(time)
        case (.failed(let why), .reserving(let invite, _)), (.failed(let why), .starting(let invite, _)):
            let retry = SIPAnswer(503, headers: [.retryAfter(.seconds(5))])
            return refuse(invite, CallRefusal(answer: retry, termination: Termination(.ourFault, why)), time)
        case (.failed(let why), _):
            if pendingChange != nil { return changeFailed(time) }
            return end(Termination(.ourFault, why), time)
        case (.timedOut, _):
            return end(Termination(.callerFault, "no media from the peer"), time)
        case (.keyExhausted, _):
            return end(Termination(.callerFault, "an SRTP key reached its end"), time)
        case (.reserved, _):
            return []
        }
    }

    private mutating func mediaStarted(answering invite: InviteID, _ media: NegotiatedMedia, _ time: CallTime) -> [CallOutput] {
        guard let body = localSession?.body(of: media) else { return end(Termination(.ourFault, "no session description"), time) }
        state = .answered(invite)
        timers.stop(.setUp)
        record.answeredAt = time.wall
        return [.voice(id, .begin(policy, tenant.name)), .sip(.answer(invite, SIPAnswer(200, body: body))), .note(id, .answered)]
    }

    mutating func noteAgreed(_ media: NegotiatedMedia) -> [CallOutput] {
        agreed = media
        record.codec = media.codecName
        record.suite = media.suiteName
        return [.note(id, .mediaAgreed(codec: media.codecName, suite: media.suiteName))]
    }

    // MARK: - Signaling

    mutating func sip(_ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        switch event {
        case .acknowledged(_, let invite, let ack):
            return acknowledged(invite, ack, time)
        case .reinviteArrived(let arrived):
            return changeOffered(.reinvite(arrived.invite), arrived.request, time, &entropy)
        case .updateArrived(let arrived):
            return changeOffered(.update(arrived.update), arrived.request, time, &entropy)
        case .reinviteWithdrawn:
            return changeWithdrawn()
        case .dialogEnded(_, let ending):
            isDialogGone = true
            if case .remoteBye(let bye) = ending { record.peerCause = bye.reasons.lazy.compactMap(\.q850Cause).first.map { Int($0) } }
            guard state != .ending else { return finishIfPossible(time) }
            return end(Termination(of: ending), time)
        case .inviteArrived, .reofferEnded, .dialogProbed, .probed, .connectionLost, .connectionMoved, .turnedAway:
            return []
        }
    }

    private mutating func acknowledged(_ invite: InviteID, _ ack: SIPRequest, _ time: CallTime) -> [CallOutput] {
        switch state {
        case .answered(invite):
            return startConsent(time)
        case .offering(invite, let offered):
            return answerInACK(ack, to: offered, time)
        case .reserving, .starting, .offering, .answered, .consenting, .talking, .ending:
            return []
        }
    }

    // MARK: - Consent

    mutating func startConsent(_ time: CallTime) -> [CallOutput] {
        state = .consenting
        let parties = ConsentParty.inbound(
            caller: record.caller, callee: record.called, tenantRegion: tenant.region, gatewayRegion: policy.gatewayRegion)
        let plan = facts.plan(parties: parties, policy: tenant.consent)
        var machine = ConsentMachine(call: id, tenant: tenant, policyVersion: policy.version, plan: plan)
        let outputs = machine.handle(.started, now: time.now, wall: time.wall)
        consent = machine
        return [.note(id, .consentPlanned(mode: plan.mode, because: plan.strictBecauseOf))] + carryOut(outputs, time)
    }

    private mutating func consent(_ input: ConsentMachine.Input, _ time: CallTime) -> [CallOutput] {
        guard var machine = consent else { return [] }
        let outputs = machine.handle(input, now: time.now, wall: time.wall)
        consent = machine
        record.consent = machine.evidence
        return carryOut(outputs, time)
    }

    private mutating func carryOut(_ wishes: [ConsentMachine.Output], _ time: CallTime) -> [CallOutput] {
        var outputs: [CallOutput] = []
        for wish in wishes {
            switch wish {
            case .say(let prompt, let text):
                lastPrompt &+= 1
                prompts[lastPrompt] = prompt
                // From the question on an answer may come at any time: callers do not wait for the last word.
                if prompt == .question { outputs.append(.voice(id, .expectConsent(true))) }
                outputs.append(.voice(id, .say(prompt: lastPrompt, text: text)))
            case .stopSaying(let prompt):
                prompts = prompts.filter { $0.value != prompt }
                outputs += [.voice(id, .stopSaying), .media(id, .flushPlayout)]
            case .listen:
                outputs.append(.voice(id, .expectConsent(true)))
            case .granted(let grant):
                record.wasRecorded = true
                outputs += [.record(id, .start(grant)), .note(id, .consentGranted(grant))]
            case .refused(let action):
                outputs.append(.note(id, .consentRefused(action)))
            case .revoked:
                outputs += [.record(id, .stop), .note(id, .consentWithdrawn)]
            case .proceed:
                guard state == .consenting else { continue }
                state = .talking
                outputs += [.voice(id, .expectConsent(false)), .voice(id, .beginDialogue(script))]
            case .hangUp:
                outputs += end(Termination(.refusedByPolicy, "the caller refused consent"), time)
            }
        }
        return outputs
    }

    // MARK: - Voice

    mutating func voice(_ report: VoiceReport, _ time: CallTime) -> [CallOutput] {
        if state == .ending { return [] }
        switch report {
        case .promptEnded(let number, let isWhole):
            guard let prompt = prompts.removeValue(forKey: number) else { return [] }
            return consent(.promptPlayed(prompt, isWhole: isWhole), time)
        case .answered(let answer, let by):
            return consent(.answered(answer, by: by), time)
        case .payment(let isOn):
            guard isOn != isPayment else { return [] }
            isPayment = isOn
            return [.media(id, .protect(isOn: isOn)), .note(id, .payment(isOn: isOn))]
        case .hangUp(let reason, let isFault):
            return end(Termination(isFault ? .ourFault : .completed, reason), time)
        case .recognizerFailed(let why):
            return [.note(id, .recognizerFailed(why))]
        }
    }

    mutating func recordingFailed(_ why: String) -> [CallOutput] {
        record.recordingFailure = why
        return [.note(id, .recordingFailed(why))]
    }

    // MARK: - Time

    mutating func timersFired(_ time: CallTime) -> [CallOutput] {
        var outputs: [CallOutput] = []
        while let timer = timers.popExpired(now: time.now) {
            switch timer {
            case .setUp: outputs += end(Termination(.ourFault, "media was not set up in time"), time)
            case .longest: outputs += end(Termination(.completed, "the longest call"), time)
            }
        }
        if let deadline = consent?.nextDeadline, deadline <= time.now { outputs += consent(.timerDue, time) }
        return outputs
    }

    // MARK: - The end

    /// Refuses the INVITE that would have begun the call.
    mutating func refuse(_ invite: InviteID, _ refusal: CallRefusal, _ time: CallTime) -> [CallOutput] {
        [.sip(.answer(invite, refusal.answer)), .note(id, .offerRefused(status: Int(refusal.answer.status), detail: refusal.termination.reason))]
            + end(refusal.termination, time, isAnswered: true)
    }

    /// Ends the call for whatever reason; the first one counts.
    mutating func end(_ termination: Termination, _ time: CallTime, isAnswered: Bool = false) -> [CallOutput] {
        guard state != .ending else { return [] }
        state = .ending
        timers.stopAll()
        pendingChange = nil
        record.termination = termination
        record.endedAt = time.wall
        var outputs: [CallOutput] = [.note(id, .ending(termination))]
        if !isDialogGone, !isAnswered {
            let reason = SIPHeader.reason(q850: termination.q850Cause, text: termination.cause.rawValue)
            outputs.append(.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [reason])))
        }
        _ = consent(.callEnded, time)
        consent = nil
        outputs.append(.voice(id, .end))
        if mediaIsOpen, !isMediaGone { outputs.append(.media(id, .close)) } else { isMediaGone = true }
        return outputs + finishIfPossible(time)
    }

    /// The record is written when the media's last figures are in and the dialog has gone.
    private mutating func finishIfPossible(_ time: CallTime) -> [CallOutput] {
        guard state == .ending, isMediaGone, isDialogGone, !isFinished else { return [] }
        isFinished = true
        return [.record(id, .finish(record))]
    }
}
