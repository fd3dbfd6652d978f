import Foundation
import Testing

@testable import Speech

/// A model read back from its ARPA text.
private struct Arpa {
    var unigrams: [String: (p: Double, backOff: Double)] = [:]
    var bigrams: [[String]: (p: Double, backOff: Double)] = [:]
    var trigrams: [[String]: Double] = [:]
    var counts: [Int: Int] = [:]

    init(_ text: String) {
        var order = 0
        for line in text.split(separator: "\n") {
            if line.hasPrefix("ngram ") {
                let parts = line.dropFirst(6).split(separator: "=")
                counts[Int(parts[0]) ?? 0] = Int(parts[1])
            } else if line.hasSuffix("-grams:") {
                order = Int(String(line.dropFirst().prefix(1))) ?? 0
            } else if order > 0, !line.hasPrefix("\\") {
                let parts = line.split(separator: " ").map(String.init)
                let p = pow(10, Double(parts[0]) ?? -99)
                let words = Array(parts[1...order])
                let backOff = parts.count > order + 1 ? pow(10, Double(parts[order + 1]) ?? 0) : 1
                switch order {
                case 1: unigrams[words[0]] = (p, backOff)
                case 2: bigrams[words] = (p, backOff)
                default: trigrams[words] = p
                }
            }
        }
    }

    func p(_ word: String, after history: [String]) -> Double {
        if history.count == 2 {
            if let p = trigrams[history + [word]] { return p }
            return (bigrams[history]?.backOff ?? 1) * p(word, after: [history[1]])
        }
        if history.count == 1 {
            if let p = bigrams[history + [word]]?.p { return p }
            return (unigrams[history[0]]?.backOff ?? 1) * p(word, after: [])
        }
        return unigrams[word]?.p ?? 0
    }

    var words: [String] { unigrams.keys.filter { $0 != "<s>" } }
    func total(after history: [String]) -> Double { words.reduce(0) { $0 + p($1, after: history) } }
}

@Suite struct NGramModelTests {
    private static let vocabulary = Array(SpokenEnglish.numberWords.union(["my", "card", "number", "is", "um", "and", "the", "code", "yes"])).sorted()

    private static let model: Arpa = {
        var model = NGramModel(vocabulary: vocabulary)
        for sentence in SpokenEnglish.numberSentences(count: 300, seed: 3) { model.add(sentence, weight: 0.3) }
        model.add(["my", "card", "number", "is"], weight: 3)
        return Arpa(model.arpa { $0 == "yes" ? 0.01 : 0.001 })
    }()

    @Test func countsMatchTheLines() {
        #expect(Self.model.counts == [1: Self.model.unigrams.count, 2: Self.model.bigrams.count, 3: Self.model.trigrams.count])
    }

    /// After whatever was said, the chances of what comes next add up to one.
    @Test func probabilitiesOfEachHistorySumToOne() {
        var histories: [[String]] = [[]]
        histories += Set(Self.model.bigrams.keys.map { [$0[0]] })
        histories += Set(Self.model.trigrams.keys.map { Array($0.prefix(2)) })
        for history in histories {
            let total = Self.model.total(after: history)
            #expect((0.9...1.1).contains(total), "after \(history): \(total)")
        }
    }

    @Test func everyWordStaysPossibleEverywhere() {
        for history in [[], ["card"], ["my", "card"], ["four", "one"]] {
            for word in Self.vocabulary { #expect(Self.model.p(word, after: history) > 0) }
        }
    }

    @Test func whatWasSaidIsLikelierThanWhatWasNot() {
        #expect(Self.model.p("card", after: ["my"]) > 10 * Self.model.p("yes", after: ["my"]))
        #expect(Self.model.p("number", after: ["my", "card"]) > 0.3)
    }

    @Test func wordsOutsideTheVocabularyAreLeftOut() {
        var model = NGramModel(vocabulary: ["a", "b"])
        model.add(["a", "stranger", "b"], weight: 1)
        model.add(["stranger"], weight: 1)
        #expect(Set(Arpa(model.arpa { _ in 0.1 }).unigrams.keys) == ["<s>", "</s>", "a", "b"])
    }
}

@Suite struct SpokenEnglishTests {
    @Test func sentencesAreTheSameForTheSameSeed() {
        #expect(SpokenEnglish.numberSentences(count: 50, seed: 4) == SpokenEnglish.numberSentences(count: 50, seed: 4))
        #expect(SpokenEnglish.numberSentences(count: 50, seed: 4) != SpokenEnglish.numberSentences(count: 50, seed: 5))
    }

    @Test func eachDigitIsCommonInThem() {
        let words = SpokenEnglish.numberSentences(count: 500, seed: 7).joined()
        for digit in SpokenEnglish.digits { #expect(words.count { $0 == digit } > words.count / 40, "\(digit)") }
    }

    @Test func allItsWordsAreWritten() {
        let words = SpokenEnglish.phrases.flatMap { $0.split(separator: " ") } + SpokenEnglish.numberWords.map { $0[...] }
        for word in words { #expect(word.allSatisfy { ("a"..."z").contains($0) || $0 == "'" }, "\(word)") }
    }
}
