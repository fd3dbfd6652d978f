import Foundation
import Redaction
import SottoBase
import SottoServer
import Speech
import Synchronization

/// The real daemon with a null voice: its recognizer throws away what it hears, its synthesizer says nothing. What is measured is then the
/// house itself: signaling, media, records, audit.
@main
struct NullDaemon {
    static func main() async {
        Hardening.restartWithWipingAllocator()
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else {
            FileHandle.standardError.write(Data("usage: sottod-null CONFIG-FOLDER RUNTIME-FOLDER\n".utf8))
            exit(ExitCode.usage.rawValue)
        }
        var options = Daemon.Options(configuration: arguments[1], runtimeFolder: arguments[2])
        options.loadsEmbeddedSpeech = false
        options.providers = SpeechProviders(
            recognizers: ["pocketsphinx": NullRecognizer()], synthesizers: ["flite": NullSynthesizer()])
        exit(await Service.run(options).rawValue)
    }
}

/// One thread for all calls, which empties their rings ten times a second.
private final class NullRecognizer: SpeechRecognizer {
    let provider = ProviderDescription(name: "pocketsphinx", boundary: .inProcess)
    private let rings = Mutex<[ObjectIdentifier: AudioRing]>([:])

    private final class Stream: RecognizerStream {
        let recognizer: NullRecognizer
        let grant: BoundaryGrant

        init(_ recognizer: NullRecognizer, _ grant: consuming BoundaryGrant) {
            self.recognizer = recognizer
            self.grant = grant
        }

        func stop() { recognizer.rings.withLock { $0[ObjectIdentifier(self)] = nil } }
    }

    init() {
        Thread.detachNewThread { [self] in
            while true {
                for ring in rings.withLock({ Array($0.values) }) { ring.flush() }
                usleep(100_000)
            }
        }
    }

    func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        let stream = Stream(self, grant)
        rings.withLock { $0[ObjectIdentifier(stream)] = audio }
        return stream
    }
}

private final class NullSynthesizer: SpeechSynthesizer {
    let provider = ProviderDescription(name: "flite", boundary: .inProcess)

    private final class Stream: SynthesisStream {
        func cancel() {}
    }

    func speak(_ text: Masked<String>, voice: String?, events: @escaping @Sendable (SynthesisEvent) -> Void) -> any SynthesisStream {
        events(.finished)
        return Stream()
    }
}
