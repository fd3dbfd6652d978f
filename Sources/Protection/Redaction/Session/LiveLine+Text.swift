public import SottoBase

extension Masked where Content == LiveLine {
    /// The line's text alone, still masked.
    public var text: Masked<String> { Masked<String>(content.text) }

    /// Kinds of which a value was found in the line.
    public var maskedKinds: Set<SensitiveKind> { Set(content.kinds) }
}

extension Masked where Content == StoredUtterance {
    /// The line's text alone, still masked.
    public var text: Masked<String> { Masked<String>(content.text) }
}

extension Masked where Content == String {
    /// Masked texts after one another, with a space between: no value can arise that was in none of them, because digits that a line
    /// ends with are masked where they may go on.
    public static func joined(_ texts: [Masked<String>]) -> Masked<String> {
        Masked<String>(texts.map(\.content).filter { !$0.isEmpty }.joined(separator: " "))
    }
}
