import Foundation
import Redaction
import SottoBase
import Speech
import Synchronization
import Testing

@testable import Dialogue

/// A model out of process: `Programs/parrot-model`, a Python program that knows the protocol from its description.
@Suite(.timeLimit(.minutes(1))) struct ProcessModelTests {
    static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Programs/parrot-model").path

    static func model(_ mode: String, limits: ProcessModel.Limits = .init()) -> ProcessModel {
        ProcessModel(name: "parrot", boundary: .onPremises, command: [program, mode], limits: limits)
    }

    /// One call that asks and waits, as a conversation does.
    private final class Call: Sendable {
        let model: ProcessModel
        private let replies = Mutex<[ModelReply]>([])
        private let session = Mutex<(any ModelSession)?>(nil)

        init(_ model: ProcessModel) throws(SpeechError) {
            self.model = model
            let session = try model.begin(call: CallID(high: 3, low: 4)) { [weak self] reply in self?.replies.withLock { $0.append(reply) } }
            self.session.withLock { $0 = session }
        }

        func tell(_ input: ModelInput) { session.withLock { $0 }?.tell(input) }

        func ask(_ input: ModelInput) async -> ModelReply {
            tell(input)
            while true {
                if let reply = replies.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return reply }
                await Task.yield()
            }
        }

        func end() async {
            session.withLock { $0 }?.end()
            while model.sessions > 0 { await Task.yield() }
            #expect(replies.withLock { $0 }.isEmpty)
        }
    }

    @Test func wordsKeysAndCountsArrive() async throws {
        let call = try Call(Self.model("good"))
        let wait = ModelAction.listen(silence: .seconds(5))
        _ = await call.ask(.callStarted)
        #expect(await call.ask(.heard(Masked("it's \"me\" \\ é 😀"), kinds: [])) == .actions([.say("You said it's \"me\" \\ é 😀"), wait]))
        #expect(await call.ask(.key(UInt8(ascii: "#"))) == .actions([.say("You pressed #"), wait]))
        #expect(await call.ask(.silence) == .actions([wait]))
        #expect(
            await call.ask(.heard(Masked("my card is [CARD]"), kinds: [.card]))
                == .actions([.payment(isOn: true), .collect(.card, digits: 13...19, terminator: 0x23, silence: .seconds(9))]))
        #expect(await call.ask(.collected(.card, count: 16)) == .actions([.payment(isOn: false), .say("16 digits of card"), .hangUp]))
        await call.end()
    }

    @Test(arguments: [
        ("dies at start", "ended by itself"), ("dies", "ended by itself"), ("other version", "another version"),
        ("speaks too early", "before it was ready"), ("garbage", "no answer"), ("huge line", "over 65536 bytes"),
        ("floods", "without being asked"), ("speaks unasked", "without being asked"), ("unknown action", "out of range"),
        ("stray member", "of another type"), ("missing member", "of another type"), ("bad range", "out of range"), ("bad kind", "out of range"),
        ("too many actions", "too many actions"), ("long text", "text too long"), ("gives up", "gave up"),
    ])
    func programThatFailsFailsItsReplies(_ mode: String, _ reason: String) async throws {
        let call = try Call(Self.model(mode))
        var reply = ModelReply.actions([])
        // Some answer before they show what they are.
        for _ in 0..<3 {
            reply = await call.ask(.callStarted)
            if case .failed = reply { break }
        }
        guard case .failed(let error) = reply else {
            Issue.record("\(reply)")
            return
        }
        #expect(error.description.contains(reason) && error.description.contains("parrot"), "\(error)")
        #expect(!error.description.contains("secret"))
        await call.end()
    }

    /// Nobody waits for a program that is gone.
    @Test func questionToADeadProgramIsAnsweredAtOnce() async throws {
        let call = try Call(Self.model("dies between questions"))
        #expect(await call.ask(.callStarted) == .actions([.say("hello"), .listen(silence: .seconds(5))]))
        while call.model.sessions > 0 { await Task.yield() }
        #expect(await call.ask(.silence) == .failed(.failed("parrot ended by itself")))
        #expect(await call.ask(.silence) == .failed(.failed("parrot ended by itself")))
        await call.end()
    }

    @Test(arguments: [("never answers", "answer"), ("never ready", "start")])
    func programThatIsTooSlowFails(_ mode: String, _ what: String) async throws {
        var limits = ProcessModel.Limits()
        if what == "answer" { limits.answer = .milliseconds(200) } else { limits.start = .milliseconds(200) }
        let call = try Call(Self.model(mode, limits: limits))
        let reply = await call.ask(.callStarted)
        #expect(reply == .failed(.failed(what == "answer" ? "parrot did not answer in time" : "parrot was not ready in time")))
        await call.end()
    }

    @Test func missingProgramIsNamed() async throws {
        let call = try Call(ProcessModel(name: "parrot", boundary: .external, command: ["/nonexistent/model"]))
        #expect(
            await call.ask(.callStarted) == .failed(.unavailable("cannot start /nonexistent/model: No such file or directory")))
        await call.end()
    }

    @Test func placesAreLimited() async throws {
        var limits = ProcessModel.Limits()
        limits.sessions = 1
        let model = Self.model("good", limits: limits)
        let call = try Call(model)
        #expect(throws: SpeechError.overloaded) { try model.begin(call: CallID(high: 1, low: 1)) { _ in } }
        await call.end()
    }

    /// The whole way: the model's text passes the conversation's gate, whoever wrote it.
    @Test func conversationWithAProgramMasksWhatItSays() async throws {
        let call = try Call(Self.model("good"))
        var conversation = Conversation(settings: .maskEverything)
        let now = Instant(nanoseconds: 0)
        var outputs = conversation.handle(.begin, now: now)
        #expect(outputs.contains(.tell(.callStarted)))
        outputs = conversation.handle(.replied(await call.ask(.callStarted)), now: now)
        guard case .say(let prompt, _) = outputs.last else {
            Issue.record("\(outputs)")
            return
        }
        _ = conversation.handle(.promptEnded(prompt), now: now)
        let parroted = await call.ask(.heard(Masked("four one one one one one one one one one one one one one one one"), kinds: []))
        _ = conversation.handle(.heard(Masked("hello"), kinds: []), now: now)
        outputs = conversation.handle(.replied(parroted), now: now)
        guard case .say(_, let said) = outputs.last else {
            Issue.record("\(outputs)")
            return
        }
        #expect(said.content.contains("[") && !said.content.contains("one one"))
        await call.end()
    }
}
