internal import Dialogue
internal import Foundation
internal import Policy
internal import SottoBase
internal import SottoConfiguration
internal import Speech

extension Daemon {
    /// The embedded providers, and those that the options bring.
    static func makeProviders(_ options: Options, _ loaded: LoadedConfiguration) throws(StartFailure) -> SpeechProviders {
        var providers = options.providers
        providers.models["script"] = providers.models["script"] ?? { ScriptedLanguageModel(script: $0) }
        guard options.loadsEmbeddedSpeech else { return providers }
        let speech = loaded.machine.speech
        let phrases = loaded.policy.tenants.flatMap { tenant in
            tenant.dialogues.values.flatMap { $0.keywords.map { $0.lowercased() } }
        }
        var paths = PocketSphinxPaths()
        if let model = speech.model { paths.acousticModel = model }
        do throws(SpeechError) {
            providers.recognizers["pocketsphinx"] = try PocketSphinxRecognizer(
                paths: paths, phrases: phrases, threads: speech.threads, folder: options.runtimeFolder)
        } catch {
            throw StartFailure(code: .unavailable, description: "\(error)")
        }
        providers.synthesizers["flite"] = FliteSynthesizer()
        return providers
    }
}
