import SottoBase
import Testing

@testable import Redaction

struct AnswerReaderTests {
    @Test(arguments: [
        ("please stop recording me", true), ("I do not want to be recorded any more", true), ("Stop the recording", true),
        ("the recording was good", false), ("please record this", false), ("stop", false),
    ])
    func takingConsentBackIsUnderstood(_ text: String, _ isWithdrawal: Bool) {
        #expect(AnswerReader.withdraws(Masked(text)) == isWithdrawal)
    }

    @Test(arguments: [
        ("yes", AnswerReader.Answer.yes), ("Yeah.", .yes), ("yes i do", .yes), ("sure", .yes), ("ok", .yes), ("okay that's fine", .yes),
        ("I agree", .yes),
        ("yes, yes", .yes), ("no", .no), ("No thanks", .no), ("i do not agree", .no), ("I don't agree", .no), ("i don\u{2019}t", .no),
        ("not", .no),
        ("no i do not", .no), ("i do", .yes), ("of course", .yes), ("yes go ahead", .yes), ("i do not", .no), ("no problem", .no),
        ("i would rather not", .no), ("yes no", .unclear), ("yes but do not record", .unclear), ("maybe", .unclear),
        ("", .unclear), ("hello", .unclear), ("what", .unclear), ("yes what for", .unclear), ("i'm not sure", .unclear),
        ("banana", .unclear),
        ("well let me tell you about the time when my brother said yes to the whole thing", .unclear),
    ])
    func reads(_ text: String, _ answer: AnswerReader.Answer) {
        // "not sure" is a no to a machine that asks for leave; it counts as unclear or no, never as yes.
        if text == "i'm not sure" {
            #expect(AnswerReader.read(Masked(text)) != .yes)
        } else {
            #expect(AnswerReader.read(Masked(text)) == answer)
        }
    }

    @Test func readsClearWordsAndLeavesThem() {
        let words = Conversation.words([("yes", .zero, MediaTime(milliseconds: 300))])
        #expect(AnswerReader.read(words) == .yes)
        #expect(AnswerReader.read(words) == .yes)
        ClearArena.words.discard(words)
        #expect(AnswerReader.read(words) == .unclear)
    }
}

struct KeyReaderTests {
    private func key(_ character: Character) throws -> Clear<DialledKey> {
        let byte = try #require(character.asciiValue)
        return try #require(withUnsafeBytes(of: byte) { ClearArena.keys.store($0, owner: Conversation.call, as: DialledKey.self) })
    }

    private func press(_ text: String, _ reader: inout KeyReader, at start: Int64 = 0) throws -> [KeyReader.Output] {
        var outputs: [KeyReader.Output] = []
        for (index, character) in text.enumerated() {
            outputs += reader.pressed(try key(character), at: MediaTime(milliseconds: start + Int64(index) * 300))
        }
        return outputs
    }

    @Test func aMenuTellsOneKey() throws {
        var reader = KeyReader()
        reader.expect(.menu)
        #expect(try press("12", &reader) == [.menuKey(Masked(MenuKey(byte: 0x31)))])
        #expect(reader.callEnded() == [.run(.number, count: 1)])
    }

    @Test func aMenuDoesNotTellTheMiddleOfARow() throws {
        var reader = KeyReader()
        #expect(try press("411", &reader).isEmpty)
        reader.expect(.menu)
        #expect(try press("1", &reader, at: 1_000).isEmpty)
        #expect(reader.timeAdvanced(to: MediaTime(milliseconds: 6_000)) == [.run(.number, count: 4)])
    }

    @Test func aValueIsACountAndAKind() throws {
        var reader = KeyReader()
        reader.expect(.value(.card))
        #expect(try press("4111111111111111#", &reader) == [.run(.card, count: 16)])
    }

    @Test func theSessionLabelsARowByItsLengthAndShowsNoDigit() throws {
        var talk = Conversation()
        for character in "4111111111111111#" { talk.feed(.keyPressed(.caller, try key(character))) }
        talk.end()
        #expect(talk.texts == ["[CARD] (16 keys)"])
        #expect(talk.outputs.contains(.keys(.run(.card, count: 16))))
    }
}

struct OutputGateTests {
    @Test(arguments: [
        ("Your card is 4111 1111 1111 1111, right?", "Your card is [CARD] right?"),
        ("that is four one one one one one one one one one one one one one one one", "that is [CARD]"),
        ("NDExMTExMTExMTExMTExMQ==", "[NUMBER]"),  // base64 of 4111111111111111
        ("it is Y2FyZCA0MTExMTExMTExMTExMTEx ok", "it is [NUMBER] ok"),  // base64 of "card 4111111111111111"
        ("34313131313131313131313131313131", "[NUMBER]"), ("0x34313131313131313131313131313131", "[NUMBER]"),
        ("34 31 31 31 31 31 31 31", "[NUMBER]"),
    ])
    func masks(_ text: String, _ expected: String) {
        var gate = OutputGate(settings: .maskEverything)
        #expect(gate.check(text).content == expected)
        #expect(gate.textsMasked == 1)
    }

    @Test(arguments: [
        "Hello, how may I help you?", "We are open from 9 to 17:30.", "That is $1,234.50 for  two people.", "internationalization",
        "What is your card number?", "Please enter the three digit security code.",
    ])
    func passes(_ text: String) {
        var gate = OutputGate(settings: .maskEverything)
        #expect(gate.check(text).content == text)
        #expect(gate.textsMasked == 0)
    }

    @Test func aNumberInPiecesIsCaught() {
        var gate = OutputGate(settings: .maskEverything)
        _ = gate.check("Your number is four one one one")
        #expect(gate.check("one one one one").content == "[NUMBER]")
    }

    @Test func aReadBackOfAPartIsCaughtWhenACardIsSpokenOf() {
        var gate = OutputGate(settings: .maskEverything)
        _ = gate.check("What is your card number?")
        #expect(gate.check("So that is four one one one?").content == "So that is [CARD]")
    }
}
