internal import Synchronization
public import SottoBase
public import Speech

/// Follows a `DialogueScript`: one state at a time, first matching choice wins.
///
///     enter(state): say, payment on/off ──▶ listen ──match──▶ enter(next)
///                                            │  └─ no match or silence: ask again, up to the limits, then farewell
///                                            ├─▶ collect ──right length──▶ enter(next)
///                                            └─▶ hand over ──nobody reached──▶ enter(failed)
struct ScriptedModel: Equatable {
    private enum Position: Equatable {
        case notStarted
        case at(DialogueScript.State)
        case over
    }

    /// Transitions without a question in between; a script that only goes in circles ends here.
    private static let longestChain = 32

    private let script: DialogueScript
    private var position = Position.notStarted
    private var silences = 0
    private var noMatches = 0
    private var isPayment = false

    init(script: DialogueScript) { self.script = script }

    mutating func handle(_ input: ModelInput) -> [ModelAction] {
        switch (input, position) {
        case (_, .over): return []
        case (.callStarted, .notStarted): return enter(script.start)
        case (_, .notStarted), (.callStarted, .at): return []
        case (.silence, .at(let state)): return silence(in: state)
        case (.heard(let text, let kinds), .at(let state)): return heard(text, kinds, in: state)
        case (.key(let key), .at(let state)):
            guard case .listen(let listen) = state.step else { return wait(in: state) }
            return choose(listen, in: state) { $0.key == key }
        case (.collected(let kind, let count), .at(let state)): return collected(kind, count, in: state)
        case (.handOverFailed, .at(let state)):
            guard case .handOver(let handOver) = state.step else { return wait(in: state) }
            return enter(handOver.failed)
        }
    }

    // MARK: - States

    private mutating func enter(_ name: String) -> [ModelAction] {
        var actions: [ModelAction] = []
        var name = name
        for _ in 0..<Self.longestChain {
            guard let state = script.state(named: name) else { return actions + finish(saying: script.limits.farewell) }
            position = .at(state)
            silences = 0
            noMatches = 0
            if let say = state.say { actions.append(.say(say)) }
            if state.isPayment != isPayment {
                isPayment = state.isPayment
                actions.append(.payment(isOn: isPayment))
            }
            switch state.step {
            case .next(let next): name = next
            case .hangUp: return actions + finish(saying: nil)
            // Nobody to hand over to in this house yet: as if the person could not be reached.
            case .handOver(let handOver):
                if let say = handOver.say { actions.append(.say(say)) }
                return actions + [.handOver(to: handOver.to, trunk: handOver.trunk)]
            case .listen, .collect: return actions + ask(state)
            }
        }
        return actions + finish(saying: script.limits.farewell)
    }

    private func ask(_ state: DialogueScript.State) -> [ModelAction] {
        switch state.step {
        case .listen(let listen): (listen.ask.map { [.say($0)] } ?? []) + wait(in: state)
        case .collect(let collect): (collect.ask.map { [.say($0)] } ?? []) + wait(in: state)
        case .next, .hangUp, .handOver: []
        }
    }

    private func wait(in state: DialogueScript.State) -> [ModelAction] {
        switch state.step {
        case .listen: [.listen(silence: script.limits.silence)]
        case .collect(let collect):
            [.collect(collect.kind, digits: collect.digits, terminator: collect.terminator, silence: script.limits.silence)]
        case .next, .hangUp, .handOver: []
        }
    }

    private mutating func finish(saying text: String?) -> [ModelAction] {
        position = .over
        var actions: [ModelAction] = text.map { [.say($0)] } ?? []
        if isPayment {
            isPayment = false
            actions.append(.payment(isOn: false))
        }
        return actions + [.hangUp]
    }

    // MARK: - Answers

    private mutating func heard(_ text: Masked<String>, _ kinds: Set<SensitiveKind>, in state: DialogueScript.State) -> [ModelAction] {
        guard case .listen(let listen) = state.step else { return wait(in: state) }
        let words = ScriptWords(text.content)
        return choose(listen, in: state) { choice in
            !choice.hears.isDisjoint(with: kinds) || choice.words.contains { words.contain($0) }
        }
    }

    private mutating func choose(
        _ listen: DialogueScript.Listen, in state: DialogueScript.State, where matches: (DialogueScript.Choice) -> Bool
    ) -> [ModelAction] {
        if let choice = listen.choices.first(where: matches) { return enter(choice.next) }
        if let otherwise = listen.otherwise { return enter(otherwise) }
        return noMatch(in: state)
    }

    private mutating func collected(_ kind: SensitiveKind, _ count: Int, in state: DialogueScript.State) -> [ModelAction] {
        guard case .collect(let collect) = state.step else { return wait(in: state) }
        if collect.kind == kind, collect.digits.contains(count) { return enter(collect.next) }
        if let invalid = collect.invalid { return enter(invalid) }
        return noMatch(in: state)
    }

    private mutating func silence(in state: DialogueScript.State) -> [ModelAction] {
        silences += 1
        guard silences < script.limits.silences else { return finish(saying: script.limits.farewell) }
        return (script.limits.silencePrompt.map { [.say($0)] } ?? []) + ask(state)
    }

    private mutating func noMatch(in state: DialogueScript.State) -> [ModelAction] {
        noMatches += 1
        guard noMatches < script.limits.noMatches else { return finish(saying: script.limits.farewell) }
        return (script.limits.noMatchPrompt.map { [.say($0)] } ?? []) + ask(state)
    }
}

/// A text's words in a form that keywords are compared with: lower case, letters, digits and apostrophes, whole words only.
struct ScriptWords {
    private let padded: String

    init(_ text: String) {
        var words = " "
        for character in text.lowercased() {
            if character.isLetter || character.isNumber || character == "'" {
                words.append(character)
            } else if words.last != " " {
                words.append(" ")
            }
        }
        if words.last != " " { words.append(" ") }
        padded = words
    }

    func contain(_ phrase: String) -> Bool { padded.contains(" \(phrase) ") }
}

/// The first `LanguageModel`: scripts from the tenant's policy, in this process.
public final class ScriptedLanguageModel: LanguageModel {
    public let provider = ProviderDescription(name: "script", boundary: .inProcess)
    private let script: DialogueScript

    public init(script: DialogueScript) { self.script = script }

    public func begin(call: CallID, replies: @escaping @Sendable (ModelReply) -> Void) throws(SpeechError) -> any ModelSession {
        Session(script: script, replies: replies)
    }

    private final class Session: ModelSession {
        private let model: Mutex<ScriptedModel>
        private let replies: @Sendable (ModelReply) -> Void

        init(script: DialogueScript, replies: @escaping @Sendable (ModelReply) -> Void) {
            model = Mutex(ScriptedModel(script: script))
            self.replies = replies
        }

        func tell(_ input: ModelInput) { replies(.actions(model.withLock { $0.handle(input) })) }
        func end() {}
    }
}
