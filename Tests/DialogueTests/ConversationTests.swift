import Redaction
import SottoBase
import SottoTestKit
import Speech
import Testing

@testable import Dialogue

/// Turn-taking as a script of inputs and outputs on virtual time.
struct ConversationTests {
    var conversation = Conversation(settings: .maskEverything)
    var clock = ManualClock()

    mutating func feed(_ input: Conversation.Input) -> [Conversation.Output] { conversation.handle(input, now: clock.now) }

    mutating func feed(after duration: Duration, _ input: Conversation.Input) -> [Conversation.Output] {
        clock.advance(by: duration)
        return feed(input)
    }

    static let listen = ModelAction.listen(silence: .seconds(5))

    /// A conversation that listens.
    static func listening() -> ConversationTests {
        var test = ConversationTests()
        _ = test.feed(.begin)
        _ = test.feed(.replied(.actions([listen])))
        return test
    }

    @Test mutating func modelIsAskedAtTheBeginning() {
        #expect(feed(.begin) == [.tell(.callStarted)])
        #expect(feed(.begin).isEmpty)
    }

    @Test mutating func promptsAreSpokenOneAfterTheOther() {
        _ = feed(.begin)
        #expect(feed(.replied(.actions([.say("One."), .say("Two."), Self.listen]))) == [.expect(.menu), .say(prompt: 1_001, Masked("One."))])
        #expect(feed(.promptEnded(999)).isEmpty)
        #expect(feed(.promptEnded(1_001)) == [.say(prompt: 1_002, Masked("Two."))])
        #expect(feed(.promptEnded(1_002)) == [.listening])
    }

    @Test func callersWordsGoToTheModel() {
        var test = Self.listening()
        #expect(test.feed(.heard(Masked("hello"), kinds: [])) == [.expect(.nothing), .tell(.heard(Masked("hello"), kinds: []))])
    }

    @Test func silenceIsReportedAfterItsTime() {
        var test = Self.listening()
        #expect(test.conversation.nextDeadline == test.clock.now + .seconds(5))
        #expect(test.feed(after: .seconds(4), .timerDue).isEmpty)
        #expect(test.feed(after: .seconds(1), .timerDue) == [.expect(.nothing), .tell(.silence)])
    }

    @Test func silenceCountsAnewWhenTheCallHasSpoken() {
        var test = Self.listening()
        #expect(test.feed(after: .seconds(4), .callSpoke).isEmpty)
        #expect(test.feed(after: .seconds(4), .timerDue).isEmpty)
        #expect(test.feed(after: .seconds(1), .timerDue) == [.expect(.nothing), .tell(.silence)])
    }

    @Test func speechThatBeginsHoldsSilenceBack() {
        var test = Self.listening()
        _ = test.feed(after: .seconds(4), .speechStarted)
        #expect(test.feed(after: .seconds(4), .timerDue).isEmpty)
    }

    @Test mutating func wordsWhileWeSpeakAreTheAnswerToTheQuestion() {
        _ = feed(.begin)
        _ = feed(.replied(.actions([.say("Well?"), Self.listen])))
        #expect(feed(.heard(Masked("yes"), kinds: [])).isEmpty)
        #expect(feed(.promptEnded(1_001)) == [.expect(.nothing), .tell(.heard(Masked("yes"), kinds: []))])
    }

    @Test mutating func lastWantedDigitEndsTheRow() {
        _ = feed(.begin)
        let collect = ModelAction.collect(.card, digits: 2...3, terminator: UInt8(ascii: "#"), silence: .seconds(5))
        #expect(feed(.replied(.actions([collect]))) == [.expect(.value(.card)), .listening])
        #expect(feed(.keyPressed).isEmpty)
        #expect(feed(.keyPressed).isEmpty)
        #expect(feed(.keyPressed) == [.expect(.nothing), .tell(.collected(.card, count: 3))])
    }

    @Test mutating func runThatEndedEarlyIsTheRow() {
        _ = feed(.begin)
        _ = feed(.replied(.actions([.collect(.card, digits: 2...19, terminator: UInt8(ascii: "#"), silence: .seconds(5))])))
        _ = feed(.keyPressed)
        _ = feed(.keyPressed)
        #expect(feed(.keys(.run(.card, count: 2))) == [.expect(.nothing), .tell(.collected(.card, count: 2))])
        #expect(feed(.keyPressed).isEmpty)
    }

    @Test mutating func keyWhileWeSpeakAnswersTheQuestionBehindIt() {
        _ = feed(.begin)
        _ = feed(.replied(.actions([.say("One or two?"), Self.listen])))
        #expect(feed(.keys(.menuKey(Masked(MenuKey(byte: UInt8(ascii: "2")))))).isEmpty)
        #expect(feed(.promptEnded(1_001)) == [.expect(.nothing), .tell(.key(UInt8(ascii: "2")))])
    }

    @Test mutating func digitsWhileThePromptPlaysBelongToTheRow() {
        _ = feed(.begin)
        let collect = ModelAction.collect(.card, digits: 2...3, terminator: nil, silence: .seconds(5))
        #expect(feed(.replied(.actions([.say("Key it in."), collect]))) == [.expect(.value(.card)), .say(prompt: 1_001, Masked("Key it in."))])
        _ = feed(.keyPressed)
        _ = feed(.keyPressed)
        #expect(feed(.promptEnded(1_001)) == [.listening])
        #expect(feed(.keyPressed) == [.expect(.nothing), .tell(.collected(.card, count: 3))])
    }

    @Test mutating func wholeRowWhileThePromptPlaysIsTheRow() {
        _ = feed(.begin)
        let collect = ModelAction.collect(.card, digits: 2...19, terminator: UInt8(ascii: "#"), silence: .seconds(5))
        _ = feed(.replied(.actions([.say("Key it in."), collect])))
        _ = feed(.keyPressed)
        #expect(feed(.keys(.run(.card, count: 16))).isEmpty)
        #expect(feed(.promptEnded(1_001)) == [.expect(.nothing), .tell(.collected(.card, count: 16))])
    }

    @Test mutating func paymentIsTurnedOffWhenTheCallEndsInIt() {
        _ = feed(.begin)
        #expect(feed(.replied(.actions([.payment(isOn: true), .hangUp]))) == [.payment(isOn: true), .payment(isOn: false), .hangUp(.finished)])
    }

    @Test mutating func modelThatFailsEndsInAnApology() {
        _ = feed(.begin)
        let outputs = feed(.replied(.failed(.overloaded)))
        #expect(outputs == [.say(prompt: 1_001, Masked(Conversation.Limits().apology))])
        #expect(feed(.promptEnded(1_001)) == [.hangUp(.modelFailed)])
        #expect(conversation.isOver)
    }

    @Test mutating func modelThatThinksTooLongEndsTheCall() {
        _ = feed(.begin)
        #expect(feed(after: .seconds(20), .timerDue) == [.say(prompt: 1_001, Masked(Conversation.Limits().apology))])
        #expect(feed(after: .seconds(120), .timerDue) == [.hangUp(.modelSilent)])
    }

    @Test mutating func modelThatSpeaksACardNumberIsMasked() {
        _ = feed(.begin)
        let outputs = feed(.replied(.actions([.say("Your card is 4111 1111 1111 1111.")])))
        guard case .say(_, let text)? = outputs.last else {
            Issue.record("nothing was said")
            return
        }
        #expect(!text.content.contains("1111"))
    }

    @Test mutating func turnsAreLimited() {
        var limits = Conversation.Limits()
        limits.turns = 3
        conversation = Conversation(settings: .maskEverything, limits: limits)
        _ = feed(.begin)
        for _ in 0..<2 {
            _ = feed(.replied(.actions([Self.listen])))
            _ = feed(.heard(Masked("again"), kinds: []))
        }
        _ = feed(.replied(.actions([Self.listen])))
        #expect(feed(.heard(Masked("again"), kinds: [])) == [.expect(.nothing), .say(prompt: 1_001, Masked(limits.apology))])
    }

    @Test func nothingComesAfterTheEnd() {
        var test = Self.listening()
        #expect(test.feed(.callEnded).isEmpty)
        #expect(test.feed(.heard(Masked("hello"), kinds: [])).isEmpty)
        #expect(test.conversation.nextDeadline == nil)
    }

    // MARK: - Hand-over

    /// A conversation that waits for a person to take the caller.
    static func handingOver() -> ConversationTests {
        var test = ConversationTests()
        _ = test.feed(.begin)
        #expect(
            test.feed(.replied(.actions([.say("One moment."), .handOver(to: "desk", trunk: testTrunk), .say("Gone.")])))
                == [.say(prompt: 1_001, Masked("One moment."))])
        #expect(test.feed(.promptEnded(1_001)) == [.handOver(to: "desk", trunk: testTrunk)])
        return test
    }

    @Test func aHandOverComesAfterWhatIsSaidBefore() {
        var test = Self.handingOver()
        // Words and keys meanwhile are for the person.
        #expect(test.feed(.heard(Masked("hello"), kinds: [])).isEmpty)
        #expect(test.feed(.keyPressed).isEmpty)
        #expect(test.feed(after: .seconds(100), .timerDue).isEmpty)
        #expect(test.feed(.callEnded).isEmpty)
        #expect(test.conversation.isOver)
        #expect(test.conversation.nextDeadline == nil)
    }

    @Test func aHandOverThatFailedIsTheModelsTurn() {
        var test = Self.handingOver()
        #expect(test.feed(.handOverFailed) == [.tell(.handOverFailed)])
        #expect(test.feed(.handOverFailed).isEmpty)
        #expect(
            test.feed(.replied(.actions([.say("Nobody is free."), Self.listen])))
                == [.expect(.menu), .say(prompt: 1_002, Masked("Nobody is free."))])
    }

    @Test func aHandOverOfWhichNothingIsHeardFails() {
        var test = Self.handingOver()
        #expect(test.feed(after: .seconds(180), .timerDue) == [.tell(.handOverFailed)])
    }

    @Test func aFailedHandOverThatNobodyAskedForIsNothing() {
        var test = Self.listening()
        #expect(test.feed(.handOverFailed).isEmpty)
    }
}
