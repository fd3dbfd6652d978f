import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// INVITE as UAS: answers, the 2xx until its ACK, CANCEL, and time.
@Suite struct InviteTests {
    let caller = Caller().with { $0.body = Caller.offer }
    let ok = SIPAnswer(200, body: SIPBody(Array("v=0\r\n".utf8)))

    @Test func aCallFromInviteToBye() {
        var rig = Rig()
        #expect(rig.receive(caller.says("INVITE")) == ["→ 100 INVITE", "inviteArrived"])
        let arrived = rig.arrived
        #expect(arrived?.request.body.isEmpty == false)
        guard let invite = arrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(180))) == ["→ 180 INVITE"])
        #expect(rig.command(.answer(invite, ok)) == ["→ 200 INVITE"])
        var known = caller
        known.remoteTag = rig.lastResponse?.to.tag?.string
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.wait(.seconds(600)) == [])
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
        #expect(rig.isIdle)
    }

    /// §8.2.6: what a response copies, and what a dialog-forming one adds (§12.1.1).
    @Test func responsesCarryWhatTheStandardDemands() {
        var rig = Rig()
        let caller = caller.with { $0.recordRoutes = ["<sip:p2.carrier.example;lr>", "<sip:p1.carrier.example;lr>"] }
        rig.receive(caller.says("INVITE"))
        #expect(rig.lastResponse?.to.tag == nil)  // a 100 opens no dialog
        guard let invite = rig.arrived?.invite else { return }
        rig.command(.answer(invite, SIPAnswer(180)))
        let ringing = rig.lastResponse
        #expect(ringing?.recordRoutes.map(\.uri.host.string) == ["p2.carrier.example", "p1.carrier.example"])
        #expect(ringing?.contacts.first?.text == "<sip:sotto.example:5061;transport=tls>")
        let tag = ringing?.to.tag
        #expect((tag?.count ?? 0) >= 8)
        rig.command(.answer(invite, ok))
        let answer = rig.lastResponse
        #expect(answer?.to.tag == tag)
        #expect(answer?.topVia?.branch == "z9hG4bK776asdhds")
        #expect(answer?.topVia?.received == nil)  // sent-by is where it came from
        #expect(answer?.allow == [.invite, .ack, .cancel, .bye, .options, .update, .prack, .info, .refer, .notify])
        #expect(answer?.supported.map(\.string) == ["100rel", "timer", "replaces", "norefersub"])
        #expect(answer?.contentType == .sdp)
        #expect(answer?.callID.text == "a84b4c76e66710")
        #expect(answer?.cseq == CSeq(1, .invite))
    }

    /// RFC 5630 §5.1.2: `sips:` is answered with `sips:`, and Contact carries the listener's own port.
    @Test func contactFollowsThePeersScheme() {
        var rig = Rig()
        rig.ringing(
            caller.with {
                $0.uri = "sips:+4930123@sotto.example"
                $0.contact = "<sips:gw@192.0.2.9>"
            })
        rig.command(.answer(rig.arrived?.invite ?? InviteID(value: 0), ok))
        #expect(rig.lastResponse?.contacts.first?.text == "<sips:sotto.example:5061>")
    }

    /// Tags are unpredictable and never the same (§19.3); so are the branches of a run.
    @Test func eachDialogHasItsOwnTag() {
        var rig = Rig()
        var tags: Set<WireText> = []
        for number in 0..<50 {
            let arrived = rig.ringing(
                caller.with {
                    $0.callID = "call-\(number)"
                    $0.branch = "z9hG4bK\(number)"
                })
            rig.command(.answer(arrived.invite, SIPAnswer(180)))
            if let tag = rig.lastResponse?.to.tag { tags.insert(tag) }
        }
        #expect(tags.count == 50)
    }

    /// §13.3.1.4: T1, doubling to T2, over TLS as well; without ACK a BYE after 64·T1.
    @Test(arguments: [true, false]) func theSuccessIsRepeatedUntilItsAck(reliable: Bool) {
        var rig = Rig(isReliable: reliable)
        let caller = rig.accepted(caller)
        #expect(rig.wait(.milliseconds(3_500)) == ["500 → 200 INVITE", "1500 → 200 INVITE", "3500 → 200 INVITE"])
        #expect(rig.receive(caller.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.receive(caller.next(sameNumber: true).says("ACK")) == [])
        #expect(rig.wait(.seconds(60)) == [])
    }

    @Test func anUnacknowledgedSuccessEndsInBye() {
        var rig = Rig()
        _ = rig.accepted(caller)
        let lines = rig.wait(.seconds(32))
        #expect(
            lines == [
                "500 → 200 INVITE", "1500 → 200 INVITE", "3500 → 200 INVITE", "7500 → 200 INVITE", "11500 → 200 INVITE",
                "15500 → 200 INVITE", "19500 → 200 INVITE", "23500 → 200 INVITE", "27500 → 200 INVITE", "31500 → 200 INVITE",
                "32000 ended unacknowledged", "32000 → BYE",
            ])
        guard let bye = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(bye, 200))) == [])
        #expect(rig.isIdle)
    }

    @Test func aRefusalEndsTheDialogAndWaitsForItsAck() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        let refusal = SIPAnswer(488, headers: [SIPHeader(.warning, "304 sotto \"no codec\"")])
        #expect(rig.command(.answer(arrived.invite, refusal)) == ["→ 488 INVITE", "ended refused 488"])
        #expect(rig.lastResponse?.header(.warning) == "304 sotto \"no codec\"")
        #expect(rig.endpoint.dialogCount == 0)
        #expect(rig.endpoint.transactionCount == 1)
        #expect(rig.receive(caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }.says("ACK")) == [])
        #expect(rig.isIdle)
        #expect(rig.command(.answer(arrived.invite, ok)) == [])
    }

    /// Timer G on an unreliable transport, H on both.
    @Test func aRefusalWithoutAckIsReapedByTimerH() {
        var rig = Rig(isReliable: false)
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(486)))
        #expect(rig.wait(.seconds(4)) == ["500 → 486 INVITE", "1500 → 486 INVITE", "3500 → 486 INVITE"])
        _ = rig.wait(.seconds(28))
        #expect(rig.isIdle)
    }

    @Test func aRetransmittedInviteGetsTheLastProvisional() {
        var rig = Rig(isReliable: false)
        let arrived = rig.ringing(caller)
        #expect(rig.receive(caller.says("INVITE")) == ["→ 100 INVITE"])
        rig.command(.answer(arrived.invite, SIPAnswer(183)))
        #expect(rig.receive(caller.says("INVITE")) == ["→ 183 INVITE"])
        rig.command(.answer(arrived.invite, ok))
        #expect(rig.receive(caller.says("INVITE")) == [])  // RFC 6026 §7.1
        #expect(rig.events.filter { if case .inviteArrived = $0 { true } else { false } }.count == 1)
    }

    // MARK: - CANCEL (§9.2)

    @Test func cancelIsAnsweredAndEndsTheInvite() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        let tag = rig.lastResponse?.to.tag
        #expect(rig.receive(caller.says("CANCEL")) == ["→ 200 CANCEL", "→ 487 INVITE", "ended cancelled"])
        let responses = rig.sent.suffix(2).compactMap { if case .response(let response) = $0 { response } else { nil } }
        #expect(responses.map { $0.to.tag } == [tag, tag])  // the same tag on both
        #expect(rig.command(.answer(arrived.invite, ok)) == [])
        #expect(rig.receive(caller.with { $0.remoteTag = tag?.string }.says("ACK")) == [])
        #expect(rig.isIdle)
    }

    @Test func cancelOfNothingGets481() {
        var rig = Rig()
        #expect(rig.receive(caller.says("CANCEL")) == ["→ 481 CANCEL", "turnedAway CANCEL 481"])
        rig.ringing(caller)
        #expect(rig.receive(caller.with { $0.branch = "z9hG4bKother" }.says("CANCEL")) == ["→ 481 CANCEL", "turnedAway CANCEL 481"])
        #expect(rig.endpoint.dialogCount == 1)
    }

    @Test func cancelAfterTheAnswerChangesNothing() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.receive(caller.says("CANCEL")) == ["→ 200 CANCEL"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.endpoint.dialogCount == 1)
    }

    /// A Require in a CANCEL is ignored (§8.2.2.3).
    @Test func cancelWithRequireIsObeyed() {
        var rig = Rig()
        rig.ringing(caller)
        #expect(rig.receive(caller.with { $0.headers = ["Require: 100rel"] }.says("CANCEL")).last == "ended cancelled")
    }

    // MARK: - Time

    /// §13.3.1.1: a provisional other than 100 every minute.
    @Test func aProvisionalIsRepeatedEveryMinute() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        #expect(rig.wait(.seconds(121)) == ["60000 → 180 INVITE", "120000 → 180 INVITE"])
    }

    @Test func anInviteNobodyAnswersIsGivenUp() {
        var rig = Rig()
        rig.ringing(caller)
        #expect(rig.wait(.seconds(180)) == ["180000 → 480 INVITE", "180000 ended unanswered"])
        _ = rig.wait(.seconds(32))
        #expect(rig.isIdle)
    }

    /// §13.3.1: 487 when the INVITE's Expires is over.
    @Test func anExpiredInviteIsRefused() {
        var rig = Rig()
        rig.ringing(caller.with { $0.headers = ["Expires: 20"] })
        #expect(rig.wait(.seconds(20)) == ["20000 → 487 INVITE", "20000 ended expired"])
    }

    @Test func anAnswerStopsTheInvitesClocks() {
        var rig = Rig()
        let arrived = rig.ringing(caller.with { $0.headers = ["Expires: 20"] })
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        rig.command(.answer(arrived.invite, ok))
        let known = caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        rig.receive(known.next(sameNumber: true).says("ACK"))
        #expect(rig.wait(.seconds(300)) == [])
    }

    /// A peer that keeps the INVITE's branch in the ACK of a 2xx is understood.
    @Test func anAckWithTheInvitesBranchCounts() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.receive(known.with { $0.body = "" }.says("ACK")) == ["acknowledged"])
        #expect(rig.wait(.seconds(40)) == [])
    }

    @Test func aStatusThatIsNoneBecomes500() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        #expect(rig.command(.answer(arrived.invite, SIPAnswer(7))) == ["→ 500 INVITE", "ended refused 500"])
    }
}
