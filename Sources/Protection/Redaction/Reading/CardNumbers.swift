/// What is known of payment card numbers. It decides a label, never whether something is masked.
enum CardNumbers {
    /// Issuer ranges: a prefix range, its length in digits, and the lengths of number it comes with.
    /// Source: the issuers' published ranges. Maestro (50, 56–69) is left out where it overlaps others.
    private static let issuers: [(from: Int, to: Int, prefixLength: Int, lengths: ClosedRange<Int>)] = [
        (4, 4, 1, 13...19),  // Visa
        (51, 55, 2, 16...16), (2221, 2720, 4, 16...16),  // Mastercard
        (34, 34, 2, 15...15), (37, 37, 2, 15...15),  // American Express
        (6011, 6011, 4, 16...19), (644, 649, 3, 16...19), (65, 65, 2, 16...19),  // Discover
        (300, 305, 3, 14...19), (3095, 3095, 4, 14...19), (36, 36, 2, 14...19), (38, 39, 2, 14...19),  // Diners
        (3528, 3589, 4, 16...19),  // JCB
        (62, 62, 2, 16...19), (81, 81, 2, 16...19),  // UnionPay
        (50, 50, 2, 12...19), (56, 69, 2, 12...19),  // Maestro, Dankort
        (1, 1, 1, 15...15),  // UATP
    ]

    static let shortest = 12
    static let longest = 19

    /// The first stretch of `digits[range]` that has an issuer's prefix, one of its lengths, and passes Luhn; longest first at each
    /// start. A range of at most 16 digits is taken as a whole, a longer one may have an expiry or a misheard digit beside the card.
    /// At most 6 lengths are tried at each digit, so the time is linear.
    static func find(in digits: borrowing WipingBuffer<UInt8>, _ range: Range<Int>) -> Range<Int>? {
        func isCard(_ start: Int, _ length: Int) -> Bool {
            hasIssuer(digits, start, length) && passesLuhn(digits, start..<start + length)
        }
        guard range.count >= shortest else { return nil }
        if range.count <= longest, isCard(range.lowerBound, range.count) { return range }
        guard range.count > 16 else { return nil }
        var start = range.lowerBound
        while start + 14 <= range.upperBound {
            var length = min(longest, range.upperBound - start)
            while length >= 14 {
                if isCard(start, length) { return start..<start + length }
                length -= 1
            }
            start += 1
        }
        return nil
    }

    private static func hasIssuer(_ digits: borrowing WipingBuffer<UInt8>, _ start: Int, _ length: Int) -> Bool {
        var prefix = 0
        var prefixes = (0, 0, 0, 0)
        for offset in 0..<4 {
            prefix = prefix * 10 + Int(digits[start + offset])
            switch offset {
            case 0: prefixes.0 = prefix
            case 1: prefixes.1 = prefix
            case 2: prefixes.2 = prefix
            default: prefixes.3 = prefix
            }
        }
        for issuer in issuers where issuer.lengths.contains(length) {
            let value =
                switch issuer.prefixLength {
                case 1: prefixes.0
                case 2: prefixes.1
                case 3: prefixes.2
                default: prefixes.3
                }
            if value >= issuer.from && value <= issuer.to { return true }
        }
        return false
    }

    static func passesLuhn(_ digits: borrowing WipingBuffer<UInt8>, _ range: Range<Int>) -> Bool {
        var sum = 0
        for index in range {
            let digit = Int(digits[index])
            let isDoubled = (range.upperBound - 1 - index) % 2 == 1
            let value = isDoubled ? digit * 2 : digit
            sum += value > 9 ? value - 9 : value
        }
        return sum % 10 == 0
    }
}
