internal import Admission
internal import Consent
internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// What a call is for, by its route.
enum CallTarget: Sendable {
    case agent(DialogueScript)
    case echo
    /// The trunks to call out by, the first first.
    case trunks([TrunkPolicy], dialled: DialledNumber)
}

/// One call from its INVITE to its record: the caller's leg, its voice side, and the legs that we call for it.
///
///     reserving ─port─▶ starting ─media runs, 200─▶ answered ─ACK─┬─agent─▶ consenting ─settled─▶ talking ─hand-over─┐
///         │  │              ▲                                     └─echo, bridged──────────────▶ talking ◀────────────┘
///         │  └─no offer─▶ offering ─ACK─▶ starting ─media runs───▶ (as after answered)
///         └─to a trunk─▶ dialling ─far leg connected, both bridged, 200─▶ answered
///                              └─no offer─▶ offering
///
///     any of them ──end──▶ ending ──media closed and dialogs gone, or the closing time over──▶ gone
///
/// The 200 leaves only after the media thread has confirmed sockets and keys, and for a bridged call the bridge. A call whose offer is
/// missing sends its own in the 200 and starts media on the answer in the ACK.
struct Call: Sendable {
    enum State: Equatable {
        case reserving(InviteID, SDPOffer?)
        /// Whom the caller wants is being called. The answer is ready; nil: the caller wants our offer.
        case dialling(InviteID, NegotiatedMedia?)
        /// The media thread installs what was agreed. The invite is to be answered then; nil when its 200 was acknowledged already.
        case starting(InviteID?, NegotiatedMedia)
        /// Our offer is out in the 200; the answer comes in its ACK.
        case offering(InviteID, SessionDescription)
        /// The 200 is out and its ACK has not come.
        case answered(InviteID)
        case consenting
        case talking
        case ending
    }

    enum Timer: Hashable {
        /// Media is not confirmed.
        case setUp
        /// The longest call.
        case longest
        /// The end is not confirmed.
        case closing(isLast: Bool)
    }

    let id: CallID
    let ticket: AdmissionTicket
    let trunk: TrunkPolicy
    let tenant: TenantPolicy
    let target: CallTarget
    let configuration: CallsConfiguration
    let policy: PolicySnapshot
    let facts: ConsentFacts
    /// nil: it may not be handed on (Max-Forwards).
    let identity: OutboundIdentity?
    private let routeReason: DecisionReason

    var state: State
    var record: CallRecord
    var caller: LegSession
    /// Legs that we called and that are not gone, oldest first.
    var far: [OutboundLeg] = []
    var farLegs: UInt32 = 0
    /// Why a leg is being called, or the caller referred.
    var errand: Errand?
    /// The leg that is being called for `errand`.
    var calling: CallLeg?
    /// The connected leg that the caller is to be bridged with.
    var partner: CallLeg?
    var progress = CallerProgress()
    var timers = TimerTable<Timer>()
    var consent: ConsentMachine?
    /// Prompts that were said and have not ended, by number.
    var prompts: [UInt32: ConsentPrompt] = [:]
    var lastPrompt: UInt32 = 0
    var isPayment = false
    var isVoiceGone = false
    var isRecording = false
    var isFinished = false

    init(
        id: CallID, ticket: AdmissionTicket, arrived: InviteArrived, tenant: TenantPolicy, trunk: TrunkPolicy, reference: TrunkReference,
        target: CallTarget, targetName: String, reason: DecisionReason, called: DialledNumber, caller: DialledNumber?,
        policy: PolicySnapshot, facts: ConsentFacts, configuration: CallsConfiguration, source: PeerAddress, time: CallTime
    ) {
        let offer = SDPOffer(arrived.request)
        self.id = id
        self.ticket = ticket
        self.tenant = tenant
        self.trunk = trunk
        self.target = target
        self.policy = policy
        self.facts = facts
        self.configuration = configuration
        identity = OutboundIdentity(arrived.request, trunk: trunk)
        self.caller = LegSession(
            leg: .caller, trunk: trunk, address: configuration.address(isIPv6: offer?.wantsIPv6 ?? source.isIPv6),
            configuration: configuration)
        self.caller.dialog = arrived.dialog
        state = .reserving(arrived.invite, offer)
        record = CallRecord(
            call: id, trunk: reference, policyVersion: policy.version, called: called, caller: caller, arrivedAt: time.wall,
            endedAt: time.wall, route: targetName, routeRule: reason.rule, wasRecorded: false,
            termination: Termination(.indeterminate, "not ended"))
        routeReason = reason
    }

    var isGone: Bool { isFinished }
    var isEnding: Bool { state == .ending }

    var script: DialogueScript? {
        if case .agent(let script) = target { script } else { nil }
    }

    /// Where the caller's sound goes at first.
    var mode: CallMediaMode {
        switch target {
        case .agent: .voice
        case .echo: .echo
        case .trunks: .bridge
        }
    }

    var nextDeadline: Instant? {
        // Asked of every call at each tick: it must not allocate.
        var next = timers.next
        func consider(_ other: Instant?) {
            guard let other else { return }
            next = next.map { min($0, other) } ?? other
        }
        consider(consent?.nextDeadline)
        consider(caller.reoffer.retryAt)
        for leg in far { consider(leg.nextDeadline) }
        return next
    }

    var summary: CallSummary {
        CallSummary(
            call: id, trunk: record.trunk, state: stateName, arrivedAt: record.arrivedAt, answeredAt: record.answeredAt,
            route: record.route, codec: record.codec, suite: record.suite, consent: consentName, isPayment: isPayment,
            farLegs: far.map(\.summary))
    }

    private var stateName: String {
        switch state {
        case .reserving, .starting, .offering: "answering"
        case .dialling: "dialling"
        case .answered: "answered"
        case .consenting: "consenting"
        case .talking:
            if partner != nil {
                "bridged"
            } else if errand != nil {
                "handing-over"
            } else {
                isPayment ? "payment" : mode == .echo ? "echo" : "talking"
            }
        case .ending: "ending"
        }
    }

    private var consentName: String {
        switch record.consent?.outcome {
        case nil, .notRecorded: "none"
        case .unanswered: state == .ending ? "none" : "pending"
        case .granted: "granted"
        case .refused: "refused"
        }
    }

    // MARK: - Set-up

    mutating func begin(_ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        guard case .reserving(let invite, let offer) = state else { return [] }
        caller.isMediaGone = true
        let outputs: [CallOutput] = [
            .note(id, .arrived(trunk: record.trunk, policyVersion: policy.version)),
            .note(id, .routed(reason: routeReason, to: record.route)),
        ]
        // What can be known is said before anything rings and before a port is taken.
        if let offer, let refusal = caller.foreseenRefusal(of: offer, &entropy) {
            return outputs + refuse(invite, refusal, time)
        }
        timers.start(.setUp, at: time.now + configuration.setUpTime)
        let longest = policy.limits.callDuration
        timers.start(.longest, at: time.now + min(configuration.longestCall ?? longest, longest))
        caller.isMediaGone = false
        let reserve = CallOutput.media(id, .caller, .reserve(range: caller.address.range))
        // Whom we call rings, not we.
        if mode == .bridge { return outputs + [reserve] }
        return outputs + [.sip(.answer(invite, SIPAnswer(180))), reserve]
    }

    mutating func noteAgreed(_ media: NegotiatedMedia) -> [CallOutput] {
        caller.agreed = media
        record.codec = media.codec.name.description
        record.suite = media.keyingName
        return [.note(id, .mediaAgreed(codec: media.codec.name.description, suite: media.keyingName))]
    }
}
