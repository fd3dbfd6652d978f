internal import ProviderProcesses
internal import SottoBase

/// One line that a recognizer's program wrote, read straight from the pipe's bytes into the arena of clear words.
enum RecognizerLine: Equatable {
    /// The words of an utterance, and where they begin and end. `clear` is nil when the arena was full.
    struct Words: Equatable {
        var clear: Clear<SpokenWords>?
        var dropped: Int
        var first: MediaTime?
        var last: MediaTime?
    }

    case ready(version: Int64)
    case speechStarted(MediaTime)
    case partial(Words)
    case final(Words, from: MediaTime, to: MediaTime)
    case processed(MediaTime)
    case failed

    private enum Kind: String, CaseIterable {
        case ready, partial, final, processed, failed
        case speechStarted = "speech-started"
    }

    private enum Field: String, CaseIterable {
        case type, version, at, start, end, words, until
    }

    private enum WordField: String, CaseIterable {
        case text, start, end
    }

    /// Words in an utterance; 15 s of fast speech have about 80.
    static let mostWords = 400
    /// Bytes in a word.
    static let longestWord = 128
    /// A year: positions count from the beginning of a call.
    private static let positions: ClosedRange<Int64> = 0...31_536_000_000

    /// Reads `line`, which is changed where texts are unescaped; the caller wipes it.
    static func read(_ line: UnsafeMutableRawBufferPointer, owner: CallID) throws(LineFault) -> RecognizerLine {
        var words: Words?
        do throws(LineFault) {
            return try read(line, owner, &words)
        } catch {
            if let clear = words?.clear { ClearArena.words.discard(clear) }
            throw error
        }
    }

    private static func read(
        _ line: UnsafeMutableRawBufferPointer, _ owner: CallID, _ words: inout Words?
    ) throws(LineFault) -> RecognizerLine {
        var kind: Kind?
        var version: Int64?
        var at: MediaTime?
        var start: MediaTime?
        var end: MediaTime?
        var until: MediaTime?
        try JSONReader.object(in: line, Field.self) { field, reader in
            switch field {
            case .type: kind = try reader.choice(of: Kind.self)
            case .version: version = try reader.integer(in: 0...1_000)
            case .at: at = try position(&reader)
            case .start: start = try position(&reader)
            case .end: end = try position(&reader)
            case .until: until = try position(&reader)
            case .words: words = try readWords(&reader, owner)
            }
        }
        let given = [version != nil, at != nil, start != nil, end != nil, until != nil, words != nil]
        func only(_ wanted: [Bool]) throws(LineFault) {
            for (isGiven, isWanted) in zip(given, wanted) where isGiven != isWanted { throw isWanted ? .missingMember : .strayMember }
        }
        switch kind {
        case nil: throw .missingMember
        case .ready: try only([true, false, false, false, false, false])
        case .speechStarted: try only([false, true, false, false, false, false])
        case .partial: try only([false, false, false, false, false, true])
        case .final: try only([false, false, true, true, false, true])
        case .processed: try only([false, false, false, false, true, false])
        case .failed: try only([false, false, false, false, false, false])
        }
        switch (kind, version, at, start, end, until, words) {
        case (.ready, let version?, _, _, _, _, _): return .ready(version: version)
        case (.speechStarted, _, let at?, _, _, _, _): return .speechStarted(at)
        case (.partial, _, _, _, _, _, let words?): return .partial(words)
        case (.final, _, _, let start?, let end?, _, let words?): return .final(words, from: start, to: end)
        case (.processed, _, _, _, _, let until?, _): return .processed(until)
        case (.failed, _, _, _, _, _, _): return .failed
        default: throw .missingMember
        }
    }

    private static func position(_ reader: inout JSONReader) throws(JSONReader.Fault) -> MediaTime {
        MediaTime(milliseconds: try reader.integer(in: positions))
    }

    private static func readWords(_ reader: inout JSONReader, _ owner: CallID) throws -> Words {
        var words = Words(clear: nil, dropped: 0, first: nil, last: nil)
        var writer = SpokenWordsWriter(owner: owner)
        var count = 0
        var previous = MediaTime.zero
        try reader.beginArray()
        while try reader.nextElement() {
            count += 1
            guard count <= mostWords else { throw LineFault.tooManyWords }
            var text: UnsafeRawBufferPointer?
            var start: MediaTime?
            var end: MediaTime?
            try reader.beginObject()
            while let field = try reader.nextField(of: WordField.self) {
                switch field {
                case .text: text = try reader.text(atMost: longestWord)
                case .start: start = try position(&reader)
                case .end: end = try position(&reader)
                }
            }
            guard let text, let start, let end else { throw LineFault.missingMember }
            guard !text.isEmpty, !text.contains(0x20) else { throw LineFault.badWord }
            guard start >= previous, end >= start else { throw LineFault.wordsOutOfOrder }
            previous = start
            words.first = words.first ?? start
            words.last = max(words.last ?? end, end)
            writer?.append(text, from: start, to: end)
        }
        if let writer {
            words.dropped = writer.dropped
            words.clear = writer.finish()
        }
        return words
    }
}

extension LineFault {
    static let tooManyWords = rule("too many words")
    static let badWord = rule("word is empty or holds a blank")
    static let wordsOutOfOrder = rule("words out of order")
}
