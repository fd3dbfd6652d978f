import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// UPDATE from both sides (RFC 3311) and session timers in both roles (RFC 4028).
@Suite struct UpdateTests {
    let offer = SIPBody(Array("v=0\r\n".utf8))

    private var lastUpdate: (Rig) -> RequestID? {
        { rig in
            for event in rig.events.reversed() {
                if case .updateArrived(let arrived) = event { return arrived.update }
            }
            return nil
        }
    }

    // MARK: - Early dialogs

    /// §5.1: allowed once the first offer has its reliable answer.
    @Test func weUpdateAnEarlyDialogOfOurs() {
        var rig = Rig()
        let callee = rig.calling()
        rig.receive(callee.answers(180))
        #expect(rig.command(.update(rig.early[0], offer)) == ["update notNow"])
        rig.receive(callee.answers(183, ["Require: 100rel", "RSeq: 1"], body: Callee.answer))
        #expect(rig.command(.update(rig.early[0], offer)) == ["→ UPDATE"])
        #expect(rig.command(.update(rig.early[0], offer)) == ["update notNow"])
        guard let update = rig.lastRequest else { return }
        #expect(update.contacts.count == 1 && update.cseq == CSeq(3, .update) && update.header(.sessionExpires) == nil)
        #expect(rig.receive(.response(answer(update, 200))) == ["update accepted"])
        #expect(rig.receive(callee.answers(200)) == ["→ ACK", "answered 200"])
    }

    @Test func theCalleeUpdatesAnEarlyDialog() {
        var rig = Rig()
        var callee = rig.calling()
        rig.receive(callee.answers(180))
        // §5.2: our own offer waits for its answer.
        #expect(rig.receive(callee.says("UPDATE", body: Caller.offer)).first == "→ 491 UPDATE")
        rig.receive(callee.answers(183, ["Require: 100rel", "RSeq: 1"], body: Callee.answer))
        #expect(rig.receive(callee.says("UPDATE", body: Caller.offer)) == ["updateArrived"])
        #expect(rig.command(.answerUpdate(lastUpdate(rig) ?? RequestID(value: 0), SIPAnswer(200, body: offer))) == ["→ 200 UPDATE"])
    }

    @Test func theCallerUpdatesAnEarlyDialogOfTheirs() {
        var rig = Rig()
        let caller = Caller().with {
            $0.body = Caller.offer
            $0.headers = ["Supported: 100rel"]
        }
        let arrived = rig.ringing(caller)
        rig.command(.answer(arrived.invite, SIPAnswer(183, body: offer).reliably))
        let number = rig.lastResponse?.seconds(.rseq) ?? 0
        let known = caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        // §5.2: 500 with Retry-After until the offer has its answer acknowledged.
        #expect(rig.receive(known.next().with { $0.body = Caller.offer }.says("UPDATE")).first == "→ 500 UPDATE")
        #expect((rig.lastResponse?.seconds(.retryAfter) ?? 99) <= 10)
        #expect(rig.command(.update(arrived.dialog, offer)) == ["update notNow"])
        let prack = known.next().next().with { $0.headers = ["RAck: \(number) 1 INVITE"] }
        rig.receive(prack.says("PRACK"))
        let update = prack.next().with { $0.body = Caller.offer }
        #expect(rig.receive(update.says("UPDATE")) == ["updateArrived"])
        // §5.2: one at a time.
        #expect(rig.receive(update.next().with { $0.body = Caller.offer }.says("UPDATE")).first == "→ 500 UPDATE")
        #expect((rig.lastResponse?.seconds(.retryAfter) ?? 99) <= 10)
        rig.command(.answerUpdate(lastUpdate(rig) ?? RequestID(value: 0), SIPAnswer(200, body: offer)))
        #expect(rig.command(.update(arrived.dialog, offer)) == ["→ UPDATE"])
    }

    // MARK: - Glare

    @Test func offersThatMeetGet491() {
        var rig = Rig()
        var callee = rig.connected()
        #expect(rig.command(.update(rig.answered, offer)) == ["→ UPDATE"])
        guard let update = rig.lastRequest else { return }
        #expect(rig.receive(callee.says("UPDATE", body: Caller.offer)).first == "→ 491 UPDATE")
        #expect(rig.receive(callee.says("INVITE", body: Caller.offer)).first == "→ 491 INVITE")
        #expect(rig.command(.reoffer(rig.answered, offer)) == ["reoffer notNow"])
        #expect(rig.receive(.response(answer(update, 491))) == ["update refused 491"])
        #expect(rig.command(.reoffer(rig.answered, offer)) == ["→ INVITE"])
        #expect(rig.command(.update(rig.answered, offer)) == ["update notNow"])
        #expect(rig.receive(callee.says("UPDATE", body: Caller.offer)).first == "→ 491 UPDATE")
    }

    @Test func aLostDialogIsEndedByItsUpdate() {
        var rig = Rig()
        _ = rig.connected()
        rig.command(.update(rig.answered, offer))
        guard let update = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(update, 481))) == ["update refused 481", "ended lost 481", "→ BYE"])
    }

    // MARK: - Session timers, calls of ours (RFC 4028 §7)

    /// §7.2, §10: the UAC refreshes at half the interval, by UPDATE.
    @Test func weRefreshAtHalfTheInterval() {
        var rig = Rig()
        let callee = rig.connected(["Allow: INVITE, ACK, BYE, UPDATE", "Session-Expires: 1800;refresher=uac"])
        #expect(rig.wait(.seconds(900)) == ["900000 → UPDATE"])
        guard let update = rig.lastRequest else { return }
        #expect(update.body.isEmpty && update.header(.sessionExpires) == "1800;refresher=uac")
        var success = answer(update, 200)
        success.add(.sessionExpires, "1800;refresher=uac")
        #expect(rig.receive(.response(success)) == [])
        #expect(rig.wait(.seconds(900)) == ["900000 → UPDATE"])
        _ = callee
    }

    /// §10: without an answer to the refresh the session ends before its time.
    @Test func aRefreshNobodyAnswersEndsTheCall() {
        var rig = Rig()
        _ = rig.connected(["Allow: UPDATE", "Session-Expires: 90;refresher=uac"])
        #expect(rig.wait(.seconds(90)) == ["45000 → UPDATE", "60000 ended sessionExpired", "60000 → BYE"])
    }

    @Test func aRefusedRefreshIsTriedAgain() {
        var rig = Rig()
        _ = rig.connected(["Allow: UPDATE", "Session-Expires: 1800;refresher=uac"])
        _ = rig.wait(.seconds(900))
        guard let update = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(update, 491))) == [])
        let lines = rig.wait(.seconds(11))
        #expect(lines.count == 1 && lines.first?.hasSuffix("→ UPDATE") == true)
    }

    /// Without UPDATE only a re-INVITE is left, whose body only the application knows.
    @Test func withoutUpdateTheApplicationReoffers() {
        var rig = Rig()
        _ = rig.connected(["Allow: INVITE, ACK, BYE", "Session-Expires: 1800;refresher=uac"])
        #expect(rig.wait(.seconds(900)) == ["900000 refreshDue"])
        #expect(rig.command(.reoffer(rig.answered, offer)) == ["→ INVITE"])
        guard let invite = rig.lastRequest else { return }
        #expect(invite.header(.sessionExpires) == "1800;refresher=uac")
        var success = answer(invite, 200)
        success.add(.sessionExpires, "1800;refresher=uac")
        #expect(rig.receive(.response(success)) == ["→ ACK", "reoffer accepted"])
        #expect(rig.wait(.seconds(899)) == [])
        #expect(rig.wait(.seconds(1)) == ["1000 refreshDue"])
    }

    /// The callee took the refresher's role: by INVITE or UPDATE, both count.
    @Test(arguments: ["INVITE", "UPDATE"]) func thePeerRefreshesByEither(method: String) {
        var rig = Rig()
        var callee = rig.connected(["Allow: UPDATE", "Session-Expires: 1800;refresher=uas", "Require: timer"])
        _ = rig.wait(.seconds(1_700))
        let headers = ["Supported: timer", "Session-Expires: 1800;refresher=uac"]
        rig.receive(callee.says(method, headers, body: method == "INVITE" ? Caller.offer : ""))
        if method == "INVITE" {
            rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), SIPAnswer(200, body: offer)))
            #expect(rig.lastResponse?.header(.sessionExpires) == "1800;refresher=uac")
            rig.receive(
                Callee(invite: callee.invite, tag: callee.tag, cseq: callee.cseq - 1).acknowledging())
        }
        #expect(rig.wait(.seconds(1_700)).filter { $0.contains("ended") } == [])
        #expect(rig.wait(.seconds(100)).contains { $0.hasSuffix("ended sessionExpired") })
    }

    /// §7.3: the INVITE goes out again with what the 422 asks for.
    @Test func a422IsObeyed() {
        var rig = Rig()
        let callee = rig.calling()
        #expect(rig.receive(callee.answers(422, ["Min-SE: 3600"])) == ["→ ACK", "→ INVITE"])
        guard let again = rig.lastRequest else { return }
        #expect(again.header(.sessionExpires) == "3600" && again.header(.minSE) == "3600" && again.cseq.number == 2)
        #expect(again.callID == callee.invite.callID && again.from == callee.invite.from)
        #expect(again.topVia?.branch != callee.invite.topVia?.branch && again.body == callee.invite.body)
        // One that asks for what it was given has had its chance.
        #expect(rig.receive(Callee(invite: again).answers(422, ["Min-SE: 3600"])) == ["→ ACK", "attempt refused 422"])
        #expect(rig.isIdle)
    }

    // MARK: - Session timers, calls of theirs (§9)

    @Test(arguments: [
        (["Supported: timer", "Session-Expires: 1800;refresher=uas"], "1800;refresher=uas"),
        (["Supported: timer", "Session-Expires: 1800;refresher=uac"], "1800;refresher=uac"),
        (["Supported: timer", "Session-Expires: 1800"], "1800;refresher=uac"),
        (["Session-Expires: 1800"], "1800;refresher=uas"),
    ])
    func theRefresherIsWhoeverTheTableSays(headers: [String], value: String) {
        var rig = Rig()
        _ = rig.talking(Caller().with { $0.headers = headers + ["Allow: UPDATE"] })
        #expect(rig.lastResponse?.header(.sessionExpires)?.string == value)
        #expect(rig.lastResponse?.has("timer", in: .require) == value.hasSuffix("uac"))
        #expect((rig.wait(.seconds(900)) == ["900000 → UPDATE"]) == value.hasSuffix("uas"))
    }

    /// The role stays when a refresh names none.
    @Test func theRefresherKeepsTheRole() {
        var rig = Rig()
        let known = rig.talking(Caller().with { $0.headers = ["Supported: timer", "Session-Expires: 1800;refresher=uas"] })
        rig.receive(known.next().with { $0.headers = ["Supported: timer", "Session-Expires: 1800"] }.says("UPDATE"))
        #expect(rig.lastResponse?.header(.sessionExpires) == "1800;refresher=uas")
    }

    @Test func aTimerMayBeProposed() {
        var rig = Rig()
        let arrived = rig.ringing(Caller().with { $0.headers = ["Supported: timer", "Min-SE: 2000"] })
        var answer = SIPAnswer(200, body: offer)
        answer.sessionExpires = 1_800
        rig.command(.answer(arrived.invite, answer))
        #expect(rig.lastResponse?.header(.sessionExpires) == "2000;refresher=uac")
    }

    @Test(arguments: ["INVITE", "UPDATE"]) func aShortRefreshGets422(method: String) {
        var rig = Rig()
        let known = rig.talking()
        let short = known.next().with { $0.headers = ["Supported: timer", "Session-Expires: 89"] }
        #expect(rig.receive(short.says(method)).first == "→ 422 \(method)")
        #expect(rig.lastResponse?.seconds(.minSE) == 90)
        #expect(rig.endpoint.dialogCount == 1)
    }
}

extension Callee {
    /// The ACK of the re-INVITE that was said last but one.
    func acknowledging() -> SIPMessage {
        var copy = self
        return copy.says("ACK")
    }
}
