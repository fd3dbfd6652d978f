public import SottoBase

/// The last check of text on its way to the synthesizer: the same kinds as in what is heard, in written and in spoken form, and in
/// base64 and hexadecimal views. One gate per call: it remembers what was asked, and that a number goes on in the next text.
public struct OutputGate: Sendable {
    private let settings: RedactionSettings
    private let finder: SpanFinder
    private var context = ConversationContext()
    /// Texts have no time of their own; each counts as a second.
    private var clock = MediaTime.zero

    /// Texts in which something was masked: an agent that says card numbers is worth an alert.
    public private(set) var textsMasked = 0

    public init(settings: RedactionSettings) {
        self.settings = settings
        finder = SpanFinder(life: settings.timing.expectationLife)
    }

    /// Give whole sentences: a number cut in the middle of a word cannot be seen.
    public mutating func check(_ text: String) -> Masked<String> {
        let views = Self.maskViews(text)
        clock = clock + 1_000
        var utterances = [
            Utterance(number: 0, speaker: .agent, origin: .said, content: .said(views.text), from: clock, to: clock)
        ]
        var analysis = Analysis(lexicon: .english)
        (context, _) = analysis.decide(&utterances, finder: finder, from: context)
        let masked = MaskedText(utterances[0], settings: settings, live: false) { analysis.lastFour(utterances[0].runs[$0]) }
        let isMasked = views.isMasked || !masked.spans.isEmpty
        if isMasked { textsMasked += 1 }
        // Untouched text keeps its own spacing.
        return Masked(isMasked ? masked.text : text)
    }

    /// Replaces words that are numbers in disguise.
    private static func maskViews(_ text: String) -> (text: String, isMasked: Bool) {
        var output: [UInt8] = []
        var isMasked = false
        var copy = text
        copy.withUTF8 { bytes in
            Utterance.eachWord(of: UnsafeRawBufferPointer(bytes)) { index, word, _, _ in
                if index > 0 { output.append(0x20) }
                if EncodedViews.holdsNumber(word) {
                    output.append(contentsOf: SensitiveKind.number.label.utf8)
                    isMasked = true
                } else {
                    output.append(contentsOf: word)
                }
            }
        }
        return isMasked ? (String(decoding: output, as: UTF8.self), true) : (text, false)
    }
}
