/// What a word means to the number reader. A code, never the word: this is all that is kept of clear words while they are looked at.
enum Meaning: BitwiseCopyable, Equatable, Sendable {
    /// "four", "niner": a digit wherever it stands.
    case digit(UInt8)
    /// "to", "for", "oh": a digit beside other digits only.
    case confusable(UInt8)
    /// 10 to 19.
    case teen(UInt8)
    /// 20, 30 … 90: a digit may complete it.
    case tens(UInt8)
    case hundred
    case thousand
    case million
    /// "double", "triple": the next digit so many times.
    case repeated(UInt8)
    /// Digits as a recognizer or a person wrote them: a range of the reader's written digits.
    case written(start: Int32, count: Int32, isSlashed: Bool)
    /// A time, a price or a count that was written as such: "5:30", "$20", "2,000".
    case amount
    case month(UInt8)
    /// "may", "march": a month beside digits only.
    case maybeMonth(UInt8)
    /// Says nothing: "um", "and", "please", a dash.
    case filler
    /// Takes back what came before: "no", "wait", "sorry".
    case correction
    /// Ordinary, but at home in dictation ("the", "next", "let me"): weighs a quarter of an ordinary word.
    case soft
    /// Makes a quantity of the number before it: "dollars", "minutes", "times".
    case unit
    case cue(Cue)
    case ordinary

    /// How far the word pushes two groups of digits apart; see `NumberReader.gapLimit`.
    var weight: Int {
        switch self {
        case .filler, .correction, .digit, .teen, .tens, .hundred, .thousand, .million, .written, .month: 0
        case .soft, .confusable: 1
        case .repeated, .maybeMonth, .ordinary: 4
        case .unit, .amount, .cue: 12
        }
    }
}

/// A word that tells what a number is about.
enum Cue: UInt8, BitwiseCopyable, Sendable {
    case card
    /// "number", "digits".
    case number
    case long
    case code
    case security
    case verification
    /// "back", "signature": where the code stands.
    case back
    case letterC
    case letterV
    case expiry
    case valid
    case through
    /// "zip", "promo": the code behind it is none of ours.
    case ordinaryQualifier
    /// "order", "room", "time": asks for a number that is none of ours.
    case ordinary
}

/// A meaning and the word that it came from.
struct Token: BitwiseCopyable, Sendable {
    var meaning: Meaning
    var word: Int32
}
