internal import SottoBase

/// Sees through base64 and hexadecimal: an agent may be talked into spelling a number that way.
enum EncodedViews {
    /// Digits that a decoded word must hold to count as a number in disguise.
    static let digits = SpanFinder.anyDigits

    /// True when `word` decodes to text that is mostly a long row of digits.
    static func holdsNumber(_ word: UnsafeRawBufferPointer) -> Bool {
        // Nine digits are 12 characters of base64 and 18 of hexadecimal.
        guard word.count >= 12 else { return false }
        return holdsHexadecimal(word) || holdsBase64(word)
    }

    private static func holdsHexadecimal(_ word: UnsafeRawBufferPointer) -> Bool {
        var found = Counter()
        var high: UInt8?
        for byte in word {
            guard let value = hexadecimal(byte) else {
                if byte == 0x78 || byte == 0x58 { high = nil }  // "0x" starts anew
                continue
            }
            if let first = high {
                found.add(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return found.isNumber
    }

    private static func holdsBase64(_ word: UnsafeRawBufferPointer) -> Bool {
        // Text may begin before the number, so all four alignments are looked at.
        for skip in 0..<4 {
            var found = Counter()
            var bits: UInt32 = 0
            var count = 0
            var seen = 0
            for byte in word {
                guard let value = base64(byte) else { continue }
                seen += 1
                if seen <= skip { continue }
                bits = bits << 6 | UInt32(value)
                count += 6
                if count >= 8 {
                    count -= 8
                    found.add(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                }
            }
            if found.isNumber { return true }
        }
        return false
    }

    /// Counts digits in a row; spaces and dashes do not end it.
    private struct Counter {
        private var row = 0
        private var longest = 0
        mutating func add(_ byte: UInt8) {
            switch byte {
            case 0x30...0x39:
                row += 1
                longest = max(longest, row)
            case 0x00, 0x20, 0x2D, 0x2E: break
            default: row = 0
            }
        }
        var isNumber: Bool { longest >= EncodedViews.digits }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func base64(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B, 0x2D: 62
        case 0x2F, 0x5F: 63
        default: nil
        }
    }
}
