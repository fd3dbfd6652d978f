public import SottoBase

/// The Content-Disposition header (RFC 3261 §20.11): what a body is for, and whether it may be passed over.
public struct SIPContentDisposition: Hashable, Sendable {
    /// `session`, `render`, `early-session`, …; as written.
    public let type: WireText
    /// `handling=optional`: who does not understand the body ignores it. Required is the default.
    public let isOptional: Bool

    public init(_ type: WireText, isOptional: Bool) {
        self.type = type
        self.isOptional = isOptional
    }

    /// Nil when the value breaks the grammar.
    public init?(_ text: WireText) {
        guard let value = SIPTokenValue(text) else { return nil }
        type = value.token
        isOptional = value.parameters.value("handling")?.equalsIgnoringCase("optional") ?? false
    }

    public var isSession: Bool { type.equalsIgnoringCase("session") }
}
