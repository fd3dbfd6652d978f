import SottoBase
import Testing

@testable import Redaction

/// Speaks every published card number in many ways, over turns, with fillers, corrections, read-backs and a recognizer's mistakes, and
/// looks whether four digits in a row can be read in what comes out.
struct LeakTests {
    private struct Speech {
        var lines: [(speaker: Speaker, text: String)] = []
        /// The words that tell the number, for each line.
        var isSecret: [[Bool]] = []
    }

    private enum Way: CaseIterable {
        case singles, oh, pairs, doubles, writtenGroups, writtenWhole, dashed, mixed
    }

    private static let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    private static let teens = [
        "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ]
    private static let tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    private static let fillers = ["um", "uh", "er", "hmm", "so", "and", "then", "like", "dash", "space", "please", "okay"]
    private static let corrections = ["no wait", "sorry", "i mean", "scratch that", "make that", "no sorry i mean", "oops"]
    private static let confusions = [
        "one": "won", "two": "to", "four": "for", "eight": "ate", "three": "tree", "six": "sex", "nine": "niner",
    ]
    private static let noise = ["the", "blah", "horse", "what", "a"]

    private func speak(_ digits: [Int], _ way: Way, _ chance: inout SeededChance) -> [String] {
        var words: [String] = []
        var index = 0
        func name(_ digit: Int) -> String { digit == 0 && way == .oh ? "oh" : Self.names[digit] }
        while index < digits.count {
            let digit = digits[index]
            let next = index + 1 < digits.count ? digits[index + 1] : nil
            switch way {
            case .doubles where next == digit:
                if index + 2 < digits.count, digits[index + 2] == digit {
                    words += ["triple", name(digit)]
                    index += 3
                } else {
                    words += ["double", name(digit)]
                    index += 2
                }
                continue
            case .pairs, .mixed:
                if let next, way == .pairs || chance.happens(50) {
                    if digit == 1 {
                        words.append(Self.teens[next])
                    } else if digit == 0 {
                        words += [Self.names[0], Self.names[next]]
                    } else {
                        words.append(Self.tens[digit])
                        if next > 0 { words.append(Self.names[next]) }
                    }
                    index += 2
                    continue
                }
                words.append(name(digit))
            case .writtenGroups, .writtenWhole, .dashed: words.append(String(digit))
            case .singles, .oh, .doubles: words.append(name(digit))
            }
            index += 1
        }
        switch way {
        case .writtenGroups, .writtenWhole: return [words.joined()]
        case .dashed: return [words.joined(separator: "-")]
        default: return words
        }
    }

    private func groups(_ number: String, _ size: Int) -> [[Int]] {
        let digits = number.compactMap(\.wholeNumberValue)
        return stride(from: 0, to: digits.count, by: size).map { Array(digits[$0..<min($0 + size, digits.count)]) }
    }

    private func makeSpeech(_ number: String, _ seed: UInt64, withQuestion: Bool) -> Speech {
        var chance = SeededChance(seed: seed)
        let way = chance.pick(Way.allCases)
        let size = way == .writtenWhole || way == .dashed ? 19 : chance.pick([4, 4, 4, 6, 19])
        let parts = groups(number, size)
        var speech = Speech()
        func add(_ speaker: Speaker, _ words: [(String, Bool)]) {
            speech.lines.append((speaker, words.map(\.0).joined(separator: " ")))
            speech.isSecret.append(words.map(\.1))
        }
        func plain(_ text: String) -> [(String, Bool)] { text.split(separator: " ").map { (String($0), false) } }
        add(.caller, plain("hello i would like to pay my bill"))
        if withQuestion {
            add(.agent, plain(chance.pick(["what is your card number", "can i have the long number on the front of your card please"])))
        }
        // Written groups and pairs in turns of their own are times and years without a question; they are spoken in one breath then.
        let isSplit = parts.count > 1 && chance.happens(50) && (withQuestion || way == .singles || way == .oh)
        var line: [(String, Bool)] = []
        if chance.happens(50) { line += plain(chance.pick(["it is", "yes it's", "sure my card number is", "okay so"])) }
        for (index, part) in parts.enumerated() {
            var words = speak(part, way, &chance)
            if chance.happens(20) {
                let wrong = part.map { ($0 + 1) % 10 }
                line += speak(wrong, way, &chance).map { ($0, true) } + plain(chance.pick(Self.corrections))
            }
            for position in words.indices {
                if chance.happens(5), let confused = Self.confusions[words[position]], position > 0 { words[position] = confused }
                if chance.happens(10) { line += plain(chance.pick(Self.fillers)) }
                line.append((words[position], true))
                if chance.happens(2), position + 1 < words.count { line.append((chance.pick(Self.noise), true)) }
            }
            if isSplit, index + 1 < parts.count {
                add(.caller, line)
                line = []
                if chance.happens(40) { add(.agent, plain(chance.pick(["okay", "got it go on", "uh huh", "yes"]))) }
                if chance.happens(20) { add(.agent, speak(part, way, &chance).map { ($0, true) }) }
            }
        }
        line += plain(chance.pick(["", "that's it", "thank you", "and can you tell me when it will arrive"]))
        add(.caller, line)
        return speech
    }

    /// The digits that can be read in a line, by an ear less strict than the reader's: everything that is a digit word.
    private func readable(_ text: String) -> [String] {
        var rows: [String] = []
        var row = ""
        for word in text.split(separator: " ") {
            let lower = word.lowercased()
            if let digit = Self.names.firstIndex(of: lower) {
                row += String(digit)
            } else if lower == "oh" {
                row += "0"
            } else if let teen = Self.teens.firstIndex(of: lower) {
                row += String(10 + teen)
            } else if let ten = Self.tens.firstIndex(of: lower), ten > 1 {
                row += String(ten) + "0"
            } else if word.contains(where: \.isNumber) {
                row += word.filter(\.isNumber)
            } else if !Self.fillers.contains(lower) {
                rows.append(row)
                row = ""
            }
        }
        return rows + [row]
    }

    private func leaks(_ text: String, _ number: String) -> Bool {
        readable(text).contains { row in
            guard row.count >= 4 else { return false }
            let characters = Array(row)
            return (0...characters.count - 4).contains { number.contains(String(characters[$0..<$0 + 4])) }
        }
    }

    @Test(arguments: TestNumbers.cards, [true, false])
    func noFourDigitsInARowLeak(_ number: String, withQuestion: Bool) {
        for seed in 0..<100 as Range<UInt64> {
            let speech = makeSpeech(number, seed &* 7_919 &+ UInt64(number.count), withQuestion: withQuestion)
            var talk = Conversation()
            for line in speech.lines { talk.line(line.speaker, line.text) }
            talk.end()
            let said = speech.lines.map(\.text).joined(separator: " | ")
            for line in talk.texts where leaks(line, number) { Issue.record("stored \(seed): \(line) <- \(said)") }
            for line in talk.finals where leaks(line, number) { Issue.record("live \(seed): \(line) <- \(said)") }
            // No stretch of four secret words is left in the audio.
            for (line, secret) in zip(talk.spoken, speech.isSecret) {
                var open = 0
                for (word, isSecret) in zip(line.words, secret) where isSecret {
                    open = talk.isMasked(line.speaker, word.from, word.to) ? 0 : open + 1
                    if open >= 4 { Issue.record("audio \(seed): \(said)") }
                }
            }
            // The words around it are still there.
            #expect(talk.texts.first == "hello i would like to pay my bill")
        }
    }

    @Test func theLeakCheckFindsAKeptNumber() throws {
        let keep = try RedactionSettings(actions: [.card: .keep, .number: .keep])
        let text = redact(["four one one one one one one one one one one one one one one one"], keep)[0]
        #expect(leaks(text, "4111111111111111"))
    }
}
