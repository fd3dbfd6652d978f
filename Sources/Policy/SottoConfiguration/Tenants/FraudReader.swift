internal import Policy
internal import SottoBase

/// Reads `[[fraud.rule]]` of a machine or a tenant.
struct FraudReader {
    let root: Section
    /// The tenant's trunks; nil: the machine's file.
    let trunks: [TrunkName]?

    private enum Action: String, CaseIterable {
        case allow, refuse, alert
    }

    private enum Mode: String, CaseIterable {
        case enforce, observe
    }

    func read() -> [FraudRule] {
        guard let fraud = root.section("fraud", FraudTables.fraud) else {
            return trunks == nil ? [] : [.everythingElse(location: root.location)]
        }
        var names: Set<String> = []
        var rules: [FraudRule] = []
        var decided: String?
        for section in fraud.sections("rule", FraudTables.rule, atMost: 1_000) {
            if let decided {
                section.findings.error(
                    at: section.location, "this rule is never reached", hint: "rule '\(decided)' has no condition and decides every call")
            }
            let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
            if let name, !names.insert(name).inserted { section.refuse("name", "fraud rule '\(name)' is there already") }
            let later = ["challenge", "slow", "divert", "ban"]
            let action = section.choice(
                "then", Action.self,
                later: Dictionary(uniqueKeysWithValues: later.map { ($0, "the action \($0) is not part of this version") }))
            let status = section.integer("status", in: 400...699)
            if status != nil, action != .refuse, action != nil { section.refuse("status", "only a refusal has a status") }
            let isObserved = section.choice("mode", Mode.self) == .observe
            let conditions = section.section("when", FraudTables.when).map(readConditions) ?? []
            guard let name, let action else { continue }
            let ruleAction: FraudAction =
                switch action {
                case .allow: .allow
                case .refuse: .refuse(status: status ?? 603)
                case .alert: .alert
                }
            rules.append(
                FraudRule(name: name, conditions: conditions, action: ruleAction, isObserved: isObserved, location: section.location))
            if conditions.isEmpty, !section.has("when"), !isObserved, action != .alert { decided = decided ?? name }
        }
        if trunks != nil, decided == nil { rules.append(.everythingElse(location: fraud.location)) }
        return rules
    }

    private func readConditions(_ section: Section) -> [FraudCondition] {
        var result: [FraudCondition] = []
        let prefixExpected = "the beginning of a number, like +881"
        func prefix(_ text: String) -> String? {
            let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
            return (1...15).contains(digits.utf8.count) && digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? text : nil
        }
        let prefixHint = "a prefix needs no star"
        if let prefixes = section.values("callee-prefix", expected: prefixExpected, hint: prefixHint, prefix) {
            result.append(.calleePrefix(prefixes))
        }
        if let prefixes = section.values("caller-prefix", expected: prefixExpected, hint: prefixHint, prefix) {
            result.append(.callerPrefix(prefixes))
        }
        if let withheld = section.flag("caller-withheld") { result.append(.callerWithheld(withheld)) }
        if section.has("trunk") {
            if let trunks {
                let names = section.values("trunk", expected: "a trunk of this tenant") { text in trunks.first { $0.text == text } }
                if let names { result.append(.trunk(names)) }
            } else {
                section.refuse("trunk", "a machine's rule knows no trunks", hint: "write the rule into the tenant's file")
            }
        }
        if section.has("tenant") {
            if trunks == nil {
                if let names = section.values("tenant", expected: "a tenant's name", { TenantName($0) }) { result.append(.tenant(names)) }
            } else {
                section.refuse("tenant", "a tenant's rule sees its own calls alone", hint: "write the rule into sotto.toml")
            }
        }
        if let window = readHours(section) { result.append(.hours(window)) }
        for condition in result where condition.isNeverTrue { section.refuse(condition.key, "'\(condition.key)' is an empty list") }
        return result
    }

    private func readHours(_ section: Section) -> HourWindow? {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        let chosen = section.values("days", expected: "one of " + days.joined(separator: ", ")) { days.firstIndex(of: $0).map { $0 + 1 } }
        let offset = section.value("utc-offset", expected: "±HH:MM, -12:00 to +14:00") { text -> Int? in
            guard let sign = text.first, sign == "+" || sign == "-", let minutes = Self.clock(text.dropFirst()) else { return nil }
            let offset = sign == "-" ? -minutes : minutes
            return (-720...840).contains(offset) ? offset : nil
        }
        guard section.has("hours") || section.has("days") else {
            if section.has("utc-offset") { section.refuse("utc-offset", "an offset without hours has no effect") }
            return nil
        }
        let window =
            !section.has("hours")
            ? (0, 1_440)
            : section.value("hours", expected: "HH:MM-HH:MM") { text -> (Int, Int)? in
                let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                guard parts.count == 2, let from = Self.clock(parts[0]), let to = Self.clock(parts[1]), from != to, from < 1_440 else {
                    return nil
                }
                return (from, to)
            }
        guard let window else { return nil }
        return HourWindow(days: Set(chosen ?? Array(1...7)), from: window.0, to: window.1, utcOffset: offset ?? 0)
    }

    /// Minutes of `HH:MM`, at most 24:00.
    private static func clock(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
        let digits = [bytes[0], bytes[1], bytes[3], bytes[4]].map { Int($0) - 0x30 }
        guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let minutes = (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3]
        return digits[2] < 6 && minutes <= 1_440 ? minutes : nil
    }
}

extension FraudCondition {
    fileprivate var isNeverTrue: Bool {
        switch self {
        case .calleePrefix(let list), .callerPrefix(let list): list.isEmpty
        case .trunk(let list): list.isEmpty
        case .tenant(let list): list.isEmpty
        case .hours(let window): window.days.isEmpty
        case .callerWithheld: false
        }
    }
}
