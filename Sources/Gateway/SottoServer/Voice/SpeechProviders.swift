public import Dialogue
public import Speech
public import SottoBase

/// The recognizers, synthesizers and models that this daemon has, by the names that the configuration uses.
public struct SpeechProviders: Sendable {
    public var recognizers: [String: any SpeechRecognizer]
    public var synthesizers: [String: any SpeechSynthesizer]
    /// Makes a model for a call's dialogue.
    public var models: [String: @Sendable (DialogueScript) -> any LanguageModel]

    public init(
        recognizers: [String: any SpeechRecognizer] = [:], synthesizers: [String: any SpeechSynthesizer] = [:],
        models: [String: @Sendable (DialogueScript) -> any LanguageModel] = [:]
    ) {
        self.recognizers = recognizers
        self.synthesizers = synthesizers
        self.models = models
    }
}
