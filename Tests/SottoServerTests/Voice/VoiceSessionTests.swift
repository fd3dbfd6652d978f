import Dialogue
import NIOCore
import NIOPosix
import Policy
import Redaction
import SottoBase
import SottoTestPeer
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
                model: ScriptedLanguageModel(script: DialogueScript(name: "none", start: "none", states: [], limits: .init())),
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

        /// A session on a loop of its own, with its recognizer in the test's hand and a model that notes what it is told.
        struct Bench {
            let owner = CallID(high: 4, low: .random(in: 3...UInt64.max))
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let recognizer = LateRecognizer()
            let model = NotingModel()
            let session: VoiceSession
            let reported = Noted<VoiceEvent>()

            init() async throws {
                let loop = group.next()
                let reported = reported
                let setup = VoiceSetup(
                    call: owner, settings: .maskEverything, model: model, recognizer: recognizer, synthesizer: SilentSynthesizer(),
                    voice: nil, heard: AudioRing(content: .clear, capacity: 2), playout: AudioRing(content: .own, capacity: 2))
                let session = VoiceSession(loop: loop, setup: setup, report: { reported.add($0) }, trace: { _ in })
                self.session = session
                try await loop.submit {
                    session.begin(grant: BoundaryGrant(recipient: "late", rule: "test"))
                    session.beginDialogue()
                }.get()
            }

            func words(_ text: String) -> Clear<SpokenWords>? {
                var writer = SpokenWordsWriter(owner: owner)
                for word in text.split(separator: " ") {
                    Array(word.utf8).withUnsafeBytes { _ = writer?.append($0, from: .zero, to: MediaTime(milliseconds: 100)) }
                }
                return writer.take()?.finish()
            }

            func hear(_ text: String, isPiece: Bool = false) throws {
                let report = try #require(recognizer.report.withLock { $0 })
                let words = try #require(self.words(text))
                let end = MediaTime(milliseconds: 100)
                report(
                    isPiece
                        ? .piece(words, from: .zero, to: end, isTruncated: false) : .final(words, from: .zero, to: end, isTruncated: false))
            }

            /// Everything before it is done, on the loop.
            func settle() async throws { try await group.next().submit {}.get() }

            func end() async throws {
                let session = session
                try await group.next().submit { session.end() }.get()
                try await group.shutdownGracefully()
            }
        }

        final class Noted<Value: Sendable>: Sendable {
            private let list = Mutex<[Value]>([])
            func add(_ value: Value) { list.withLock { $0.append(value) } }
            var all: [Value] { list.withLock { $0 } }
        }

        final class NotingModel: LanguageModel, ModelSession {
            let provider = ProviderDescription(name: "noting", boundary: .inProcess)
            let told = Noted<ModelInput>()
            private let replies = Mutex<(@Sendable (ModelReply) -> Void)?>(nil)
            /// What it answers to everything.
            let answer = Mutex<[ModelAction]>([.listen(silence: .seconds(60))])

            func begin(call: CallID, replies: @escaping @Sendable (ModelReply) -> Void) throws(SpeechError) -> any ModelSession {
                self.replies.withLock { $0 = replies }
                return self
            }

            func tell(_ input: ModelInput) {
                told.add(input)
                replies.withLock { $0 }?(.actions(answer.withLock { $0 }))
            }

            func end() { replies.withLock { $0 = nil } }
        }

        @Test func theDialogueHearsAnUtteranceWholeThoughItCameInPieces() async throws {
            let bench = try await Bench()
            try bench.hear("i have a question", isPiece: true)
            try bench.hear("about my order", isPiece: true)
            try await bench.settle()
            #expect(bench.model.told.all == [.callStarted])
            try bench.hear("from monday")
            try await bench.settle()
            try await bench.settle()
            #expect(bench.model.told.all == [.callStarted, .heard(Masked("i have a question about my order from monday"), kinds: [])])
            try await bench.end()
        }

        @Test func aHandOverIsReportedAndItsFailureToldToTheDialogue() async throws {
            let bench = try await Bench()
            let trunk = try #require(TrunkName("pbx"))
            bench.model.answer.withLock { $0 = [.handOver(to: "+49301234567", trunk: trunk)] }
            try bench.hear("a person please")
            try await bench.settle()
            try await bench.settle()
            let asked = bench.reported.all.contains { event in
                if case .handOver(to: "+49301234567", trunk: trunk) = event { true } else { false }
            }
            #expect(asked)
            let session = bench.session
            try await bench.group.next().submit { session.handOverFailed() }.get()
            #expect(bench.model.told.all.last == .handOverFailed)
            try await bench.end()
        }

        /// What takes consent back is not also an answer to the dialogue, when the call confirms it.
        @Test func aWithdrawalThatTheCallConfirmsIsNotToldToTheDialogue() async throws {
            let bench = try await Bench()
            try bench.hear("please stop recording")
            try await bench.settle()
            let wasReported = bench.reported.all.contains { if case .withdrawn(by: .voice) = $0 { true } else { false } }
            #expect(wasReported)
            let session = bench.session
            try await bench.group.next().submit { session.say("All right.", prompt: 7) }.get()
            try await waitUntil("the prompt to end") {
                bench.reported.all.contains { if case .promptEnded(7, isWhole: false) = $0 { true } else { false } }
            }
            try bench.hear("opening hours")
            try await bench.settle()
            try await bench.settle()
            #expect(bench.model.told.all == [.callStarted, .heard(Masked("opening hours"), kinds: [])])
            try await bench.end()
        }

        @Test func aWithdrawalOfNothingIsAnAnswerToTheDialogue() async throws {
            let bench = try await Bench()
            try bench.hear("please stop recording")
            try await waitUntil("the dialogue to hear it") {
                bench.model.told.all == [.callStarted, .heard(Masked("please stop recording"), kinds: [])]
            }
            try await bench.end()
        }
    }

    @Suite struct PromptOrders {
        private func prompt(_ number: UInt32) -> PromptOrder.Prompt { PromptOrder.Prompt(number: number, text: Masked("\(number)")) }

        @Test func ofOneSideTheLaterReplacesTheOneBefore() {
            var order = PromptOrder()
            #expect(order.add(prompt(1)) == prompt(1))
            #expect(order.add(prompt(2)) == prompt(2))
            #expect(order.ended(1) == nil)
            #expect(order.current == prompt(2))
            #expect(order.ended(2) == nil)
            #expect(order.current == nil)
        }

        @Test func theCallAndTheDialogueWaitForEachOther() {
            var order = PromptOrder()
            #expect(order.add(prompt(1_001)) == prompt(1_001))
            #expect(order.add(prompt(9)) == nil)
            #expect(order.ended(1_001) == prompt(9))
            #expect(order.add(prompt(1_002)) == nil)
            #expect(order.ended(9) == prompt(1_002))
        }

        @Test func whatTheCallTakesBackIsNotSpoken() {
            var order = PromptOrder()
            _ = order.add(prompt(1_001))
            _ = order.add(prompt(9))
            #expect(order.stopCall() == (false, nil))
            #expect(order.ended(1_001) == nil)
            _ = order.add(prompt(10))
            _ = order.add(prompt(1_002))
            #expect(order.stopCall() == (true, prompt(1_002)))
        }
    }
}
