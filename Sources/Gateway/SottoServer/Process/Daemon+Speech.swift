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
        addPrograms(loaded.machine.speech.external, to: &providers)
        guard options.loadsEmbeddedSpeech else { return providers }
        let speech = loaded.machine.speech
        var paths = PocketSphinxPaths()
        if let model = speech.model { paths.acousticModel = model }
        do throws(SpeechError) {
            providers.recognizers["pocketsphinx"] = try PocketSphinxRecognizer(
                paths: paths, phrases: recognizedPhrases(loaded.policy).sorted(), threads: speech.threads, folder: options.runtimeFolder)
        } catch {
            throw StartFailure(code: .unavailable, description: "\(error)")
        }
        providers.synthesizers["flite"] = FliteSynthesizer()
        return providers
    }

    /// The words and phrases of all dialogues. The embedded recognizer is made for them at start.
    static func recognizedPhrases(_ policy: PolicySnapshot) -> Set<String> {
        Set(policy.tenants.flatMap { tenant in tenant.dialogues.values.flatMap { $0.keywords.map { $0.lowercased() } } })
    }

    /// The operator's own programs (`[[speech.provider]]`). None is started before a call needs it.
    private static func addPrograms(_ programs: [SpeechSettings.ExternalProvider], to providers: inout SpeechProviders) {
        for program in programs {
            let name = program.provider.name
            let boundary: ProviderBoundary =
                switch program.provider.boundary {
                case .inProcess: .inProcess
                case .onPremises: .onPremises
                case .external: .external
                }
            switch program.provider.service {
            case .recognizer:
                providers.recognizers[name] = ProcessRecognizer(name: name, boundary: boundary, command: program.command)
            case .model:
                let model = ProcessModel(name: name, boundary: boundary, command: program.command)
                providers.models[name] = { _ in model }
            case .synthesizer:
                break  // The loader refuses it: there is no protocol for one yet.
            }
        }
    }
}
