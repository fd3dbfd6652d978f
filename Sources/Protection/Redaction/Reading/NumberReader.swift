/// Reads an utterance's tokens as numbers: one pass, a constant effort for each token.
///
/// "forty one eleven" is 4111, "double oh seven" 007, "four thousand one hundred eleven" 4111. Fillers and corrections belong to the
/// number; up to two stray words do as well, because recognizers make mistakes in the middle of numbers.
struct NumberReader: ~Copyable {
    /// Weight of stray words that ends a run: two ordinary words are bridged, three are not.
    static let gapLimit = 8

    private(set) var digits = WipingBuffer<UInt8>(capacity: 256)
    private(set) var corrections = WipingBuffer<Correction>(capacity: 16)
    /// Steps taken so far: tests prove linear time with it.
    private(set) var steps = 0

    private var open: NumberRun?
    /// Stray weight since the open run's last digit.
    private var gap = 0
    private var weight = 0
    private var hardWeight = 0
    /// A word that becomes part of a number if one follows at once.
    private var pending: (word: Int, meaning: Meaning)?
    private var pendingIsOld = false
    /// The last token was 20, 30 … 90 and a digit may complete it.
    private var tensOpen = false
    /// Zeros at the digits' end that "hundred" or "thousand" put there, to be replaced by what follows.
    private var openZeros = 0
    /// The last token was a single digit, which counted as strong.
    private var lastWasSingle = false
    private var groupStart = 0
    /// Length of the group that ended last: what a correction takes back.
    private var lastGroup = 0
    private var correctionOpen = false
    private var runs: [NumberRun] = []

    init() {}

    mutating func reset() {
        digits.removeAll()
        corrections.removeAll()
    }

    mutating func read(_ tokens: borrowing WipingBuffer<Token>, _ range: Range<Int>, written: borrowing WipingBuffer<UInt8>)
        -> UtteranceReading
    {
        (open, gap, weight, hardWeight, pending, runs) = (nil, 0, 0, 0, nil, [])
        var reading = UtteranceReading()
        for index in range {
            steps += 1
            let token = tokens[index]
            take(token.meaning, Int(token.word), written)
        }
        if let open, gap <= Self.gapLimit { reading.openFrom = open.firstWord }
        if let pending, gap <= 1 || open == nil { reading.openFrom = min(reading.openFrom ?? pending.word, pending.word) }
        close()
        for index in runs.indices { runs[index].tail = weight - runs[index].endWeight }
        reading.runs = runs
        reading.weight = weight
        reading.hardWeight = hardWeight
        return reading
    }

    private mutating func take(_ meaning: Meaning, _ word: Int, _ written: borrowing WipingBuffer<UInt8>) {
        switch meaning {
        case .digit(let value):
            begin(word)
            appendSpoken(value)
        case .confusable(let value):
            if (open != nil && gap == 0) || completesPending(value) {
                begin(word)
                appendSpoken(value, isStrong: value == 0)
            } else {
                stray(meaning)
                pending = (word, meaning)
            }
        case .teen(let value):
            begin(word)
            appendPair(value / 10, value % 10, isTens: false)
        case .tens(let value):
            begin(word)
            appendPair(value / 10, 0, isTens: true)
        case .hundred, .thousand, .million: scale(meaning, word)
        case .repeated:
            stray(meaning, isPart: open != nil && gap == 0)
            pending = (word, meaning)
        case .written(let start, let count, let isSlashed):
            begin(word)
            append(written, Int(start), Int(count), isSlashed)
        case .month(let number): month(number, word)
        case .maybeMonth:
            stray(meaning)
            pending = (word, meaning)
        case .filler: endGroup()
        case .correction:
            endGroup()
            guard open != nil, gap <= Self.gapLimit, !correctionOpen, digits.count > 0 else { return }
            corrections.append(Correction(position: digits.count, before: lastGroup))
            correctionOpen = true
        case .unit:
            if gap == 0, var run = open {
                run.isQuantity = true
                open = run
            }
            stray(meaning)
        case .soft, .cue, .amount, .ordinary: stray(meaning)
        }
    }

    /// "double oh", "oh oh": two doubtful words make a number.
    private func completesPending(_ value: UInt8) -> Bool {
        switch pending?.meaning {
        case .repeated: true
        case .confusable(0): value == 0
        default: false
        }
    }

    // MARK: - Runs

    private mutating func stray(_ meaning: Meaning, isPart: Bool = false) {
        let cost = isPart ? 1 : meaning.weight
        weight += cost
        if cost > 1 { hardWeight += cost }
        gap += cost
        // A misheard word behind "double" does not take it away; a second one does.
        if meaning == .ordinary, let lead = pending, case .repeated = lead.meaning, !pendingIsOld {
            pendingIsOld = true
        } else {
            pending = nil
            pendingIsOld = false
        }
        endGroup()
        if gap > Self.gapLimit { close() }
    }

    /// A number token at `word`: opens a run, or carries on the open one.
    private mutating func begin(_ word: Int) {
        var first = word
        var lead: Meaning?
        if let (pendingWord, meaning) = pending {
            (first, lead) = (pendingWord, meaning)
            pending = nil
        }
        if var run = open {
            // The pending word is part of the number, so it is no noise.
            run.noise += gap - (lead.map { min(gap, $0.weight) } ?? 0)
            run.lastWord = word
            open = run
        } else {
            open = NumberRun(firstWord: first, lastWord: word, digits: digits.count..<digits.count, startWeight: weight, endWeight: weight)
            groupStart = digits.count
            lastGroup = 0
        }
        gap = 0
        switch lead {
        case .confusable(let value): appendSpoken(value, isStrong: value == 0)
        case .maybeMonth: open?.hasMonth = true
        case .repeated(let times): repetition = Int(times)
        default: break
        }
        open?.tokens += 1
        open?.endWeight = weight
    }

    private var repetition = 1

    private mutating func close() {
        endGroup()
        if var run = open {
            run.digits = run.digits.lowerBound..<digits.count
            run.isYear = isYear(run)
            if run.total > 0 || run.hasMonth { runs.append(run) }
        }
        open = nil
        gap = 0
        correctionOpen = false
        repetition = 1
    }

    private func isYear(_ run: NumberRun) -> Bool {
        guard run.total == 4, run.tokens <= 4, run.strong == 0 || run.tokens == 1 || run.isCardinal else { return false }
        let century = digits[run.digits.lowerBound] * 10 + digits[run.digits.lowerBound + 1]
        return century == 19 || century == 20
    }

    private mutating func endGroup() {
        tensOpen = false
        lastWasSingle = false
        guard digits.count > groupStart else { return }
        if correctionOpen, corrections.count > 0 {
            corrections[corrections.count - 1].after = digits.count - groupStart
            correctionOpen = false
        }
        lastGroup = digits.count - groupStart
        groupStart = digits.count
    }

    // MARK: - Digits

    private mutating func appendSpoken(_ value: UInt8, isStrong: Bool = true) {
        if repetition > 1 {
            for _ in 0..<repetition { digits.append(value) }
            open?.strong += repetition
            repetition = 1
            (tensOpen, openZeros, lastWasSingle) = (false, 0, false)
        } else if tensOpen, value > 0 {
            digits[digits.count - 1] = value
            (tensOpen, openZeros, lastWasSingle) = (false, 0, false)
        } else if openZeros > 0, value > 0 {
            digits[digits.count - 1] = value
            (tensOpen, lastWasSingle) = (false, false)
        } else {
            digits.append(value)
            if isStrong { open?.strong += 1 }
            (tensOpen, openZeros, lastWasSingle) = (false, 0, isStrong)
        }
    }

    private mutating func appendPair(_ high: UInt8, _ low: UInt8, isTens: Bool) {
        for _ in 0..<repetition {
            if openZeros >= 2 {
                digits[digits.count - 2] = high
                digits[digits.count - 1] = low
            } else {
                digits.append(high)
                digits.append(low)
            }
        }
        (repetition, openZeros, tensOpen, lastWasSingle) = (1, 0, isTens, false)
    }

    private mutating func append(_ written: borrowing WipingBuffer<UInt8>, _ start: Int, _ count: Int, _ isSlashed: Bool) {
        for index in start..<start + count {
            for _ in 0..<repetition { digits.append(written[index]) }
            repetition = 1
            steps += 1
        }
        if count != 2 { open?.strong += count }
        if isSlashed { open?.isSlashed = true }
        (tensOpen, openZeros, lastWasSingle) = (false, 0, count == 1)
    }

    private mutating func scale(_ meaning: Meaning, _ word: Int) {
        let zeros = meaning == .hundred ? 2 : meaning == .thousand ? 3 : 6
        let followsNumber = open != nil && gap == 0 && (open?.total ?? 0) + digits.count > 0
        begin(word)
        open?.isCardinal = true
        if followsNumber, digits.count > (open?.digits.lowerBound ?? 0) {
            if lastWasSingle { open?.strong -= 1 }
            if meaning == .hundred, openZeros == 3, digits[digits.count - 1] != 0 {
                // "four thousand one hundred": the one moves to the hundreds.
                digits[digits.count - 3] = digits[digits.count - 1]
                digits[digits.count - 1] = 0
            } else {
                for _ in 0..<zeros { digits.append(0) }
            }
        } else {
            digits.append(1)
            for _ in 0..<zeros { digits.append(0) }
        }
        (openZeros, tensOpen, lastWasSingle) = (zeros, false, false)
    }

    private mutating func month(_ number: UInt8, _ word: Int) {
        begin(word)
        open?.hasMonth = true
        (tensOpen, openZeros, lastWasSingle) = (false, 0, false)
    }
}
