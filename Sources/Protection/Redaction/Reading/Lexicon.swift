/// A language's words and what they mean to the reader. Rows are data: another language is another table.
///
/// Words are looked up by a 64-bit hash of their normalised bytes, so that a clear word is never made a `String` to be looked up.
/// (That an unknown word falls upon a row by chance has a probability of about 2^-55 a word.)
struct Lexicon: Sendable {
    private let meanings: [UInt64: Meaning]

    init(_ rows: [(words: String, meaning: Meaning)]) {
        var table: [UInt64: Meaning] = [:]
        for row in rows {
            for word in row.words.split(separator: " ") {
                var hash = WordHash()
                for byte in word.utf8 { hash.add(byte) }
                let previous = table.updateValue(row.meaning, forKey: hash.value)
                precondition(previous == nil, "a word stands in two rows")
            }
        }
        meanings = table
    }

    func meaning(of hash: WordHash) -> Meaning? { meanings[hash.value] }
}

/// FNV-1a with 64 bits.
struct WordHash: BitwiseCopyable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var length = 0

    mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
        length += 1
    }
}

extension Lexicon {
    /// English as it is spoken on the telephone in the US and the UK. Apostrophes are left out ("it's" is "its").
    static let english = Lexicon(digits + scales + months + dictation + units + cues)

    private static let digits: [(words: String, meaning: Meaning)] = [
        ("zero nought naught nil null", .digit(0)), ("one", .digit(1)), ("two", .digit(2)), ("three", .digit(3)), ("four", .digit(4)),
        ("five fife", .digit(5)), ("six", .digit(6)), ("seven", .digit(7)), ("eight", .digit(8)), ("nine niner", .digit(9)),
        ("oh o owe ought aught", .confusable(0)), ("won wun wan", .confusable(1)), ("to too tu", .confusable(2)),
        ("tree free", .confusable(3)), ("for fore fower", .confusable(4)), ("fiver", .confusable(5)), ("sex sicks sics", .confusable(6)),
        ("sven heaven", .confusable(7)), ("ate hate ait", .confusable(8)), ("nein nigh line", .confusable(9)),
        ("ones", .digit(1)), ("twos", .digit(2)), ("threes", .digit(3)), ("fours", .digit(4)), ("fives", .digit(5)), ("sixes", .digit(6)),
        ("sevens", .digit(7)), ("eights", .digit(8)), ("nines", .digit(9)), ("zeros zeroes noughts ohs", .digit(0)),
    ]

    private static let scales: [(words: String, meaning: Meaning)] = [
        ("ten", .teen(10)), ("eleven", .teen(11)), ("twelve", .teen(12)), ("thirteen", .teen(13)), ("fourteen", .teen(14)),
        ("fifteen", .teen(15)), ("sixteen", .teen(16)), ("seventeen", .teen(17)), ("eighteen", .teen(18)), ("nineteen", .teen(19)),
        ("twenty", .tens(20)), ("thirty", .tens(30)), ("forty fourty", .tens(40)), ("fifty", .tens(50)), ("sixty", .tens(60)),
        ("seventy", .tens(70)), ("eighty", .tens(80)), ("ninety", .tens(90)),
        ("hundred hundreds", .hundred), ("thousand thousands", .thousand), ("million millions billion", .million),
        ("double dubble", .repeated(2)), ("triple treble", .repeated(3)), ("quadruple quad", .repeated(4)),
    ]

    private static let months: [(words: String, meaning: Meaning)] = [
        ("january jan", .month(1)), ("february feb", .month(2)), ("march", .maybeMonth(3)), ("april apr", .month(4)),
        ("may", .maybeMonth(5)), ("june jun", .month(6)), ("july jul", .month(7)), ("august aug", .month(8)),
        ("september sept sep", .month(9)), ("october oct", .month(10)), ("november nov", .month(11)), ("december dec", .month(12)),
    ]

    private static let dictation: [(words: String, meaning: Meaning)] = [
        ("um umm uh uhh uhm er erm err hm hmm mm mmm mhm ah eh huh uhhuh", .filler),
        ("and then so like please its it is ok okay right yes yeah yep yup well know comma dash hyphen space slash", .filler),
        ("stroke dot point pause followed by plus thats next", .filler),
        ("no wait sorry actually oops correction rather nope mean scratch strike pardon", .correction),
        ("the a an i you me my that this there let lets make hold on hang start again over from im ive got get go going", .soft),
        ("goes ahead now just second sec moment see read said say not was be first last finally starts begins with in as", .soft),
        ("all of at or good thanks thank great sure perfect alright fine did do group rest", .soft),
    ]

    private static let units: [(words: String, meaning: Meaning)] = [
        ("dollar dollars bucks cent cents pound pounds quid pence euro euros percent", .unit),
        ("am pm oclock noon minute minutes hour hours day days night nights week weeks month months seconds times", .unit),
        ("years people persons guests adults children kids miles kilometers kilometres meters metres feet inches degrees", .unit),
        ("grams kilos ounces points items pieces boxes tickets rooms beds seats copies", .unit),
    ]

    private static let cues: [(words: String, meaning: Meaning)] = [
        ("card cards visa mastercard amex maestro express debit credit pan", .cue(.card)),
        ("number numbers digit digits", .cue(.number)),
        ("long", .cue(.long)),
        ("code codes", .cue(.code)),
        ("security", .cue(.security)),
        ("verification verify cvv cvc cvn csc cid cvvs pin passcode", .cue(.verification)),
        ("back reverse signature front", .cue(.back)),
        ("c", .cue(.letterC)),
        ("v", .cue(.letterV)),
        ("expiry expires expire expiration expiring expired exp", .cue(.expiry)),
        ("valid", .cue(.valid)),
        ("thru through until till", .cue(.through)),
        ("zip post postal area promo discount dress country access dialling dialing booking sort", .cue(.ordinaryQualifier)),
        ("order reference confirmation ticket extension flight room postcode zipcode invoice case time year date", .cue(.ordinary)),
        ("many old address street house apartment phone telephone mobile age", .cue(.ordinary)),
    ]
}
