import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Reliable provisional responses both ways (RFC 3262).
@Suite struct ReliabilityTests {
    let session = SIPBody(Array("v=0\r\n".utf8))
    let required = Caller().with {
        $0.body = Caller.offer
        $0.headers = ["Require: 100rel"]
    }

    private func ringing(_ rig: inout Rig, _ caller: Caller, body: SIPBody? = nil) -> Caller {
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(183, body: body).reliably))
        return caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
    }

    private func prack(_ caller: Caller, _ rig: Rig, number: UInt32? = nil, cseq: Int = 1, method: String = "INVITE") -> Caller {
        let number = number ?? rig.lastResponse?.seconds(.rseq) ?? 0
        return caller.next().with { $0.headers = ["RAck: \(number) \(cseq) \(method)"] }
    }

    // MARK: - As UAS

    @Test func aRequiredReliableResponseIsRepeatedUntilItsPrack() {
        var rig = Rig()
        let known = ringing(&rig, required)
        let response = rig.lastResponse
        #expect(response?.require.map(\.string) == ["100rel"])
        let number = response?.seconds(.rseq) ?? 0
        #expect((1...0x7FFF_FFFF).contains(number))
        // §3: from T1 on, doubling, over TLS as well.
        #expect(rig.wait(.seconds(4)) == ["500 → 183 INVITE", "1500 → 183 INVITE", "3500 → 183 INVITE"])
        #expect(rig.receive(prack(known, rig).says("PRACK")) == ["→ 200 PRACK"])
        #expect(rig.wait(.seconds(30)) == [])
        #expect(rig.endpoint.dialogCount == 1)
    }

    /// §3: 64·T1 without a PRACK: a 5xx, and the dialog is over.
    @Test func withoutPrackTheInviteEndsAfter64T1() {
        var rig = Rig()
        _ = ringing(&rig, required)
        let lines = rig.wait(.seconds(32))
        #expect(lines.suffix(2) == ["32000 → 504 INVITE", "32000 ended unacknowledged"])
        #expect(lines.filter { $0.hasSuffix("183 INVITE") }.count == 6)
    }

    /// §3: RSeq rises by one, and only one is under way.
    @Test func theNextOneWaitsForThePrackOfTheLast() {
        var rig = Rig()
        let known = ringing(&rig, required)
        let first = rig.lastResponse?.seconds(.rseq) ?? 0
        guard let invite = rig.arrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(180).reliably)) == [])
        let again = prack(known, rig)
        #expect(rig.receive(again.says("PRACK")) == ["→ 200 PRACK", "→ 180 INVITE"])
        guard case .response(let next)? = rig.sent.last else { return }
        #expect(next.seconds(.rseq) == first + 1)
        let last = again.next().with { $0.headers = ["RAck: \(first + 1) 1 INVITE"] }
        #expect(rig.receive(last.says("PRACK")) == ["→ 200 PRACK"])
    }

    /// §3: a PRACK that matches nothing.
    @Test(arguments: [(UInt32(7), 1, "INVITE"), (0, 9, "INVITE"), (0, 1, "UPDATE")])
    func aPrackThatMatchesNothingGets481(number: UInt32, cseq: Int, method: String) {
        var rig = Rig()
        let known = ringing(&rig, required)
        let wrong = prack(known, rig, number: number == 0 ? nil : number, cseq: cseq, method: method)
        #expect(rig.receive(wrong.says("PRACK")).first == "→ 481 PRACK")
        #expect(rig.wait(.milliseconds(500)) == ["500 → 183 INVITE"])
    }

    @Test(arguments: ["RAck: x 1 INVITE", "RAck: 1 INVITE", "RAck: 99999999999 1 INVITE", "RAck: 1 1 INVITE 4", "Subject: none"])
    func aMalformedRackGets481(header: String) {
        var rig = Rig()
        let known = ringing(&rig, required)
        #expect(rig.receive(known.next().with { $0.headers = [header] }.says("PRACK")).first == "→ 481 PRACK")
    }

    /// §3: a 2xx must not overtake an answer whose PRACK is still to come.
    @Test func theSuccessWaitsForThePrackOfAnAnswer() {
        var rig = Rig()
        let known = ringing(&rig, required, body: session)
        guard let invite = rig.arrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(200))) == [])
        #expect(rig.receive(prack(known, rig).says("PRACK")) == ["→ 200 PRACK", "→ 200 INVITE"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
    }

    @Test func theSuccessNeedNotWaitWithoutAnAnswer() {
        var rig = Rig()
        let known = ringing(&rig, required)
        guard let invite = rig.arrived?.invite else { return }
        let again = prack(known, rig)
        #expect(rig.command(.answer(invite, SIPAnswer(200, body: session))) == ["→ 200 INVITE"])
        #expect(rig.receive(again.says("PRACK")) == ["→ 200 PRACK"])  // on its way already
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
    }

    @Test func aRefusalEndsTheRepetition() {
        var rig = Rig()
        _ = ringing(&rig, required)
        guard let invite = rig.arrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(486))) == ["→ 486 INVITE", "ended refused 486"])
        #expect(rig.wait(.seconds(31)) == [])
    }

    @Test func aCancelEndsTheRepetition() {
        var rig = Rig()
        _ = ringing(&rig, required)
        #expect(rig.receive(required.with { $0.headers = [] }.says("CANCEL")) == ["→ 200 CANCEL", "→ 487 INVITE", "ended cancelled"])
        #expect(rig.wait(.seconds(31)) == [])
    }

    /// Asked for by us, it depends on what the caller supports.
    @Test(arguments: [("Supported: 100rel", true), ("Supported: timer", false)])
    func aSupportedResponseIsReliableWhenAsked(header: String, isReliable: Bool) {
        var rig = Rig()
        _ = ringing(&rig, required.with { $0.headers = [header] })
        #expect((rig.lastResponse?.header(.rseq) != nil) == isReliable)
        #expect(rig.wait(.seconds(1)).isEmpty != isReliable)
    }

    /// §5: without an offer the first reliable response would have to make one.
    @Test func anInviteWithoutOfferGetsNoReliableResponseButThe2xx() {
        var rig = Rig()
        #expect(rig.receive(required.with { $0.body = "" }.says("INVITE")) == ["→ 100 INVITE", "inviteArrived"])
        guard let invite = rig.arrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(180).reliably)) == [])
        #expect(rig.command(.answer(invite, SIPAnswer(200, body: session))) == ["→ 200 INVITE"])
    }

    /// §5: an offer in a PRACK is refused, and acknowledges all the same.
    @Test func anOfferInAPrackIsRefusedCleanly() {
        var rig = Rig()
        let known = ringing(&rig, required, body: session)
        #expect(rig.receive(prack(known, rig).with { $0.body = Caller.offer }.says("PRACK")).first == "→ 488 PRACK")
        #expect(rig.wait(.seconds(30)) == [])
        #expect(rig.endpoint.dialogCount == 1)
    }

    // MARK: - As UAC

    @Test func aReliableResponseGetsItsPrack() {
        var rig = Rig()
        let callee = rig.calling { $0.requiresReliableProvisionals = true }
        #expect(callee.invite.require.map(\.string) == ["100rel"])
        let early = callee.with { $0.recordRoutes = ["<sip:near.example;lr>"] }
        let first = early.answers(183, ["Require: 100rel", "RSeq: 41"], body: Callee.answer)
        #expect(rig.receive(first) == ["→ PRACK", "progressed 183"])
        let prack = rig.lastRequest
        #expect(prack?.header(.rack) == "41 1 INVITE" && prack?.cseq == CSeq(2, .prack))
        #expect(prack?.routes.map(\.uri.host.string) == ["near.example"] && prack?.to.tag == "far")
        // §4: the repetition, and one that comes too early, are not processed.
        #expect(rig.receive(first) == [])
        #expect(rig.receive(early.answers(180, ["Require: 100rel", "RSeq: 43"])) == [])
        #expect(rig.receive(early.answers(180, ["Require: 100rel", "RSeq: 42"])) == ["→ PRACK", "progressed 180"])
        #expect(rig.lastRequest?.cseq.number == 3)
        #expect(rig.receive(early.answers(180, ["Require: 100rel"])) == [])
        if let prack { #expect(rig.receive(.response(answer(prack, 200))) == []) }
        #expect(rig.receive(early.answers(200)) == ["→ ACK", "answered 200"])
        #expect(rig.lastRequest?.cseq == CSeq(1, .ack))
        rig.command(.hangUp(rig.answered, refusal: SIPAnswer(480), headers: []))
        #expect(rig.lastRequest?.cseq.number == 4)  // numbers rise over the whole dialog
    }

    /// Each fork counts for itself.
    @Test func forksHaveNumbersOfTheirOwn() {
        var rig = Rig()
        let callee = rig.calling()
        #expect(rig.receive(callee.answers(180, ["Require: 100rel", "RSeq: 9"])) == ["→ PRACK", "progressed 180"])
        let other = callee.with { $0.tag = "other" }
        #expect(rig.receive(other.answers(180, ["Require: 100rel", "RSeq: 500"])) == ["→ PRACK", "progressed 180"])
        #expect(rig.lastRequest?.header(.rack) == "500 1 INVITE" && rig.lastRequest?.to.tag == "other")
    }
}

extension SIPAnswer {
    var reliably: SIPAnswer {
        var copy = self
        copy.reliable = true
        return copy
    }
}
