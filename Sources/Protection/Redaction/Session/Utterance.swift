internal import SottoBase

/// An utterance that the session holds: where its clear words lie, and what it knows about it. The words stay in their arena.
struct Utterance: Sendable {
    enum Content: Sendable {
        case spoken(Clear<SpokenWords>)
        case typed(Clear<PlainText>)
        /// Sotto's own words: gated, and gone over again because they may read back what the caller says.
        case said(String)
        /// Keys that were pressed: what they were and how many.
        case keyed(SensitiveKind, count: Int)
        /// Words that were lost: nobody may hear or read any of it.
        case unreadable
    }

    var number: Int
    var speaker: Speaker
    var origin: UtteranceOrigin
    var content: Content
    var from: MediaTime
    var to: MediaTime
    /// What the conversation was about before it.
    var context = ConversationContext()
    /// When it is stored at the latest; nil: at once.
    var holdUntil: MediaTime?
    var runs: [NumberRun] = []
    var decisions: [RunDecision] = []
    /// From where audio of it may still become silence; nil: no audio of it can.
    var riskFrom: MediaTime?
    /// Its windows were given.
    var isPlaced = false

    /// A word's times must lie in its utterance, give or take a second of a recognizer's untidiness.
    func isPlausible(_ start: MediaTime, _ end: MediaTime) -> Bool {
        start < end && from - 1_000 <= start && end <= to + 1_000
    }

    /// Where its first number lies, whatever becomes of it: only numbers are masked. Its start when a number cannot be placed.
    func firstRisk() -> MediaTime? {
        guard origin == .spoken || origin == .said else { return nil }
        if case .unreadable = content { return from }
        guard !runs.isEmpty else { return nil }
        var first: MediaTime?
        var isLocated = true
        let isThere = eachWord { index, _, start, end in
            guard runs.contains(where: { $0.firstWord <= index && index <= $0.lastWord }) else { return }
            guard let start, let end, isPlausible(start, end) else {
                isLocated = false
                return
            }
            first = min(first ?? start, start)
        }
        guard isThere, isLocated, let first else { return from }
        return max(from, first)
    }

    func discard() {
        switch content {
        case .spoken(let words): ClearArena.of(words).discard(words)
        case .typed(let text): ClearArena.of(text).discard(text)
        case .said, .keyed, .unreadable: break
        }
    }

    /// Visits the words in order. The bytes are valid inside `body` alone. False when they are gone.
    func eachWord(_ body: (Int, UnsafeRawBufferPointer, _ start: MediaTime?, _ end: MediaTime?) -> Void) -> Bool {
        switch content {
        case .spoken(let words):
            return ClearArena.of(words).open(words) { bytes in
                var reader = SpokenWordsReader(bytes)
                var index = 0
                while let word = reader.next() {
                    body(index, word.text, word.start, word.end)
                    index += 1
                }
                return true
            } ?? false
        case .typed(let text):
            return ClearArena.of(text).open(text) { bytes in
                Self.eachWord(of: bytes, body)
                return true
            } ?? false
        case .said(let text):
            var copy = text
            copy.withUTF8 { Self.eachWord(of: UnsafeRawBufferPointer($0), body) }
            return true
        case .keyed: return true
        case .unreadable: return false
        }
    }

    /// Splits text at white space.
    static func eachWord(of bytes: UnsafeRawBufferPointer, _ body: (Int, UnsafeRawBufferPointer, MediaTime?, MediaTime?) -> Void) {
        var index = 0
        var start = 0
        while start < bytes.count {
            if bytes[start] <= 0x20 {
                start += 1
                continue
            }
            var end = start
            while end < bytes.count, bytes[end] > 0x20 { end += 1 }
            body(index, UnsafeRawBufferPointer(rebasing: bytes[start..<end]), nil, nil)
            index += 1
            start = end
        }
    }
}
