import SottoBase
import Testing

@testable import Redaction

struct SessionTests {
    private static let card = "four one one one one one one one one one one one one one one one"

    @Test func windowsCoverTheWholeRunWithPadding() throws {
        var talk = Conversation()
        talk.line(.caller, "my card is four um one one one no wait one two one one one one one one one one one one one ok bye")
        talk.end()
        let words = talk.spoken[0].words
        let window = try #require(talk.windows.first)
        #expect(window == AudioWindow(speaker: .caller, from: words[3].from - 150, to: words[22].to + 200, cause: .kind(.card)))
    }

    @Test func earlierTurnsOfANumberAreMaskedInAudioToo() {
        var talk = Conversation()
        for part in ["four one one one", "one one one one", "one one one one", "one one one one"] { talk.line(.caller, part) }
        talk.end()
        for line in talk.spoken {
            for word in line.words { #expect(talk.isMasked(.caller, word.from, word.to)) }
        }
    }

    @Test func aLineThatEndsInsideANumberIsHeldAndOthersAreNot() {
        var talk = Conversation()
        talk.line(.caller, "hello there")
        #expect(talk.texts == ["hello there"])
        talk.line(.caller, "it is four one one one")
        #expect(talk.texts == ["hello there"])
        #expect(talk.session.held == 1)
        talk.pause(24_000)
        #expect(talk.session.held == 1)
        talk.pause(2_000)
        #expect(talk.texts == ["hello there", "it is four one one one"])
        #expect(talk.session.held == 0)
    }

    @Test func theLiveLineHidesWhatMayBecomeACard() {
        var talk = Conversation()
        talk.line(.caller, "it is four one one one")
        #expect(talk.finals == ["it is [NUMBER]"])
    }

    @Test func partialLinesStopBeforeAnOpenNumber() {
        var talk = Conversation()
        talk.line(.caller, "my card is \(Self.card) thank you very much indeed", partials: [1, 3, 4, 8, 19, 23])
        let partials = talk.live.filter { !$0.isFinal }.map(\.text)
        #expect(partials == ["my", "my card is", "my card is [CARD] thank you very much"])
        #expect(talk.finals == ["my card is [CARD] thank you very much indeed"])
    }

    @Test func partialsChangeNothingThatIsStored() {
        let lines = [
            "my card is four one one one", "one one one one and then one one", "one one one one one one thanks", "expires may twenty seven",
        ]
        var plain = Conversation()
        for line in lines { plain.line(.caller, line) }
        plain.end()
        for seed in 0..<20 {
            var chance = SeededChance(seed: UInt64(seed))
            var chunked = Conversation()
            for line in lines {
                let count = line.split(separator: " ").count
                let partials = (0..<Int.random(in: 0...6, using: &chance)).map { _ in Int.random(in: 0...count, using: &chance) }
                chunked.line(.caller, line, partials: partials)
            }
            chunked.end()
            #expect(chunked.stored == plain.stored)
            #expect(chunked.windows == plain.windows)
            #expect(chunked.finals == plain.finals)
        }
    }

    @Test func theSafePointMovesForwardAndNeverPassesAHeldNumber() {
        var talk = Conversation()
        talk.line(.caller, "hello")
        talk.line(.caller, "it is four one one one")
        talk.pause(5_000)
        #expect(talk.session.held == 1)
        #expect(talk.safePoints(.caller).last == talk.spoken[1].words[2].from - 150)
        talk.line(.caller, "one one one one")
        talk.pause(1_000)
        #expect(talk.safePoints(.caller).last == talk.now - 150)
        let points = talk.safePoints(.caller)
        #expect(points == points.sorted())
    }

    /// A number that may go on holds its own audio, not what the other side says meanwhile, and not what was settled behind it.
    @Test func aHeldNumberHoldsItsOwnAudioAlone() {
        var talk = Conversation(agentIsRecognized: false)
        talk.line(.caller, "hello")
        talk.line(.caller, "four one one one")
        let held = talk.spoken[1].words[0].from - 150
        talk.feed(.said(Masked("go on please"), from: talk.now, to: talk.now + 1_000))
        talk.pause(1_500)
        #expect(talk.session.held == 2)
        #expect(talk.safePoints(.agent).last == talk.now - 150)
        #expect(talk.safePoints(.caller).last == held)
        #expect(talk.texts == ["hello"], "lines are stored in order")
        // What reads a number back may become a part of it.
        let readBack = talk.now
        talk.feed(.said(Masked("four one one one"), from: readBack, to: readBack + 1_000))
        talk.pause(1_500)
        #expect(talk.safePoints(.agent).last == readBack - 150)
    }

    @Test func aHeldNumberThatCannotBePlacedHoldsItsWholeLine() {
        var talk = Conversation()
        let from = MediaTime(milliseconds: 500)
        let placed = Conversation.words(
            [("it", from, from + 200), ("four", from + 1_000, from + 1_200), ("one", from + 1_200, from + 1_400), ("one", .zero, .zero)])
        talk.feed(.final(.caller, Hypothesis(words: placed, from: from, to: MediaTime(milliseconds: 3_000))))
        talk.pause(5_000)
        #expect(talk.session.held == 1)
        #expect(talk.safePoints(.caller).last == from - 150)
    }

    @Test func everyWindowComesBeforeASafePointThatPassesIt() {
        var talk = Conversation()
        for line in ["hi", "four one one one", "one one one one", "no more", Self.card, "bye"] { talk.line(.caller, line) }
        talk.end()
        var safe = MediaTime.zero
        for output in talk.outputs {
            switch output {
            case .safePoint(.caller, let position): safe = position
            case .mask(let window): #expect(window.from >= safe)
            default: break
            }
        }
    }

    @Test func ownSpeechIsSafeAsTimePasses() {
        var talk = Conversation(agentIsRecognized: false)
        talk.feed(.said(Masked("hello how may i help you"), from: .zero, to: MediaTime(milliseconds: 2_000)))
        talk.pause(3_000)
        #expect(talk.safePoints(.agent).last == MediaTime(milliseconds: 2_850))
        #expect(talk.safePoints(.caller).last == MediaTime(milliseconds: 2_850))
    }

    @Test func withoutARecognizerNothingOfTheCallerIsSafe() {
        var session = RedactionSession(call: Conversation.call, settings: .maskEverything)
        let outputs = session.handle(.timeAdvanced, now: MediaTime(milliseconds: 60_000))
        #expect(outputs == [.safePoint(.agent, MediaTime(milliseconds: 59_850))])
    }

    @Test func aGapIsMaskedAndPassed() {
        var talk = Conversation()
        talk.feed(.recognized(.caller, upTo: MediaTime(milliseconds: 1_000)))
        talk.feed(.gap(.caller, from: MediaTime(milliseconds: 1_000), to: MediaTime(milliseconds: 4_000)))
        #expect(
            talk.windows == [
                AudioWindow(speaker: .caller, from: MediaTime(milliseconds: 850), to: MediaTime(milliseconds: 4_200), cause: .unheard)
            ])
        #expect(talk.safePoints(.caller).last == MediaTime(milliseconds: 3_850))
    }

    @Test func droppedWordsMaskTheWholeUtterance() {
        var talk = Conversation()
        let words = Conversation.words([("hello", MediaTime(milliseconds: 100), MediaTime(milliseconds: 400))])
        talk.feed(.final(.caller, Hypothesis(words: words, from: .zero, to: MediaTime(milliseconds: 900), wordsDropped: 3)))
        #expect(talk.texts == ["[UNHEARD]"])
        #expect(talk.windows.first?.cause == .unheard)
        #expect(talk.isMasked(.caller, .zero, MediaTime(milliseconds: 900)))
    }

    @Test func wordsThatWereDiscardedMaskTheWholeUtterance() {
        var talk = Conversation()
        let words = Conversation.words([("hello", .zero, MediaTime(milliseconds: 400))])
        ClearArena.words.discard(words)
        talk.feed(.final(.caller, Hypothesis(words: words, from: .zero, to: MediaTime(milliseconds: 900))))
        #expect(talk.texts == ["[UNHEARD]"])
        #expect(talk.isMasked(.caller, .zero, MediaTime(milliseconds: 900)))
    }

    @Test func aValueWithoutTimesMasksItsWholeUtterance() {
        var talk = Conversation()
        let words = Conversation.words("my card is 4111 1111 1111 1111".split(separator: " ").map { (String($0), .zero, .zero) })
        talk.feed(.final(.caller, Hypothesis(words: words, from: MediaTime(milliseconds: 500), to: MediaTime(milliseconds: 3_000))))
        #expect(talk.texts == ["my card is [CARD]"])
        #expect(
            talk.windows == [
                AudioWindow(
                    speaker: .caller, from: MediaTime(milliseconds: 350), to: MediaTime(milliseconds: 3_200), cause: .unlocated(.card))
            ])
    }

    @Test func absurdTimesMaskTheWholeUtteranceAndTrapNothing() {
        for (from, to): (Int64, Int64) in [(.max, .min), (.min, .max), (-5, 5), (0, .max), (.min, .min)] {
            var talk = Conversation()
            let words = Conversation.words([("4111111111111111", MediaTime(ticks: from), MediaTime(ticks: to))])
            talk.feed(.final(.caller, Hypothesis(words: words, from: MediaTime(ticks: from), to: MediaTime(ticks: to))))
            talk.end()
            #expect(talk.texts == ["[CARD]"])
            #expect(!talk.windows.isEmpty)
        }
    }

    @Test func typedTextIsMasked() {
        var talk = Conversation()
        let text = Array("here: 4111 1111 1111 1111, cvv 123".utf8)
        let clear = text.withUnsafeBytes { ClearArena.words.store($0, owner: Conversation.call, as: PlainText.self) }
        if let clear { talk.feed(.typed(.caller, clear)) }
        talk.end()
        #expect(talk.texts == ["here: [CARD] cvv [CARD-VERIFICATION]"])
    }

    @Test func keepReallyKeepsACardInTextAndAudio() throws {
        var talk = Conversation(try RedactionSettings(actions: [.card: .keep]))
        talk.line(.agent, "what is your card number")
        talk.line(.caller, "it is \(Self.card)")
        talk.end()
        #expect(talk.texts.last == "it is \(Self.card)")
        #expect(talk.windows.allSatisfy { $0.cause == .unheard && $0.from > talk.spoken[1].words[0].from })
    }

    @Test func keepKeepsNoCodeThatWasSaidInOneBreathWithTheCard() throws {
        var talk = Conversation(try RedactionSettings(actions: [.card: .keep]))
        talk.line(.caller, "my card is \(Self.card) one two three")
        talk.line(.caller, "the security code is one two three")
        talk.end()
        #expect(talk.texts == ["my card is [CARD]", "the security code is [CARD-VERIFICATION]"])
    }

    @Test func keepLastFourShowsThemForAWholeCardAlone() throws {
        let settings = try RedactionSettings(actions: [.card: .keepLastFour])
        #expect(
            redact(["my card is four two four two four two four two four two four two four two four two"], settings) == [
                "my card is [CARD 4242]"
            ])
        #expect(redact(["a: card number", "four two four two"], settings).last == "[CARD]")
        #expect(redact(["my card is 4111 1111 1111 1112"], settings) == ["my card is [CARD]"])
    }

    @Test(arguments: [
        "um six four six one no wait six four six seven", "six four six one no wait six four six seven",
        "six four six one um sorry six four six seven", "six four six one no wait um six four six seven thank you",
    ])
    func aGroupThatWasTakenBackIsNoPartOfTheNumber(_ end: String) throws {
        let start = "four five three nine one four eight eight zero three four three"
        let lastFour = try RedactionSettings(actions: [.card: .keepLastFour])
        #expect(redact(["my card is \(start) \(end)"], lastFour).first?.hasPrefix("my card is [CARD 6467]") == true)
        let keep = try RedactionSettings(actions: [.card: .keep])
        #expect(redact(["my card is \(start) \(end)"], keep) == ["my card is \(start) \(end)"])
    }

    @Test func keptNumbersThatCouldBeACardAreMasked() throws {
        let settings = try RedactionSettings(actions: [.number: .keep])
        #expect(
            redact(["call five five five one two three four five six seven"], settings) == [
                "call five five five one two three four five six seven"
            ])
        #expect(redact(["it is 9999 1111 2222 3333"], settings) == ["it is [NUMBER]"])
    }

    @Test(arguments: [RedactionAction.keep, .keepLastFour])
    func aVerificationCodeIsNeverKept(_ action: RedactionAction) {
        #expect(throws: RedactionSettingsError.actionNotAllowed(.cardVerification, action)) {
            try RedactionSettings(actions: [.cardVerification: action])
        }
    }

    @Test func theCallsEndMasksWhatNobodyHeardAndReleasesTheRest() {
        var talk = Conversation()
        talk.line(.caller, "hello")
        talk.end()
        #expect(talk.safePoints(.caller).last == Positions.end)
        #expect(
            talk.windows == [
                AudioWindow(speaker: .caller, from: talk.now - 150, to: Positions.end, cause: .unheard),
                AudioWindow(speaker: .agent, from: talk.now - 150, to: Positions.end, cause: .unheard),
            ])
    }

    @Test func aPartialAtTheCallsEndIsTakenAsItStands() {
        var talk = Conversation()
        let words = Conversation.words([("4111111111111111", MediaTime(milliseconds: 10), MediaTime(milliseconds: 400))])
        talk.feed(.partial(.caller, Hypothesis(words: words, from: .zero, to: MediaTime(milliseconds: 500))))
        talk.end()
        #expect(talk.texts == ["[CARD]"])
        #expect(talk.session.held == 0)
    }

    @Test func theArenaIsEmptyAfterACall() {
        let owner = CallID(high: 99, low: 1)
        var session = RedactionSession(call: owner, settings: .maskEverything)
        func words() -> Clear<SpokenWords>? {
            var writer = SpokenWordsWriter(owner: owner)
            "four one one one".utf8.withContiguousStorageIfAvailable {
                _ = writer?.append(UnsafeRawBufferPointer($0), from: .zero, to: MediaTime(milliseconds: 1))
            }
            return writer.take()?.finish()
        }
        for step in 0..<10 {
            guard let partial = words(), let final = words() else { return }
            _ = session.handle(
                .partial(.caller, Hypothesis(words: partial, from: .zero, to: .zero)), now: MediaTime(milliseconds: Int64(step)))
            _ = session.handle(.final(.caller, Hypothesis(words: final, from: .zero, to: .zero)), now: MediaTime(milliseconds: Int64(step)))
        }
        _ = session.handle(.callEnded, now: MediaTime(milliseconds: 100))
        if let late = words() {
            _ = session.handle(.final(.caller, Hypothesis(words: late, from: .zero, to: .zero)), now: MediaTime(milliseconds: 101))
        }
        #expect(ClearArena.words.discard(ownedBy: owner) == 0)
    }
}
