public import SottoBase

/// Where a route leads.
public enum RouteTarget: Hashable, Sendable, CustomStringConvertible {
    /// A dialogue of the tenant, by name.
    case agent(String)
    /// A final status, 400 to 699.
    case reject(status: Int)
    /// Another trunk (bridging). The loader refuses it in this version, so that no running policy holds one.
    case trunk(TrunkName)

    public var description: String {
        switch self {
        case .agent(let name): "agent:\(name)"
        case .reject(let status): "reject:\(status)"
        case .trunk(let name): "trunk:\(name)"
        }
    }
}

/// A `[[route]]`: the first whose conditions all hold wins.
public struct RoutePolicy: Hashable, Sendable {
    /// Trunks that the call may come from; empty: any of the tenant's.
    public let from: [TrunkName]
    /// Called numbers; empty: any.
    public let toNumbers: [NumberPattern]
    /// Calling numbers; empty: any, also none.
    public let fromNumbers: [NumberPattern]
    public let target: RouteTarget
    public let rule: RuleReference

    public init(
        from: [TrunkName] = [], toNumbers: [NumberPattern] = [], fromNumbers: [NumberPattern] = [], target: RouteTarget,
        rule: RuleReference
    ) {
        self.from = from
        self.toNumbers = toNumbers
        self.fromNumbers = fromNumbers
        self.target = target
        self.rule = rule
    }

    public func matches(trunk: TrunkName, called: DialledNumber, calling: DialledNumber?) -> Bool {
        (from.isEmpty || from.contains(trunk))
            && (toNumbers.isEmpty || toNumbers.contains { $0.matches(called) })
            && (fromNumbers.isEmpty || calling.map { number in fromNumbers.contains { $0.matches(number) } } ?? false)
    }
}

public struct RouteDecision: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case agent(DialogueScript)
        /// A final status, 400 to 699.
        case reject(status: Int)
    }

    public let outcome: Outcome
    public let reason: DecisionReason

    public init(outcome: Outcome, reason: DecisionReason) {
        self.outcome = outcome
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
        case .trunk:
            return RouteDecision(outcome: .reject(status: 501), reason: DecisionReason(route.rule, "bridging is not in this version"))
        }
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
