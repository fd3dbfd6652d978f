internal import SottoBase

/// Writes an utterance's text with its values replaced by labels, and places the values in time.
struct MaskedText {
    struct Span {
        var kind: SensitiveKind
        var action: RedactionAction
        var words: Range<Int>
        var rule: String
        var lastFour: String?
        var joinedUntil: MediaTime?
    }

    /// What stands for an utterance whose words were lost.
    static let unheard = "[UNHEARD]"

    var text = ""
    /// Spans that are not kept, with their times where every word of them has plausible ones.
    var spans: [StoredUtterance.Span] = []
    var joined: [MediaTime?] = []
    var kinds: [SensitiveKind] = []
    /// The words were gone from their arena.
    var isLost = false

    /// - Parameters:
    ///   - live: suspects are masked as well.
    ///   - limit: words from here on are left out.
    init(_ utterance: Utterance, settings: RedactionSettings, live: Bool, limit: Int = .max, lastFour: (Int) -> String? = { _ in nil }) {
        if case .keyed(let kind, let count) = utterance.content {
            text = kind.label + " (\(count) keys)"
            kinds = [kind]
            return
        }
        let found = Self.spans(utterance, settings: settings, live: live, lastFour: lastFour)
        var output: [UInt8] = []
        var next = 0
        var times: [(from: MediaTime, to: MediaTime, isPlausible: Bool)?] = Array(repeating: nil, count: found.count)
        let isThere = utterance.eachWord { index, word, start, end in
            while next < found.count, found[next].words.upperBound <= index { next += 1 }
            if next < found.count, found[next].words.contains(index) {
                let span = found[next]
                if let start, let end {
                    let isPlausible = utterance.isPlausible(start, end)
                    let old = times[next]
                    times[next] = (
                        // What lies before the utterance was called free of words and may have been released.
                        max(utterance.from, min(old?.from ?? start, start)), max(old?.to ?? end, end),
                        (old?.isPlausible ?? true) && isPlausible
                    )
                }
                if span.action != .keep {
                    if index == span.words.lowerBound, index < limit { Self.append(span, to: &output) }
                    return
                }
            }
            guard index < limit else { return }
            if !output.isEmpty { output.append(0x20) }
            for byte in word where byte >= 0x20 && byte != 0x7F { output.append(byte) }
        }
        guard isThere else {
            text = Self.unheard
            isLost = true
            return
        }
        text = String(decoding: output, as: UTF8.self)
        for (span, time) in zip(found, times) where span.action != .keep && span.words.lowerBound < limit {
            let isPlaced = time?.isPlausible ?? false
            spans.append(
                .init(
                    kind: span.kind, words: span.words, from: isPlaced ? time?.from : nil, to: isPlaced ? time?.to : nil, rule: span.rule))
            joined.append(span.joinedUntil)
        }
        for span in found where !kinds.contains(span.kind) { kinds.append(span.kind) }
    }

    private static func append(_ span: Span, to output: inout [UInt8]) {
        if !output.isEmpty { output.append(0x20) }
        guard span.action == .keepLastFour, let four = span.lastFour else {
            output.append(contentsOf: span.kind.label.utf8)
            return
        }
        output.append(contentsOf: span.kind.label.utf8.dropLast())
        output.append(0x20)
        output.append(contentsOf: four.utf8)
        output.append(0x5D)
    }

    private static func spans(
        _ utterance: Utterance, settings: RedactionSettings, live: Bool, lastFour: (Int) -> String?
    ) -> [Span] {
        var spans: [Span] = []
        for (index, (run, decision)) in zip(utterance.runs, utterance.decisions).enumerated() {
            guard let kind = decision.kind ?? (live && decision.isSuspect ? .number : nil) else { continue }
            let action = Self.action(kind, run, decision, settings, live: live)
            let words = run.firstWord..<run.lastWord + 1
            let four = action == .keepLastFour ? lastFour(index) : nil
            // Two runs may meet in one word ("4111-1111/12"): they are one span then, of the stricter kind.
            if let last = spans.last, last.words.upperBound > words.lowerBound {
                spans[spans.count - 1].words = last.words.lowerBound..<max(words.upperBound, last.words.upperBound)
                if action == .mask { spans[spans.count - 1].action = .mask }
                continue
            }
            spans.append(
                Span(kind: kind, action: action, words: words, rule: decision.rule, lastFour: four, joinedUntil: decision.joinedUntil))
        }
        return spans
    }

    private static func action(
        _ kind: SensitiveKind, _ run: NumberRun, _ decision: RunDecision, _ settings: RedactionSettings, live: Bool
    ) -> RedactionAction {
        let own = settings.action(for: kind)
        guard own != .mask else { return .mask }
        switch kind {
        case .card where decision.hasOthers && own == .keep: return .mask
        case .number:
            // What could be a card is treated as one, whatever it is called.
            let digits = max(run.total, decision.chainDigits)
            let couldBeCard = digits >= CardNumbers.shortest || run.noise > 0 || (live && decision.kind == nil)
            return couldBeCard && settings.action(for: .card) != .keep ? .mask : own
        default: return own
        }
    }
}
