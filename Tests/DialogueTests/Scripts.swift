import SottoBase

let testTrunk: TrunkName = {
    guard let name = TrunkName("pbx") else { preconditionFailure("a plain name") }
    return name
}()

/// A script with one state of each kind, for the tests of this room.
func testScript(silences: Int = 2, noMatches: Int = 2) -> DialogueScript {
    DialogueScript(
        name: "reception", start: "greeting",
        states: [
            .init(
                name: "greeting", say: "Hello.",
                step: .listen(
                    .init(
                        ask: "How can I help?",
                        choices: [
                            .init(words: ["opening hours", "open"], key: UInt8(ascii: "1"), next: "hours"),
                            .init(words: ["pay"], next: "payment"),
                            .init(words: [], hears: [.card], next: "spoken card"),
                            .init(words: ["person"], next: "person"),
                        ]))),
            .init(name: "hours", say: "From nine to five.", step: .next("greeting")),
            .init(name: "spoken card", say: "Thank you.", step: .hangUp),
            .init(
                name: "payment", say: "We can take that now.", isPayment: true,
                step: .collect(.init(ask: "Key in your card.", kind: .card, digits: 12...19, terminator: UInt8(ascii: "#"), next: "paid"))),
            .init(
                name: "person", say: "I will find somebody.",
                step: .handOver(.init(to: "+49301234567", trunk: testTrunk, say: "One moment.", failed: "nobody"))),
            .init(name: "nobody", say: "Nobody is free.", step: .next("greeting")),
            .init(name: "paid", say: "Thank you.", step: .hangUp),
        ],
        limits: .init(silence: .seconds(5), silences: silences, silencePrompt: "Are you there?", noMatches: noMatches, farewell: "Goodbye."))
}
