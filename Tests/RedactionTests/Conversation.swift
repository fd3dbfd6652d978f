import SottoBase

@testable import Redaction

/// A call in a test: lines are spoken one after the other, words at 400 ms each.
struct Conversation {
    static let call = CallID(high: 7, low: 7)

    private(set) var session: RedactionSession
    private(set) var outputs: [RedactionSession.Output] = []
    private(set) var now = MediaTime.zero
    /// Where each word of each line lies: what the generator knows.
    private(set) var spoken: [(speaker: Speaker, words: [(text: String, from: MediaTime, to: MediaTime)])] = []

    init(_ settings: RedactionSettings = .maskEverything, agentIsRecognized: Bool = true) {
        session = RedactionSession(call: Self.call, settings: settings, agentIsRecognized: agentIsRecognized)
    }

    static func words(_ words: [(text: String, from: MediaTime, to: MediaTime)]) -> Clear<SpokenWords> {
        guard var writer = SpokenWordsWriter(owner: call) else { preconditionFailure("the arena is full in a test") }
        for word in words {
            Array(word.text.utf8).withUnsafeBytes { _ = writer.append($0, from: word.from, to: word.to) }
        }
        return writer.finish()
    }

    /// - Parameter partials: how many words each partial hypothesis before the final one holds.
    mutating func line(_ speaker: Speaker, _ text: String, partials: [Int] = [], pause: Int64 = 500) {
        let from = now
        var words: [(text: String, from: MediaTime, to: MediaTime)] = []
        for word in text.split(separator: " ") {
            words.append((String(word), now + 50, now + 350))
            now = now + 400
        }
        spoken.append((speaker, words))
        for count in partials {
            let some = Array(words.prefix(count))
            feed(.partial(speaker, Hypothesis(words: Self.words(some), from: from, to: some.last?.to ?? from)))
        }
        feed(.final(speaker, Hypothesis(words: Self.words(words), from: from, to: now)))
        now = now + pause
        feed(.recognized(.caller, upTo: now))
        feed(.recognized(.agent, upTo: now))
    }

    mutating func feed(_ input: RedactionSession.Input) { outputs += session.handle(input, now: now) }

    mutating func pause(_ milliseconds: Int64) {
        now = now + milliseconds
        feed(.recognized(.caller, upTo: now))
        feed(.recognized(.agent, upTo: now))
    }

    mutating func end() { feed(.callEnded) }

    var stored: [StoredUtterance] { outputs.compactMap { if case .stored(let line) = $0 { line.content } else { nil } } }
    var texts: [String] { stored.map(\.text) }
    var live: [LiveLine] { outputs.compactMap { if case .live(let line) = $0 { line.content } else { nil } } }
    var finals: [String] { live.filter(\.isFinal).map(\.text) }
    var windows: [AudioWindow] { outputs.compactMap { if case .mask(let window) = $0 { window } else { nil } } }

    func safePoints(_ speaker: Speaker) -> [MediaTime] {
        outputs.compactMap { if case .safePoint(speaker, let position) = $0 { position } else { nil } }
    }

    func isMasked(_ speaker: Speaker, _ from: MediaTime, _ to: MediaTime) -> Bool {
        windows.contains { $0.speaker == speaker && $0.from <= from && $0.to >= to }
    }
}

/// Redacts lines of alternating speakers ("a:" agent, else caller) for storage.
func redact(_ lines: [String], _ settings: RedactionSettings = .maskEverything) -> [String] {
    var talk = Conversation(settings)
    for line in lines {
        if line.hasPrefix("a: ") { talk.line(.agent, String(line.dropFirst(3))) } else { talk.line(.caller, line) }
    }
    talk.end()
    return talk.texts
}

func redact(_ line: String) -> String { redact([line])[0] }
