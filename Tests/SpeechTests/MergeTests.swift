import SottoBase
import Testing

@testable import Speech

/// A hypothesis in words: each takes 20 frames, unless `:first-last` says otherwise.
private final class Hypothesis {
    private var texts: [UnsafeMutableRawBufferPointer] = []
    private(set) var words: [RecognizedWord] = []

    init(_ text: String) {
        for (index, part) in text.split(separator: " ").enumerated() {
            let pieces = part.split(separator: ":")
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: pieces[0].utf8.count, alignment: 1)
            bytes.copyBytes(from: pieces[0].utf8)
            texts.append(bytes)
            let text = UnsafeRawBufferPointer(bytes)
            let frames = pieces.count > 1 ? pieces[1].split(separator: "-").compactMap { Int($0) } : [index * 20, index * 20 + 19]
            words.append(
                RecognizedWord(
                    text: text, firstFrame: frames[0], lastFrame: frames[1], isNumber: NumberWords.shared.contains(text),
                    isFiller: NumberWords.fillers.contains(text)))
        }
    }

    deinit { for text in texts { text.deallocate() } }
}

private func merge(_ talk: String, _ numbers: String) -> String {
    let talk = Hypothesis(talk)
    let numbers = Hypothesis(numbers)
    return withExtendedLifetime((talk, numbers)) {
        RecognizedWord.merge(talk: talk.words, numbers: numbers.words).map { String(decoding: $0.text, as: UTF8.self) }.joined(separator: " ")
    }
}

@Suite struct MergeTests {
    @Test func numbersReplaceWhatLiesUnderThem() {
        #expect(merge("is four won one for six", "is four one one four six") == "is four one one four six")
    }

    @Test func wordsBeforeAndAfterStay() {
        #expect(merge("card four three nine a two thanks", "sure four three nine eight two bye") == "card four three nine eight two thanks")
    }

    /// The number search hears numbers in anything: three number words must be there for the other search, too.
    @Test func talkIsNotTurnedIntoNumbers() {
        #expect(merge("i would like to pay", "one four eight two eight") == "i would like to pay")
        #expect(merge("for two people at eight", "four two five eight eight") == "for two people at eight")
    }

    @Test func shortRunsStay() {
        #expect(merge("one two three", "one two nine") == "one two three")
    }

    @Test func fillersInsideARunDoNotEndIt() {
        #expect(merge("four one a one six two", "four one um one six two") == "four one um one six two")
        // … and one at its end does not belong to it.
        #expect(merge("four one one six a", "four one one six um") == "four one one six a")
    }

    @Test func fewerWordsTakeThePlaceOfMore() {
        #expect(
            merge("four:0-9 one:10-19 one:20-29 for:30-34 tea:35-39 six:40-49", "four:0-9 one:10-19 one:20-29 forty:30-39 six:40-49")
                == "four one one forty six")
    }

    @Test func orderIsThatOfTime() {
        let talk = Hypothesis("so:0-9 four:10-19 nine:20-29 one:30-39 won:40-49 bye:60-69")
        let numbers = Hypothesis("four:10-19 nine:20-29 one:30-39 one:40-49")
        let merged = RecognizedWord.merge(talk: talk.words, numbers: numbers.words)
        #expect(zip(merged, merged.dropFirst()).allSatisfy { $0.firstFrame <= $1.firstFrame })
        withExtendedLifetime((talk, numbers)) {}
    }

    @Test func emptyHypothesesMerge() {
        #expect(merge("", "") == "")
        #expect(merge("hello", "") == "hello")
        #expect(merge("", "one two three four") == "")
    }
}
