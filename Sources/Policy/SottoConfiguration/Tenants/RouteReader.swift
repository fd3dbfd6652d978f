internal import Policy
internal import SottoBase

/// Reads `[[route]]`.
struct RouteReader {
    let section: Section
    /// Counted from 1.
    let number: Int
    let trunks: [TrunkName]
    /// Names of the tenant's trunks as they are written, and whether they have an outbound part.
    let outbound: [String: Bool]
    let dialogues: Set<String>

    func read() -> RoutePolicy? {
        let name = section.text("name", longest: 64)
        let from = section.values(
            "from", expected: names(trunks.map(\.text), "a trunk of this tenant"), hint: nearestHint("from", trunks.map(\.text))
        ) {
            text in trunks.first { $0.text == text }
        }
        let expected = "a number or name, or its beginning and a star, like +4930*"
        let to = section.values("to-number", expected: expected, { NumberPattern($0) })
        let calling = section.values("from-number", expected: expected, { NumberPattern($0) })
        for (key, isEmpty) in [("from", from?.isEmpty), ("to-number", to?.isEmpty), ("from-number", calling?.isEmpty)]
        where isEmpty == true {
            section.refuse(key, "'\(key)' is empty and would match everything", hint: "leave the key out if that is meant")
        }
        let rewriting = readRewriting()
        guard let targets = readTargets(), let target = targets.first else { return nil }
        let failover = targets.dropFirst().compactMap { if case .trunk(let name) = $0 { name } else { nil } }
        if case .trunk(let name) = target {
            if from?.contains(name) == true {
                section.findings.warning(
                    at: section.place(of: "target"), "calls from trunk '\(name)' go back to it", hint: "leave it out of from")
            }
        } else if rewriting != NumberRewriting() {
            section.refuse(
                section.has("to-prefix-strip") ? "to-prefix-strip" : "to-prefix-add", "a number is rewritten that no trunk gets",
                expected: "a target trunk:NAME")
        }
        return RoutePolicy(
            from: from ?? [], toNumbers: to ?? [], fromNumbers: calling ?? [], target: target, failover: failover, rewriting: rewriting,
            rule: RuleReference(name.map { "route \($0)" } ?? "route \(number)", at: section.location))
    }

    private func readRewriting() -> NumberRewriting {
        func part(_ key: String) -> String {
            section.value(key, expected: "1 to 32 of 0-9, *, #, or a + in front") { text -> String? in
                let digits = text.hasPrefix("+") ? text.utf8.dropFirst() : text.utf8[...]
                let isGood =
                    (1...32).contains(text.utf8.count)
                    && digits.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2A || $0 == 0x23 }
                return isGood ? text : nil
            } ?? ""
        }
        return NumberRewriting(strip: part("to-prefix-strip"), add: part("to-prefix-add"))
    }

    private static let expected = "agent:NAME, echo, trunk:NAME or reject:STATUS"

    private func readTargets() -> [RouteTarget]? {
        guard let texts = section.texts("target", expected: "\(Self.expected), or a list of trunks", atMost: 8) else { return nil }
        if texts.isEmpty { section.refuse("target", "'target' is empty", expected: Self.expected) }
        var targets: [RouteTarget] = []
        var isGood = true
        for (text, place) in texts {
            guard let target = readTarget(text, place) else {
                isGood = false
                continue
            }
            if texts.count > 1, !target.isTrunk {
                section.findings.error(at: place, "only trunks can be tried one after another", expected: "trunk:NAME")
                isGood = false
            }
            if targets.contains(target) { section.findings.error(at: place, "'\(text)' is there twice") }
            targets.append(target)
        }
        return isGood ? targets : nil
    }

    private func readTarget(_ text: String, _ place: SourceLocation) -> RouteTarget? {
        guard let target = RouteTarget(text) else {
            let nearest = Suggestion.nearest(
                to: text, among: dialogues.map { "agent:\($0)" } + outbound.keys.map { "trunk:\($0)" } + ["echo"])
            section.findings.error(
                at: place, "'\(text.shortened)' is no target" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                expected: Self.expected, hint: "a status is 400 to 699")
            return nil
        }
        switch target {
        case .agent(let name):
            guard dialogues.contains(name) else {
                let nearest = Suggestion.nearest(to: name, among: dialogues.sorted())
                section.findings.error(
                    at: place, "there is no dialogue '\(name.shortened)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                    expected: names(dialogues.sorted(), "a [[dialogue]] of this tenant"))
                return nil
            }
        case .trunk(let name):
            guard OutboundCheck(trunks: outbound, findings: section.findings).isGood(name.text, at: place) else { return nil }
        case .reject, .echo: break
        }
        return target
    }

    private func names(_ names: [String], _ otherwise: String) -> String {
        names.isEmpty || names.count > 20 ? otherwise : "one of " + names.joined(separator: ", ")
    }

    private func nearestHint(_ key: String, _ names: [String]) -> String? {
        // Only a single name has a clear suggestion.
        guard section.has(key), case .string(let text)? = section.table[key]?.node.value, !names.contains(text) else { return nil }
        return Suggestion.nearest(to: text, among: names).map { "did you mean '\($0)'?" }
    }
}

extension RouteTarget {
    fileprivate var isTrunk: Bool { if case .trunk = self { true } else { false } }

    /// Reads `agent:NAME`, `reject:STATUS`, `trunk:NAME`, `echo`.
    init?(_ text: String) {
        if text == "echo" {
            self = .echo
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "agent":
            guard let name = TenantName(String(parts[1])) else { return nil }
            self = .agent(name.text)
        case "reject":
            guard let status = Int(parts[1]), (400...699).contains(status) else { return nil }
            self = .reject(status: status)
        case "trunk":
            guard let name = TrunkName(String(parts[1])) else { return nil }
            self = .trunk(name)
        default: return nil
        }
    }
}
