internal import Policy
internal import SottoBase

/// Reads `[[route]]`.
struct RouteReader {
    let section: Section
    /// Counted from 1.
    let number: Int
    let trunks: [TrunkName]
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
        guard let target = readTarget() else { return nil }
        return RoutePolicy(
            from: from ?? [], toNumbers: to ?? [], fromNumbers: calling ?? [], target: target,
            rule: RuleReference(name.map { "route \($0)" } ?? "route \(number)", at: section.location))
    }

    private func readTarget() -> RouteTarget? {
        guard let text = section.text("target") else { return nil }
        let expected = "agent:NAME or reject:STATUS"
        guard let target = RouteTarget(text) else {
            section.refuse("target", "'\(text.shortened)' is no target", expected: expected, hint: "a status is 400 to 699")
            return nil
        }
        switch target {
        case .agent(let name):
            guard dialogues.contains(name) else {
                let nearest = Suggestion.nearest(to: name, among: dialogues.sorted())
                section.refuse(
                    "target", "there is no dialogue '\(name.shortened)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
                    expected: names(dialogues.sorted(), "a [[dialogue]] of this tenant"))
                return nil
            }
        case .reject, .echo: break
        case .trunk:
            section.refuse(
                "target", "calls cannot be handed to a trunk yet", expected: expected, hint: "bridging is not part of this version")
            return nil
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
    /// Reads `agent:NAME`, `reject:STATUS`, `trunk:NAME`.
    init?(_ text: String) {
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
