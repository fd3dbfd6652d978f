public import SottoBase

/// The values of a Privacy header (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1).
public struct SIPPrivacy: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Headers that name the caller are to be obscured.
    public static let header = SIPPrivacy(rawValue: 1)
    public static let session = SIPPrivacy(rawValue: 2)
    public static let user = SIPPrivacy(rawValue: 4)
    /// No privacy must be applied, whatever else is configured.
    public static let none = SIPPrivacy(rawValue: 8)
    /// What P-Asserted-Identity says leaves no trusted network.
    public static let id = SIPPrivacy(rawValue: 16)
    public static let history = SIPPrivacy(rawValue: 32)
    /// What is asked for must be met, or the request be refused with 500 (RFC 3323 §5).
    public static let critical = SIPPrivacy(rawValue: 64)
    /// A value that this list does not know. With `critical` it cannot be met.
    public static let unknown = SIPPrivacy(rawValue: 128)

    /// One header's value: `id;critical`. Deviation: commas and blanks part values as well, as they do in the field.
    public init(_ text: WireText) {
        var privacy: SIPPrivacy = []
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        let end = text.range.upperBound
        while index < end {
            let start = index
            while index < end, bytes[index] != 0x3B, bytes[index] != 0x2C, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
            if index > start { privacy.insert(Self.value(WireText(storage, start..<index))) }
            index += 1
        }
        self = privacy
    }

    private static func value(_ word: WireText) -> SIPPrivacy {
        if word.equalsIgnoringCase("id") { return .id }
        if word.equalsIgnoringCase("none") { return .none }
        if word.equalsIgnoringCase("header") { return .header }
        if word.equalsIgnoringCase("session") { return .session }
        if word.equalsIgnoringCase("user") { return .user }
        if word.equalsIgnoringCase("history") { return .history }
        if word.equalsIgnoringCase("critical") { return .critical }
        return .unknown
    }

    /// The header to send; nil when nothing is asked for.
    public var header: SIPHeader? {
        let words: [(SIPPrivacy, String)] = [
            (.header, "header"), (.session, "session"), (.user, "user"), (.none, "none"), (.id, "id"), (.history, "history"),
            (.critical, "critical"),
        ]
        let text = words.filter { contains($0.0) }.map(\.1).joined(separator: ";")
        return text.isEmpty ? nil : SIPHeader(.privacy, WireText(text))
    }
}
