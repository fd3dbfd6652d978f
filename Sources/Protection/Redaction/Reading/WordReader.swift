internal import SottoBase

/// Turns a word's bytes into tokens. It looks at each byte a constant number of times, and keeps codes alone.
///
/// A word may hold several tokens ("forty-one", "4111-1111", "4o11"). Digits of other scripts and widths count as digits, invisible
/// characters are left out, so that neither hides a number.
struct WordReader: ~Copyable {
    private let lexicon: Lexicon
    /// The word in lower-case ASCII: letters, digits, and separators; every other letter is `foreign`.
    private var normal = WipingBuffer<UInt8>(capacity: 256)
    private static let foreign: UInt8 = 0x7F

    init(lexicon: Lexicon) { self.lexicon = lexicon }

    /// Appends the word's tokens to `tokens`, and its written digits to `written`.
    mutating func read(
        _ word: UnsafeRawBufferPointer, index: Int, tokens: inout WipingBuffer<Token>, written: inout WipingBuffer<UInt8>
    ) {
        normalise(word)
        let shape = Shape(of: normal)
        let place = Int32(truncatingIfNeeded: index)
        if shape.digits == 0 {
            readLetters(place, &tokens)
        } else if shape.isAmount {
            tokens.append(Token(meaning: .amount, word: place))
        } else if shape.letters == 0 {
            appendDigits(0..<normal.count, isSlashed: shape.slashes > 0 && shape.digits <= 8, place, &tokens, &written)
        } else {
            readMixed(shape, place, &tokens, &written)
        }
    }

    // MARK: - Shape

    /// What a word is made of.
    private struct Shape {
        var digits = 0
        var letters = 0
        var slashes = 0
        private var colons = 0
        private var dots = 0
        private var commas = 0
        private var marks = 0
        private var others = 0
        /// Digits behind the last dot, comma or colon.
        private var digitsAfter = 0

        init(of word: borrowing WipingBuffer<UInt8>) {
            for index in 0..<word.count {
                switch word[index] {
                case 0x30...0x39:
                    digits += 1
                    digitsAfter += 1
                case 0x61...0x7A, WordReader.foreign: letters += 1
                case 0x2F: slashes += 1
                case 0x3A: (colons, digitsAfter) = (colons + 1, 0)
                case 0x2E: if index + 1 < word.count { (dots, digitsAfter) = (dots + 1, 0) }
                case 0x2C: if index + 1 < word.count { (commas, digitsAfter) = (commas + 1, 0) }
                case 0x24, 0x25: marks += 1
                default: others += 1
                }
            }
        }

        /// Written as a time, a price, a percentage or a grouped count, and short enough for one.
        var isAmount: Bool {
            guard letters == 0, slashes == 0, digits <= 7 else { return false }
            if marks > 0 { return true }
            if others > 0 { return false }
            if colons > 0 { return dots == 0 && commas == 0 && digitsAfter == 2 && digits <= 6 }
            if dots == 1, commas <= 1 { return digitsAfter >= 1 && digitsAfter <= 2 }
            return commas > 0 && dots == 0 && digitsAfter == 3 && digits > 3
        }
    }

    // MARK: - Pieces

    private func readLetters(_ place: Int32, _ tokens: inout WipingBuffer<Token>) {
        var hash = WordHash()
        var isEmpty = true
        for index in 0..<normal.count {
            let byte = normal[index]
            if (0x61...0x7A).contains(byte) || byte == Self.foreign {
                hash.add(byte)
            } else if hash.length > 0 {
                tokens.append(Token(meaning: lexicon.meaning(of: hash) ?? .ordinary, word: place))
                hash = WordHash()
                isEmpty = false
            }
        }
        if hash.length > 0 {
            tokens.append(Token(meaning: lexicon.meaning(of: hash) ?? .ordinary, word: place))
        } else if isEmpty {
            tokens.append(Token(meaning: .filler, word: place))
        }
    }

    /// Letters and digits in one word: digits if the letters are number words or the digits are many, else an ordinary word ("4th").
    private func readMixed(_ shape: Shape, _ place: Int32, _ tokens: inout WipingBuffer<Token>, _ written: inout WipingBuffer<UInt8>) {
        var isSpoken = true
        eachPiece { range, hash in
            guard let hash else { return }
            switch lexicon.meaning(of: hash) {
            case .digit, .confusable, .teen, .tens, .hundred, .thousand, .repeated, .month: break
            default: isSpoken = false
            }
        }
        guard isSpoken || shape.digits >= 3 else {
            tokens.append(Token(meaning: .ordinary, word: place))
            return
        }
        guard isSpoken else {
            appendDigits(0..<normal.count, isSlashed: false, place, &tokens, &written)
            return
        }
        var start = 0
        while start < normal.count {
            let (end, hash) = piece(at: start)
            if let hash, let meaning = lexicon.meaning(of: hash) {
                tokens.append(Token(meaning: meaning, word: place))
            } else if hash == nil {
                appendDigits(start..<end, isSlashed: false, place, &tokens, &written)
            }
            start = end
        }
    }

    private func eachPiece(_ body: (Range<Int>, WordHash?) -> Void) {
        var start = 0
        while start < normal.count {
            let (end, hash) = piece(at: start)
            body(start..<end, hash)
            start = end
        }
    }

    /// The piece that starts at `start`: letters with their hash, or anything else without.
    private func piece(at start: Int) -> (end: Int, hash: WordHash?) {
        var end = start
        var hash = WordHash()
        while end < normal.count, (0x61...0x7A).contains(normal[end]) || normal[end] == Self.foreign {
            hash.add(normal[end])
            end += 1
        }
        if end > start { return (end, hash) }
        while end < normal.count, !((0x61...0x7A).contains(normal[end]) || normal[end] == Self.foreign) { end += 1 }
        return (end, nil)
    }

    private func appendDigits(
        _ range: Range<Int>, isSlashed: Bool, _ place: Int32, _ tokens: inout WipingBuffer<Token>, _ written: inout WipingBuffer<UInt8>
    ) {
        let start = written.count
        for index in range where (0x30...0x39).contains(normal[index]) { written.append(normal[index] - 0x30) }
        guard written.count > start else { return }
        tokens.append(
            Token(
                meaning: .written(
                    start: Int32(truncatingIfNeeded: start), count: Int32(truncatingIfNeeded: written.count - start), isSlashed: isSlashed),
                word: place))
    }

    // MARK: - Normal form

    private mutating func normalise(_ word: UnsafeRawBufferPointer) {
        normal.removeAll()
        var index = 0
        while index < word.count {
            let byte = word[index]
            if byte < 0x80 {
                index += 1
                switch byte {
                case 0x41...0x5A: normal.append(byte | 0x20)
                case 0x27, 0x60: break  // an apostrophe joins: "it's"
                case 0x7F: break
                default: normal.append(byte)
                }
            } else {
                let (scalar, length) = Self.decode(word, at: index)
                index += length
                appendForeign(scalar)
            }
        }
    }

    private mutating func appendForeign(_ scalar: Unicode.Scalar?) {
        guard let scalar else {
            normal.append(Self.foreign)
            return
        }
        switch scalar.value {
        case 0x2019, 0x02BC, 0x200B...0x200F, 0x2060, 0xFEFF, 0xFE00...0xFE0F, 0x20E3, 0xAD: return  // apostrophes, invisible
        case 0x2010...0x2015, 0x2212: normal.append(0x2D)
        case 0xA3, 0x20AC, 0xA5: normal.append(0x24)
        case 0xFF21...0xFF3A: normal.append(UInt8(scalar.value - 0xFF21) + 0x61)
        case 0xFF41...0xFF5A: normal.append(UInt8(scalar.value - 0xFF41) + 0x61)
        default:
            if let value = scalar.properties.numericValue, scalar.properties.numericType != .numeric, value >= 0, value <= 9 {
                normal.append(0x30 + UInt8(value))
            } else if scalar.properties.isAlphabetic {
                normal.append(Self.foreign)
            } else {
                normal.append(0x2D)
            }
        }
    }

    /// The scalar at `index`, nil when the bytes are no UTF-8, and how many bytes to go on.
    private static func decode(_ word: UnsafeRawBufferPointer, at index: Int) -> (Unicode.Scalar?, Int) {
        let lead = word[index]
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0
        guard length > 0, lead < 0xF5, index + length <= word.count else { return (nil, 1) }
        var value = UInt32(lead) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
        for offset in 1..<length {
            guard word[index + offset] & 0xC0 == 0x80 else { return (nil, 1) }
            value = value << 6 | UInt32(word[index + offset] & 0x3F)
        }
        return (Unicode.Scalar(value), length)
    }
}
