/// Reads one line of JSON (RFC 8259) where it lies, without a copy of anything in it: what a recognizer heard must not become a `String`.
///
/// It is a strict reader for known shapes: unknown, repeated or missing members are faults, numbers are whole, and nesting is bounded by
/// what the caller asks for. Texts are unescaped in place.
///
///     var reader = JSONReader(line)
///     try reader.beginObject()
///     while let field = try reader.nextField(of: Field.self) {
///         switch field {
///         case .at: at = try reader.integer(in: 0...86_400_000)
///         …
///     }
///     try reader.finish()
public struct JSONReader: ~Copyable {
    /// Why a line was refused. It says where in the grammar, never what stood there.
    public enum Fault: Error, Equatable, Sendable {
        case syntax, unknownField, repeatedField, wrongType, outOfRange, tooLong, invalidText, trailingBytes
    }

    private enum State {
        static let maximumDepth = 8
    }

    private let bytes: UnsafeMutableRawBufferPointer
    private var position = 0
    private var depth = 0
    /// One bit per open array or object: whether something stood in it already.
    private var hasElement: UInt32 = 0
    /// Fields seen in each open object.
    private var seen: [UInt32] = []

    public init(_ line: UnsafeMutableRawBufferPointer) { bytes = line }

    // MARK: - Structure

    public mutating func beginObject() throws(Fault) {
        try begin(0x7B)
        seen.append(0)
    }

    /// The next member's name, or nil at the object's end. `Field` has at most 32 cases.
    public mutating func nextField<Field: CaseIterable & RawRepresentable>(
        of _: Field.Type
    ) throws(Fault) -> Field? where Field.RawValue == String {
        guard try next(closing: 0x7D) else {
            seen.removeLast()
            return nil
        }
        guard peek() == 0x22 else { throw .syntax }
        let name = try text(atMost: 64)
        try expect(0x3A)
        for (index, field) in Field.allCases.enumerated() where Self.equals(name, field.rawValue) {
            let bit: UInt32 = 1 << UInt32(index)
            guard seen[seen.count - 1] & bit == 0 else { throw .repeatedField }
            seen[seen.count - 1] |= bit
            return field
        }
        throw .unknownField
    }

    public mutating func beginArray() throws(Fault) { try begin(0x5B) }

    /// Whether another element follows; false at the array's end.
    public mutating func nextElement() throws(Fault) -> Bool { try next(closing: 0x5D) }

    /// Nothing but blanks may follow.
    public mutating func finish() throws(Fault) {
        skipBlanks()
        guard position == bytes.count, depth == 0 else { throw .trailingBytes }
    }

    private mutating func begin(_ bracket: UInt8) throws(Fault) {
        skipBlanks()
        guard peek() == bracket else { throw position < bytes.count ? .wrongType : .syntax }
        guard depth < State.maximumDepth else { throw .syntax }
        position += 1
        depth += 1
        hasElement &= ~(1 << UInt32(depth))
    }

    private mutating func next(closing bracket: UInt8) throws(Fault) -> Bool {
        skipBlanks()
        if peek() == bracket {
            position += 1
            depth -= 1
            return false
        }
        if hasElement & (1 << UInt32(depth)) != 0 { try expect(0x2C) } else { skipBlanks() }
        hasElement |= 1 << UInt32(depth)
        return true
    }

    // MARK: - Values

    /// A text, unescaped and checked to be UTF-8 without control characters. It lies in the line and lives as long as the line does.
    public mutating func text(atMost limit: Int) throws(Fault) -> UnsafeRawBufferPointer {
        skipBlanks()
        guard peek() == 0x22 else { throw position < bytes.count ? .wrongType : .syntax }
        position += 1
        let start = position
        var written = position
        while true {
            guard let byte = peek() else { throw .syntax }
            position += 1
            if byte == 0x22 { break }
            guard byte >= 0x20 else { throw .invalidText }
            if byte == 0x5C {
                written = try unescape(to: written)
            } else {
                bytes[written] = byte
                written += 1
            }
        }
        guard written - start <= limit else { throw .tooLong }
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<written])
        guard Self.isText(text) else { throw .invalidText }
        return text
    }

    /// A text out of a known set.
    public mutating func choice<Choice: CaseIterable & RawRepresentable>(
        of _: Choice.Type
    ) throws(Fault) -> Choice where Choice.RawValue == String {
        let text = try text(atMost: 64)
        for choice in Choice.allCases where Self.equals(text, choice.rawValue) { return choice }
        throw .outOfRange
    }

    /// A whole number: no fraction, no exponent, no leading zero.
    public mutating func integer(in range: ClosedRange<Int64>) throws(Fault) -> Int64 {
        skipBlanks()
        let isNegative = peek() == 0x2D
        if isNegative { position += 1 }
        let first = position
        var value: Int64 = 0
        while let byte = peek(), (0x30...0x39).contains(byte) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.subtractingReportingOverflow(Int64(byte &- 0x30))
            guard !overflow, !overflow2 else { throw .outOfRange }
            value = sum
            position += 1
        }
        guard position > first else { throw .wrongType }
        guard bytes[first] != 0x30 || position == first + 1 else { throw .syntax }
        if let byte = peek(), byte == 0x2E || byte | 0x20 == 0x65 { throw .wrongType }
        if !isNegative {
            guard value != .min else { throw .outOfRange }
            value = -value
        }
        guard range.contains(value) else { throw .outOfRange }
        return value
    }

    public mutating func boolean() throws(Fault) -> Bool {
        skipBlanks()
        for (word, value) in [("true", true), ("false", false)] {
            let end = position + word.utf8.count
            guard end <= bytes.count, Self.equals(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), word) else { continue }
            position = end
            return value
        }
        throw .wrongType
    }

    // MARK: - Bytes

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(Fault) {
        skipBlanks()
        guard peek() == byte else { throw .syntax }
        position += 1
        skipBlanks()
    }

    /// Reads the rest of an escape and writes its UTF-8, which is never longer than the escape. Returns where the next byte goes.
    private mutating func unescape(to target: Int) throws(Fault) -> Int {
        guard let kind = peek() else { throw .syntax }
        position += 1
        switch kind {
        case 0x22, 0x5C, 0x2F:
            bytes[target] = kind
            return target + 1
        case 0x62, 0x66, 0x6E, 0x72, 0x74:
            throw .invalidText
        case 0x75:
            var scalar = try hex4()
            if (0xD800...0xDBFF).contains(scalar) {
                guard peek() == 0x5C else { throw .invalidText }
                position += 1
                guard peek() == 0x75 else { throw .invalidText }
                position += 1
                let low = try hex4()
                guard (0xDC00...0xDFFF).contains(low) else { throw .invalidText }
                scalar = 0x1_0000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard scalar >= 0x20, let scalar = Unicode.Scalar(scalar) else { throw .invalidText }
            var next = target
            for byte in UTF8.encode(scalar) ?? .init() {
                bytes[next] = byte
                next += 1
            }
            return next
        default:
            throw .syntax
        }
    }

    private mutating func hex4() throws(Fault) -> UInt32 {
        guard bytes.count - position >= 4, let value = Self.hexadecimal(bytes[position..<position + 4]) else { throw .syntax }
        position += 4
        return value
    }

    // Apart from `hex4`: with this loop in a mutating method of a noncopyable type, Swift 6.3's optimizer stops with an internal error.
    private static func hexadecimal(_ digits: Slice<UnsafeMutableRawBufferPointer>) -> UInt32? {
        var value: UInt32 = 0
        for byte in digits {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// UTF-8 (RFC 3629: shortest form, no surrogates) without C0, DEL and C1 controls.
    private static func isText(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < text.count {
            let first = text[index]
            if first < 0x80 {
                guard first >= 0x20, first != 0x7F else { return false }
                index += 1
                continue
            }
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xBF
            switch first {
            case 0xC2: (length, low) = (2, 0xA0)
            case 0xC3...0xDF: length = 2
            case 0xE0: (length, low) = (3, 0xA0)
            case 0xED: (length, high) = (3, 0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, low) = (4, 0x90)
            case 0xF4: (length, high) = (4, 0x8F)
            case 0xF1...0xF3: length = 4
            default: return false
            }
            guard index + length <= text.count, (low...high).contains(text[index + 1]) else { return false }
            for offset in 2..<max(2, length) where !(0x80...0xBF).contains(text[index + offset]) { return false }
            index += length
        }
        return true
    }

    /// `word` is one of ours; `text` never becomes a `String`.
    private static func equals(_ text: UnsafeRawBufferPointer, _ word: String) -> Bool {
        word.utf8.count == text.count && word.utf8.elementsEqual(text)
    }
}

extension JSONReader.Fault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .syntax: "not JSON"
        case .unknownField: "unknown member"
        case .repeatedField: "repeated member"
        case .wrongType: "value of another type"
        case .outOfRange: "value out of range"
        case .tooLong: "text too long"
        case .invalidText: "text is not plain UTF-8"
        case .trailingBytes: "more than one value in a line"
        }
    }
}
