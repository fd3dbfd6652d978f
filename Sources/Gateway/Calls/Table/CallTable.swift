public import Admission
public import Consent
public import Policy
internal import SIPMessages
public import SIPSessions
public import SottoBase

/// All calls, and the way in: admission, route, then one machine per call.
///
/// Pure: policy, time and chance are arguments; media, voice and storage are outputs. A call keeps the policy it was born with.
public struct CallTable: Sendable {
    public enum Input: Sendable {
        /// A known trunk's INVITE. `trunk` is what its connection was identified as, and `source` where it comes from.
        case invited(InviteArrived, trunk: TrunkReference, source: PeerAddress)
        /// Any other event of the endpoint.
        case sip(SIPEndpointEvent)
        case media(CallID, MediaReport, leg: CallLeg = .caller)
        case voice(CallID, VoiceReport)
        /// The recorder could not begin (`began` is false: nothing was kept) or go on.
        case recordingFailed(CallID, String, began: Bool)
        /// A connection for a leg's INVITE is open.
        case dialled(CallID, DialID, DialledHop)
        /// There is no (further) hop, or none that could be reached; the text is harmless to log.
        case notDialled(CallID, DialID, String)
        case policyChanged(PolicySnapshot)
        case loadChanged(LoadReading)
        /// The records' disk has no room, or has room again. Where the machine says so, new calls are refused meanwhile.
        case storageChanged(isFull: Bool)
        /// New calls are refused; running ones go on.
        case drain(retryAfter: Int)
        /// An administrator ends a call.
        case end(CallID)
        /// Ends every call that is left (the drain's time is over).
        case endAll
        case timerDue
    }

    private let configuration: CallsConfiguration
    private let facts: ConsentFacts
    private var policy: PolicySnapshot
    private var gate = CallGate()
    private var isStorageFull = false
    private var calls: [CallID: Call] = [:]
    private var byDialog: [DialogID: CallID] = [:]

    public init(configuration: CallsConfiguration, policy: PolicySnapshot, facts: ConsentFacts) {
        self.configuration = configuration
        self.policy = policy
        self.facts = facts
    }

    // MARK: - Gauges

    public var count: Int { calls.count }
    public var admission: CallGate { gate }
    /// Calls whose dialog lives.
    public var dialogCount: Int { byDialog.count }
    /// Oldest first.
    public var summaries: [CallSummary] { calls.values.map(\.summary).sorted { ($0.arrivedAt, $0.call) < ($1.arrivedAt, $1.call) } }
    public func tenant(of id: CallID) -> TenantName? { calls[id]?.tenant.name }
    public func script(of id: CallID) -> DialogueScript? { calls[id]?.script }
    public func retention(of id: CallID) -> RetentionPolicy? { calls[id]?.tenant.retention }
    /// The record as it stands: who and when, for whoever keeps the call.
    public func record(of id: CallID) -> CallRecord? { calls[id]?.record }
    /// When to feed `timerDue`; nil while nothing waits.
    public var nextDeadline: Instant? { calls.values.lazy.compactMap(\.nextDeadline).min() }

    // MARK: - The turn

    public mutating func handle(
        _ input: Input, now: Instant, wall: WallTime, entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        let time = CallTime(now: now, wall: wall)
        switch input {
        case .invited(let arrived, let trunk, let source):
            return invited(arrived, trunk, source, time, &entropy)
        case .sip(let event):
            guard let dialog = event.dialog, let id = byDialog[dialog] else { return [] }
            if case .dialogEnded = event { byDialog[dialog] = nil }
            return change(id) { $0.sip(event, time, &entropy) }
        case .media(let id, let report, let leg):
            guard leg == .caller else { return [] }
            return change(id) { $0.media(report, time, &entropy) }
        case .dialled, .notDialled:
            return []
        case .voice(let id, let report):
            return change(id) { $0.voice(report, time) }
        case .recordingFailed(let id, let why, let began):
            return change(id) { $0.recordingFailed(why, began: began) }
        case .policyChanged(let snapshot):
            policy = snapshot
            return []
        case .storageChanged(let isFull):
            isStorageFull = isFull
            return []
        case .loadChanged(let load):
            gate.loadChanged(load)
            return []
        case .drain(let retryAfter):
            gate.drainStarted()
            return [.sip(.drain(retryAfter: retryAfter))]
        case .end(let id):
            return change(id) { $0.end(Termination(.completed, "ended by an administrator"), time) }
        case .endAll:
            return calls.keys.sorted().flatMap { id in change(id) { $0.end(Termination(.ourFault, "the gateway is stopping"), time) } }
        case .timerDue:
            let due = calls.values.filter { $0.nextDeadline.map { $0 <= now } ?? false }.map(\.id).sorted()
            return due.flatMap { id in change(id) { $0.timersFired(time) } }
        }
    }

    /// Lets one call change, and forgets it when nothing of it is left.
    private mutating func change(_ id: CallID, _ body: (inout Call) -> [CallOutput]) -> [CallOutput] {
        guard var call = calls[id] else { return [] }
        let outputs = body(&call)
        guard call.isGone else {
            calls[id] = call
            return outputs
        }
        calls[id] = nil
        byDialog[call.dialog] = nil
        gate.callEnded(call.ticket)
        return outputs + [.gone(id)]
    }

    // MARK: - The way in

    private mutating func invited(
        _ arrived: InviteArrived, _ trunk: TrunkReference, _ source: PeerAddress, _ time: CallTime,
        _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let tenant = policy.tenant(trunk.tenant), let trunkPolicy = policy.trunk(trunk) else {
            let reason = DecisionReason(RuleReference("trunk is gone", at: policy.location), "the policy has no such trunk any more")
            return turnAway(arrived, trunk, SIPAnswer(403), reason)
        }
        if isStorageFull, configuration.refusesCallsWithoutStorage {
            return turnAway(
                arrived, trunk, SIPAnswer(503, headers: [SIPHeader.retryAfter(policy.limits.retryAfter)]),
                DecisionReason(RuleReference("[storage] on-full = \"refuse-calls\"", at: policy.location), "the records' disk is full"))
        }
        guard let user = arrived.request.calledNumber else {
            return turnAway(
                arrived, trunk, SIPAnswer(404), DecisionReason(trunkPolicy.rule, "the request names nobody to call"))
        }
        let called = DialledNumber(user: user, style: trunkPolicy.numberStyle)
        let caller = CallerNumber.read(arrived.request, isTrusted: trunkPolicy.isTrusted).map {
            DialledNumber(user: $0, style: trunkPolicy.numberStyle)
        }

        let verdict = gate.callArrived(
            CallAttempt(source: source, trunk: trunk, called: called, caller: caller), policy: policy, now: time.now, wall: time.wall)
        let findings = verdict.findings.map { CallOutput.note(nil, .observed($0)) }
        let ticket: AdmissionTicket
        switch verdict.decision {
        case .allow(let admitted): ticket = admitted
        case .refuse(let status, let retryAfter, let reason):
            let headers = retryAfter.map { [SIPHeader.retryAfter($0)] } ?? []
            return findings + turnAway(arrived, trunk, SIPAnswer(UInt16(clamping: status), headers: headers), reason)
        case .drop(let reason):
            // A known trunk is always answered (§11): what admission would drop is refused.
            return findings + turnAway(arrived, trunk, SIPAnswer(403), reason)
        }

        let route = tenant.route(trunk: trunk.trunk, called: called, calling: caller)
        let script: DialogueScript
        switch route.outcome {
        case .agent(let dialogue):
            script = dialogue
        case .echo, .trunk:
            gate.callEnded(ticket)
            return findings + turnAway(arrived, trunk, SIPAnswer(501), route.reason)
        case .reject(let status):
            gate.callEnded(ticket)
            return findings + turnAway(arrived, trunk, SIPAnswer(UInt16(clamping: status)), route.reason)
        }

        let id = CallID(high: entropy.next(), low: entropy.next())
        var call = Call(
            id: id, ticket: ticket, arrived: arrived, tenant: tenant, trunk: trunkPolicy, reference: trunk, script: script, route: route,
            called: called, caller: caller, policy: policy, facts: facts, configuration: configuration,
            source: source, time: time)
        let outputs = call.begin(time)
        byDialog[arrived.dialog] = id
        calls[id] = call
        return findings + outputs
    }

    private func turnAway(_ arrived: InviteArrived, _ trunk: TrunkReference, _ answer: SIPAnswer, _ reason: DecisionReason) -> [CallOutput] {
        [.note(nil, .refused(trunk: trunk, status: Int(answer.status), reason: reason)), .sip(.answer(arrived.invite, answer))]
    }
}

/// The two times of a turn.
struct CallTime {
    let now: Instant
    let wall: WallTime
}

/// A running call as a list shows it: no number, no content.
public struct CallSummary: Hashable, Sendable {
    public let call: CallID
    public let trunk: TrunkReference
    public let state: String
    public let arrivedAt: WallTime
    public let answeredAt: WallTime?
    public let route: String
    public let codec: String?
    public let suite: String?
    /// `none`, `pending`, `granted`, `refused`.
    public let consent: String
    public let isPayment: Bool
    /// Legs that we called and that live.
    public let farLegs: [FarLegSummary]
}

public struct FarLegSummary: Hashable, Sendable {
    public let leg: CallLeg
    public let trunk: TrunkReference
    public let state: String
    public let answeredAt: WallTime?
    public let codec: String?
    public let suite: String?
}
