public import Policy
public import SottoBase

/// What a fraud rule noticed about a call.
public struct FraudFinding: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case alert
        /// The rule is observed: it would have decided this.
        case wouldHave(FraudAction)
    }

    public let rule: RuleReference
    public let kind: Kind

    public init(rule: RuleReference, kind: Kind) {
        self.rule = rule
        self.kind = kind
    }
}

/// Runs fraud rules over a call. First match wins; alerts and observed rules are noted and the next rules still count.
public struct FraudEngine: Sendable {
    public enum Verdict: Hashable, Sendable {
        case allow(RuleReference?)
        case refuse(status: Int, RuleReference)
    }

    /// The facts that conditions ask about.
    public struct Facts: Hashable, Sendable {
        public let trunk: TrunkReference
        public let called: DialledNumber
        public let caller: DialledNumber?
        public let time: WallTime

        public init(trunk: TrunkReference, called: DialledNumber, caller: DialledNumber?, time: WallTime) {
            self.trunk = trunk
            self.called = called
            self.caller = caller
            self.time = time
        }
    }

    /// `rules` in order: the machine's, then the tenant's.
    public static func evaluate(_ rules: [FraudRule], _ facts: Facts) -> (verdict: Verdict, findings: [FraudFinding]) {
        var findings: [FraudFinding] = []
        for rule in rules where rule.conditions.allSatisfy({ holds($0, facts) }) {
            if rule.isObserved {
                findings.append(FraudFinding(rule: rule.rule, kind: .wouldHave(rule.action)))
                continue
            }
            switch rule.action {
            case .allow: return (.allow(rule.rule), findings)
            case .refuse(let status): return (.refuse(status: status, rule.rule), findings)
            case .alert: findings.append(FraudFinding(rule: rule.rule, kind: .alert))
            }
        }
        return (.allow(nil), findings)
    }

    static func holds(_ condition: FraudCondition, _ facts: Facts) -> Bool {
        switch condition {
        case .calleePrefix(let prefixes): prefixes.contains { facts.called.text.utf8.starts(with: $0.utf8) }
        case .callerPrefix(let prefixes):
            facts.caller.map { caller in prefixes.contains { caller.text.utf8.starts(with: $0.utf8) } } ?? false
        case .callerWithheld(let withheld): (facts.caller == nil) == withheld
        case .trunk(let names): names.contains(facts.trunk.trunk)
        case .tenant(let names): names.contains(facts.trunk.tenant)
        case .hours(let window): window.contains(facts.time)
        }
    }
}
