/// Reads bytes forward within bounds. It never traps: reading past the end returns nil and moves nothing.
///
/// It borrows nothing and owns nothing but an index, so that parsers can return offsets:
///
///     var cursor = ByteCursor(bytes)
///     while let byte = cursor.next() { … }
public struct ByteCursor: Sendable {
    public let bytes: ArraySlice<UInt8>
    /// Index into `bytes` of the next byte that is read.
    public private(set) var position: Int

    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    public var isAtEnd: Bool { position >= bytes.endIndex }
    public var remaining: Int { bytes.endIndex - position }
    public var rest: ArraySlice<UInt8> { bytes[position...] }

    /// The byte `ahead` places from here, without moving.
    public func peek(_ ahead: Int = 0) -> UInt8? {
        let index = position + ahead
        return index >= bytes.startIndex && index < bytes.endIndex ? bytes[index] : nil
    }

    public mutating func next() -> UInt8? {
        guard position < bytes.endIndex else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// Moves past `byte` if it is next.
    public mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    /// Reads while `condition` holds; the result may be empty.
    public mutating func read(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.endIndex, condition(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }

    /// Exactly `count` bytes, or nil.
    public mutating func read(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= remaining else { return nil }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// An unsigned integer of `T`'s width in network order, or nil.
    public mutating func readInteger<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type = T.self) -> T? {
        guard let raw = read(MemoryLayout<T>.size) else { return nil }
        return raw.reduce(T(0)) { ($0 << 8) | T($1) }
    }

    /// Decimal digits to a number, nil when there is none or it exceeds `limit`.
    public mutating func readDecimal(limit: UInt64 = .max) -> UInt64? {
        let start = position
        var value: UInt64 = 0
        while let byte = peek(), (0x30...0x39).contains(byte) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(UInt64(byte - 0x30))
            if overflow || overflow2 || sum > limit {
                position = start
                return nil
            }
            value = sum
            position += 1
        }
        return position > start ? value : nil
    }
}
