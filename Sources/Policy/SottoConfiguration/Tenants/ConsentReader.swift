internal import Policy
internal import SottoBase

/// Reads `[consent]` and `[consent.prompts]`.
struct ConsentReader {
    let section: Section

    private enum Tone: String, CaseIterable {
        case never
        case whereRequired = "where-required"
    }

    func read() -> ConsentPolicy {
        let standard = ConsentPolicy()
        let names = ConsentUses.names
        let uses = section.values("uses", expected: "one of " + names.map(\.name).joined(separator: ", ")) { text in
            names.first { $0.name == text }?.use
        }
        if let uses, uses.isEmpty { section.refuse("uses", "a yes would cover nothing", hint: "use record = \"never\"") }
        _ = section.choice("tone", Tone.self, later: ["always": "a recording tone is not part of this version"])
        return ConsentPolicy(
            record: section.choice("record") ?? standard.record,
            uses: uses.map { $0.reduce(into: ConsentUses()) { $0.formUnion($1) } } ?? standard.uses,
            refused: section.choice(
                "refused", RefusedAction.self, except: [.transfer],
                later: ["transfer": "handing over who refuses is not part of this version"])
                ?? standard.refused,
            prompts: section.section("prompts", TenantTables.prompts).map(readPrompts) ?? standard.prompts,
            attempts: section.integer("attempts", in: 1...5) ?? standard.attempts,
            answerTime: section.duration("answer-time", in: Duration.seconds(2)...Duration.seconds(30)) ?? standard.answerTime,
            withdrawalTime: section.duration("withdrawal-time", in: Duration.seconds(1)...Duration.seconds(15)) ?? standard.withdrawalTime,
            location: section.location)
    }

    private func readPrompts(_ section: Section) -> ConsentPrompts {
        var prompts = ConsentPrompts()
        func text(_ key: String) -> String? { section.value(key, expected: "some text", PromptText.read) }
        func mayBeEmpty(_ key: String, _ standard: String?) -> String? {
            guard section.has(key) else { return standard }
            return section.text(key, longest: PromptText.longest).flatMap { $0.isEmpty ? nil : $0 }
        }
        if let value = text("announcement") { prompts.announcement = value }
        if let value = text("question") { prompts.question = value }
        if let value = text("read-back") { prompts.readBack = value }
        if let value = text("unclear") { prompts.unclear = value }
        if let value = text("disclosure") { prompts.disclosure = value }
        prompts.granted = mayBeEmpty("granted", prompts.granted)
        prompts.refused = mayBeEmpty("refused", prompts.refused)
        prompts.withdrawn = mayBeEmpty("withdrawn", prompts.withdrawn)
        return prompts
    }
}

/// Texts that are spoken.
enum PromptText {
    static let longest = 1_000

    static func read(_ text: String) -> String? {
        text.utf8.count <= longest && text.contains(where: \.isLetter) ? text : nil
    }
}
