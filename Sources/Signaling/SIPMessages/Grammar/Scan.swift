internal import SottoBase

/// Steps over the grammar's small parts (RFC 3261 §25.1). Each moves `index` forward, never past `end`, and answers whether it matched.
///
/// Header values were unfolded before, so that linear white space is space and tab alone.
enum Scan {
    @inline(__always) static func skipSpace(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) {
        while index < end, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
    }

    @inline(__always) static func run(_ set: ByteSet, _ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        let start = index
        while index < end, set.contains(bytes[index]) { index += 1 }
        return index > start
    }

    /// A run of `set` in which each `%` starts an escape of two hexadecimal digits. May be empty.
    static func escapedRun(_ set: ByteSet, _ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        while index < end, set.contains(bytes[index]) {
            if bytes[index] == 0x25 {
                guard index + 2 < end, ByteSet.hex.contains(bytes[index + 1]), ByteSet.hex.contains(bytes[index + 2]) else { return false }
                index += 3
            } else {
                index += 1
            }
        }
        return true
    }

    /// Whether the bytes from `start` on are `literal`, without case: a key under a misspelt name is a key as well.
    @inline(__always) static func hasPrefix(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard end - start >= count else { return false }
        let letters = UnsafeBufferPointer(start: literal.utf8Start, count: count)
        for offset in 0..<count where (bytes[start + offset] | 0x20) != (letters[offset] | 0x20) { return false }
        return true
    }

    /// From an opening quote to past the closing one; a backslash takes any next byte but CR and LF with it.
    static func quoted(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, bytes[index] == 0x22 else { return false }
        var at = index + 1
        while at < end {
            switch bytes[at] {
            case 0x22:
                index = at + 1
                return true
            case 0x5C:
                guard at + 1 < end, bytes[at + 1] != 0x0D, bytes[at + 1] != 0x0A else { return false }
                at += 2
            case 0x0D, 0x0A:
                return false
            default:
                at += 1
            }
        }
        return false
    }

    /// `*( SEMI generic-param )`. False when a semicolon is followed by no parameter, or an equals sign by no value.
    ///
    /// Deviation: a value may hold any visible ASCII but `;,"<>`, because `received=2001:db8::1` (RFC 5118 §4.5) and unquoted URIs occur.
    static func parameters(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        while true {
            var at = index
            skipSpace(bytes, &at, end)
            guard at < end, bytes[at] == 0x3B else { return true }
            at += 1
            skipSpace(bytes, &at, end)
            guard run(.token, bytes, &at, end) else { return false }
            index = at
            skipSpace(bytes, &at, end)
            guard at < end, bytes[at] == 0x3D else { continue }
            at += 1
            skipSpace(bytes, &at, end)
            guard at < end else { return false }
            if bytes[at] == 0x22 {
                guard quoted(bytes, &at, end) else { return false }
            } else {
                let start = at
                while at < end, isParameterValue(bytes[at]) { at += 1 }
                guard at > start else { return false }
            }
            index = at
        }
    }

    /// Where the value of parameter `name` (lower case) stands among parameters that `parameters` has passed; empty for one without
    /// value, nil when it is not there. No `WireText` is made: this runs for every address and Via.
    static func value(of name: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Range<Int>? {
        var index = start
        while true {
            skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3B else { return nil }
            index += 1
            skipSpace(bytes, &index, end)
            let nameStart = index
            while index < end, ByteSet.token.contains(bytes[index]) { index += 1 }
            let isWanted = index - nameStart == name.utf8CodeUnitCount && hasPrefix(bytes, nameStart, index, name)
            skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3D else {
                if isWanted { return index..<index }
                continue
            }
            index += 1
            skipSpace(bytes, &index, end)
            let valueStart = index
            if index < end, bytes[index] == 0x22 {
                guard quoted(bytes, &index, end) else { return nil }
            } else {
                while index < end, bytes[index] != 0x3B, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
            }
            if isWanted { return valueStart..<index }
        }
    }

    @inline(__always) private static func isParameterValue(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != 0x3B && byte != 0x2C && byte != 0x22 && byte != 0x3C && byte != 0x3E
    }

    /// hostname, IPv4address or IPv6reference.
    static func host(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, bytes[index] == 0x5B else { return run(.host, bytes, &index, end) }
        var reference: [UInt8] = []
        var at = index
        while at < end, reference.count < 48 {
            reference.append(bytes[at])
            at += 1
            if reference.last == 0x5D {
                guard PeerAddress(host: reference[...], port: 0) != nil || repaired(reference) != nil else { return false }
                index = at
                return true
            }
        }
        return false
    }

    /// An address as a URI or a Via writes it.
    static func address(_ host: WireText, port: UInt16) -> PeerAddress? {
        if let address = PeerAddress(host: host, port: port) { return address }
        guard host.byte(at: 0) == 0x5B, let reference = repaired(Array(host.bytes)) else { return nil }
        return PeerAddress(host: reference[...], port: port)
    }

    /// RFC 3261's grammar wrote three colons before an embedded IPv4 address where two are meant; both must be taken (RFC 5118 §4.10).
    private static func repaired(_ reference: [UInt8]) -> [UInt8]? {
        guard reference.contains(0x2E), reference.count > 5 else { return nil }
        for index in 0..<reference.count - 3
        where reference[index] == 0x3A && reference[index + 1] == 0x3A && reference[index + 2] == 0x3A {
            let tail = reference[(index + 3)...]
            guard tail.first.map({ $0 &- 0x30 < 10 }) ?? false, !tail.contains(0x3A) else { return nil }
            var repaired = reference
            repaired.remove(at: index)
            return PeerAddress(host: repaired[...], port: 0) == nil ? nil : repaired
        }
        return nil
    }

    /// Decimal digits up to `limit`, nil otherwise; leading zeros are welcome.
    static func decimal(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int, limit: UInt64) -> UInt64? {
        let start = index
        var value: UInt64 = 0
        while index < end, bytes[index] &- 0x30 < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            value = product &+ UInt64(bytes[index] &- 0x30)
            if overflow || value > limit { return nil }
            index += 1
        }
        return index > start ? value : nil
    }

    /// `[ ":" port ]`. False when a colon is there and no port of 16 bits follows.
    static func port(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int, into port: inout UInt16?) -> Bool {
        guard index < end, bytes[index] == 0x3A else { return true }
        index += 1
        guard let value = decimal(bytes, &index, end, limit: 65535) else { return false }
        port = UInt16(value)
        return true
    }

    /// `range` without white space at its ends.
    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
        while upper > lower, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
        return lower..<upper
    }
}

/// A part of a text by offsets of 16 bits, so that typed fields stay small. Header values are at most 8 KiB.
struct Slot: Sendable, Equatable {
    let start: UInt16
    let end: UInt16

    static var none: Slot { Slot(start: .max, end: .max) }

    init(start: UInt16, end: UInt16) {
        self.start = start
        self.end = end
    }

    /// `range` in the buffer, as offsets from `origin`.
    init(_ range: Range<Int>, from origin: Int) {
        start = UInt16(clamping: range.lowerBound - origin)
        end = UInt16(clamping: range.upperBound - origin)
    }

    var isPresent: Bool { start != .max }

    func text(in text: WireText) -> WireText? {
        isPresent ? text.slice(Int(start)..<max(Int(start), Int(end))) : nil
    }
}
