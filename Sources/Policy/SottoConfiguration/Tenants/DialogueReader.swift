internal import Policy
internal import SottoBase

/// Reads `[[dialogue]]` and checks that its states hang together.
struct DialogueReader {
    let section: Section
    /// Names of the tenant's trunks, and whether calls can go out by them.
    let outbound: [String: Bool]

    static let statesAtMost = 500

    func read() -> DialogueScript? {
        let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
        let standard = DialogueScript.Limits()
        let limits = DialogueScript.Limits(
            silence: section.duration("silence", in: Duration.seconds(1)...Duration.seconds(60)) ?? standard.silence,
            silences: section.integer("silence-limit", in: 1...10) ?? standard.silences,
            silencePrompt: section.value("silence-prompt", expected: "some text", PromptText.read),
            noMatches: section.integer("no-match-limit", in: 1...10) ?? standard.noMatches,
            noMatchPrompt: section.value("no-match", expected: "some text", PromptText.read) ?? standard.noMatchPrompt,
            farewell: section.value("farewell", expected: "some text", PromptText.read) ?? standard.farewell)
        let sections = section.sections("state", DialogueTables.state, atMost: Self.statesAtMost)
        if !section.has("state") {
            section.findings.error(at: section.location, "the dialogue has no states", expected: "at least one [[dialogue.state]]")
        }
        let names = sections.compactMap { section -> String? in
            if case .string(let text)? = section.table["name"]?.node.value { text } else { nil }
        }
        var seen: Set<String> = []
        var states: [(state: DialogueScript.State, section: Section)] = []
        for section in sections {
            guard let state = StateReader(section: section, names: names, outbound: outbound).read() else { continue }
            guard seen.insert(state.name).inserted else {
                section.refuse("name", "state '\(state.name)' is there already")
                continue
            }
            states.append((state, section))
        }
        guard let start = StateReader.stateName(section, "start", names), let name else { return nil }
        checkPaths(from: start, states)
        return DialogueScript(name: name, start: start, states: states.map(\.state), limits: limits)
    }

    /// Every state is reached, and no round of `next` states runs without ever waiting for the caller.
    private func checkPaths(from start: String, _ states: [(state: DialogueScript.State, section: Section)]) {
        let byName = Dictionary(states.map { ($0.state.name, $0) }, uniquingKeysWith: { first, _ in first })
        var reached: Set<String> = [start]
        var waiting = [start]
        while let name = waiting.popLast() {
            for next in byName[name]?.state.step.successors ?? [] where reached.insert(next).inserted { waiting.append(next) }
        }
        for (state, section) in states {
            if !reached.contains(state.name) {
                section.findings.warning(at: section.place(of: "name"), "no path leads to state '\(state.name)'")
            }
            var name = state.name
            for _ in 0...states.count {
                guard case .next(let next)? = byName[name]?.state.step else { break }
                if next == state.name {
                    section.refuse(
                        "next", "state '\(state.name)' comes back to itself without waiting for the caller",
                        hint: "one state of the round must listen, collect or hang up")
                    break
                }
                name = next
            }
        }
    }
}

extension DialogueScript.Step {
    /// States that may follow.
    fileprivate var successors: [String] {
        switch self {
        case .listen(let listen): listen.choices.map(\.next) + (listen.otherwise.map { [$0] } ?? [])
        case .collect(let collect): [collect.next] + (collect.invalid.map { [$0] } ?? [])
        case .next(let next): [next]
        case .hangUp: []
        case .handOver(let handOver): [handOver.failed]
        }
    }
}

/// Reads `[[dialogue.state]]`.
private struct StateReader {
    let section: Section
    /// All states of the dialogue.
    let names: [String]
    let outbound: [String: Bool]

    func read() -> DialogueScript.State? {
        let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
        let say = section.value("say", expected: "some text", PromptText.read)
        let ask = section.value("ask", expected: "some text", PromptText.read)
        let isPayment = section.flag("payment") ?? false
        let hangsUp = section.flag("hang-up") ?? false

        let listens = section.has("listen") || section.has("otherwise")
        let steps = [
            ("listen", listens), ("collect", section.has("collect")), ("next", section.has("next")),
            ("hand-over", section.has("hand-over")), ("hang-up", hangsUp),
        ].filter(\.1).map(\.0)
        guard steps.count == 1, let kind = steps.first else {
            section.findings.error(
                at: section.location,
                steps.isEmpty ? "the state leads nowhere" : "the state has more than one step: \(steps.joined(separator: ", "))",
                expected: "exactly one of listen, collect, next, hand-over, hang-up")
            // Read on, to find what else is wrong.
            _ = readListen(ask: ask)
            _ = section.section("collect", DialogueTables.collect).map { readCollect($0, ask: ask) }
            _ = section.section("hand-over", DialogueTables.handOver).map(readHandOver)
            return nil
        }
        if isPayment, kind != "collect" {
            section.refuse("payment", "payment mode without keys to collect", hint: "voice is not heard in payment mode: add collect")
        }
        if ask != nil, kind == "next" || kind == "hang-up" || kind == "hand-over" {
            section.refuse("ask", "nobody listens to the answer", hint: "use say, or add listen or collect")
        }
        let step: DialogueScript.Step?
        switch kind {
        case "listen": step = readListen(ask: ask).map { .listen($0) }
        case "collect":
            step = section.section("collect", DialogueTables.collect).flatMap { readCollect($0, ask: ask) }.map { .collect($0) }
        case "hand-over":
            step = section.section("hand-over", DialogueTables.handOver).flatMap(readHandOver).map { .handOver($0) }
        case "next": step = Self.stateName(section, "next", names).map { .next($0) }
        default: step = .hangUp
        }
        guard let name, let step else { return nil }
        return DialogueScript.State(name: name, say: say, isPayment: isPayment, step: step)
    }

    private func readListen(ask: String?) -> DialogueScript.Listen? {
        let otherwise = section.has("otherwise") ? Self.stateName(section, "otherwise", names) : nil
        let choices = section.sections("listen", DialogueTables.choice, atMost: 64).compactMap(readChoice)
        guard !choices.isEmpty || otherwise != nil else {
            if case .array(let elements)? = section.table["listen"]?.node.value, elements.isEmpty {
                section.refuse("listen", "there is nothing to choose", expected: "at least one choice, or otherwise")
            }
            return nil
        }
        var keys: Set<UInt8> = []
        for choice in choices {
            if let key = choice.key, !keys.insert(key).inserted {
                section.refuse("listen", "key \(String(UnicodeScalar(key))) is there in two choices")
            }
        }
        return DialogueScript.Listen(ask: ask, choices: choices, otherwise: otherwise)
    }

    private func readChoice(_ section: Section) -> DialogueScript.Choice? {
        let words = section.values(
            "words", expected: "words as they are spoken: letters, spaces, apostrophes", hint: "write numbers as words"
        ) { text -> String? in
            let phrase = text.lowercased().split(separator: " ").joined(separator: " ")
            let isGood = !phrase.isEmpty && phrase.allSatisfy { $0.isLetter || $0 == " " || $0 == "'" }
            return isGood ? phrase : nil
        }
        let key = section.value("key", expected: "one of 0-9, *, #") { text -> UInt8? in
            let bytes = Array(text.utf8)
            guard bytes.count == 1, (0x30...0x39).contains(bytes[0]) || bytes[0] == 0x2A || bytes[0] == 0x23 else { return nil }
            return bytes[0]
        }
        let hears = section.choices("hears", SensitiveKind.self) ?? []
        if !section.has("words"), !section.has("key"), !section.has("hears") {
            section.findings.error(at: section.location, "nothing chooses this", expected: "words, key or hears")
        }
        guard let next = Self.stateName(section, "next", names) else { return nil }
        return DialogueScript.Choice(words: words ?? [], key: key, hears: Set(hears), next: next)
    }

    private func readCollect(_ section: Section, ask: String?) -> DialogueScript.Collect? {
        let kind = section.choice("kind", SensitiveKind.self)
        let digits = section.value("digits", expected: "\"16\" or \"12-19\", from 1 to 32") { text -> ClosedRange<Int>? in
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let first = Int(parts[0]), let last = parts.count == 1 ? first : Int(parts[1]),
                first >= 1, last <= 32, first <= last
            else { return nil }
            return first...last
        }
        let terminator: UInt8? =
            section.has("terminator")
            ? section.value("terminator", expected: "\"#\", \"*\" or \"\"") { text -> UInt8?? in
                switch text {
                case "#", "*": .some(text.utf8.first)
                case "": .some(nil)
                default: nil
                }
            } ?? nil : UInt8(ascii: "#")
        let next = Self.stateName(section, "next", names)
        let invalid = section.has("invalid") ? Self.stateName(section, "invalid", names) : nil
        guard let kind, let digits, let next else { return nil }
        return DialogueScript.Collect(ask: ask, kind: kind, digits: digits, terminator: terminator, next: next, invalid: invalid)
    }

    private func readHandOver(_ section: Section) -> DialogueScript.HandOver? {
        let to = section.value("to", expected: "a number like +493012345, or a name without spaces and @") { text -> String? in
            let number = DialledNumber(user: text)
            if number.isInternational { return number.text }
            let isGood =
                (1...64).contains(text.utf8.count)
                && text.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "-._~!*#".utf8.contains($0)
                }
            return isGood ? text : nil
        }
        var trunk: TrunkName?
        if let text = section.text("trunk"),
            OutboundCheck(trunks: outbound, findings: section.findings).isGood(text, at: section.place(of: "trunk"))
        {
            trunk = TrunkName(text)
        }
        let say = section.value("say", expected: "some text", PromptText.read)
        let failed = Self.stateName(section, "failed", names)
        guard let to, let trunk, let failed else { return nil }
        return DialogueScript.HandOver(to: to, trunk: trunk, say: say, failed: failed)
    }

    /// The name of a state that is there.
    static func stateName(_ section: Section, _ key: String, _ names: [String]) -> String? {
        guard let text = section.text(key) else { return nil }
        guard names.contains(text) else {
            let nearest = Suggestion.nearest(to: text, among: names)
            section.refuse(key, "there is no state '\(text.shortened)'" + (nearest.map { "; did you mean '\($0)'?" } ?? ""))
            return nil
        }
        return text
    }
}
