public import SottoBase

/// What the next keys are for, as the dialogue sees it.
public enum KeyExpectation: Equatable, Sendable {
    /// Nothing was asked: keys are counted, none is told.
    case nothing
    /// One key out of a menu (consent: `1` or `2`): it is told, the keys behind it are not.
    case menu
    /// A value: its keys are never told, the run is reported with this kind.
    case value(SensitiveKind)
}

/// A key that a menu asked for: a byte out of `0-9*#A-D`.
public struct MenuKey: Hashable, Sendable {
    public let byte: UInt8
    package init(byte: UInt8) { self.byte = byte }
    public var character: Character { Character(Unicode.Scalar(byte)) }
}

/// Turns pressed keys into what may be known of them: a menu's single key, or the length and kind of a run. It keeps no digit.
public struct KeyReader: Sendable {
    public enum Output: Equatable, Sendable {
        case menuKey(Masked<MenuKey>)
        /// A run of keys is complete: by `#`, or by a pause. `number` when nothing told what they are. `#` and `*` are not counted.
        case run(SensitiveKind, count: Int)
    }

    private let pause: Int64
    private var expectation: KeyExpectation = .nothing
    private var count = 0
    private var kind: SensitiveKind = .number
    private var last: MediaTime?

    /// - Parameter pause: milliseconds without a key that complete a run.
    public init(pause: Int64 = 5_000) { self.pause = pause }

    /// Holds until the next call; a menu holds for one key.
    public mutating func expect(_ expectation: KeyExpectation) { self.expectation = expectation }

    /// Reads the key and discards it in its arena.
    public mutating func pressed(_ key: Clear<DialledKey>, at now: MediaTime) -> [Output] {
        let arena = ClearArena.of(key)
        let byte = arena.open(key) { bytes in bytes.count == 1 ? bytes[0] : nil } ?? nil
        arena.discard(key)
        guard let byte, Self.isKey(byte) else { return [] }
        var outputs = timeAdvanced(to: now)
        last = now
        // A key right behind others is one of a row, not an answer: it stays untold.
        if expectation == .menu, count == 0 {
            expectation = .nothing
            return outputs + [.menuKey(Masked(MenuKey(byte: byte)))]
        }
        if case .value(let expected) = expectation { kind = expected }
        if byte == 0x23 {
            outputs += complete()
        } else if byte != 0x2A {
            count += 1
        }
        return outputs
    }

    public mutating func timeAdvanced(to now: MediaTime) -> [Output] {
        guard let last, now.ticks &- last.ticks >= pause &* 48 else { return [] }
        return complete()
    }

    public mutating func callEnded() -> [Output] { complete() }

    private mutating func complete() -> [Output] {
        defer { (count, kind, last) = (0, .number, nil) }
        return count > 0 ? [.run(kind, count: count)] : []
    }

    private static func isKey(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x44).contains(byte) || byte == 0x2A || byte == 0x23
    }
}
