public import Policy
public import SottoBase

/// Lets new calls in, or tells why not: overload, rates and caps of the machine, the trunk and the source, then fraud rules; cheapest
/// first. A known trunk is always answered.
///
/// It only looks at INVITEs that begin a call. It holds no policy: each question brings the snapshot that is in force, so that a reload
/// counts at once for new calls, while counts of running ones go on.
public struct CallGate: Sendable {
    private struct Counted {
        var calls = 0
        var bucket: TokenBucket
        var rate: Double
        var burst: Int
    }

    /// Sources that can be remembered at once. Trunks are bounded by the policy.
    public static let sourcesAtMost = 16_384

    private var trunks: [TrunkReference: Counted] = [:]
    private var sources: [[UInt8]: Counted] = [:]
    private var all: Counted?
    private var running: [AdmissionTicket: (trunk: TrunkReference, source: [UInt8])] = [:]
    /// Legs that calls have called, by the trunk that they go out by.
    private var outbound: [AdmissionTicket: TrunkReference] = [:]
    private var lastTicket: UInt64 = 0
    private var nextReap: Instant?
    private var nextFullReap: Instant?
    private var overload = OverloadGate()
    private var isDraining = false

    public private(set) var counters = Counters()

    public init() {}

    // MARK: - Gauges

    public struct Counters: Hashable, Sendable {
        public fileprivate(set) var allowed: UInt64 = 0
        public fileprivate(set) var refusedByOverload: UInt64 = 0
        public fileprivate(set) var refusedByLimit: UInt64 = 0
        public fileprivate(set) var refusedByFraudRule: UInt64 = 0
        public fileprivate(set) var refusedByDrain: UInt64 = 0
        public fileprivate(set) var alerts: UInt64 = 0
        public fileprivate(set) var observed: UInt64 = 0
    }

    public var calls: Int { running.count }
    /// Legs that went out and were not given back.
    public var outboundLegs: Int { outbound.count }
    public func calls(of trunk: TrunkReference) -> Int { trunks[trunk]?.calls ?? 0 }
    /// Sources and trunks that are remembered: gauges that return to zero after `reap`.
    public var sourceCount: Int { sources.count }
    public var trunkCount: Int { trunks.count }
    public var isShedding: Bool { overload.isShedding }

    // MARK: - Inputs

    public mutating func loadChanged(_ load: LoadReading) { overload.update(load) }

    /// New calls are refused from now on; running ones go on.
    public mutating func drainStarted() { isDraining = true }

    /// - Parameter isEmergency: never shed by overload or rates.
    public mutating func callArrived(
        _ attempt: CallAttempt, policy: PolicySnapshot, isEmergency: Bool = false, now: Instant, wall: WallTime
    ) -> AdmissionVerdict {
        let limits = policy.limits
        if nextReap.map({ now >= $0 }) ?? true { reap(now: now) }
        func limit(_ name: String) -> RuleReference { RuleReference("[limits] \(name)", at: limits.location) }

        guard let tenant = policy.tenant(attempt.trunk.tenant), let trunk = tenant.trunk(named: attempt.trunk.trunk) else {
            counters.refusedByLimit &+= 1
            return plain(.drop(DecisionReason(RuleReference("no trunk matches", at: policy.location), "the policy has no such trunk")))
        }
        if isDraining {
            counters.refusedByDrain &+= 1
            return plain(busy(limits, DecisionReason(RuleReference("drain", at: limits.location), "the machine is stopping")))
        }
        if overload.isShedding, !isEmergency {
            counters.refusedByOverload &+= 1
            return plain(busy(limits, DecisionReason(RuleReference("overload", at: .builtIn), "the machine is late")))
        }
        if !isEmergency, let reason = overLimit(attempt, trunk, limits, limit, now) {
            counters.refusedByLimit &+= 1
            return plain(busy(limits, reason))
        }

        let facts = FraudEngine.Facts(trunk: attempt.trunk, called: attempt.called, caller: attempt.caller, time: wall)
        let (verdict, findings) = FraudEngine.evaluate(policy.fraudRules + tenant.fraudRules, facts)
        for finding in findings {
            switch finding.kind {
            case .alert: counters.alerts &+= 1
            case .wouldHave: counters.observed &+= 1
            }
        }
        if case .refuse(let status, let rule) = verdict {
            counters.refusedByFraudRule &+= 1
            return AdmissionVerdict(
                decision: .refuse(status: status, retryAfter: nil, DecisionReason(rule, "a fraud rule refuses the call")),
                findings: findings)
        }
        counters.allowed &+= 1
        return AdmissionVerdict(decision: .allow(admit(attempt, trunk, limits, now)), findings: findings)
    }

    /// A running call wants to call out by a trunk: its limits count both directions together, and fraud rules see the number and the
    /// trunk that it goes to. Neither overload nor a drain takes anything from calls that run.
    public mutating func outboundCallWanted(
        _ attempt: OutboundAttempt, policy: PolicySnapshot, now: Instant, wall: WallTime
    ) -> AdmissionVerdict {
        guard let tenant = policy.tenant(attempt.trunk.tenant), let trunk = tenant.trunk(named: attempt.trunk.trunk) else {
            counters.refusedByLimit &+= 1
            return plain(.drop(DecisionReason(RuleReference("no trunk matches", at: policy.location), "the policy has no such trunk")))
        }
        func refused(_ name: String, _ why: String) -> AdmissionVerdict {
            counters.refusedByLimit &+= 1
            let rule = RuleReference("trunk \(trunk.name) limits.\(name)", at: trunk.limits.location)
            return plain(busy(policy.limits, DecisionReason(rule, why)))
        }
        if (trunks[attempt.trunk]?.calls ?? 0) >= trunk.limits.calls { return refused("calls", "the trunk is full") }
        if !Self.take(&trunks[attempt.trunk], trunk.limits.callsPerSecond, trunk.limits.burst, now) {
            return refused("calls-per-second", "the trunk is called too fast")
        }
        let facts = FraudEngine.Facts(trunk: attempt.trunk, called: attempt.called, caller: attempt.caller, time: wall)
        let (verdict, findings) = FraudEngine.evaluate(policy.fraudRules + tenant.fraudRules, facts)
        for finding in findings {
            switch finding.kind {
            case .alert: counters.alerts &+= 1
            case .wouldHave: counters.observed &+= 1
            }
        }
        if case .refuse(let status, let rule) = verdict {
            counters.refusedByFraudRule &+= 1
            return AdmissionVerdict(
                decision: .refuse(status: status, retryAfter: nil, DecisionReason(rule, "a fraud rule refuses the leg")), findings: findings)
        }
        lastTicket &+= 1
        let ticket = AdmissionTicket(number: lastTicket)
        outbound[ticket] = attempt.trunk
        trunks[attempt.trunk]?.calls += 1
        return AdmissionVerdict(decision: .allow(ticket), findings: findings)
    }

    public mutating func callEnded(_ ticket: AdmissionTicket) {
        if let trunk = outbound.removeValue(forKey: ticket) {
            trunks[trunk]?.calls -= 1
            return
        }
        guard let (trunk, source) = running.removeValue(forKey: ticket) else { return }
        trunks[trunk]?.calls -= 1
        sources[source]?.calls -= 1
    }

    /// Forgets sources and trunks without calls whose buckets are full. Done by itself every ten seconds of arrivals.
    public mutating func reap(now: Instant) {
        func isNeeded(_ counted: Counted) -> Bool {
            var bucket = counted.bucket
            return counted.calls > 0 || !bucket.isFull(rate: counted.rate, burst: counted.burst, now: now)
        }
        sources = sources.filter { isNeeded($0.value) }
        trunks = trunks.filter { isNeeded($0.value) }
        nextReap = now + .seconds(10)
    }

    // MARK: - Limits

    private mutating func overLimit(
        _ attempt: CallAttempt, _ trunk: TrunkPolicy, _ limits: AdmissionLimits, _ limit: (String) -> RuleReference, _ now: Instant
    ) -> DecisionReason? {
        let key = ConnectionGate.key(attempt.source)
        if sources[key] == nil, sources.count >= Self.sourcesAtMost {
            // Looking through a full table for every newcomer would be work that a flood can ask for: once a second is enough.
            if nextFullReap.map({ now >= $0 }) ?? true {
                reap(now: now)
                nextFullReap = now + .seconds(1)
            }
            if sources.count >= Self.sourcesAtMost { return DecisionReason(limit("sources"), "too many sources") }
        }
        func trunkRule(_ name: String) -> RuleReference { RuleReference("trunk \(trunk.name) limits.\(name)", at: trunk.limits.location) }
        // Caps first: they take nothing. Buckets from the narrowest to the widest, so that one trunk's excess takes none of the machine's.
        if (trunks[attempt.trunk]?.calls ?? 0) >= trunk.limits.calls { return DecisionReason(trunkRule("calls"), "the trunk is full") }
        if (sources[key]?.calls ?? 0) >= limits.callsPerSource { return DecisionReason(limit("calls-per-source"), "the source is full") }
        if running.count >= limits.calls { return DecisionReason(limit("calls"), "the machine is full") }

        let sourceBurst = Self.burst(limits.callsPerSecondPerSource)
        if !Self.take(&sources[key], limits.callsPerSecondPerSource, sourceBurst, now) {
            return DecisionReason(limit("calls-per-second-per-source"), "the source calls too fast")
        }
        if !Self.take(&trunks[attempt.trunk], trunk.limits.callsPerSecond, trunk.limits.burst, now) {
            return DecisionReason(trunkRule("calls-per-second"), "the trunk calls too fast")
        }
        if !Self.take(&all, limits.callsPerSecond, Self.burst(limits.callsPerSecond), now) {
            return DecisionReason(limit("calls-per-second"), "too many new calls")
        }
        return nil
    }

    /// Twice a second's worth may come at once.
    private static func burst(_ rate: Double) -> Int { max(2, Int(min(1e6, rate * 2).rounded(.up))) }

    private static func take(_ entry: inout Counted?, _ rate: Double, _ burst: Int, _ now: Instant) -> Bool {
        var counted = entry ?? Counted(bucket: TokenBucket(burst: burst, now: now), rate: rate, burst: burst)
        counted.rate = rate
        counted.burst = burst
        let taken = counted.bucket.take(rate: rate, burst: burst, now: now)
        entry = counted
        return taken
    }

    private mutating func admit(_ attempt: CallAttempt, _ trunk: TrunkPolicy, _ limits: AdmissionLimits, _ now: Instant) -> AdmissionTicket
    {
        let key = ConnectionGate.key(attempt.source)
        lastTicket &+= 1
        let ticket = AdmissionTicket(number: lastTicket)
        running[ticket] = (attempt.trunk, key)
        let sourceBurst = Self.burst(limits.callsPerSecondPerSource)
        sources[
            key,
            default: Counted(
                bucket: TokenBucket(burst: sourceBurst, now: now), rate: limits.callsPerSecondPerSource, burst: sourceBurst)
        ].calls += 1
        trunks[
            attempt.trunk,
            default: Counted(
                bucket: TokenBucket(burst: trunk.limits.burst, now: now), rate: trunk.limits.callsPerSecond, burst: trunk.limits.burst)
        ].calls += 1
        return ticket
    }

    private func busy(_ limits: AdmissionLimits, _ reason: DecisionReason) -> AdmissionDecision {
        .refuse(status: 503, retryAfter: limits.retryAfter, reason)
    }

    private func plain(_ decision: AdmissionDecision) -> AdmissionVerdict { AdmissionVerdict(decision: decision, findings: []) }
}
