import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Calls out (RFC 3261 §13.2, §9.1, RFC 5407, RFC 6026).
@Suite struct AttemptTests {
    // MARK: - The INVITE and its answer

    @Test func anInviteSaysWhatTheStandardDemands() {
        var rig = Rig()
        let invite = rig.calling { $0.headers = [SIPHeader(.privacy, "id")] }.invite
        #expect(invite.requestURI.text == "sip:+4930999@carrier.example;transport=tls")
        #expect((invite.from.tag?.count ?? 0) >= 16 && invite.to.tag == nil && invite.callID.text.count >= 16)
        #expect(invite.topVia?.host == "sotto.example" && invite.topVia?.port == 5061 && invite.topVia?.hasTransactionID == true)
        #expect(invite.contacts.map { $0.uri.text.string } == ["sip:sotto.example:5061;transport=tls"])
        #expect(invite.maxForwards == 70 && invite.cseq == CSeq(1, .invite))
        #expect(invite.supported.map(\.string) == ["100rel", "timer", "replaces", "norefersub"])
        #expect(invite.header(.sessionExpires) == "1800" && invite.header(.privacy) == "id" && invite.contentType == .sdp)
    }

    /// §12.1.1.3, §19.3: no two calls share their tag or Call-ID.
    @Test func eachCallHasATagAndACallIDOfItsOwn() {
        var rig = Rig()
        var names: Set<WireText> = []
        for number in 0..<50 {
            let invite = rig.calling { $0.attempt = AttemptID(UInt64(number)) }.invite
            names.formUnion([invite.from.tag ?? "", invite.callID.text])
        }
        #expect(names.count == 100)
    }

    /// RFC 5630 §5.1: `sips:` in kind.
    @Test func aSecureCallHasASecureContact() {
        var rig = Rig()
        let invite = rig.calling { $0.requestURI = SIPURI("sips:+4930999@carrier.example") }.invite
        #expect(invite.contacts.map { $0.uri.text.string } == ["sips:sotto.example:5061"])
    }

    @Test func anAnsweredCallIsAcknowledgedForEach2xx() {
        var rig = Rig()
        let callee = rig.calling()
        #expect(rig.receive(callee.answers(100)) == [])
        #expect(rig.receive(callee.answers(180)) == ["progressed 180"])
        let success = callee.with { $0.recordRoutes = ["<sip:near.example;lr>", "<sip:far.example;lr>"] }.answers(200, body: Callee.answer)
        #expect(rig.receive(success) == ["→ ACK", "answered 200"])
        let ack = rig.lastRequest
        // §13.2.2.4: a transaction of its own, the INVITE's number, the 2xx's route reversed.
        #expect(ack?.cseq == CSeq(1, .ack) && ack?.topVia?.branch != callee.invite.topVia?.branch)
        #expect(ack?.routes.map(\.uri.host.string) == ["far.example", "near.example"])
        #expect(ack?.requestURI.text == "sip:callee@198.51.100.2:5061;transport=tls" && ack?.to.tag == "far")
        #expect(rig.receive(success) == ["→ ACK"])
        #expect(rig.lastRequest == ack)
        #expect(rig.endpoint.attemptCount == 0 && rig.early == [rig.answered])
        #expect(rig.command(.hangUp(rig.answered, refusal: SIPAnswer(480), headers: [])) == ["ended localBye", "→ BYE"])
        #expect(rig.lastRequest?.cseq == CSeq(2, .bye))
        rig.receive(.response(answer(rig.lastRequest ?? callee.invite, 200)))
        _ = rig.wait(.seconds(33))  // timer M
        #expect(rig.isIdle)
    }

    /// RFC 6026 §7.2: until M ends 2xx are let through, then they are strays.
    @Test func theAcceptedStateLasts64T1() {
        var rig = Rig()
        let callee = rig.connected()
        _ = rig.wait(.milliseconds(31_900))
        #expect(rig.receive(callee.answers(200)) == ["→ ACK"])
        _ = rig.wait(.milliseconds(200))
        #expect(rig.receive(callee.answers(200)) == ["stray"])
    }

    // MARK: - Forks (§12.1.2, §13.2.2.4)

    @Test func forksHaveDialogsOfTheirOwnAndTheFirstAnswerWins() {
        var rig = Rig()
        let one = rig.calling()
        let two = one.with {
            $0.tag = "other"
            $0.contact = "<sip:two@198.51.100.3;transport=tls>"
        }
        rig.receive(one.answers(180))
        rig.receive(two.answers(183, body: Callee.answer))
        #expect(rig.early.count == 2 && rig.endpoint.dialogCount == 2)
        #expect(rig.receive(two.answers(200, body: Callee.answer)) == ["→ ACK", "answered 200"])
        #expect(rig.answered == rig.early[1] && rig.endpoint.dialogCount == 1)
        // The other's phone was picked up at the same time.
        #expect(rig.receive(one.answers(200, body: Callee.answer)) == ["→ ACK", "→ BYE"])
        #expect(rig.lastRequest?.to.tag == "far" && rig.lastRequest?.cseq == CSeq(2, .bye))
        #expect(rig.receive(one.answers(200)) == ["→ ACK"])
        #expect(rig.lastRequest?.to.tag == "far")
        #expect(rig.receive(two.answers(200)) == ["→ ACK"])
        #expect(rig.lastRequest?.to.tag == "other")
    }

    @Test func moreForksThanAreFollowedAreDropped() {
        var rig = Rig { $0.maximumForks = 3 }
        let callee = rig.calling()
        for number in 0..<20 { rig.receive(callee.with { $0.tag = "t\(number)" }.answers(180)) }
        #expect(rig.endpoint.dialogCount == 3)
        for number in 0..<20 { rig.receive(callee.with { $0.tag = "t\(number)" }.answers(200)) }
        #expect(rig.sent.filter { $0.description == "SIPRequest(ACK)" }.count == 3)
        _ = rig.wait(.seconds(70))
        #expect(rig.endpoint.dialogCount == 1 && rig.endpoint.transactionCount == 0)
    }

    // MARK: - Refusals

    @Test(arguments: [UInt16(302), 404, 430, 486, 503, 603]) func aRefusalIsAcknowledgedAndHandedOver(status: UInt16) {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.answers(180))
        #expect(rig.receive(callee.answers(status)) == ["→ ACK", "attempt refused \(status)"])
        #expect(rig.lastRequest?.topVia?.branch == callee.invite.topVia?.branch)  // §17.1.1.3
        #expect(rig.isIdle)
    }

    @Test func aRedirectionBringsItsTargets() {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.with { $0.contact = "<sip:voicemail@carrier.example>" }.answers(302))
        guard case .attemptEnded(_, .refused(let response))? = rig.events.last else {
            Issue.record("not refused")
            return
        }
        #expect(response.contacts.map { $0.uri.text.string } == ["sip:voicemail@carrier.example"])
    }

    /// RFC 3326: the peer's reasons reach the application, whichever message brings them.
    @Test func reasonsOfTheFarEndArrive() {
        var rig = Rig()
        let busy = rig.calling()
        rig.receive(busy.answers(486, ["Reason: Q.850;cause=17;text=\"User busy\""]))
        guard case .attemptEnded(_, .refused(let response))? = rig.events.last else {
            Issue.record("not refused")
            return
        }
        #expect(response.reasons.first?.q850Cause == 17)
        var callee = rig.connected()
        rig.receive(callee.says("BYE", ["Reason: Q.850;cause=38, SIP;cause=503"]))
        guard case .dialogEnded(_, .remoteBye(let bye))? = rig.events.last else {
            Issue.record("not ended")
            return
        }
        #expect(bye.reasons.map(\.cause) == [38, 503] && bye.reasons.first?.q850Cause == 38)
    }

    @Test func silenceIsATimeoutByTimerB() {
        var rig = Rig()
        _ = rig.calling()
        #expect(rig.wait(.seconds(40)) == ["32000 attempt timedOut"])
        #expect(rig.isIdle)
    }

    /// Timer A doubles without bound on datagrams; on streams it never runs.
    @Test(arguments: [(true, [String]()), (false, ["500", "1500", "3500", "7500", "15500", "31500"].map { "\($0) → INVITE" })])
    func timerARetransmitsOnDatagramsAlone(isReliable: Bool, lines: [String]) {
        var rig = Rig(isReliable: isReliable)
        _ = rig.calling()
        #expect(rig.wait(.milliseconds(31_999)) == lines)
    }

    @Test func aClosedConnectionIsTold() {
        var rig = Rig()
        #expect(rig.command(.invite(Rig.outgoing { $0.connection = ConnectionID(99) })) == ["attempt unreachable"])
        _ = rig.calling()
        #expect(rig.feed(.connectionClosed(Rig.first)) == ["attempt unreachable"])
        #expect(rig.isIdle)
    }

    // MARK: - Withdrawing (§9.1)

    @Test func aCancelWaitsForAProvisionalResponse() {
        var rig = Rig()
        let callee = rig.calling()
        let reason = SIPReason(protocolName: "Q.850", cause: 16).header
        #expect(rig.command(.cancel(Rig.attempt, headers: [reason])) == ["attempt cancelled"])
        #expect(rig.command(.cancel(Rig.attempt, headers: [])) == [])
        #expect(rig.receive(callee.answers(100)) == ["→ CANCEL"])
        let cancel = rig.lastRequest
        #expect(cancel?.topVia == callee.invite.topVia && cancel?.cseq == CSeq(1, .cancel))
        #expect(cancel?.requestURI == callee.invite.requestURI)
        #expect(cancel?.from == callee.invite.from && cancel?.to == callee.invite.to && cancel?.callID == callee.invite.callID)
        #expect(cancel?.reasons.first?.q850Cause == 16)
        guard let cancel else { return }
        #expect(rig.receive(.response(answer(cancel, 200))) == [])
        #expect(rig.receive(callee.answers(487)) == ["→ ACK"])
        #expect(rig.isIdle)
    }

    @Test func aCancelledCallThatFailsByItselfNeedsNoCancel() {
        var rig = Rig()
        let callee = rig.calling()
        rig.command(.cancel(Rig.attempt, headers: []))
        #expect(rig.receive(callee.answers(486)) == ["→ ACK"])
        #expect(rig.isIdle)
    }

    /// RFC 5407 §3.1.1: the 2xx has crossed our CANCEL.
    @Test func an2xxThatCrossesTheCancelGetsAckAndBye() {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.answers(180))
        #expect(rig.command(.cancel(Rig.attempt, headers: [])) == ["attempt cancelled", "→ CANCEL"])
        #expect(rig.receive(callee.answers(200, body: Callee.answer)) == ["→ ACK", "→ BYE"])
        #expect(rig.receive(callee.answers(200, body: Callee.answer)) == ["→ ACK"])
        if let bye = rig.request(0, of: .bye) { rig.receive(.response(answer(bye, 200))) }
        _ = rig.wait(.seconds(33))
        #expect(rig.isIdle)
    }

    /// §9.1: no final response within 64·T1 of the CANCEL: the INVITE's transaction is over.
    @Test func aCancelNobodyObeysEndsAfter64T1() {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.answers(180))
        rig.command(.cancel(Rig.attempt, headers: []))
        #expect(rig.wait(.seconds(31)) == [])
        #expect(rig.endpoint.attemptCount == 1)
        _ = rig.wait(.seconds(2))
        #expect(rig.isIdle)
    }

    @Test func anUnansweredCallIsWithdrawnAtItsLimit() {
        var rig = Rig()
        let callee = rig.calling { $0.expires = .seconds(20) }
        rig.receive(callee.answers(180))
        #expect(rig.wait(.seconds(20)) == ["20000 attempt timedOut", "20000 → CANCEL"])
        #expect(rig.receive(callee.answers(487)) == ["→ ACK"])
        _ = rig.wait(.seconds(33))
        #expect(rig.isIdle)
    }

    // MARK: - Races (RFC 5407)

    /// §3.1.2: the callee's BYE overtakes its 2xx.
    @Test func aByeThatOvertakesThe2xxEndsTheCallOnceItIsAnswered() {
        var rig = Rig()
        var callee = rig.calling()
        rig.receive(callee.answers(180))
        #expect(rig.receive(callee.says("BYE")) == ["→ 200 BYE"])
        #expect(rig.receive(callee.answers(200, body: Callee.answer)) == ["→ ACK", "answered 200", "ended remoteBye"])
        _ = rig.wait(.seconds(33))
        #expect(rig.isIdle)
    }

    /// §3.1.3: a re-INVITE of the callee's meets our INVITE before its 2xx has come.
    @Test func aReinviteBeforeThe2xxGets491() {
        var rig = Rig()
        var callee = rig.calling()
        rig.receive(callee.answers(180))
        #expect(rig.receive(callee.says("INVITE", body: Caller.offer)).first == "→ 491 INVITE")
    }

    /// §3.2.3: both hang up at once.
    @Test func byesThatCrossAreBothAnswered() {
        var rig = Rig()
        var callee = rig.connected()
        rig.command(.hangUp(rig.answered, refusal: SIPAnswer(480), headers: []))
        let bye = rig.lastRequest
        #expect(rig.receive(callee.says("BYE")) == ["→ 200 BYE"])
        if let bye { rig.receive(.response(answer(bye, 481))) }
        _ = rig.wait(.seconds(33))
        #expect(rig.isIdle)
    }

    @Test func aCallOfOursMayBeChangedByEitherSide() {
        var rig = Rig()
        var callee = rig.connected()
        #expect(rig.receive(callee.says("INVITE", body: Caller.offer)) == ["→ 100 INVITE", "reinviteArrived"])
        rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(488)))
        #expect(rig.command(.reoffer(rig.answered, SIPBody([1]))) == ["→ INVITE"])
        guard let invite = rig.lastRequest else { return }
        #expect(invite.cseq.number == 2)
        #expect(rig.receive(.response(answer(invite, 488))) == ["→ ACK", "reoffer refused 488"])
        #expect(rig.endpoint.dialogCount == 1)
    }
}
