import SottoBase
import Testing

@testable import Redaction

/// What the reader makes of spoken and written numbers.
struct SpokenNumberTests {
    private func digits(_ text: String) -> [String] {
        var words = WordReader(lexicon: .english)
        var tokens = WipingBuffer<Token>()
        var written = WipingBuffer<UInt8>()
        var reader = NumberReader()
        Array(text.utf8).withUnsafeBytes { bytes in
            Utterance.eachWord(of: bytes) { index, word, _, _ in
                words.read(word, index: index, tokens: &tokens, written: &written)
            }
        }
        let reading = reader.read(tokens, 0..<tokens.count, written: written)
        var result: [String] = []
        for run in reading.runs {
            var text = ""
            for index in run.digits { text += "\(reader.digits[index])" }
            result.append(text)
        }
        return result
    }

    @Test(arguments: [
        ("four one one one", "4111"), ("forty one eleven", "4111"), ("forty-one eleven", "4111"),
        ("four thousand one hundred eleven", "4111"),
        ("four thousand one hundred and eleven", "4111"), ("double oh seven", "007"), ("triple five two", "5552"), ("double 357", "3357"),
        ("four triple one", "4111"), ("oh four twenty seven", "0427"), ("nought four", "04"), ("one hundred twenty three", "123"),
        ("one hundred and three", "103"), ("twenty twenty seven", "2027"), ("two thousand twenty seven", "2027"),
        ("sixty five hundred", "6500"),
        ("4111", "4111"), ("4111-1111-1111-1111", "4111111111111111"), ("4111,1111", "41111111"), ("four 111 one", "41111"),
        ("four um one uh one please one", "4111"), ("four won one tree", "4113"), ("one to tree for ate", "12348"), ("niner fife", "95"),
        ("4o11", "4011"), ("twenty oh five", "2005"), ("nine eleven", "911"), ("double eleven", "1111"), ("４１１１", "4111"),
        ("٤١١١", "4111"), ("4\u{200B}111", "4111"), ("4\u{FE0F}\u{20E3}1\u{FE0F}\u{20E3}", "41"), ("four, one. one; one!", "4111"),
    ])
    func reads(_ spoken: String, _ expected: String) {
        #expect(digits(spoken) == [expected])
    }

    @Test(arguments: ["i want to go", "for you", "oh well", "the 4th of", "at 5:30", "for $45.50", "2,000", "tree", "100%", "won"])
    func findsNoNumber(_ text: String) {
        #expect(digits(text).isEmpty)
    }

    @Test func threeStrayWordsEndARunAndTwoDoNot() {
        #expect(digits("four one blah blah one one") == ["4111"])
        #expect(digits("four one blah blah blah one one") == ["41", "11"])
    }

    @Test func readingTakesTimeInProportion() {
        func steps(_ count: Int) -> Int {
            var words = WordReader(lexicon: .english)
            var tokens = WipingBuffer<Token>()
            var written = WipingBuffer<UInt8>()
            var reader = NumberReader()
            let text = Array(String(repeating: "four one no wait double um oh blah ", count: count).utf8)
            text.withUnsafeBytes { bytes in
                Utterance.eachWord(of: bytes) { index, word, _, _ in
                    words.read(word, index: index, tokens: &tokens, written: &written)
                }
            }
            _ = reader.read(tokens, 0..<tokens.count, written: written)
            return reader.steps
        }
        #expect(steps(10_000) == 10 * steps(1_000))
    }

    @Test(arguments: TestNumbers.cards)
    func publishedCardNumbersAreCards(_ number: String) {
        #expect(verdict(number).isCard)
    }

    @Test(arguments: ["4012888888881882", "36168002586008", "1748503543012", "9999999999999995"])
    func otherNumbersAreNone(_ number: String) {
        #expect(!verdict(number).isCard)
    }

    private func verdict(_ number: String) -> CardNumbers.Verdict {
        var digits = WipingBuffer<UInt8>()
        for byte in number.utf8 { digits.append(byte - 0x30) }
        return CardNumbers.judge(digits, 0..<digits.count, WipingBuffer<Correction>())
    }
}
