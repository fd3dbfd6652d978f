internal import Foundation

/// Builds a trigram language model in ARPA format from sentences, by absolute discounting with back-off.
///
/// Every word of the vocabulary stays possible everywhere: callers say what no script foresaw.
struct NGramModel {
    private struct Pair: Hashable { var a, b: Int }
    private struct Triple: Hashable { var a, b, c: Int }

    private let vocabulary: [String]
    private let index: [String: Int]
    private var unigrams: [Int: Double] = [:]
    private var bigrams: [Pair: Double] = [:]
    private var trigrams: [Triple: Double] = [:]
    private static let start = -1
    private static let end = -2

    /// - Parameter vocabulary: words that the dictionary can pronounce.
    init(vocabulary: [String]) {
        self.vocabulary = vocabulary
        index = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($1, $0) })
    }

    /// Counts a sentence; words outside the vocabulary are left out of it.
    mutating func add(_ sentence: [String], weight: Double) {
        let ids = [Self.start] + sentence.compactMap { index[$0] } + [Self.end]
        guard ids.count > 2 else { return }
        for i in 1..<ids.count {
            unigrams[ids[i], default: 0] += weight
            bigrams[Pair(a: ids[i - 1], b: ids[i]), default: 0] += weight
            if i > 1 { trigrams[Triple(a: ids[i - 2], b: ids[i - 1], c: ids[i]), default: 0] += weight }
        }
    }

    /// The model's text. `prior` is a word's general probability; it takes 40 % of the unigram mass.
    func arpa(prior: (String) -> Double) -> String {
        let discount = 0.3
        func discounted(_ count: Double) -> Double { max(count - discount, 0.05 * count) }
        func name(_ id: Int) -> String { id == Self.start ? "<s>" : id == Self.end ? "</s>" : vocabulary[id] }
        func log(_ p: Double) -> String { String(format: "%.4f", log10(max(p, 1e-9))) }

        let total = max(1, unigrams.values.reduce(0, +))
        let priors = vocabulary.map(prior)
        let priorTotal = max(1e-9, priors.reduce(0, +))
        func p1(_ id: Int) -> Double {
            let counted = 0.6 * (unigrams[id] ?? 0) / total
            return id >= 0 ? counted + 0.4 * priors[id] / priorTotal : counted + 1e-4
        }

        var followers: [Int: [(word: Int, count: Double)]] = [:]
        for (pair, count) in bigrams { followers[pair.a, default: []].append((pair.b, count)) }
        var p2: [Pair: Double] = [:]
        var backOff1: [Int: Double] = [:]
        for (a, list) in followers {
            let sum = list.reduce(0) { $0 + $1.count }
            let kept = list.reduce(0) { $0 + discounted($1.count) } / sum
            let left = max(0.08, 1 - kept)
            for (b, count) in list { p2[Pair(a: a, b: b)] = discounted(count) / sum * (1 - left) / kept }
            backOff1[a] = left / max(1e-6, 1 - min(0.95, list.reduce(0) { $0 + p1($1.word) }))
        }
        var followers2: [Pair: [(word: Int, count: Double)]] = [:]
        for (t, count) in trigrams { followers2[Pair(a: t.a, b: t.b), default: []].append((t.c, count)) }
        var p3: [Triple: Double] = [:]
        var backOff2: [Pair: Double] = [:]
        for (pair, list) in followers2 {
            let sum = list.reduce(0) { $0 + $1.count }
            let kept = list.reduce(0) { $0 + discounted($1.count) } / sum
            let left = max(0.1, 1 - kept)
            for (c, count) in list { p3[Triple(a: pair.a, b: pair.b, c: c)] = discounted(count) / sum * (1 - left) / kept }
            let covered = list.reduce(0) { $0 + (p2[Pair(a: pair.b, b: $1.word)] ?? 0) }
            backOff2[pair] = left / max(1e-6, 1 - min(0.95, covered))
        }

        var text = "\\data\\\nngram 1=\(vocabulary.count + 2)\nngram 2=\(p2.count)\nngram 3=\(p3.count)\n\n\\1-grams:\n"
        text += "-99 <s> \(log(backOff1[Self.start] ?? 1))\n\(log(p1(Self.end))) </s>\n"
        for id in vocabulary.indices { text += "\(log(p1(id))) \(vocabulary[id]) \(log(backOff1[id] ?? 1))\n" }
        text += "\n\\2-grams:\n"
        for (pair, p) in p2.sorted(by: { ($0.key.a, $0.key.b) < ($1.key.a, $1.key.b) }) {
            text += "\(log(p)) \(name(pair.a)) \(name(pair.b)) \(log(backOff2[pair] ?? 1))\n"
        }
        text += "\n\\3-grams:\n"
        for (t, p) in p3.sorted(by: { ($0.key.a, $0.key.b, $0.key.c) < ($1.key.a, $1.key.b, $1.key.c) }) {
            text += "\(log(p)) \(name(t.a)) \(name(t.b)) \(name(t.c))\n"
        }
        return text + "\n\\end\\\n"
    }
}
