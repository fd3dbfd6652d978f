public import SottoBase

/// Redaction of one call, both speakers: hypotheses, text and keys in; masked lines, audio windows and safe points out.
///
/// It owns the clear words that it is given: they stay in their arena until the line is stored, then they are discarded. It keeps no
/// digit of its own between two inputs. A line is stored as soon as nothing that follows can change it: at once when it does not end in
/// the middle of what may be a number, else when that number is over, or after `RedactionTiming.continuationHold`.
public struct RedactionSession: Sendable {
    public let call: CallID
    private let settings: RedactionSettings
    private let agentIsRecognized: Bool
    private let finder: SpanFinder

    /// In order of arrival; stored from the front.
    private var utterances: [Utterance] = []
    private var partials: [Speaker: Partial] = [:]
    /// What holds after the last utterance in `utterances`.
    private var context = ConversationContext()
    private var positions = Positions()
    private var keyReader: KeyReader
    private var nextNumber = 1
    private var hasEnded = false

    /// Utterances held at most; the oldest is stored as it is known then.
    static let heldLimit = 64

    private struct Partial: Sendable {
        var number: Int
        var utterance: Utterance
        var lastText: String
    }

    /// - Parameter agentIsRecognized: true when a person speaks as agent and a recognizer hears them; false for Sotto's own voice,
    ///   whose audio is safe as soon as it is played.
    public init(call: CallID, settings: RedactionSettings, agentIsRecognized: Bool = false) {
        self.call = call
        self.settings = settings
        self.agentIsRecognized = agentIsRecognized
        finder = SpanFinder(life: settings.timing.expectationLife)
        keyReader = KeyReader(pause: settings.timing.keyPause)
    }

    /// Utterances held for what may follow: a gauge that returns to zero.
    public var held: Int { utterances.count + partials.count }

    public mutating func handle(_ input: Input, now: MediaTime) -> [Output] {
        guard !hasEnded else {
            discard(input)
            return []
        }
        var outputs: [Output] = []
        switch input {
        case .partial(let speaker, let hypothesis): partial(speaker, hypothesis, now, &outputs)
        case .final(let speaker, let hypothesis): final(speaker, hypothesis, now, &outputs)
        case .partialWithdrawn(let speaker): withdraw(speaker)
        case .recognized(let speaker, let position): positions.recognized(speaker, upTo: position)
        case .gap(let speaker, let from, let to): gap(speaker, from, to, &outputs)
        case .said(let text, let from, let to):
            add(.said, .said(text.content), .agent, bounds(from, to, now), &outputs)
        case .typed(let speaker, let text): add(.typed, .typed(text), speaker, (now, now), &outputs)
        case .keyPressed(_, let key): keys(keyReader.pressed(key, at: now), now, &outputs)
        case .keysExpected(let expectation): keyReader.expect(expectation)
        case .timeAdvanced: break
        case .callEnded:
            end(now, &outputs)
            return outputs
        }
        keys(keyReader.timeAdvanced(to: now), now, &outputs)
        store(now, &outputs)
        advance(now, &outputs)
        return outputs
    }

    // MARK: - Words

    private mutating func partial(_ speaker: Speaker, _ hypothesis: Hypothesis, _ now: MediaTime, _ outputs: inout [Output]) {
        let (from, to) = bounds(hypothesis.from, hypothesis.to, now)
        let number = partials[speaker]?.number ?? takeNumber()
        partials[speaker]?.utterance.discard()
        let utterance = Utterance(
            number: number, speaker: speaker, origin: .spoken, content: .spoken(hypothesis.words), from: from, to: to)
        let earliest = min(from, partials[speaker]?.utterance.from ?? from)
        var partial = Partial(number: number, utterance: utterance, lastText: partials[speaker]?.lastText ?? "")
        partial.utterance.from = earliest

        var analysis = Analysis(lexicon: .english)
        var tentative = utterances + [utterance]
        _ = analysis.decide(&tentative, finder: finder, from: firstContext)
        if let last = tentative.last, hypothesis.wordsDropped == 0 {
            let reading = analysis.read(utterance)
            let limit = reading.map { $0.openFrom ?? $0.words } ?? 0
            let masked = MaskedText(last, settings: settings, live: true, limit: limit)
            if masked.text != partial.lastText {
                partial.lastText = masked.text
                outputs.append(
                    .live(
                        Masked(
                            LiveLine(
                                number: number, speaker: speaker, origin: .spoken, text: masked.text, kinds: masked.kinds, isFinal: false)))
                )
            }
        }
        partials[speaker] = partial
    }

    private mutating func final(_ speaker: Speaker, _ hypothesis: Hypothesis, _ now: MediaTime, _ outputs: inout [Output]) {
        let number = partials[speaker]?.number
        let begun = partials[speaker]?.utterance.from
        withdraw(speaker)
        var (from, to) = bounds(hypothesis.from, hypothesis.to, now)
        from = min(from, begun ?? from)
        to = max(from, to)
        if hypothesis.wordsDropped > 0 {
            ClearArena.of(hypothesis.words).discard(hypothesis.words)
            add(.spoken, .unreadable, speaker, (from, to), number: number, &outputs)
        } else {
            add(.spoken, .spoken(hypothesis.words), speaker, (from, to), number: number, &outputs)
        }
    }

    private mutating func withdraw(_ speaker: Speaker) {
        partials[speaker]?.utterance.discard()
        partials[speaker] = nil
    }

    private mutating func add(
        _ origin: UtteranceOrigin, _ content: Utterance.Content, _ speaker: Speaker, _ extent: (from: MediaTime, to: MediaTime),
        number: Int? = nil, _ outputs: inout [Output]
    ) {
        let start = firstContext
        utterances.append(
            Utterance(
                number: number ?? takeNumber(), speaker: speaker, origin: origin, content: content, from: extent.from, to: extent.to))
        var analysis = Analysis(lexicon: .english)
        let (after, open) = analysis.decide(&utterances, finder: finder, from: start)
        context = after
        for index in utterances.indices {
            let utterance = utterances[index]
            let isOpen = open.contains(index) && mayStillChange(utterance)
            utterances[index].holdUntil =
                isOpen ? min(utterance.to + settings.timing.continuationHold, utterance.from + 28_000) : nil
        }
        utterances[utterances.count - 1].riskFrom = utterances[utterances.count - 1].firstRisk()
        guard let last = utterances.last else { return }
        let masked = MaskedText(last, settings: settings, live: true) { analysis.lastFour(last.runs[$0]) }
        outputs.append(
            .live(
                Masked(
                    LiveLine(
                        number: last.number, speaker: speaker, origin: origin, text: masked.text, kinds: masked.kinds, isFinal: true))))
    }

    /// A masked part of a number stays masked; only where numbers are kept may what follows still make a card of it.
    private func mayStillChange(_ utterance: Utterance) -> Bool {
        settings.action(for: .number) != .mask || zip(utterance.runs, utterance.decisions).contains { $1.kind == nil }
    }

    private var firstContext: ConversationContext { utterances.first?.context ?? context }

    private mutating func takeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }

    /// Whatever a recognizer says, an utterance lies within the call and ends behind its start.
    private func bounds(_ from: MediaTime, _ to: MediaTime, _ now: MediaTime) -> (from: MediaTime, to: MediaTime) {
        let limit = max(now, .zero) + 600_000
        let a = max(.zero, min(from, limit))
        let b = max(.zero, min(to, limit))
        return (min(a, b), max(a, b))
    }

    // MARK: - Keys

    private mutating func keys(_ read: [KeyReader.Output], _ now: MediaTime, _ outputs: inout [Output]) {
        for output in read {
            switch output {
            case .menuKey: outputs.append(.keys(output))
            case .run(let kind, let count):
                let known = kind == .number ? keyedKind(count) : kind
                outputs.append(.keys(.run(known, count: count)))
                add(.keyed, .keyed(known, count: count), .caller, (now, now), &outputs)
            }
        }
    }

    private func keyedKind(_ count: Int) -> SensitiveKind {
        if count >= CardNumbers.shortest { return .card }
        for expectation in context.latestFirst {
            switch expectation.topic {
            case .verification where (3...4).contains(count): return .cardVerification
            case .expiry where count == 4 || count == 6: return .cardExpiry
            case .card where count >= 4: return .card
            default: continue
            }
        }
        return .number
    }

    // MARK: - Storing

    private mutating func store(_ now: MediaTime, _ outputs: inout [Output]) {
        var ready = 0
        while ready < utterances.count {
            let isDue = utterances[ready].holdUntil.map { $0 <= now } ?? true
            guard isDue || utterances.count - ready > Self.heldLimit else { break }
            ready += 1
        }
        placeAhead(from: ready, now, &outputs)
        guard ready > 0 else { return }
        var analysis = Analysis(lexicon: .english)
        for utterance in utterances[..<ready] {
            // Read again, for the last four digits alone: no digit was kept since the line was heard.
            let runs = settings.action(for: .card) == .keepLastFour ? analysis.read(utterance)?.runs ?? [] : []
            let masked = MaskedText(utterance, settings: settings, live: false) { index in
                index < runs.count ? analysis.lastFour(runs[index]) : nil
            }
            if !utterance.isPlaced { windows(utterance, masked, &outputs) }
            outputs.append(
                .stored(
                    Masked(
                        StoredUtterance(
                            number: utterance.number, speaker: utterance.speaker, origin: utterance.origin, from: utterance.from,
                            to: utterance.to, text: masked.text, spans: masked.spans))))
            utterance.discard()
        }
        if ready < utterances.count {
            utterances.removeFirst(ready)
        } else {
            utterances.removeAll()
        }
    }

    /// Lines are stored in order, audio need not wait for that: what is settled behind a number that may go on gives its windows now.
    private mutating func placeAhead(from first: Int, _ now: MediaTime, _ outputs: inout [Output]) {
        for index in first..<utterances.count where !utterances[index].isPlaced {
            guard utterances[index].holdUntil.map({ $0 <= now }) ?? true else { continue }
            windows(utterances[index], MaskedText(utterances[index], settings: settings, live: false), &outputs)
            utterances[index].isPlaced = true
        }
    }

    private func windows(_ utterance: Utterance, _ masked: MaskedText, _ outputs: inout [Output]) {
        guard utterance.origin == .spoken || utterance.origin == .said else { return }
        let timing = settings.timing
        func window(_ from: MediaTime, _ to: MediaTime, _ cause: AudioWindow.Cause) -> AudioWindow {
            AudioWindow(
                speaker: utterance.speaker, from: max(.zero, from - timing.padBefore), to: to + timing.padAfter, cause: cause)
        }
        let isUnreadable = if case .unreadable = utterance.content { true } else { false }
        if isUnreadable || masked.isLost {
            outputs.append(.mask(window(utterance.from, utterance.to, .unheard)))
            return
        }
        if let lost = masked.spans.first(where: { $0.from == nil || $0.to == nil }) {
            outputs.append(.mask(window(utterance.from, utterance.to, .unlocated(lost.kind))))
            return
        }
        var found: [AudioWindow] = []
        for (span, joined) in zip(masked.spans, masked.joined) {
            guard let from = span.from, let to = span.to else { continue }
            // Between two turns of one number lies what the recognizer may have missed of it.
            let end = joined.map { $0.ticks &- to.ticks <= 3_000 * 48 ? max(to, $0) : to } ?? to
            let next = window(from, end, .kind(span.kind))
            if let last = found.last, next.from <= last.to + timing.mergeGap {
                found[found.count - 1].to = max(last.to, next.to)
                found[found.count - 1].from = min(last.from, next.from)
            } else {
                found.append(next)
            }
        }
        outputs.append(contentsOf: found.map { .mask($0) })
    }

    // MARK: - Positions

    private mutating func gap(_ speaker: Speaker, _ from: MediaTime, _ to: MediaTime, _ outputs: inout [Output]) {
        let timing = settings.timing
        let (start, end) = (max(.zero, min(from, to)), max(from, to))
        outputs.append(
            .mask(
                AudioWindow(
                    speaker: speaker, from: max(.zero, start - timing.padBefore), to: end + timing.padAfter, cause: .unheard)))
        positions.unheard(speaker, from: start, to: end)
    }

    private mutating func advance(_ now: MediaTime, _ outputs: inout [Output]) {
        for speaker in Speaker.allCases {
            var position = speaker == .agent && !agentIsRecognized ? now : positions.recognized(speaker)
            for utterance in utterances where utterance.speaker == speaker && !utterance.isPlaced {
                if let risk = utterance.riskFrom { position = min(position, risk) }
            }
            if let partial = partials[speaker] { position = min(position, partial.utterance.from) }
            position = position - settings.timing.padBefore
            if let safe = positions.advanceSafePoint(of: speaker, to: position) { outputs.append(.safePoint(speaker, safe)) }
        }
    }

    // MARK: - End

    /// What was not final is taken as it stands; what no recognizer confirmed is masked.
    private mutating func end(_ now: MediaTime, _ outputs: inout [Output]) {
        for speaker in Speaker.allCases {
            guard let partial = partials[speaker] else { continue }
            partials[speaker] = nil
            add(
                .spoken, partial.utterance.content, speaker, (partial.utterance.from, partial.utterance.to), number: partial.number,
                &outputs)
        }
        keys(keyReader.callEnded(), now, &outputs)
        for index in utterances.indices { utterances[index].holdUntil = nil }
        store(now, &outputs)
        for speaker in Speaker.allCases where speaker == .caller || agentIsRecognized {
            let from = max(.zero, positions.recognized(speaker) - settings.timing.padBefore)
            outputs.append(.mask(AudioWindow(speaker: speaker, from: from, to: Positions.end, cause: .unheard)))
        }
        for speaker in Speaker.allCases {
            if let safe = positions.advanceSafePoint(of: speaker, to: Positions.end) { outputs.append(.safePoint(speaker, safe)) }
        }
        hasEnded = true
    }

    /// After the call's end nothing is read any more; its content is wiped at once.
    private func discard(_ input: Input) {
        switch input {
        case .partial(_, let hypothesis), .final(_, let hypothesis): ClearArena.of(hypothesis.words).discard(hypothesis.words)
        case .typed(_, let text): ClearArena.of(text).discard(text)
        case .keyPressed(_, let key): ClearArena.of(key).discard(key)
        case .partialWithdrawn, .recognized, .gap, .said, .keysExpected, .timeAdvanced, .callEnded: break
        }
    }
}
