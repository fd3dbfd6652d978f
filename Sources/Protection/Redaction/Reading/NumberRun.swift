/// A stretch of an utterance that is spoken or written digits, with the fillers, corrections and few stray words inside it.
struct NumberRun {
    /// Word indexes of the first and the last word that is part of the number.
    var firstWord: Int
    var lastWord: Int
    /// Its digits, in the reader's digit buffer.
    var digits: Range<Int>
    /// How many of them were said one by one or written in a row: the way in which one dictates, not the way in which one counts.
    var strong = 0
    /// True when "hundred" or "thousand" was said: a quantity rather than a row of digits.
    var isCardinal = false
    var hasMonth = false
    /// Written with slashes, short: a date.
    var isSlashed = false
    /// Weight of the stray words inside.
    var noise = 0
    /// Weight of the words from the utterance's start to the run, and from there to the run's end.
    var startWeight: Int
    var endWeight: Int
    /// Weight of the words behind it, to the utterance's end.
    var tail = 0
    /// "dollars", "minutes" follows: a quantity.
    var isQuantity = false
    /// Number tokens it is made of.
    var tokens = 0
    /// Four digits that read as 1900 to 2099, said or written as a year is.
    var isYear = false

    var total: Int { digits.count }
    /// Digits as dictated: may go on in another utterance.
    var isDictation: Bool { (strong >= 3 && !isYear) || (total >= 4 && !isCardinal && !isYear && !hasMonth && !isQuantity) }
}

/// A place in the digits where the speaker took something back. Only the label depends on it: what was said stays masked.
struct Correction: BitwiseCopyable {
    /// Digits read before it.
    var position: Int
    /// Length of the group before it, and of the one that replaces it.
    var before: Int
    var after = 0
}

/// What an utterance holds, as the number reader sees it.
struct UtteranceReading {
    var runs: [NumberRun] = []
    var cues: [CueEvent] = []
    var words = 0
    /// Weight of all its words, and of those that are not soft.
    var weight = 0
    var hardWeight = 0
    /// Index of the first word that what follows may still change; nil when there is none.
    var openFrom: Int?

    /// Nothing but a number and what one says around it.
    var isPure: Bool { hardWeight == 0 && runs.count == 1 }
}

/// The utterance speaks of a kind of number.
struct CueEvent: Equatable, Sendable {
    enum Topic: UInt8, Sendable {
        case card, verification, expiry, ordinary
    }
    var topic: Topic
    /// Word index at which it was said.
    var word: Int
    /// Said in so many words ("card number"), not by a word alone ("card").
    var isExplicit: Bool
}
