internal import SottoBase

/// What a conversation has led one to expect, and the number that may still go on. It holds no digit.
struct ConversationContext: Equatable, Sendable {
    struct Expectation: Equatable, Sendable {
        var topic: CueEvent.Topic
        /// The other side's question, or the exact name of the thing.
        var isExplicit: Bool
        /// Who spoke of it.
        var speaker: Speaker
        /// Number of the utterance that spoke of it last: the latest counts.
        var order: Int
        /// Place among the topics of that utterance.
        var mention: Int
        /// Utterances that it still lasts.
        var utterancesLeft: Int
        var until: MediaTime
        /// A whole value was given since.
        var isSatisfied = false
    }

    /// Digits dictated so far that may go on in the next utterance.
    struct Chain: Equatable, Sendable {
        var strong = 0
        var total = 0
        /// What its parts are masked as; nil while they are too few.
        var kind: SensitiveKind?
        var rule = ""
        var speaker: Speaker
        var lastEnd: MediaTime
        /// Weight of the words since its last digit.
        var tail: Int
        /// Its parts are single digits, alone in their utterances.
        var isDribbled: Bool
    }

    /// At most one for each topic.
    private(set) var expectations: [Expectation] = []
    var chain: Chain?
    private var order = 0
    private var mentions = 0

    /// Utterances that a topic lasts; after it was answered, a read-back and a repetition may follow.
    static let utterances = 8
    static let answered = 3

    func expectation(_ topic: CueEvent.Topic) -> Expectation? { expectations.first { $0.topic == topic } }

    /// The topics from the latest to the oldest. Of those in one utterance ("card number, expiry and code") the one named best comes
    /// first, then those not answered yet, in the order in which they were named.
    var latestFirst: [Expectation] {
        expectations.sorted { a, b in
            if a.order != b.order { return a.order > b.order }
            if a.isExplicit != b.isExplicit { return a.isExplicit }
            if a.isSatisfied != b.isSatisfied { return b.isSatisfied }
            return a.mention < b.mention
        }
    }

    mutating func note(_ topic: CueEvent.Topic, isExplicit: Bool, by speaker: Speaker, at now: MediaTime, life: Int64) {
        let before = expectation(topic)
        if let before, before.order == order, before.isExplicit || !isExplicit { return }
        mentions += 1
        expectations.removeAll { $0.topic == topic }
        expectations.append(
            Expectation(
                topic: topic, isExplicit: isExplicit || (before?.isExplicit ?? false), speaker: speaker, order: order, mention: mentions,
                utterancesLeft: Self.utterances, until: now + life))
    }

    /// A value of `topic` was found: read-backs and repetitions may follow for a while.
    mutating func satisfied(_ topic: CueEvent.Topic, isWhole: Bool, at now: MediaTime, life: Int64, by speaker: Speaker) {
        if expectation(topic) == nil { note(topic, isExplicit: true, by: speaker, at: now, life: life) }
        for index in expectations.indices where expectations[index].topic == topic {
            expectations[index].until = now + life
            if isWhole { expectations[index].isSatisfied = true }
            expectations[index].utterancesLeft = topic == .card ? Self.utterances : Self.answered
        }
    }

    mutating func utteranceEnded() {
        order += 1
        for index in expectations.indices { expectations[index].utterancesLeft -= 1 }
        expectations.removeAll { $0.utterancesLeft <= 0 }
    }

    mutating func expire(at now: MediaTime) { expectations.removeAll { $0.until < now } }
}
