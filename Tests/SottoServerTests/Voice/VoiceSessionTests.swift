import Dialogue
import NIOCore
import NIOPosix
import Redaction
import SottoBase
import Speech
import Synchronization
import Testing

@testable import SottoServer

/// What a voice session does with a recognizer that is slower than the call.
extension EndToEnd {
    @Suite struct VoiceSessions {
        /// Keeps the listener's closure, so that a test speaks when it wants to.
        final class LateRecognizer: SpeechRecognizer, RecognizerStream {
            let provider = ProviderDescription(name: "late", boundary: .inProcess)
            let report = Mutex<(@Sendable (RecognizerEvent) -> Void)?>(nil)

            func listen(
                to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
            ) throws(SpeechError) -> any RecognizerStream {
                report.withLock { $0 = events }
                return self
            }

            func stop() {}
        }

        final class SilentSynthesizer: SpeechSynthesizer, SynthesisStream {
            let provider = ProviderDescription(name: "silent", boundary: .inProcess)

            func speak(_ text: Masked<String>, voice: String?, events: @escaping @Sendable (SynthesisEvent) -> Void) -> any SynthesisStream {
                events(.finished)
                return self
            }

            func cancel() {}
        }

        @Test func wordsThatComeAfterTheCallAreWiped() async throws {
            let before = ClearArena.words.occupied
            let owner = CallID(high: 4, low: 2)
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let loop = group.next()
            let recognizer = LateRecognizer()
            let setup = VoiceSetup(
                call: owner, settings: .maskEverything,
                script: ScriptedLanguageModel(script: DialogueScript(name: "none", start: "none", states: [], limits: .init())),
                recognizer: recognizer, synthesizer: SilentSynthesizer(), voice: nil, heard: AudioRing(content: .clear, capacity: 2),
                playout: AudioRing(content: .own, capacity: 2))
            let session = VoiceSession(loop: loop, setup: setup, report: { _ in }, trace: { _ in })
            try await loop.submit { session.begin(grant: BoundaryGrant(recipient: "late", rule: "test")) }.get()
            let report = try #require(recognizer.report.withLock { $0 })

            try await loop.submit { session.end() }.get()
            for isFinal in [false, true] {
                guard var writer = SpokenWordsWriter(owner: owner) else {
                    Issue.record("the arena is full")
                    return
                }
                Array("four".utf8).withUnsafeBytes { _ = writer.append($0, from: .zero, to: MediaTime(milliseconds: 100)) }
                let words = writer.finish()
                report(isFinal ? .final(words, from: .zero, to: MediaTime(milliseconds: 100), isTruncated: false) : .partial(words))
            }
            try await loop.submit {}.get()
            #expect(ClearArena.words.occupied == before)
            try await group.shutdownGracefully()
        }
    }
}
