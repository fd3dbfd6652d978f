/// Finds what an utterance says numbers are about: "card number", "code on the back", "expiry date". One pass over its cue words.
enum CueReader {
    /// How near two words of a phrase must stand, in tokens.
    private static let near = 6

    static func read(_ tokens: borrowing WipingBuffer<Token>, _ range: Range<Int>) -> [CueEvent] {
        var events: [CueEvent] = []
        // Where each cue was said last; far away at first.
        var last = InlineArray<16, Int>(repeating: -1_000)
        for index in range {
            guard case .cue(let cue) = tokens[index].meaning else { continue }
            func saw(_ cue: Cue, within distance: Int = near) -> Bool { index - last[Int(cue.rawValue)] <= distance }
            func note(_ topic: CueEvent.Topic, isExplicit: Bool) {
                events.append(CueEvent(topic: topic, word: Int(tokens[index].word), isExplicit: isExplicit))
            }
            switch cue {
            case .card: note(.card, isExplicit: saw(.number) || saw(.long))
            case .number:
                if saw(.back, within: near + 2) || saw(.verification) || saw(.security, within: 2) {
                    note(.verification, isExplicit: true)
                } else if saw(.card) || saw(.long, within: 3) {
                    note(.card, isExplicit: true)
                }
            case .back:
                if saw(.number, within: near + 2) || saw(.code, within: near + 2) { note(.verification, isExplicit: true) }
            case .verification: note(.verification, isExplicit: true)
            case .code:
                if saw(.security, within: 3) || saw(.verification, within: 3) {
                    note(.verification, isExplicit: true)
                } else if saw(.ordinaryQualifier, within: 2) || saw(.ordinary, within: 2) {
                    note(.ordinary, isExplicit: true)
                } else {
                    note(.verification, isExplicit: saw(.card, within: 3))
                }
            case .letterV: if saw(.letterC, within: 2) { note(.verification, isExplicit: true) }
            case .expiry: note(.expiry, isExplicit: true)
            case .through: if saw(.valid, within: 3) { note(.expiry, isExplicit: true) }
            case .ordinary: note(.ordinary, isExplicit: true)
            case .long, .security, .letterC, .valid, .ordinaryQualifier: break
            }
            last[Int(cue.rawValue)] = index
        }
        // "expiry date", "the card for my order": what is sensitive counts.
        if events.contains(where: { $0.topic != .ordinary }) { events.removeAll { $0.topic == .ordinary } }
        return events
    }
}
