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
    public var character: Character { Character(Unicode.Scalar(byte)) }
}

/// Turns pressed keys into what may be known of them: a menu's single key, or the length and kind of a run. It keeps no digit.
public struct KeyReader: Sendable {
    public enum Output: Equatable, Sendable {
        case menuKey(Masked<MenuKey>)
        /// A run of keys is complete: by `#`, or by a pause.
        case run(SensitiveKind, count: Int)
    }

    public init(pause: Int64 = 5_000) { self.pause = pause }
    private let pause: Int64

    public mutating func expect(_ expectation: KeyExpectation) {}
    /// Reads the key and discards it in its arena.
    public mutating func pressed(_ key: Clear<DialledKey>, at now: MediaTime) -> [Output] { [] }
    public mutating func timeAdvanced(to now: MediaTime) -> [Output] { [] }
    public mutating func callEnded() -> [Output] { [] }
}
