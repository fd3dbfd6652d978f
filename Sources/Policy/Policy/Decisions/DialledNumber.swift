/// How a trunk spells telephone numbers in URIs.
public enum NumberStyle: String, Hashable, Sendable, CaseIterable {
    /// `+49301234`: a number without the plus is not international and stays as it is.
    case plus
    /// `49301234`: digits alone mean an international number without its plus.
    case bare
    /// `0049301234`: `00` stands for the plus.
    case doubleZero = "double-zero"
}

/// A number or name that was dialled, in the one spelling that patterns are compared with.
///
/// Its `description` shows nothing of it, so that an interpolated error or log line leaks no subscriber's number.
public struct DialledNumber: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// E.164 with a plus (`+49301234`), or the user part as it came when it is no such number. At most 128 characters.
    public let text: String

    /// - Parameter user: the user part of a SIP URI or what follows `tel:`, unescaped. Parameters after `;` and visual separators
    ///   (RFC 3966 §5.1.1) are dropped. A name is kept as it is (user parts are case-sensitive, RFC 3261 §19.1.4).
    public init(user: some StringProtocol, style: NumberStyle = .plus) {
        let bytes = Array(user.utf8.prefix(while: { $0 != UInt8(ascii: ";") }).prefix(128))
        let compact = bytes.filter { !Self.separators.contains($0) }
        let digits = compact.first == UInt8(ascii: "+") ? compact.dropFirst() : compact[...]
        let isNumber = (1...32).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber else {
            text = String(decoding: bytes, as: UTF8.self)
            return
        }
        let number = String(decoding: digits, as: UTF8.self)
        if digits.count < compact.count {
            text = "+" + number
        } else if style == .bare, digits.first != 0x30, digits.count >= 7 {
            text = "+" + number
        } else if style == .doubleZero, number.hasPrefix("00"), digits.count > 2 {
            text = "+" + String(number.dropFirst(2))
        } else {
            text = number
        }
    }

    /// As a trunk of this style wants it in a URI's user part: the reverse of `init(user:style:)`. A name stays as it is.
    public func user(style: NumberStyle) -> String {
        guard isInternational else { return text }
        return switch style {
        case .plus: text
        case .bare: String(text.dropFirst())
        case .doubleZero: "00" + text.dropFirst()
        }
    }

    private static let separators: [UInt8] = Array("-.() ".utf8)

    /// True for E.164: a plus and 2 to 15 digits.
    public var isInternational: Bool { text.utf8.first == UInt8(ascii: "+") && (3...16).contains(text.utf8.count) }

    public var description: String { isInternational ? "number(\(text.utf8.count - 1) digits)" : "name(\(text.utf8.count))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A pattern for dialled numbers: a whole number or name, or a beginning followed by `*`. Linear time, no other wildcards.
public struct NumberPattern: Hashable, Sendable, CustomStringConvertible {
    public let beginning: String
    public let isPrefix: Bool

    /// nil unless `text` is 1 to 64 printable ASCII characters with at most one `*`, at the end.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...64).contains(bytes.count), bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") }) else { return nil }
        isPrefix = bytes.last == UInt8(ascii: "*")
        let kept = isPrefix ? bytes.dropLast() : bytes[...]
        guard !kept.contains(UInt8(ascii: "*")) else { return nil }
        beginning = String(decoding: kept, as: UTF8.self)
    }

    public func matches(_ number: DialledNumber) -> Bool {
        let text = number.text.utf8
        return isPrefix ? text.starts(with: beginning.utf8) : text.elementsEqual(beginning.utf8)
    }

    /// True when every number that `other` matches is matched by this.
    public func covers(_ other: NumberPattern) -> Bool {
        isPrefix ? other.beginning.utf8.starts(with: beginning.utf8) : !other.isPrefix && other.beginning == beginning
    }

    public var description: String { isPrefix ? beginning + "*" : beginning }
}
