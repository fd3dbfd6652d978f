internal import SottoBase

/// One look at the words that are held: reads them, decides, and is wiped when it ends. Nothing of a digit outlives it.
struct Analysis: ~Copyable {
    private var tokens = WipingBuffer<Token>()
    private var written = WipingBuffer<UInt8>()
    private var words: WordReader
    private(set) var numbers = NumberReader()
    private(set) var wordsRead = 0

    init(lexicon: Lexicon) { words = WordReader(lexicon: lexicon) }

    /// nil when the words are gone from their arena.
    mutating func read(_ utterance: Utterance) -> UtteranceReading? {
        let first = tokens.count
        var count = 0
        // A closure may not capture a noncopyable part of self and be escaping; this one is not.
        let isThere = utterance.eachWord { index, text, _, _ in
            words.read(text, index: index, tokens: &tokens, written: &written)
            count = index + 1
        }
        guard isThere else { return nil }
        wordsRead += count
        var reading = numbers.read(tokens, first..<tokens.count, written: written)
        reading.cues = CueReader.read(tokens, first..<tokens.count)
        reading.words = count
        return reading
    }

    /// Decides about `utterances` in order, each beside its reading. Fills in their context, runs and decisions.
    mutating func decide(
        _ utterances: inout [Utterance], finder: SpanFinder, from context: ConversationContext
    ) -> (context: ConversationContext, open: Set<Int>) {
        var input: [FinderUtterance] = []
        for index in utterances.indices {
            var reading = UtteranceReading()
            if let read = self.read(utterances[index]) {
                reading = read
            } else {
                utterances[index].discard()
                utterances[index].content = .unreadable
            }
            utterances[index].runs = reading.runs
            input.append(
                FinderUtterance(
                    speaker: utterances[index].speaker, from: utterances[index].from, to: utterances[index].to, reading: reading))
        }
        var context = context
        var before: [ConversationContext] = []
        let (decisions, open) = finder.decide(
            input, &context, digits: numbers.digits, corrections: numbers.corrections, contextsBefore: &before)
        for index in utterances.indices {
            utterances[index].decisions = decisions[index]
            utterances[index].context = before[index]
        }
        return (context, open)
    }

    /// The last four digits of the card in an utterance's run, where a policy lets them be seen.
    func lastFour(_ run: NumberRun) -> String? {
        guard run.total >= CardNumbers.shortest else { return nil }
        let verdict = CardNumbers.judge(numbers.digits, run.digits, numbers.corrections)
        guard verdict.isCard else { return nil }
        let (a, b, c, d) = verdict.lastFour
        return "\(a)\(b)\(c)\(d)"
    }
}
