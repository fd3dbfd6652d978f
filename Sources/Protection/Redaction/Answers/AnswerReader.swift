public import SottoBase

/// Reads an answer to a yes-or-no question out of words. Strict: what is not clearly one of both is `unclear`.
///
/// A yes and a no together are unclear ("yes but do not record"), a hedge or a question is, and so is a long speech. "not" turns the
/// yes that follows it into a no.
public enum AnswerReader {
    public enum Answer: String, Equatable, Sendable {
        case yes, no, unclear
    }

    /// More words than this are no answer.
    private static let longest = 12

    public static func read(_ text: Masked<String>) -> Answer {
        var reading = Reading()
        var copy = text.content
        copy.withUTF8 { bytes in
            Utterance.eachWord(of: UnsafeRawBufferPointer(bytes)) { _, word, _, _ in reading.take(word) }
        }
        return reading.answer
    }

    /// Opens the words without discarding them; `unclear` when they are gone.
    public static func read(_ words: Clear<SpokenWords>) -> Answer {
        ClearArena.of(words).open(words) { bytes in
            var reading = Reading()
            var reader = SpokenWordsReader(bytes)
            while let word = reader.next() { reading.take(word.text) }
            return reading.answer
        } ?? .unclear
    }

    private enum Part: Sendable {
        case yes, no
        /// "not", "don't": makes a no of the yes behind it, and is a no by itself.
        case negation
        /// "maybe", "what", "depends".
        case hedge
        /// "I do": a yes at the end only.
        case closing
    }

    private static let table: [UInt64: Part] = {
        let rows: [(words: String, part: Part)] = [
            ("yes yeah yep yup yea aye sure ok okay certainly absolutely definitely agree agreed accept consent affirmative correct", .yes),
            ("alright fine gladly course ahead", .yes),
            ("no nope nah never refuse decline disagree negative stop neither", .no),
            ("not dont wont cannot cant wouldnt isnt without didnt doesnt shouldnt rather", .negation),
            (
                "maybe perhaps depends what why which who when how pardon sorry repeat again unsure if unless later wait think guess suppose",
                .hedge
            ),
            ("understand hello", .hedge), ("do", .closing),
        ]
        var table: [UInt64: Part] = [:]
        for row in rows {
            for word in row.words.split(separator: " ") {
                var hash = WordHash()
                for byte in word.utf8 where byte != 0x27 { hash.add(byte) }
                table[hash.value] = row.part
            }
        }
        return table
    }()

    private struct Reading {
        private var yes = false
        private var no = false
        private var hedge = false
        /// Words since a negation; far away at first.
        private var sinceNegation = 100
        private var count = 0
        private var endsWithDo = false

        var answer: Answer {
            let yes = yes || (endsWithDo && !no)
            if hedge || yes == no || count > AnswerReader.longest { return .unclear }
            return yes ? .yes : .no
        }

        mutating func take(_ word: UnsafeRawBufferPointer) {
            var hash = WordHash()
            for byte in word {
                switch byte {
                case 0x41...0x5A: hash.add(byte | 0x20)
                case 0x61...0x7A, 0x30...0x39: hash.add(byte)
                case 0x2D: end(&hash)  // "yes-yes"
                case 0x80...: if !(byte == 0xE2 || byte == 0x80 || byte == 0x99) { hash.add(byte) }  // ’ is left out as ' is
                default: break
                }
            }
            end(&hash)
        }

        private mutating func end(_ hash: inout WordHash) {
            guard hash.length > 0 else { return }
            count += 1
            endsWithDo = false
            sinceNegation += 1
            switch AnswerReader.table[hash.value] {
            case .yes:
                // "I do not agree", "I would rather not, sure" : near a negation a yes is none.
                if sinceNegation <= 3 { no = true } else { yes = true }
            case .no: no = true
            case .negation:
                no = true
                sinceNegation = 0
            case .hedge: hedge = true
            case .closing: endsWithDo = true
            case nil: break
            }
            hash = WordHash()
        }
    }

    /// Whether a caller takes back the leave to record, in the middle of a call. Nobody has to find the right word: any of these will do.
    public static func withdraws(_ text: Masked<String>) -> Bool {
        let text = text.content.lowercased()
        return withdrawals.contains { text.contains($0) }
    }

    private static let withdrawals = [
        "stop recording", "stop the recording", "do not record", "don't record", "not be recorded", "not want to be recorded",
    ]
}
