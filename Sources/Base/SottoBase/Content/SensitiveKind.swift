/// A kind of sensitive value. Raw values are the names in policy files, labels and events.
public enum SensitiveKind: String, Hashable, Sendable, CaseIterable {
    case card
    case cardVerification = "card-verification"
    case cardExpiry = "card-expiry"
    /// A run of digits that could be a value of some kind, masked before it is known of which (mask first, label later).
    case number

    /// What stands in the text in place of a value: `[CARD]`.
    public var label: String { "[" + rawValue.uppercased() + "]" }
}

/// What happens to a value of a kind.
public enum RedactionAction: String, Hashable, Sendable, CaseIterable {
    /// Replaced by its label in text, by silence in audio.
    case mask
    /// As `mask`, but the text keeps the last four digits: `[CARD 1111]`. Never allowed for verification codes.
    case keepLastFour = "keep-last-four"
    /// Left as it is. Never allowed for verification codes.
    case keep
}
