public import SottoBase

public struct RouteDecision: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case agent(DialogueScript)
        /// A final status, 400 to 699.
        case reject(status: Int)
        /// The caller hears itself.
        case echo
        /// Bridge to this trunk, whose `outbound` is set; `dialled` is the called number as the route rewrites it. Write it as the trunk
        /// spells numbers: `dialled.user(style: trunk.numberStyle)`.
        case trunk(TrunkPolicy, dialled: DialledNumber)
    }

    public let outcome: Outcome
    /// Trunks to try after the outcome's, in order, with the same number; each has an outbound part.
    public let failover: [TrunkPolicy]
    public let reason: DecisionReason

    public init(outcome: Outcome, failover: [TrunkPolicy] = [], reason: DecisionReason) {
        self.outcome = outcome
        self.failover = failover
        self.reason = reason
    }
}

extension TenantPolicy {
    /// Where a call goes. No route: 404.
    public func route(trunk: TrunkName, called: DialledNumber, calling: DialledNumber?) -> RouteDecision {
        guard let route = routes.first(where: { $0.matches(trunk: trunk, called: called, calling: calling) }) else {
            return RouteDecision(
                outcome: .reject(status: 404), reason: DecisionReason(RuleReference("no route matches", at: location), "no route"))
        }
        let reason = DecisionReason(route.rule, "target \(route.target)")
        switch route.target {
        case .agent(let name):
            guard let script = dialogues[name] else {
                return RouteDecision(outcome: .reject(status: 500), reason: DecisionReason(route.rule, "no dialogue of that name"))
            }
            return RouteDecision(outcome: .agent(script), reason: reason)
        case .reject(let status):
            return RouteDecision(outcome: .reject(status: status), reason: reason)
        case .echo:
            return RouteDecision(outcome: .echo, reason: reason)
        case .trunk(let name):
            return bridge(to: [name] + route.failover, called: route.rewriting.apply(to: called), reason: reason)
        }
    }

    /// Where the agent, or a REFER that is obeyed, leads: to a trunk of the tenant that has an outbound part. Any other is refused with
    /// 500, which the loader has made impossible for scripts and routes.
    public func handOver(to trunk: TrunkName, dialled: DialledNumber, rule: RuleReference) -> RouteDecision {
        bridge(to: [trunk], called: dialled, reason: DecisionReason(rule, "target trunk:\(trunk)"))
    }

    private func bridge(to names: [TrunkName], called: DialledNumber, reason: DecisionReason) -> RouteDecision {
        let trunks = names.compactMap { trunk(named: $0) }.filter { $0.outbound != nil }
        guard let first = trunks.first else {
            return RouteDecision(outcome: .reject(status: 500), reason: DecisionReason(reason.rule, "no such trunk to call out by"))
        }
        return RouteDecision(outcome: .trunk(first, dialled: called), failover: Array(trunks.dropFirst()), reason: reason)
    }
}

extension PolicySnapshot {
    /// Where a call goes that came in by `trunk`.
    ///
    /// - Parameters:
    ///   - calledNumber: the user part of the request URI, unescaped; the trunk's number style is applied.
    ///   - callingNumber: the user part of the caller's identity; nil when it is withheld.
    public func route(trunk reference: TrunkReference, calledNumber: String, callingNumber: String?) -> RouteDecision {
        guard let tenant = tenant(reference.tenant), let trunk = trunk(reference) else {
            return RouteDecision(
                outcome: .reject(status: 403), reason: DecisionReason(RuleReference("trunk is gone", at: location), "unknown trunk"))
        }
        return tenant.route(
            trunk: reference.trunk, called: DialledNumber(user: calledNumber, style: trunk.numberStyle),
            calling: callingNumber.map { DialledNumber(user: $0, style: trunk.numberStyle) })
    }
}
