internal import Admission
internal import Consent
internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// One call from its INVITE to its record.
///
///     reserving ─port─▶ starting ─media runs, 200─▶ answered ─ACK─┐
///         │                 ▲                                     ├─▶ consenting ─settled─▶ talking
///         └──no offer───▶ offering ─ACK─▶ starting ─media runs────┘
///
///     any of them ──end──▶ ending ──media closed and dialog gone, or the closing time over──▶ gone
///
/// The 200 leaves only after the media thread has confirmed sockets and keys. A call whose offer is missing sends its own in the 200 and
/// starts media on the answer in the ACK.
///
/// It holds keys only while they may be needed: those of the session that runs, and of an offer or a change that is under way.
struct Call: Sendable {
    enum State: Equatable {
        case reserving(InviteID, SDPOffer?)
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
    let dialog: DialogID
    let trunk: TrunkPolicy
    let tenant: TenantPolicy
    let script: DialogueScript
    let configuration: CallsConfiguration
    let address: CallsConfiguration.MediaAddress
    let policy: PolicySnapshot
    let facts: ConsentFacts
    private let routeReason: DecisionReason

    var state: State
    var record: CallRecord
    /// What holds now. Nil before the first agreement and after the end.
    var agreed: NegotiatedMedia?
    var localSession: LocalSession?
    /// Updates of the media session that it has not confirmed, in the order they were asked for. At most two.
    var updates: [MediaUpdate] = []
    /// Our offer in the 200 to a re-INVITE without one; its answer comes in the ACK.
    var offeredAgain: OfferedAgain?
    var timers = TimerTable<Timer>()
    var consent: ConsentMachine?
    /// Prompts that were said and have not ended, by number.
    var prompts: [UInt32: ConsentPrompt] = [:]
    var lastPrompt: UInt32 = 0
    var isPayment = false
    var isDialogGone = false
    /// True until the media session is asked for, and once it has closed.
    var isMediaGone = true
    var isFinished = false

    init(
        id: CallID, ticket: AdmissionTicket, arrived: InviteArrived, tenant: TenantPolicy, trunk: TrunkPolicy, reference: TrunkReference,
        script: DialogueScript, route: RouteDecision, called: DialledNumber, caller: DialledNumber?, policy: PolicySnapshot,
        facts: ConsentFacts, configuration: CallsConfiguration, source: PeerAddress, time: CallTime
    ) {
        let offer = SDPOffer(arrived.request)
        self.id = id
        self.ticket = ticket
        dialog = arrived.dialog
        self.tenant = tenant
        self.trunk = trunk
        self.script = script
        self.policy = policy
        self.facts = facts
        self.configuration = configuration
        address = configuration.address(isIPv6: offer?.wantsIPv6 ?? source.isIPv6)
        state = .reserving(arrived.invite, offer)
        record = CallRecord(
            call: id, trunk: reference, policyVersion: policy.version, called: called, caller: caller, arrivedAt: time.wall,
            endedAt: time.wall, route: "agent:\(script.name)", routeRule: route.reason.rule, wasRecorded: false,
            termination: Termination(.indeterminate, "not ended"))
        routeReason = route.reason
    }

    var isGone: Bool { isFinished }

    var nextDeadline: Instant? {
        // Asked of every call at each tick: it must not allocate.
        guard let consent = consent?.nextDeadline else { return timers.next }
        return timers.next.map { min($0, consent) } ?? consent
    }

    var summary: CallSummary {
        CallSummary(
            call: id, trunk: record.trunk, state: stateName, arrivedAt: record.arrivedAt, answeredAt: record.answeredAt,
            route: record.route, codec: record.codec, suite: record.suite, consent: consentName, isPayment: isPayment, farLegs: [])
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
        switch record.consent?.outcome {
        case nil, .notRecorded: "none"
        case .unanswered: state == .ending ? "none" : "pending"
        case .granted: "granted"
        case .refused: "refused"
        }
    }

    // MARK: - Set-up

    mutating func begin(_ time: CallTime) -> [CallOutput] {
        guard case .reserving(let invite, let offer) = state else { return [] }
        let outputs: [CallOutput] = [
            .note(id, .arrived(trunk: record.trunk, policyVersion: policy.version)),
            .note(id, .routed(reason: routeReason, to: record.route)),
        ]
        if let offer, let refusal = refusal(of: offer) {
            return outputs + refuse(invite, refusal, time)
        }
        timers.start(.setUp, at: time.now + configuration.setUpTime)
        let longest = policy.limits.callDuration
        timers.start(.longest, at: time.now + min(configuration.longestCall ?? longest, longest))
        isMediaGone = false
        return outputs + [.sip(.answer(invite, SIPAnswer(180))), .media(id, .caller, .reserve(range: address.range))]
    }

    // MARK: - Media

    mutating func media(_ report: MediaReport, _ time: CallTime, _ entropy: inout some RandomNumberGenerator) -> [CallOutput] {
        if case .closed(let summary) = report { return mediaClosed(summary, time) }
        switch (report, state) {
        case (_, .ending), (.closed, _):
            return []
        case (.reserved(let port), .reserving(let invite, let offer)):
            localSession = LocalSession(address: address, port: port, entropy: &entropy)
            return portReserved(invite, offer, time, &entropy)
        case (.started, .starting(let invite?, let media)):
            return answer(invite, with: media, time)
        case (.started, .starting(nil, _)):
            timers.stop(.setUp)
            return [.voice(id, .begin(policy, tenant.name))] + startConsent(time)
        case (.reserved, _), (.started, _), (.bridged, _):
            return []
        case (.updated, _):
            return updated(time)
        case (.failed(let why), .reserving(let invite, _)), (.failed(let why), .starting(let invite?, _)):
            let retry = SIPAnswer(503, headers: [.retryAfter(Self.retryAfter)])
            return refuse(invite, CallRefusal(answer: retry, termination: Termination(.ourFault, why)), time)
        case (.failed(let why), _):
            return instructionFailed(why, time)
        case (.timedOut, _):
            return end(Termination(.callerFault, "no media from the peer"), time)
        case (.keyExhausted, _):
            return end(Termination(.ourFault, "an SRTP key reached its end"), time)
        }
    }

    /// The media runs with what the INVITE's offer and our answer agreed on: the 200 may leave.
    private mutating func answer(_ invite: InviteID, with media: NegotiatedMedia, _ time: CallTime) -> [CallOutput] {
        state = .answered(invite)
        timers.stop(.setUp)
        record.answeredAt = time.wall
        return [
            .voice(id, .begin(policy, tenant.name)), .note(id, .answered),
            .sip(.answer(invite, SIPAnswer(200, body: SIPBody(sdp: media.local)))),
        ]
    }

    mutating func noteAgreed(_ media: NegotiatedMedia) -> [CallOutput] {
        agreed = media
        record.codec = media.codec.name.description
        record.suite = media.suite.description
        return [.note(id, .mediaAgreed(codec: media.codec.name.description, suite: media.suite.description))]
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
        case .reinviteWithdrawn(_, let invite):
            return changeWithdrawn(invite)
        case .dialogEnded(_, let ending):
            return dialogEnded(ending, time)
        case .referArrived(let arrived):
            // Obeyed by policy only (RFC 3515 §4.1).
            return [.sip(.answerRefer(arrived.refer, SIPAnswer(603)))]
        case .attemptProgressed, .attemptAnswered, .attemptEnded, .updateEnded, .refreshDue, .referralProgressed, .digitArrived, .registered,
            .registrationFailed, .unregistered:
            return []
        case .inviteArrived, .reofferEnded, .dialogProbed, .probed, .connectionLost, .connectionMoved, .turnedAway:
            return []
        }
    }

    private mutating func acknowledged(_ invite: InviteID, _ ack: SIPRequest, _ time: CallTime) -> [CallOutput] {
        switch state {
        case .answered(invite):
            return startConsent(time)
        case .offering(invite, let offer):
            return answerInACK(ack, to: offer, time)
        case .answered, .consenting, .talking:
            return answerAgain(invite, ack, time)
        case .reserving, .starting, .offering, .ending:
            return []
        }
    }
}
