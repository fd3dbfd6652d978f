import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Messages that cross (RFC 5407), seen from the UAS.
@Suite struct RaceTests {
    let caller = Caller().with { $0.body = Caller.offer }
    let busy = SIPAnswer(486)

    /// §3.1.1: the INVITE is repeated while its 2xx travels.
    @Test func inviteAfterItsSuccess() {
        var rig = Rig(isReliable: false)
        _ = rig.accepted(caller)
        #expect(rig.receive(caller.says("INVITE")) == [])
    }

    /// §3.1.2: CANCEL and the 2xx cross; the caller acknowledges and says BYE.
    @Test func cancelCrossesTheSuccess() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.receive(caller.says("CANCEL")) == ["→ 200 CANCEL"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
    }

    /// §3.1.3: BYE before the ACK ends the call and the 2xx's repetition; the late ACK is nothing.
    @Test func byeBeforeTheAck() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["stray"])
        #expect(rig.wait(.seconds(32)) == [])
        #expect(rig.isIdle)
    }

    /// §3.1.4: a re-INVITE while the ACK is missing; offer and answer are complete, so it is taken.
    @Test func reinviteBeforeTheAckWhenTheOfferWasAnswered() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.receive(known.next().with { $0.body = Caller.offer }.says("INVITE")) == ["→ 100 INVITE", "reinviteArrived"])
        rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(200)))
        #expect(rig.wait(.milliseconds(500)) == ["500 → 200 INVITE", "500 → 200 INVITE"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.receive(known.next().next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.wait(.seconds(20)) == [])
    }

    /// §3.1.5: the same while our own offer waits for its answer in the ACK.
    @Test func reinviteBeforeTheAckThatAnswersOurOffer() {
        var rig = Rig()
        rig.receive(Caller().says("INVITE"))
        rig.command(.answer(rig.arrived?.invite ?? InviteID(value: 0), SIPAnswer(200)))
        let known = Caller().with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        #expect(rig.receive(known.next().with { $0.body = Caller.offer }.says("INVITE")).first == "→ 491 INVITE")
    }

    /// §3.2.2: a re-INVITE crosses our BYE.
    @Test func reinviteCrossesOurBye() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.receive(known.next().says("INVITE")).first == "→ 481 INVITE")
    }

    /// §3.2.3: two BYEs cross; each is answered.
    @Test func byesCross() {
        var rig = Rig()
        let known = rig.talking(caller)
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye", "→ BYE"])
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE"])
        guard let bye = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(bye, 481))) == [])
        _ = rig.wait(.seconds(32))
        #expect(rig.isIdle)
    }

    /// The peer's BYE comes while ours waits for the ACK: nothing is left to say.
    @Test func byeArrivesWhileOursWaits() {
        var rig = Rig()
        let known = rig.accepted(caller)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE"])
        #expect(rig.endpoint.dialogCount == 0)
        #expect(rig.wait(.seconds(40)) == [])
        #expect(rig.isIdle)
    }

    /// BYE in an early dialog: 200, and 487 to the INVITE (RFC 3261 §15.1.2).
    @Test func byeInAnEarlyDialog() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        let known = caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "→ 487 INVITE", "ended remoteBye"])
        #expect(rig.command(.answer(arrived.invite, SIPAnswer(200))) == [])
        #expect(rig.receive(known.says("ACK")) == [])
        #expect(rig.isIdle)
    }

    /// BYE while a re-INVITE waits for its answer: 487 to it.
    @Test func byeDuringAReinvite() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.receive(known.next().says("INVITE"))
        #expect(rig.receive(known.next().next().says("BYE")) == ["→ 200 BYE", "→ 487 INVITE", "ended remoteBye"])
        #expect(rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(200))) == [])
    }

    /// We hang up while a re-INVITE waits for its answer.
    @Test func hangingUpDuringAReinvite() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.receive(known.next().says("INVITE"))
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["→ 487 INVITE", "ended localBye", "→ BYE"])
    }

    /// The peer's BYE meets our re-INVITE: its late answer names no dialog any more, and is acknowledged if it fails.
    @Test func byeDuringOurReoffer() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.command(.reoffer(rig.dialog, SIPBody(Array("v=0\r\n".utf8))))
        guard let invite = rig.lastRequest else { return }
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
        #expect(rig.receive(.response(answer(invite, 487))) == ["→ ACK"])
        _ = rig.wait(.seconds(32))
        #expect(rig.isIdle)
    }
}
