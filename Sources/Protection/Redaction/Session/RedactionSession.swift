public import SottoBase

/// Redaction of one call, both speakers: hypotheses, text and keys in; masked lines, audio windows and safe points out.
///
/// It owns the clear words that it is given: they stay in their arena until the line is stored, then they are discarded. It keeps no
/// digit of its own between two inputs.
public struct RedactionSession: Sendable {
    public let call: CallID

    /// - Parameter agentIsRecognized: true when a person speaks as agent and a recognizer hears them; false for Sotto's own voice,
    ///   whose audio is safe as soon as it is played.
    public init(call: CallID, settings: RedactionSettings, agentIsRecognized: Bool = false) {
        self.call = call
    }

    public mutating func handle(_ input: Input, now: MediaTime) -> [Output] { [] }

    /// Utterances held for what may follow: a gauge that returns to zero.
    public var held: Int { 0 }
}
