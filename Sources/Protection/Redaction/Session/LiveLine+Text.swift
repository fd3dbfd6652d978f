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
