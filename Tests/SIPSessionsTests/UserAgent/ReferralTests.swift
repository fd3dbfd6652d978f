import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// REFER with its implicit subscription (RFC 3515, RFC 6665), and Replaces (RFC 3891).
@Suite struct ReferralTests {
    private func arrived(_ rig: Rig) -> ReferArrived? {
        for event in rig.events.reversed() {
            if case .referArrived(let arrived) = event { return arrived }
        }
        return nil
    }

    private func refer(_ caller: Caller, _ headers: [String] = ["Refer-To: <sip:+49555@carrier.example>"]) -> Caller {
        caller.next().with { $0.headers = headers }
    }

    // MARK: - Received

    @Test func anObeyedReferReportsUntilItsEnd() {
        var rig = Rig()
        let known = rig.talking()
        let again = refer(known)
        #expect(rig.receive(again.says("REFER")) == ["referArrived"])
        guard let arrived = arrived(rig) else { return }
        #expect(arrived.referTo.uri.text == "sip:+49555@carrier.example" && arrived.replaces == nil)
        #expect(rig.command(.answerRefer(arrived.refer, SIPAnswer(200))) == ["→ 202 REFER", "→ NOTIFY"])
        let first = rig.lastRequest
        #expect(first?.header(.event)?.string == "refer;id=\(again.cseq)")
        #expect(first?.header(.subscriptionState) == "active;expires=180" && first?.contacts.count == 1)
        #expect(first?.contentType?.isType("message/sipfrag") == true)
        #expect(first?.body == SIPBody(Array("SIP/2.0 100 Trying\r\n".utf8)))
        #expect(rig.command(.notifyReferral(arrived.refer, status: 180)) == ["→ NOTIFY"])
        #expect(rig.command(.notifyReferral(arrived.refer, status: 486)) == ["→ NOTIFY"])
        #expect(rig.lastRequest?.header(.subscriptionState) == "terminated;reason=noresource")
        #expect(rig.lastRequest?.body == SIPBody(Array("SIP/2.0 486 Busy Here\r\n".utf8)))
        #expect(rig.command(.notifyReferral(arrived.refer, status: 200)) == [])
        #expect(rig.endpoint.subscriptions.isEmpty)
    }

    /// RFC 4488 §4, also where the peer requires that we know it.
    @Test func aReferrerWhoWantsNoSubscriptionGetsNone() {
        var rig = Rig()
        let known = rig.talking()
        let silent = refer(known, ["Refer-To: <sip:+49555@carrier.example>", "Refer-Sub: false", "Require: norefersub"])
        #expect(rig.receive(silent.says("REFER")) == ["referArrived"])
        guard let arrived = arrived(rig) else { return }
        #expect(rig.command(.answerRefer(arrived.refer, SIPAnswer(202))) == ["→ 202 REFER"])
        #expect(rig.lastResponse?.header(otherName: "Refer-Sub") == "false")
        #expect(rig.command(.notifyReferral(arrived.refer, status: 200)) == [])
        #expect(rig.endpoint.subscriptions.isEmpty)
    }

    /// Obeyed by policy only: the application says 603, and nothing is left.
    @Test func aRefusedReferLeavesNothing() {
        var rig = Rig()
        let known = rig.talking()
        rig.receive(refer(known).says("REFER"))
        #expect(rig.command(.answerRefer(arrived(rig)?.refer ?? RequestID(value: 0), SIPAnswer(603))) == ["→ 603 REFER"])
        #expect(rig.endpoint.subscriptions.isEmpty && rig.endpoint.dialogCount == 1)
    }

    @Test func aReferOutsideADialogIsObeyedForNobody() {
        var rig = Rig()
        #expect(rig.receive(Caller().with { $0.headers = ["Refer-To: <sip:x@y.example>"] }.says("REFER")).first == "→ 403 REFER")
    }

    /// §2.4.2: exactly one Refer-To, and one that can be read.
    @Test(arguments: [[], ["Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"], ["Refer-To: <<>>"]])
    func aMalformedReferGets400(headers: [String]) {
        var rig = Rig()
        let known = rig.talking()
        #expect(rig.receive(refer(known, headers).says("REFER")).first == "→ 400 REFER")
    }

    @Test func moreReferralsThanAllowedGet500() {
        var rig = Rig()
        var known = rig.talking()
        for _ in 0..<2 {
            known = refer(known)
            #expect(rig.receive(known.says("REFER")) == ["referArrived"])
        }
        known = refer(known)
        #expect(rig.receive(known.says("REFER")).first == "→ 500 REFER")
        #expect(rig.lastResponse?.seconds(.retryAfter) != nil)
    }

    /// An application that says nothing: the subscription ends by itself.
    @Test func aForgottenReferralEndsByItself() {
        var rig = Rig()
        rig.receive(refer(rig.talking()).says("REFER"))
        rig.command(.answerRefer(arrived(rig)?.refer ?? RequestID(value: 0), SIPAnswer(202)))
        if let notify = rig.lastRequest { rig.receive(.response(answer(notify, 200))) }
        #expect(rig.wait(.seconds(180)).last == "180000 → NOTIFY")
        #expect(rig.lastRequest?.header(.subscriptionState) == "terminated;reason=timeout")
        #expect(rig.endpoint.subscriptions.isEmpty)
    }

    /// RFC 6665 §4.2.2: a NOTIFY that is refused ends it too.
    @Test func aRefusedNotifyEndsTheSubscription() {
        var rig = Rig()
        rig.receive(refer(rig.talking()).says("REFER"))
        let id = arrived(rig)?.refer ?? RequestID(value: 0)
        rig.command(.answerRefer(id, SIPAnswer(202)))
        guard let notify = rig.lastRequest else { return }
        rig.receive(.response(answer(notify, 481)))
        #expect(rig.command(.notifyReferral(id, status: 200)) == [])
    }

    // MARK: - Sent

    @Test func aReferOfOursIsFollowedToItsEnd() {
        var rig = Rig()
        var callee = rig.connected()
        let target = NameAddress("<sip:+49555@carrier.example>")
        #expect(rig.command(.refer(rig.answered, to: target, replaces: nil, headers: [])) == ["→ REFER"])
        #expect(rig.command(.refer(rig.answered, to: target, replaces: nil, headers: [])) == ["referral notNow"])
        guard let refer = rig.lastRequest else { return }
        #expect(refer.header(.referTo) == "<sip:+49555@carrier.example>" && refer.contacts.count == 1)
        #expect(rig.receive(.response(answer(refer, 202))) == ["referral accepted"])
        func notify(_ status: String, _ state: String, id: String = "") -> SIPMessage {
            callee.says(
                "NOTIFY", ["Event: refer\(id)", "Subscription-State: \(state)"], body: "SIP/2.0 \(status)\r\n", type: "message/sipfrag")
        }
        #expect(rig.receive(notify("100 Trying", "active;expires=60")) == ["→ 200 NOTIFY", "referral 100"])
        #expect(rig.receive(notify("180 Ringing", "active", id: ";id=99")).first == "→ 481 NOTIFY")
        #expect(rig.receive(notify("nonsense", "active")).first == "→ 400 NOTIFY")
        let id = ";id=\(refer.cseq.number)"
        #expect(rig.receive(notify("200 OK", "terminated;reason=noresource", id: id)) == ["→ 200 NOTIFY", "referral ended 200"])
        #expect(rig.receive(notify("200 OK", "terminated")).first == "→ 481 NOTIFY")
    }

    @Test func otherEventsGet489AndOtherBodies415() {
        var rig = Rig()
        var callee = rig.connected()
        rig.command(.refer(rig.answered, to: NameAddress("<sip:x@y.example>"), replaces: nil, headers: []))
        let state = "Subscription-State: active"
        let event = callee.says("NOTIFY", ["Event: presence", state], body: "SIP/2.0 200 OK", type: "message/sipfrag")
        #expect(rig.receive(event).first == "→ 489 NOTIFY")
        #expect(rig.lastResponse?.header(.allowEvents) == "refer")
        let body = callee.says("NOTIFY", ["Event: refer", "Subscription-State: active"], body: "v=0", type: "application/sdp")
        #expect(rig.receive(body).first == "→ 415 NOTIFY")
        #expect(rig.lastResponse?.list(.accept).map(\.string) == ["message/sipfrag"])
    }

    @Test func aRefusedReferOfOursIsTold() {
        var rig = Rig()
        _ = rig.connected()
        rig.command(.refer(rig.answered, to: NameAddress("<sip:x@y.example>"), replaces: nil, headers: []))
        guard let refer = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(refer, 603))) == ["referral refused 603"])
        #expect(rig.wait(.seconds(300)).filter { $0.contains("referral") } == [])
    }

    @Test func aSilentReferralEnds() {
        var rig = Rig()
        _ = rig.connected()
        rig.command(.refer(rig.answered, to: NameAddress("<sip:x@y.example>"), replaces: nil, headers: []))
        if let refer = rig.lastRequest { rig.receive(.response(answer(refer, 202))) }
        #expect(rig.wait(.seconds(212)).contains("212000 referral ended without status"))
    }

    /// RFC 3891: to-tag is the far end's own tag.
    @Test func anAttendedTransferNamesTheOtherDialog() {
        var rig = Rig()
        _ = rig.connected()
        let first = rig.answered
        let other = rig.calling { $0.attempt = AttemptID(2) }.with { $0.tag = "b;~1" }
        rig.receive(other.with { $0.tag = "other" }.answers(200, body: Callee.answer))
        let second = rig.answered
        #expect(first != second)
        rig.command(.refer(first, to: NameAddress("<sip:b@carrier.example>"), replaces: second, headers: []))
        guard let value = rig.lastRequest?.header(.referTo), let replaced = SIPReplaces(in: NameAddress(value).uri) else {
            Issue.record("no Replaces")
            return
        }
        #expect(replaced.callID == other.invite.callID && replaced.toTag == "other" && replaced.fromTag == other.invite.from.tag)
        // And back: the peer refers us to a dialog of ours by the same words.
        #expect(value.string.contains("Replaces="))
    }

    // MARK: - Replaces received

    private func replacing(_ rig: Rig, callID: String? = nil, to: String? = nil, from: String? = nil, more: String = "") -> Caller {
        let known = Caller()
        let local = rig.sent.compactMap { message -> String? in
            if case .response(let response) = message, response.status == 200 { response.to.tag?.string } else { nil }
        }
        let value = "\(callID ?? known.callID);to-tag=\(to ?? local.first ?? "");from-tag=\(from ?? known.tag)\(more)"
        return Caller().with {
            $0.callID = "new"
            $0.tag = "new"
            $0.branch = "z9hG4bKnew"
            $0.body = Caller.offer
            $0.headers = ["Require: replaces", "Replaces: \(value)"]
        }
    }

    @Test func aMatchedReplacesNamesItsDialog() {
        var rig = Rig()
        _ = rig.talking()
        let old = rig.dialog
        #expect(rig.receive(replacing(rig).says("INVITE")) == ["→ 100 INVITE", "inviteArrived"])
        #expect(rig.arrived?.replaces == old && rig.arrived?.dialog != old)
    }

    /// §3: all three parts.
    @Test(arguments: [("other", nil, nil), (nil, "other", nil), (nil, nil, "other")] as [(String?, String?, String?)])
    func eachPartMustMatch(callID: String?, to: String?, from: String?) {
        var rig = Rig()
        _ = rig.talking()
        #expect(rig.receive(replacing(rig, callID: callID, to: to, from: from).says("INVITE")).first == "→ 481 INVITE")
        #expect(rig.endpoint.dialogCount == 1)
    }

    @Test func anotherPeersDialogIsNoMatch() {
        var rig = Rig()
        _ = rig.talking()
        rig.open(Rig.second, peer: PeerID(8))
        #expect(rig.receive(replacing(rig).says("INVITE"), on: Rig.second).first == "→ 481 INVITE on 2")
    }

    @Test func earlyOnlyMeetsAConfirmedDialog() {
        var rig = Rig()
        _ = rig.talking()
        #expect(rig.receive(replacing(rig, more: ";early-only").says("INVITE")).first == "→ 486 INVITE")
    }

    @Test func aDialogThatEndsCannotBeReplaced() {
        var rig = Rig()
        _ = rig.talking()
        rig.command(.hangUp(rig.dialog, refusal: SIPAnswer(480), headers: []))
        #expect(rig.receive(replacing(rig).says("INVITE")).first == "→ 603 INVITE")
    }

    /// §3: an early dialog that we did not open.
    @Test func aRingingCallOfTheirsCannotBeReplaced() {
        var rig = Rig()
        let arrived = rig.ringing()
        rig.command(.answer(arrived.invite, SIPAnswer(180)))
        let tag = rig.lastResponse?.to.tag?.string
        #expect(rig.receive(replacing(rig, to: tag).says("INVITE")).first == "→ 481 INVITE")
    }

    @Test func aRingingCallOfOursMayBeReplaced() {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.answers(180))
        let caller = replacing(rig, callID: callee.invite.callID.text.string, to: callee.invite.from.tag?.string, from: "far")
        #expect(rig.receive(caller.says("INVITE")).last == "inviteArrived")
        #expect(rig.arrived?.replaces == rig.early.first)
    }

    @Test(arguments: ["x", "x;to-tag=1", "x;to-tag=1;from-tag=2;to-tag=3", ";to-tag=1;from-tag=2"])
    func aMalformedReplacesGets400(value: String) {
        var rig = Rig()
        _ = rig.talking()
        let caller = replacing(rig).with { $0.headers = ["Replaces: \(value)"] }
        #expect(rig.receive(caller.says("INVITE")).first == "→ 400 INVITE")
        let twice = replacing(rig).with { $0.headers = ["Replaces: a;to-tag=1;from-tag=2", "Replaces: b;to-tag=1;from-tag=2"] }
        #expect(rig.receive(twice.says("INVITE")).first == "→ 400 INVITE")
    }
}
