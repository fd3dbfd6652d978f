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
    var policy: PolicySnapshot
    var gate = CallGate()
    private var isStorageFull = false
    var calls: [CallID: Call] = [:]
    private(set) var names = CallNames()
    /// Admission of legs that calls have called, given back with the call.
    private var outboundTickets: [CallID: [AdmissionTicket]] = [:]

    public init(configuration: CallsConfiguration, policy: PolicySnapshot, facts: ConsentFacts) {
        self.configuration = configuration
        self.policy = policy
        self.facts = facts
    }

    // MARK: - Gauges

    public var count: Int { calls.count }
    public var admission: CallGate { gate }
    /// Calls whose dialog lives.
    public var dialogCount: Int { names.dialogCount }
    /// Attempts to call out that have neither been answered nor ended.
    public var attemptCount: Int { names.attemptCount }
    /// Legs that we called and that are not gone.
    public var farLegCount: Int { calls.values.reduce(0) { $0 + $1.far.count } }
    /// Oldest first.
    public var summaries: [CallSummary] { calls.values.map(\.summary).sorted { ($0.arrivedAt, $0.call) < ($1.arrivedAt, $1.call) } }
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
            return sip(event, time, &entropy)
        case .media(let id, let report, let leg):
            return change(id, time, &entropy) { $0.media(report, of: leg, time, &$1) }
        case .voice(let id, let report):
            return change(id, time, &entropy) { $0.voice(report, time, &$1) }
        case .dialled(let id, let dial, let hop):
            return change(id, time, &entropy) { $0.dialled(dial, hop, time, &$1) }
        case .notDialled(let id, let dial, let why):
            return change(id, time, &entropy) { $0.notDialled(dial, .unreachable(why), time, &$1) }
        case .recordingFailed(let id, let why, let began):
            return change(id, time, &entropy) { call, _ in call.recordingFailed(why, began: began) }
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
            return change(id, time, &entropy) { call, _ in call.end(Termination(.completed, "ended by an administrator"), time) }
        case .endAll:
            var outputs: [CallOutput] = []
            for id in calls.keys.sorted() {
                outputs += change(id, time, &entropy) { call, _ in call.end(Termination(.ourFault, "the gateway is stopping"), time) }
            }
            return outputs
        case .timerDue:
            let due = calls.values.filter { $0.nextDeadline.map { $0 <= now } ?? false }.map(\.id).sorted()
            var outputs: [CallOutput] = []
            for id in due { outputs += change(id, time, &entropy) { $0.timersFired(time, &$1) } }
            return outputs
        }
    }

    func call(of dialog: DialogID) -> CallID? { names.call(of: dialog) }

    private mutating func sip(
        _ event: SIPEndpointEvent, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        switch event {
        case .attemptProgressed(let attempt, let dialog, _), .attemptAnswered(let attempt, let dialog, _):
            guard let id = names.call(of: attempt) else {
                // Nobody is left who wanted it.
                guard case .attemptAnswered = event else { return [] }
                return [.sip(.hangUp(dialog, refusal: SIPAnswer(480), headers: [.reason(q850: 16, text: "")]))]
            }
            names.claim(dialog, for: id)
            if case .attemptAnswered = event { names.release(attempt) }
            return change(id, time, &entropy) { $0.attempt(attempt, event, time, &$1) }
        case .attemptEnded(let attempt, _):
            guard let id = names.call(of: attempt) else { return [] }
            names.release(attempt)
            return change(id, time, &entropy) { $0.attempt(attempt, event, time, &$1) }
        case .referArrived(let arrived):
            return referred(arrived, time, &entropy)
        default:
            guard let dialog = event.dialog, let id = names.call(of: dialog) else { return [] }
            if case .dialogEnded = event { names.release(dialog) }
            return change(id, time, &entropy) { $0.sip(event, time, &$1) }
        }
    }

    /// Lets one call change, and forgets it when nothing of it is left.
    mutating func change<Entropy: RandomNumberGenerator>(
        _ id: CallID, _ time: CallTime, _ entropy: inout Entropy, _ body: (inout Call, inout Entropy) -> [CallOutput]
    ) -> [CallOutput] {
        guard var call = calls[id] else { return [] }
        let outputs = body(&call, &entropy)
        calls[id] = call
        return finished(id, admitted(outputs, id, time, &entropy))
    }

    private mutating func finished(_ id: CallID, _ outputs: [CallOutput]) -> [CallOutput] {
        guard let call = calls[id], call.isGone else { return outputs }
        calls[id] = nil
        names.forget(id)
        gate.callEnded(call.ticket)
        for ticket in outboundTickets.removeValue(forKey: id) ?? [] { gate.callEnded(ticket) }
        return outputs + [.gone(id)]
    }

    /// What a turn calls out for passes admission first: each leg counts against its trunk's limits and the fraud rules, like a call that
    /// came in. A leg that may not go out fails at once.
    private mutating func admitted(
        _ outputs: [CallOutput], _ id: CallID, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        var result: [CallOutput] = []
        for output in outputs {
            if case .sip(.invite(let invite)) = output { names.claim(invite.attempt, for: id) }
            // A hop after a redirect is the same leg's.
            guard case .dial(_, .begin(let dial, let trunk, nil)) = output, let call = calls[id],
                let leg = call.far.first(where: { $0.dial == dial })
            else {
                result.append(output)
                continue
            }
            let attempt = OutboundAttempt(trunk: trunk, called: leg.dialled, caller: call.record.caller)
            let verdict = gate.outboundCallWanted(attempt, policy: call.policy, now: time.now, wall: time.wall)
            result += verdict.findings.map { .note(id, .observed($0)) }
            switch verdict.decision {
            case .allow(let ticket):
                outboundTickets[id, default: []].append(ticket)
                result.append(output)
            case .refuse(let status, let retryAfter, let reason):
                result.append(.note(id, .refused(trunk: trunk, status: status, reason: reason)))
                let why = "admission refuses the outgoing leg"
                // What passes is the trunk's own limit, and another trunk may have room; a rule against fraud holds for every one.
                let failure: FarFailure =
                    retryAfter == nil ? .forbidden(UInt16(clamping: status), why) : .crowded(UInt16(clamping: status), why)
                result += change(id, time, &entropy) { $0.notDialled(dial, failure, time, &$1) }
            case .drop(let reason):
                result.append(.note(id, .refused(trunk: trunk, status: 403, reason: reason)))
                result += change(id, time, &entropy) {
                    $0.notDialled(dial, .forbidden(403, "admission refuses the outgoing leg"), time, &$1)
                }
            }
        }
        return result
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
        if let old = arrived.replaces { return replacing(arrived, old, trunkPolicy, trunk, time, &entropy) }
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
        func away(_ answer: SIPAnswer, _ reason: DecisionReason) -> [CallOutput] {
            gate.callEnded(ticket)
            return findings + turnAway(arrived, trunk, answer, reason)
        }
        let target: CallTarget
        let name: String
        switch route.outcome {
        case .agent(let script):
            target = .agent(script)
            name = "agent:\(script.name)"
        case .echo:
            target = .echo
            name = "echo"
        case .trunk(let first, let dialled):
            // RFC 3323 §5: privacy that we cannot give and that was called critical.
            if PrivacyRequest(arrived.request).isUnmet { return away(SIPAnswer(500), route.reason) }
            // RFC 3261 §8.1.1.6: a call that was handed on too often ends here.
            if arrived.request.maxForwards == 0 { return away(SIPAnswer(483), route.reason) }
            target = .trunks([first] + route.failover, dialled: dialled)
            name = "trunk:\(first.name)"
        case .reject(let status):
            return away(SIPAnswer(UInt16(clamping: status)), route.reason)
        }

        let id = CallID(high: entropy.next(), low: entropy.next())
        var call = Call(
            id: id, ticket: ticket, arrived: arrived, tenant: tenant, trunk: trunkPolicy, reference: trunk, target: target,
            targetName: name, reason: route.reason, called: called, caller: caller, policy: policy, facts: facts,
            configuration: configuration, source: source, time: time)
        let outputs = call.begin(time, &entropy)
        names.claim(arrived.dialog, for: id)
        calls[id] = call
        return findings + finished(id, outputs)
    }

    /// An INVITE that is to take the place of a dialog of ours (RFC 3891): by the trunk's policy, and never across tenants.
    private mutating func replacing(
        _ arrived: InviteArrived, _ old: DialogID, _ trunk: TrunkPolicy, _ reference: TrunkReference, _ time: CallTime,
        _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard trunk.refer == .obey, let id = names.call(of: old), let call = calls[id], call.tenant.name == reference.tenant,
            let leg = call.leg(of: old)
        else {
            let reason = DecisionReason(trunk.rule, "it may not take over calls")
            return turnAway(arrived, reference, SIPAnswer(603), reason)
        }
        names.claim(arrived.dialog, for: id)
        let note = CallOutput.note(id, .transferAsked(by: leg, .obeyed(DecisionReason(trunk.rule, "takes over a leg"))))
        return [note] + change(id, time, &entropy) { $0.takeOver(arrived, replacing: old, time, &$1) }
    }

    private func turnAway(
        _ arrived: InviteArrived, _ trunk: TrunkReference, _ answer: SIPAnswer, _ reason: DecisionReason
    ) -> [CallOutput] {
        [.note(nil, .refused(trunk: trunk, status: Int(answer.status), reason: reason)), .sip(.answer(arrived.invite, answer))]
    }
}
