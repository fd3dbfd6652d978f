extension CardNumbers {
    /// What a long run turned out to be.
    struct Verdict: Equatable {
        /// A stretch of it has an issuer's prefix and passes Luhn, as it was said or with its corrections applied.
        var isCard = false
        /// Digits of the run that are not part of that stretch; all of them when there is none.
        var others: Int
        /// The stretch's last four digits, while the caller has them shown; zero otherwise.
        var lastFour: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)

        static func == (a: Verdict, b: Verdict) -> Bool { a.isCard == b.isCard && a.others == b.others }
    }

    static func judge(
        _ digits: borrowing WipingBuffer<UInt8>, _ range: Range<Int>, _ corrections: borrowing WipingBuffer<Correction>
    ) -> Verdict {
        let corrected = apply(corrections, to: digits, range)
        if corrected.count < range.count, let found = find(in: corrected, 0..<corrected.count) {
            return verdict(corrected, found, corrected.count)
        }
        if let found = find(in: digits, range) { return verdict(digits, found, range.count) }
        return Verdict(others: range.count)
    }

    private static func verdict(_ digits: borrowing WipingBuffer<UInt8>, _ found: Range<Int>, _ total: Int) -> Verdict {
        let end = found.upperBound
        return Verdict(
            isCard: true, others: total - found.count, lastFour: (digits[end - 4], digits[end - 3], digits[end - 2], digits[end - 1]))
    }

    /// The digits without those that were taken back: "one two, no wait, one three" is 13.
    private static func apply(
        _ corrections: borrowing WipingBuffer<Correction>, to digits: borrowing WipingBuffer<UInt8>, _ range: Range<Int>
    ) -> WipingBuffer<UInt8> {
        var result = WipingBuffer<UInt8>(capacity: range.count)
        var next = 0
        var index = range.lowerBound
        while next < corrections.count, corrections[next].position <= range.lowerBound { next += 1 }
        while index < range.upperBound {
            while next < corrections.count, corrections[next].position == index {
                result.removeLast(min(corrections[next].before, corrections[next].after))
                next += 1
            }
            result.append(digits[index])
            index += 1
        }
        return result
    }
}
