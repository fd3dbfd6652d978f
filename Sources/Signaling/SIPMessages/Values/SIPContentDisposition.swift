public import SottoBase

/// The Content-Disposition header (RFC 3261 §20.11): what a body is for, and whether it may be passed over.
public struct SIPContentDisposition: Hashable, Sendable {
    /// `session`, `render`, `early-session`, …; as written.
    public let type: WireText
    /// `handling=optional`: who does not understand the body ignores it. Saying nothing means required.
    public let isOptional: Bool

    /// `handling=required`, in so many words.
    public let isRequired: Bool

    /// Nil when the value breaks the grammar.
    public init?(_ text: WireText) {
        guard let value = SIPTokenValue(text) else { return nil }
        type = value.token
        let handling = value.parameters.value("handling")
        isOptional = handling?.equalsIgnoringCase("optional") ?? false
        isRequired = handling?.equalsIgnoringCase("required") ?? false
    }

    public var isSession: Bool { type.equalsIgnoringCase("session") }
}
