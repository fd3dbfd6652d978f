/// What callers of a voice service say, as material for the language model: number words, habits of reading numbers aloud, and the
/// small change of conversation. Words only; it claims nothing about meaning.
enum SpokenEnglish {
    static let digits = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    static let teens = [
        "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ]
    static let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    static let multiples = ["double", "triple", "hundred", "thousand"]
    static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    ]
    static let fillers = ["um", "uh", "er"]
    static let corrections = [["no", "wait"], ["sorry"], ["i", "mean"], ["no"]]
    static let introductions: [[String]] = [
        [], [], ["my", "card", "number", "is"], ["the", "number", "is"], ["the", "card", "number", "is"], ["it's"], ["it", "is"],
        ["yes", "it's"], ["okay"], ["sure"], ["that's"],
    ]
    static var numberWords: Set<String> { Set(digits + teens + tens + multiples) }

    static let phrases: [String] = [
        "yes", "yes please", "yes i do", "yes i agree", "yes that is fine", "yes you may", "no", "no thanks", "no thank you", "i agree",
        "i do not agree", "stop recording", "please stop the recording", "do not record this", "i don't want to be recorded",
        "i don't want that", "okay", "sure", "of course", "hello", "good morning", "good afternoon",
        "i would like to pay my bill", "i would like to make a payment", "i want to pay by card", "i would like to speak to a person",
        "can i speak to a person", "what are your opening hours", "when are you open", "can you tell me my balance",
        "i have a question about my order", "i would like to make an appointment", "i would like to book a table",
        "my card number is", "the security code is", "the code is", "it expires in", "the expiry date is", "that's all",
        "that is all thank you", "thank you", "thank you very much", "thank you goodbye", "goodbye", "bye",
    ]

    /// Sentences with numbers, spread over the habits of callers; the same for the same `seed`.
    static func numberSentences(count: Int, seed: UInt64) -> [[String]] {
        var random = SplitMix(state: seed)
        let lengths = [3, 4, 4, 4, 8, 12, 15, 16, 16, 16, 16, 19]
        return (0..<count).map { _ in
            var sentence = random.pick(introductions)
            let inPairs = random.chance(0.25)
            for _ in 0..<random.pick(lengths) {
                if inPairs {
                    sentence.append(random.pick(random.chance(0.15) ? teens : tens))
                    if random.chance(0.8) { sentence.append(random.pick(Array(digits.dropFirst(2)))) }
                } else {
                    sentence.append(random.pick(digits))
                }
                if random.chance(0.04) { sentence.append(random.pick(fillers)) }
                if random.chance(0.03) { sentence += random.pick(corrections) }
                if random.chance(0.02) { sentence += [random.pick(["double", "triple"]), random.pick(digits)] }
            }
            if random.chance(0.2) { sentence += ["and", "the", "code", "is"] + (0..<3).map { _ in random.pick(digits) } }
            if random.chance(0.2) {
                sentence += ["expires", random.pick(months), "twenty", "twenty", random.pick(Array(digits.dropFirst(2)))]
            }
            return sentence
        }
    }
}

/// A small generator for material that must be the same at every start.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ share: Double) -> Bool { Double(next() >> 11) / Double(1 << 53) < share }
    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[Int(next() % UInt64(choices.count))] }
}
