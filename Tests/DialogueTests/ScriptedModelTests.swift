import SottoBase
import Testing

@testable import Dialogue

struct ScriptedModelTests {
    func model() -> ScriptedModel { ScriptedModel(script: testScript()) }

    let waiting = ModelAction.listen(silence: .seconds(5))

    @Test func startSaysGreetingAndAsks() {
        var model = model()
        #expect(model.handle(.callStarted) == [.say("Hello."), .say("How can I help?"), waiting])
    }

    @Test func keywordLeadsOnAndFollowsNext() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(
            model.handle(.heard(Masked("What are your OPENING hours?"), kinds: []))
                == [.say("From nine to five."), .say("Hello."), .say("How can I help?"), waiting])
    }

    @Test func keywordIsAWholeWord() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(
            model.handle(.heard(Masked("I want to repay"), kinds: []))
                == [.say("Sorry, I did not understand that."), .say("How can I help?"), waiting])
    }

    @Test func keyChooses() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(model.handle(.key(UInt8(ascii: "1"))).first == .say("From nine to five."))
    }

    @Test func maskedValueChoosesByKind() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(model.handle(.heard(Masked("my card is [CARD]"), kinds: [.card])) == [.say("Thank you."), .hangUp])
    }

    @Test func paymentStateTurnsPaymentOnBeforeItAsksAndOffBehind() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(
            model.handle(.heard(Masked("I want to pay"), kinds: [])) == [
                .say("We can take that now."), .payment(isOn: true), .say("Key in your card."),
                .collect(.card, digits: 12...19, terminator: UInt8(ascii: "#"), silence: .seconds(5)),
            ])
        #expect(model.handle(.collected(.card, count: 16)) == [.say("Thank you."), .payment(isOn: false), .hangUp])
    }

    @Test func rowOfWrongLengthIsAskedAgainUpToTheLimit() {
        var model = model()
        _ = model.handle(.callStarted)
        _ = model.handle(.heard(Masked("pay"), kinds: []))
        #expect(model.handle(.collected(.card, count: 3)).contains(.say("Key in your card.")))
        #expect(model.handle(.collected(.card, count: 3)) == [.say("Goodbye."), .payment(isOn: false), .hangUp])
    }

    @Test func silencesEndTheCall() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(model.handle(.silence) == [.say("Are you there?"), .say("How can I help?"), waiting])
        #expect(model.handle(.silence) == [.say("Goodbye."), .hangUp])
        #expect(model.handle(.silence).isEmpty)
    }

    @Test func circleOfStatesEnds() {
        let script = DialogueScript(
            name: "circle", start: "a",
            states: [.init(name: "a", say: nil, step: .next("b")), .init(name: "b", say: nil, step: .next("a"))], limits: .init())
        var model = ScriptedModel(script: script)
        #expect(model.handle(.callStarted).last == .hangUp)
    }

    @Test func aHandOverIsSaidAndAskedFor() {
        var model = model()
        _ = model.handle(.callStarted)
        #expect(
            model.handle(.heard(Masked("a person please"), kinds: []))
                == [.say("I will find somebody."), .say("One moment."), .handOver(to: "+49301234567", trunk: testTrunk)])
    }

    @Test func aHandOverThatFailedLeadsToItsState() {
        var model = model()
        _ = model.handle(.callStarted)
        _ = model.handle(.heard(Masked("a person please"), kinds: []))
        #expect(
            model.handle(.handOverFailed)
                == [.say("Nobody is free."), .say("Hello."), .say("How can I help?"), waiting])
        #expect(model.handle(.handOverFailed) == [waiting], "in another state it changes nothing")
    }
}
