extension Span where Element == UInt8 {
    /// The first index in `from..<end` that holds `a` or `b`, else `end`. Eight bytes a step, since parsers spend their time here.
    ///
    /// `end` is at most `count`; a larger one is cut.
    @inlinable public func firstIndex(of a: UInt8, or b: UInt8, from: Int, to end: Int) -> Int {
        let end = Swift.min(end, count)
        var index = from
        guard index >= 0, index < end else { return end }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let patternA = ones &* UInt64(a)
        let patternB = ones &* UInt64(b)
        let raw = bytes
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let withoutA = word ^ patternA
            let withoutB = word ^ patternB
            // A byte that became zero sets its high bit; a false one can only be above a true one.
            let found = ((withoutA &- ones) & ~withoutA | (withoutB &- ones) & ~withoutB) & highs
            if found != 0 { return index &+ found.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < end {
            let byte = self[index]
            if byte == a || byte == b { return index }
            index &+= 1
        }
        return end
    }

    /// The first CR or LF in `from..<end`, else `end`. As above, with half the work: bytes above them are told apart eight at once.
    @inlinable public func firstLineEnd(from: Int, to end: Int) -> Int {
        let end = Swift.min(end, count)
        var index = from
        guard index >= 0, index < end else { return end }
        let raw = bytes
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            // A byte below 14 sets its high bit; the lowest that is set is a true one.
            let low = (word &- 0x0E0E_0E0E_0E0E_0E0E) & ~word & 0x8080_8080_8080_8080
            if low == 0 {
                index &+= 8
                continue
            }
            index &+= low.trailingZeroBitCount &>> 3
            let byte = self[index]
            if byte == 0x0D || byte == 0x0A { return index }
            index &+= 1
        }
        while index < end {
            let byte = self[index]
            if byte == 0x0D || byte == 0x0A { return index }
            index &+= 1
        }
        return end
    }
}
