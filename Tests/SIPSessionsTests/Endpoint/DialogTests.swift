import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Inside a dialog: order, target, re-INVITE, UPDATE, OPTIONS, hanging up (RFC 3261 §12–§15).
@Suite struct DialogTests {
    let caller = Caller().with { $0.body = Caller.offer }
    let busy = SIPAnswer(486)

    // MARK: - Order (§12.2.2)

    @Test func aLowerNumberGets500() {
        var rig = Rig()
        let known = rig.talking(caller.with { $0.cseq = 10 })
        #expect(rig.receive(known.with { $0.cseq = 8 }.next().says("OPTIONS")) == ["→ 500 OPTIONS", "turnedAway OPTIONS 500"])
        #expect(rig.receive(known.with { $0.cseq = 9 }.next().says("BYE")) == ["→ 500 BYE", "turnedAway BYE 500"])
        #expect(rig.endpoint.dialogCount == 1)
        #expect(rig.receive(known.with { $0.cseq = 30 }.next().says("BYE")).first == "→ 200 BYE")
    }

    @Test func aLowerReinviteGets500AndWaitsForItsAck() {
        var rig = Rig()
        let known = rig.talking(caller.with { $0.cseq = 10 })
        let late = known.with { $0.cseq = 3 }.next()
        #expect(rig.receive(late.says("INVITE")).first == "→ 500 INVITE")
        #expect(rig.receive(late.says("ACK")) == [])
        #expect(rig.endpoint.transactionCount == 1)  // only the first INVITE's timer L
    }

    /// On a stream a refusal inside a dialog leaves nothing behind; on datagrams a transaction repeats it.
    @Test(arguments: [true, false]) func refusalsInsideADialogDoNotPileUp(reliable: Bool) {
        var rig = Rig(isReliable: reliable)
        let known = rig.talking(caller.with { $0.cseq = 10 })
        let late = known.with { $0.cseq = 3 }.next()
        rig.receive(late.says("INVITE"))
        let refusal = rig.lastResponse
        #expect(rig.endpoint.transactionCount == (reliable ? 1 : 2))
        rig.receive(late.says("INVITE"))
        #expect(rig.lastResponse == refusal)
        #expect(rig.receive(late.says("ACK")) == [])
        _ = rig.wait(.seconds(32))
        #expect(rig.endpoint.transactionCount == 0)
    }

    // MARK: - Route and target

    /// §12.1.1, §12.2.1.1: the route set in received order, the Contact as target.
    @Test func requestsFollowTheRouteSet() {
        var rig = Rig()
        _ = rig.talking(caller.with { $0.recordRoutes = ["<sip:p2.carrier.example;lr>", "<sip:p1.carrier.example;lr>"] })
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye", "→ BYE"])
        let bye = rig.lastRequest
        #expect(bye?.requestURI.text == "sip:gw@192.0.2.9:5061;transport=tls")
        #expect(bye?.routes.map(\.uri.host.string) == ["p2.carrier.example", "p1.carrier.example"])
        #expect(bye?.cseq == CSeq(1, .bye))
        #expect(bye?.from.uri.text == "sip:+4930123@sotto.example" && bye?.from.tag == rig.lastResponse?.to.tag)
        #expect(bye?.to.uri.text == "sip:+49170@carrier.example" && bye?.to.tag == "1928301774")
        #expect(bye?.topVia?.host == "sotto.example" && bye?.topVia?.port == 5061 && bye?.topVia?.hasTransactionID == true)
        #expect(rig.lastTarget?.redial?.host == "p2.carrier.example")
    }

    /// §12.2.1.1: a strict router stands in the Request-URI, and the target at the end of the route.
    @Test func aStrictRouterIsObeyed() {
        var rig = Rig()
        _ = rig.talking(caller.with { $0.recordRoutes = ["<sip:strict.example>", "<sip:p1.carrier.example;lr>"] })
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.lastRequest?.requestURI.text == "sip:strict.example")
        #expect(rig.lastRequest?.routes.map { $0.uri.text.string } == ["sip:p1.carrier.example;lr", "sip:gw@192.0.2.9:5061;transport=tls"])
    }

    /// The route set stays, the target moves with an accepted re-INVITE (§12.2) and not with a refused one (RFC 6141 §4.1).
    @Test(arguments: [(UInt16(200), "sip:moved@192.0.2.10;transport=tls"), (UInt16(488), "sip:gw@192.0.2.9:5061;transport=tls")])
    func aReinviteMovesTheTargetWhenAccepted(status: UInt16, target: String) {
        var rig = Rig()
        let known = rig.talking(caller.with { $0.recordRoutes = ["<sip:p1.carrier.example;lr>"] })
        let again = known.next().with {
            $0.contact = "<sip:moved@192.0.2.10;transport=tls>"
            $0.recordRoutes = ["<sip:elsewhere.example;lr>"]
            $0.body = Caller.offer
        }
        #expect(rig.receive(again.says("INVITE")) == ["→ 100 INVITE", "reinviteArrived"])
        guard let invite = rig.rearrived?.invite else { return }
        #expect(rig.command(.answer(invite, SIPAnswer(status))) == ["→ \(status) INVITE"])
        rig.receive((status == 200 ? again.next(sameNumber: true) : again).says("ACK"))
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.lastRequest?.requestURI.text.string == target)
        #expect(rig.lastRequest?.routes.map(\.uri.host.string) == ["p1.carrier.example"])
    }

    // MARK: - re-INVITE

    /// RFC 6141 §3.1: a refused re-INVITE keeps the session.
    @Test func aRefusedReinviteKeepsTheSession() {
        var rig = Rig()
        let known = rig.talking(caller)
        let again = known.next().with { $0.body = Caller.offer }
        rig.receive(again.says("INVITE"))
        #expect(rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(488))) == ["→ 488 INVITE"])
        #expect(rig.receive(again.says("ACK")) == [])
        #expect(rig.endpoint.dialogCount == 1)
        #expect(rig.receive(again.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
    }

    @Test func anAcceptedReinviteIsAcknowledgedByNumber() {
        var rig = Rig()
        let known = rig.talking(caller)
        let again = known.next()
        #expect(rig.receive(again.says("INVITE")).last == "reinviteArrived")  // without an offer
        #expect(rig.rearrived?.request.body.isEmpty == true)
        rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(200, body: SIPBody(Array("v=0\r\n".utf8)))))
        #expect(rig.lastResponse?.contacts.count == 1)
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == [])  // of the first INVITE
        #expect(rig.wait(.milliseconds(600)) == ["500 → 200 INVITE"])
        #expect(rig.receive(again.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.wait(.seconds(31)) == [])
    }

    /// §14.2: a second INVITE before the first one's answer: 500 with Retry-After from 0 to 10 s.
    @Test func anOverlappingReinviteGets500WithRetryAfter() {
        var rig = Rig()
        let known = rig.talking(caller)
        let again = known.next()
        rig.receive(again.says("INVITE"))
        #expect(rig.receive(again.next().says("INVITE")) == ["→ 500 INVITE", "turnedAway INVITE 500"])
        #expect((rig.lastResponse?.seconds(.retryAfter) ?? 99) <= 10)
    }

    /// §14.2: ours is under way.
    @Test func aReinviteThatMeetsOursGets491() {
        var rig = Rig()
        let known = rig.talking(caller)
        #expect(rig.command(.reoffer(rig.dialog, SIPBody(Array("v=0\r\n".utf8)))) == ["→ INVITE"])
        #expect(rig.receive(known.next().says("INVITE")) == ["→ 491 INVITE", "turnedAway INVITE 491"])
    }

    @Test func aWithdrawnReinviteKeepsTheSession() {
        var rig = Rig()
        let again = rig.talking(caller).next()
        rig.receive(again.says("INVITE"))
        #expect(rig.receive(again.says("CANCEL")) == ["→ 200 CANCEL", "→ 487 INVITE", "reinviteWithdrawn"])
        #expect(rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(200))) == [])
        #expect(rig.endpoint.dialogCount == 1)
    }

    // MARK: - UPDATE (RFC 3311)

    @Test func anUpdateWithoutBodyRefreshesTheTarget() {
        var rig = Rig()
        let known = rig.talking(caller)
        #expect(rig.receive(known.next().with { $0.contact = "<sip:new@192.0.2.11>" }.says("UPDATE")) == ["→ 200 UPDATE"])
        #expect(rig.lastResponse?.contacts.count == 1)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.lastRequest?.requestURI.text == "sip:new@192.0.2.11")
    }

    @Test func anUpdateWithAnOfferIsTheApplications() {
        var rig = Rig()
        let known = rig.talking(caller)
        let update = known.next().with { $0.body = Caller.offer }
        #expect(rig.receive(update.says("UPDATE")) == ["updateArrived"])
        #expect(rig.receive(update.next().with { $0.body = Caller.offer }.says("UPDATE")).first == "→ 500 UPDATE")
        guard case .updateArrived(let arrived)? = rig.events.first(where: { if case .updateArrived = $0 { true } else { false } }) else {
            return
        }
        #expect(rig.command(.answerUpdate(arrived.update, SIPAnswer(200, body: SIPBody(Array("v=0\r\n".utf8))))) == ["→ 200 UPDATE"])
        #expect(rig.command(.answerUpdate(arrived.update, SIPAnswer(200))) == [])
        #expect(rig.receive(update.next().next().with { $0.body = Caller.offer }.says("UPDATE")) == ["updateArrived"])
    }

    /// RFC 3311 §5.2: the INVITE's own offer is not answered yet.
    @Test func anUpdateWithAnOfferBeforeTheAnswerGets500() {
        var rig = Rig()
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        let known = caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        #expect(rig.receive(known.next().with { $0.body = Caller.offer }.says("UPDATE")).first == "→ 500 UPDATE")
        #expect((rig.lastResponse?.seconds(.retryAfter) ?? 99) <= 10)
    }

    @Test func anUpdateNobodyAnswersEndsSilently() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.receive(known.next().with { $0.body = Caller.offer }.says("UPDATE"))
        _ = rig.wait(.seconds(32))
        #expect(rig.endpoint.transactionCount == 0)
        #expect(rig.receive(known.next().next().says("INVITE")).last == "reinviteArrived")
    }

    // MARK: - OPTIONS (§11.2)

    @Test func optionsAreAnsweredInAndOutOfDialogs() {
        var rig = Rig()
        #expect(rig.receive(Caller().with { $0.callID = "probe" }.says("OPTIONS")) == ["→ 200 OPTIONS"])
        #expect(rig.lastResponse?.allow.contains(.invite) == true)
        #expect(rig.lastResponse?.list(.accept).map(\.string).prefix(2) == ["application/sdp", "multipart/mixed"])
        #expect(rig.lastResponse?.supported.map(\.string) == ["100rel", "timer", "replaces", "norefersub"])
        let known = rig.talking(caller)
        #expect(rig.receive(known.next().says("OPTIONS")) == ["→ 200 OPTIONS"])
        #expect(rig.endpoint.dialogCount == 1)
    }

    // MARK: - Session timers (RFC 4028)

    @Test func thePeerMayRefreshTheSession() {
        var rig = Rig()
        let caller = caller.with { $0.headers = ["Supported: timer", "Session-Expires: 1800"] }
        let known = rig.talking(caller)
        #expect(rig.lastResponse?.header(.sessionExpires) == "1800;refresher=uac")
        #expect(rig.lastResponse?.require.map(\.string) == ["timer"])
        _ = rig.wait(.seconds(900))
        let refresh = known.next().with { $0.headers = ["Supported: timer", "Session-Expires: 1800;refresher=uac"] }
        #expect(rig.receive(refresh.says("UPDATE")) == ["→ 200 UPDATE"])
        // §10: 32 s before the end of the interval.
        #expect(rig.wait(.seconds(1_767)) == [])
        #expect(rig.wait(.seconds(1)) == ["1000 ended sessionExpired", "1000 → BYE"])
    }

    @Test func aShortIntervalGets422WithMinSE() {
        var rig = Rig()
        let short = caller.with { $0.headers = ["Supported: timer", "Session-Expires: 60"] }
        #expect(rig.receive(short.says("INVITE")) == ["→ 422 INVITE", "turnedAway INVITE 422"])
        #expect(rig.lastResponse?.seconds(.minSE) == 90)
    }

    @Test(arguments: [
        ["Supported: timer"], ["Supported: timer", "Session-Expires: soon"], ["Session-Expires: 60"],
    ])
    func otherwiseThereIsNoTimer(headers: [String]) {
        var rig = Rig()
        _ = rig.talking(caller.with { $0.headers = headers })
        #expect(rig.lastResponse?.header(.sessionExpires) == nil)
        #expect(rig.wait(.seconds(7_200)) == [])
    }

    /// §7.4: our re-INVITE keeps the peer's timer, and its 2xx says what counts from then on.
    @Test(arguments: [(true, "500 ended sessionExpired"), (false, "")])
    func ourReofferSpeaksOfTheTimer(isKept: Bool, end: String) {
        var rig = Rig()
        _ = rig.talking(caller.with { $0.headers = ["Supported: timer", "Session-Expires: 90"] })
        _ = rig.wait(.milliseconds(59_500))
        rig.command(.reoffer(rig.dialog, SIPBody([1])))
        guard let invite = rig.lastRequest else { return }
        #expect(invite.header(.sessionExpires) == "90;refresher=uas")
        var success = answer(invite, 200)
        if isKept { success.add(.sessionExpires, "90;refresher=uas") }
        #expect(rig.receive(.response(success)) == ["→ ACK", "reoffer accepted"])
        _ = rig.wait(.milliseconds(59_500))
        #expect(rig.wait(.seconds(1)).first == (isKept ? end : nil))
    }

    // MARK: - Hanging up

    @Test func hangingUpConfirmedSendsByeWithItsReason() {
        var rig = Rig()
        _ = rig.talking(caller)
        let reason = SIPReason(protocolName: "Q.850", cause: 16).header
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [reason])) == ["ended localBye", "→ BYE"])
        #expect(rig.lastRequest?.reasons.first?.q850Cause == 16)
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == [])
        guard let bye = rig.lastRequest else { return }
        rig.receive(.response(answer(bye, 200)))
        _ = rig.wait(.seconds(32))
        #expect(rig.isIdle)
    }

    /// §15: a callee must not send BYE in an early dialog.
    @Test func hangingUpEarlyRefusesTheInvite() {
        var rig = Rig()
        rig.ringing(caller)
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["→ 486 INVITE", "ended refused 486"])
    }

    /// §15: nor before the ACK of its 2xx.
    @Test func hangingUpBeforeTheAckWaitsForIt() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye"])
        #expect(rig.wait(.milliseconds(500)) == ["500 → 200 INVITE"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["→ BYE"])
    }

    @Test func hangingUpWithoutAnyAckSendsByeAfter64T1() {
        var rig = Rig()
        _ = rig.accepted(caller)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.wait(.seconds(32)).last == "32000 → BYE")
        _ = rig.wait(.seconds(32))
        #expect(rig.isIdle)
    }

    @Test func aByeWithoutAnswerIsReapedByTimerF() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.endpoint.dialogCount == 1)
        #expect(rig.wait(.seconds(32)) == [])
        #expect(rig.isIdle)
    }

    // MARK: - As UAC, for dialogs that we open (§12.1.2)

    @Test func aDialogOfOursReversesTheRoute() {
        let invite = caller.request("INVITE")
        var response = SIPResponse(200, to: invite, toTag: "far")
        response.recordRoutes = ["<sip:near.example;lr>", "<sip:far.example;lr>"].map { NameAddress($0) }
        var dialog = Dialog(
            openedBy: invite, response: response, target: SIPURI("sip:callee@198.51.100.2"), id: DialogID(value: 1),
            contact: NameAddress("<sip:sotto.example>"), connection: Rig.first, profile: Rig.profile())
        #expect(dialog.phase == .confirmed)
        let ack = dialog.acknowledgement(cseq: 1, branch: "z9hG4bKack")
        #expect(ack.routes.map(\.uri.host.string) == ["far.example", "near.example"])
        #expect(ack.cseq == CSeq(1, .ack) && ack.to.tag == "far" && ack.from.tag == "1928301774")
        let bye = dialog.request(.bye, branch: "z9hG4bKbye")
        #expect(bye.cseq == CSeq(2, .bye))
        #expect(dialog.accepts(cseq: 1) && !dialog.accepts(cseq: 1) && dialog.accepts(cseq: 100))
    }
}
