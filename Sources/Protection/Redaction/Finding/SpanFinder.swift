internal import SottoBase

/// An utterance as the finder is given it.
struct FinderUtterance {
    var speaker: Speaker
    var from: MediaTime
    var to: MediaTime
    var reading: UtteranceReading
}

/// What the finder decides about a number run.
struct RunDecision: Equatable {
    /// Masked as this; nil: nothing sensitive by what is known so far.
    var kind: SensitiveKind?
    var rule = ""
    /// Masked in the live line alone: it may turn out to be the start of a longer number.
    var isSuspect = false
    /// Digits of everything it is part of, over several utterances.
    var chainDigits = 0
    /// It holds more digits than the card that was found in it: an expiry or a code may be among them, so it is never kept.
    var hasOthers = false
    /// The same speaker's number goes on in the next utterance right away: audio up to there is masked as well.
    var joinedUntil: MediaTime?
}

/// Decides which numbers of a conversation are sensitive: by length first, by what was asked second. Checksums only choose a label.
struct SpanFinder {
    /// Digits said one by one from which a run is masked whatever it is.
    static let strongDigits = 7
    /// Digits in any form from which it is.
    static let anyDigits = 9
    /// Digits in pairs over several utterances from which they are.
    static let chainedDigits = 12
    /// Digits that suffice when a card is spoken of.
    static let partialCard = 4

    var life: Int64 = 60_000
    /// Milliseconds after which a number does not go on any more.
    var link: Int64 = 30_000

    /// Weight of words that may stand between the parts of a number in two utterances.
    private static let tailLimit = 24
    private static let headLimit = 20
    private static let insideLimit = 32
    /// Weight of words between two digits and the number that they belong to.
    private static let nearLimit = 16

    /// Runs over the utterances from `context` on; leaves in `context` what holds after the last one.
    /// - Returns: for each utterance, a decision for each of its runs; and which utterances hold parts of an unfinished number.
    func decide(
        _ utterances: [FinderUtterance], _ context: inout ConversationContext, digits: borrowing WipingBuffer<UInt8>,
        corrections: borrowing WipingBuffer<Correction>, contextsBefore: inout [ConversationContext]
    ) -> (decisions: [[RunDecision]], open: Set<Int>) {
        var decisions: [[RunDecision]] = []
        var members: [(utterance: Int, run: Int)] = []
        contextsBefore = []
        for (number, utterance) in utterances.enumerated() {
            contextsBefore.append(context)
            context.expire(at: utterance.from)
            decisions.append(Array(repeating: RunDecision(), count: utterance.reading.runs.count))
            let before = context
            for cue in utterance.reading.cues {
                context.note(cue.topic, isExplicit: cue.isExplicit, by: utterance.speaker, at: utterance.to, life: life)
            }
            for run in utterance.reading.runs.indices {
                // A short number that was asked for by name is that, and no part of a longer one.
                guard let found = byContext(utterance, run, before), found.0 == .cardVerification || found.0 == .cardExpiry else {
                    continue
                }
                decisions[number][run] = merge(decisions[number][run], found)
            }
            chain(number, utterances, &context, &members, &decisions, digits)
            for run in utterance.reading.runs.indices where decisions[number][run].kind == nil {
                decisions[number][run] = merge(
                    decisions[number][run], byItself(utterance, run, digits, corrections) ?? byContext(utterance, run, before))
            }
            spread(&decisions[number], utterance)
            label(number, utterances, context, members, &decisions, digits, corrections)
            learn(utterance, decisions[number], &context)
            context.utteranceEnded()
        }
        var open: Set<Int> = []
        if let chain = context.chain, chain.kind == nil || chain.kind == .number { open = Set(members.map(\.utterance)) }
        return (decisions, open)
    }

    private func merge(_ a: RunDecision, _ b: (kind: SensitiveKind, rule: String)?) -> RunDecision {
        guard let b else { return a }
        var merged = a
        merged.kind = b.kind
        merged.rule = b.rule
        return merged
    }

    // MARK: - Length

    private func byItself(
        _ utterance: FinderUtterance, _ index: Int, _ digits: borrowing WipingBuffer<UInt8>,
        _ corrections: borrowing WipingBuffer<Correction>
    ) -> (SensitiveKind, String)? {
        let run = utterance.reading.runs[index]
        if run.strong >= Self.strongDigits { return (.number, "number.row") }
        if run.total >= Self.chainedDigits, run.strong >= 4 || !run.hasMonth { return (.number, "number.row") }
        if run.total >= Self.anyDigits, run.noise == 0, !run.hasMonth, !run.isCardinal { return (.number, "number.row") }
        return nil
    }

    // MARK: - Several utterances

    private func chain(
        _ number: Int, _ utterances: [FinderUtterance], _ context: inout ConversationContext,
        _ members: inout [(utterance: Int, run: Int)], _ decisions: inout [[RunDecision]], _ digits: borrowing WipingBuffer<UInt8>
    ) {
        let utterance = utterances[number]
        let reading = utterance.reading
        var lastEnd: Int?
        for (index, run) in reading.runs.enumerated() {
            let isPart =
                run.isDictation || (reading.isPure && run.total >= 1 && !run.isQuantity)
                || ((context.chain?.strong ?? 0) >= 4 && run.total >= 2 && !run.isCardinal && !run.isQuantity)
            guard isPart, decisions[number][index].kind == nil else { continue }
            if linked(context.chain, utterance, run, lastEnd) {
                join(&context, utterance, run, isReadBack: isReadBack(members, number, index, utterances, digits))
                if let last = members.last, last.utterance != number, utterances[last.utterance].speaker == utterance.speaker {
                    decisions[last.utterance][last.run].joinedUntil = utterance.from
                }
            } else {
                members = []
                context.chain = .init(
                    strong: run.strong, total: run.total, speaker: utterance.speaker, lastEnd: utterance.to, tail: 0,
                    isDribbled: run.total < 3)
            }
            members.append((number, index))
            lastEnd = run.endWeight
            context.chain?.tail = run.tail
            settle(&context, members, &decisions)
            suspect(number, index, run, context, &decisions)
        }
        if lastEnd == nil { pass(utterance, &context, &members) }
        if let chain = context.chain, chain.tail > Self.tailLimit {
            context.chain = nil
            members = []
        }
    }

    private func linked(_ chain: ConversationContext.Chain?, _ utterance: FinderUtterance, _ run: NumberRun, _ lastEnd: Int?) -> Bool {
        guard let chain else { return false }
        if let lastEnd { return run.startWeight - lastEnd <= Self.insideLimit }
        return chain.tail <= Self.tailLimit && run.startWeight <= Self.headLimit
            && utterance.from.ticks &- chain.lastEnd.ticks <= link &* 48
    }

    private func join(_ context: inout ConversationContext, _ utterance: FinderUtterance, _ run: NumberRun, isReadBack: Bool) {
        guard var chain = context.chain else { return }
        if !isReadBack {
            chain.strong += run.strong
            chain.total += run.total
        }
        if run.total >= 3 { chain.isDribbled = false }
        chain.speaker = utterance.speaker
        chain.lastEnd = max(chain.lastEnd, utterance.to)
        context.chain = chain
    }

    /// The other side said the same digits again: they do not count twice.
    private func isReadBack(
        _ members: [(utterance: Int, run: Int)], _ number: Int, _ index: Int, _ utterances: [FinderUtterance],
        _ digits: borrowing WipingBuffer<UInt8>
    ) -> Bool {
        guard let last = members.last, utterances[last.utterance].speaker != utterances[number].speaker else { return false }
        let a = utterances[last.utterance].reading.runs[last.run].digits
        let b = utterances[number].reading.runs[index].digits
        guard a.count == b.count else { return false }
        for offset in 0..<a.count where digits[a.lowerBound + offset] != digits[b.lowerBound + offset] { return false }
        return true
    }

    /// Masks the chain's parts as soon as they are many.
    private func settle(
        _ context: inout ConversationContext, _ members: [(utterance: Int, run: Int)], _ decisions: inout [[RunDecision]]
    ) {
        guard var chain = context.chain else { return }
        if chain.kind == nil, chain.strong >= Self.strongDigits || chain.total >= Self.chainedDigits {
            (chain.kind, chain.rule) = (.number, "number.turns")
        }
        context.chain = chain
        guard let kind = chain.kind else { return }
        for member in members {
            if decisions[member.utterance][member.run].kind == nil {
                decisions[member.utterance][member.run].kind = kind
                decisions[member.utterance][member.run].rule = chain.rule
            }
            decisions[member.utterance][member.run].chainDigits = chain.total
        }
    }

    /// A row of four or more at an utterance's end may be the start of a card: the live line does not show it.
    private func suspect(
        _ number: Int, _ index: Int, _ run: NumberRun, _ context: ConversationContext, _ decisions: inout [[RunDecision]]
    ) {
        guard let chain = context.chain, max(chain.strong, run.strong) >= Self.partialCard, run.tail <= Self.tailLimit else { return }
        let isOrdinary = context.latestFirst.first?.topic == .ordinary && chain.total <= 6
        decisions[number][index].isSuspect = !isOrdinary
    }

    /// An utterance without digits: does the number go on behind it?
    private func pass(
        _ utterance: FinderUtterance, _ context: inout ConversationContext, _ members: inout [(utterance: Int, run: Int)]
    ) {
        guard var chain = context.chain else { return }
        let isOver: Bool
        if utterance.speaker == chain.speaker {
            chain.tail += utterance.reading.weight
            isOver = chain.tail > Self.tailLimit
        } else {
            isOver = utterance.reading.words > (chain.isDribbled ? 4 : 15)
        }
        context.chain = isOver ? nil : chain
        if isOver { members = [] }
    }

    // MARK: - What was asked

    private func byContext(
        _ utterance: FinderUtterance, _ index: Int, _ before: ConversationContext
    ) -> (SensitiveKind, String)? {
        let reading = utterance.reading
        let run = reading.runs[index]
        if run.isQuantity && run.strong < 3 { return nil }
        // What was said just before the number in the same breath counts first, then what the conversation was about, then what was
        // said behind it.
        let said = reading.cues.last { $0.word < run.firstWord }
        if let said, said.topic != .ordinary,
            let found = match(said.topic, said.isExplicit, run, reading, isOwn: true)
        {
            return found
        }
        for expectation in before.latestFirst {
            if expectation.topic == .ordinary {
                // Something else was asked since; a card that was not given yet still counts.
                if before.expectation(.card).map(\.isSatisfied) ?? true { break }
                continue
            }
            let isAsked = expectation.isExplicit || expectation.speaker != utterance.speaker
            let isOwn = expectation.speaker == utterance.speaker
            if let found = match(expectation.topic, isAsked, run, reading, isOwn: isOwn, isSatisfied: expectation.isSatisfied) {
                return found
            }
        }
        for cue in reading.cues where cue.word > run.lastWord && cue.topic != .ordinary {
            if let found = match(cue.topic, cue.isExplicit, run, reading, isOwn: true) { return found }
        }
        return nil
    }

    private func match(
        _ topic: CueEvent.Topic, _ isExplicit: Bool, _ run: NumberRun, _ reading: UtteranceReading, isOwn: Bool,
        isSatisfied: Bool = false
    ) -> (SensitiveKind, String)? {
        let rule = isOwn ? ".named" : ".question"
        switch topic {
        case .card:
            if run.isCardinal && run.strong < 3 { return nil }
            if run.isYear || run.hasMonth || run.isSlashed, !isExplicit || run.strong == 0 { return nil }
            let isPart =
                reading.isPure && isExplicit && !isSatisfied ? run.total >= 1 : run.strong >= 3 || run.total >= Self.partialCard
            guard isPart, isExplicit || run.strong >= Self.partialCard || run.total >= 6 else { return nil }
            return (.card, "card" + rule)
        case .verification:
            guard run.total <= 8, !run.hasMonth, !run.isSlashed else { return nil }
            guard run.total >= (isExplicit ? 2 : 3) || (reading.isPure && isExplicit && !isSatisfied && run.total >= 1) else { return nil }
            return (.cardVerification, "card-verification" + rule)
        case .expiry:
            guard run.total <= 8 else { return nil }
            guard run.total >= 2 || (run.hasMonth && (run.total > 0 || reading.isPure)) else { return nil }
            return (.cardExpiry, "card-expiry" + rule)
        case .ordinary: return nil
        }
    }

    // MARK: - Neighbours and labels

    /// Beside a masked number, shorter rows of the same utterance are its parts that a misheard word cut off.
    private func spread(_ decisions: inout [RunDecision], _ utterance: FinderUtterance) {
        let runs = utterance.reading.runs
        func isPart(_ run: NumberRun, _ distance: Int) -> Bool {
            if distance <= Self.tailLimit, run.strong >= 3 { return true }
            guard !run.isCardinal, !run.isQuantity, !run.hasMonth else { return false }
            return run.total >= 3 ? distance <= Self.tailLimit : run.strong >= 2 && distance <= Self.nearLimit
        }
        func isSource(_ index: Int) -> Bool {
            guard let kind = decisions[index].kind else { return false }
            return (kind == .card || kind == .number) && runs[index].total >= 3
        }
        for index in runs.indices.dropFirst() where decisions[index].kind == nil && isSource(index - 1) {
            guard isPart(runs[index], runs[index].startWeight - runs[index - 1].endWeight) else { continue }
            (decisions[index].kind, decisions[index].rule) = (decisions[index - 1].kind, "number.near")
        }
        for index in runs.indices.dropLast().reversed() where decisions[index].kind == nil && isSource(index + 1) {
            guard isPart(runs[index], runs[index + 1].startWeight - runs[index].endWeight) else { continue }
            (decisions[index].kind, decisions[index].rule) = (decisions[index + 1].kind, "number.near")
        }
    }

    /// Calls a masked number a card where the conversation or its digits say so.
    private func label(
        _ number: Int, _ utterances: [FinderUtterance], _ context: ConversationContext, _ members: [(utterance: Int, run: Int)],
        _ decisions: inout [[RunDecision]], _ digits: borrowing WipingBuffer<UInt8>, _ corrections: borrowing WipingBuffer<Correction>
    ) {
        for index in decisions[number].indices {
            let run = utterances[number].reading.runs[index]
            var verdict = CardNumbers.Verdict(others: 0)
            if run.total >= CardNumbers.shortest {
                verdict = CardNumbers.judge(digits, run.digits, corrections)
                decisions[number][index].hasOthers = verdict.isCard ? verdict.others >= 3 : run.total > 16
            }
            guard decisions[number][index].kind == .number else { continue }
            let isNamed = context.expectation(.card).map { !$0.isSatisfied || run.total >= CardNumbers.shortest } ?? false
            if isNamed, run.strong >= 3 || run.total >= Self.partialCard {
                (decisions[number][index].kind, decisions[number][index].rule) = (.card, "card.named")
            } else if verdict.isCard {
                (decisions[number][index].kind, decisions[number][index].rule) = (.card, "card.checksum")
            }
        }
        // The parts of one number carry one label.
        guard let last = members.last, last.utterance == number, decisions[number][last.run].kind == .card else { return }
        for member in members where decisions[member.utterance][member.run].kind == .number {
            decisions[member.utterance][member.run].kind = .card
            decisions[member.utterance][member.run].rule = decisions[number][last.run].rule
        }
    }

    /// What was found is what is talked about now.
    private func learn(_ utterance: FinderUtterance, _ decisions: [RunDecision], _ context: inout ConversationContext) {
        for (run, decision) in zip(utterance.reading.runs, decisions) {
            switch decision.kind {
            case .card:
                let isWhole = run.total >= CardNumbers.shortest || decision.chainDigits >= CardNumbers.shortest
                context.satisfied(.card, isWhole: isWhole, at: utterance.to, life: life, by: utterance.speaker)
                context.chain?.kind = .card
            case .cardVerification:
                context.satisfied(.verification, isWhole: run.total >= 3, at: utterance.to, life: life, by: utterance.speaker)
            case .cardExpiry:
                context.satisfied(.expiry, isWhole: true, at: utterance.to, life: life, by: utterance.speaker)
            case .number where run.total >= CardNumbers.shortest || decision.chainDigits >= CardNumbers.shortest:
                context.satisfied(.card, isWhole: true, at: utterance.to, life: life, by: utterance.speaker)
            case .number, nil: break
            }
        }
    }
}
