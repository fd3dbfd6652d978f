/// A run of text as it came from, or goes to, the wire: a view into a shared, immutable byte buffer.
///
/// Parsers make many of these over one message without copying; a copy costs one retain. It is not known to be UTF-8.
/// It may hold a person's name or number, so its `description` tells only its length: say `.string` to mean the text.
/// A view keeps its whole buffer alive; what outlives the message by long holds `detached()`.
public struct WireText: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The whole buffer; only `range` of it belongs to this text.
    public let storage: [UInt8]
    @usableFromInline let start: UInt32
    @usableFromInline let end: UInt32

    /// A view of `range` of `storage`, cut to what the buffer holds.
    @inlinable public init(_ storage: [UInt8], _ range: Range<Int>) {
        let upper = min(max(range.upperBound, 0), min(storage.count, Int(UInt32.max)))
        let lower = min(max(range.lowerBound, 0), upper)
        self.storage = storage
        start = UInt32(truncatingIfNeeded: lower)
        end = UInt32(truncatingIfNeeded: upper)
    }

    @inlinable public init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }
    public init(_ bytes: ArraySlice<UInt8>) { self.init(Array(bytes)) }
    public init(_ text: some StringProtocol) { self.init(Array(text.utf8)) }
    public init(stringLiteral text: String) { self.init(text) }

    /// Indices of this text in `storage`.
    @inlinable public var range: Range<Int> { Int(start)..<Int(end) }
    @inlinable public var count: Int { Int(end) - Int(start) }
    @inlinable public var isEmpty: Bool { start == end }
    public var bytes: ArraySlice<UInt8> { storage[Int(start)..<Int(end)] }

    /// The text as a `String`; bytes that are no UTF-8 become U+FFFD. Never for secrets, which are not `WireText`.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// The byte at `offset` from this text's first one, or nil outside of it.
    @inlinable public func byte(at offset: Int) -> UInt8? {
        offset >= 0 && offset < count ? storage[Int(start) + offset] : nil
    }

    /// A part of this text by offsets from its start, cut to its bounds.
    @inlinable public func slice(_ offsets: Range<Int>) -> WireText {
        let lower = min(max(offsets.lowerBound, 0), count)
        let upper = min(max(offsets.upperBound, lower), count)
        return WireText(storage, Int(start) + lower..<Int(start) + upper)
    }

    /// The same text in a buffer of its own.
    public func detached() -> WireText { WireText(Array(bytes)) }

    /// ASCII letters compare without case; every other byte must be equal.
    @_disfavoredOverload public func equalsIgnoringCase(_ other: WireText) -> Bool {
        guard count == other.count else { return false }
        let a = storage.span
        let b = other.storage.span
        for offset in 0..<count where lowercased(a[Int(start) + offset]) != lowercased(b[Int(other.start) + offset]) { return false }
        return true
    }

    /// As above, against a literal.
    public func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard literal.hasPointerRepresentation, literal.utf8CodeUnitCount == count else { return false }
        let bytes = storage.span
        let literal = UnsafeRawBufferPointer(start: literal.utf8Start, count: count)
        var offset = 0
        // Eight at once while they are the same in case as well, which is the rule.
        while offset &+ 8 <= count {
            let mine = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: Int(start) &+ offset, as: UInt64.self)
            if mine != literal.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { break }
            offset &+= 8
        }
        while offset < count {
            if lowercased(bytes[Int(start) + offset]) != lowercased(literal[offset]) { return false }
            offset &+= 1
        }
        return true
    }

    public func equals(_ literal: StaticString) -> Bool {
        guard literal.hasPointerRepresentation, literal.utf8CodeUnitCount == count else { return false }
        let bytes = storage.span
        let literal = UnsafeBufferPointer(start: literal.utf8Start, count: count)
        for offset in 0..<count where bytes[Int(start) + offset] != literal[offset] { return false }
        return true
    }

    public static func == (a: WireText, b: WireText) -> Bool {
        guard a.count == b.count else { return false }
        let left = a.storage.span
        let right = b.storage.span
        for offset in 0..<a.count where left[Int(a.start) + offset] != right[Int(b.start) + offset] { return false }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        storage.withUnsafeBytes { raw in
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: raw[Int(start)..<Int(end)]))
        }
        hasher.combine(count)
    }

    public var description: String { "WireText(\(count))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

    @inline(__always) private func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
