import Consent
import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls
@testable import SIPSessions

/// From the agent to a person, and what peers make of a call by REFER and Replaces.
@Suite struct HandOverTests {
    private let person = DialledNumber(user: "+49305550")

    private func talking(_ house: House, consents: Bool = true) -> Desk {
        var desk = Desk(house)
        desk.calls()
        desk.acks()
        if consents { desk.voice(.answered(.yes, by: .key)) }
        return desk
    }

    private func request(say: String? = "One moment.", consults: Bool = false) -> HandOverRequest {
        HandOverRequest(say: say, trunk: House.name("pbx"), number: person, consults: consults)
    }

    @Test func callerIsHandedToAPersonAndNotRecordedAnyMore() {
        var desk = talking(House.agency())
        #expect(desk.grants.count == 1)
        #expect(
            desk.voice(.handOver(request())) == [
                "say One moment.", "hand-over dialled", "caller ringBack", "dial pbx", "callee reserve",
                "INVITE sip:+49305550@pbx.example;transport=tls;user=phone",
            ])
        #expect(desk.state == "handing-over")
        #expect(desk.far(180) == [])
        // Fail closed: the person has agreed to nothing.
        #expect(
            desk.far(200, body: FarSide.answer(to: desk.offer)) == [
                "dial over alive", "callee start bridge sendrecv", "hand-over reached", "record stop", "recording stopped", "voice end",
                "caller silence", "callee silence", "caller bridge callee",
            ])
        #expect(desk.state == "bridged")
        #expect(desk.voice(.hangUp(reason: "late", isFault: false)) == [])
        let lines = desk.ends(desk.callee, .remoteBye(FarSide.bye()))
        #expect(lines.contains("BYE caller") && !lines.contains("voice end"))
        #expect(desk.records.first?.wasRecorded == true)
        #expect(desk.records.first?.consent.map { if case .granted = $0.outcome { true } else { false } } == true)
        #expect(desk.isIdle)
    }

    @Test(arguments: [(486, HandOverFailure.busy), (480, .noAnswer), (603, .refused), (500, .unreachable)])
    func dialogueGoesOnWhenNobodyIsReached(_ status: Int, _ why: HandOverFailure) {
        var desk = talking(House.agency())
        desk.voice(.handOver(request(say: nil)))
        let lines = desk.far(status)
        #expect(lines.suffix(3) == ["hand-over failed \(why.rawValue)", "caller silence", "dialogue: hand-over failed \(why.rawValue)"])
        #expect(desk.state == "talking")
        // And may try again: with a leg of its own, so that what comes late from the first is not taken for it.
        desk.hops = [51]
        #expect(desk.voice(.handOver(request(say: nil))).contains("callee-2 reserve"))
        #expect(desk.media(.timedOut, .callee(1)) == [])
        desk.far(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.state == "bridged")
        #expect(desk.table.summaries.first?.farLegs.map(\.leg) == [.callee(2)])
    }

    @Test func callerWhoHangsUpTakesTheLegAlong() {
        var desk = talking(House.agency())
        desk.voice(.handOver(request()))
        desk.far(180)
        #expect(desk.ends(desk.caller, .remoteBye(FarSide.bye())).contains("CANCEL"))
        #expect(desk.isIdle)
    }

    @Test func handOverNeedsATrunkAndNoPaymentMode() {
        var desk = talking(House())
        #expect(desk.voice(.handOver(request())) == ["dialogue: hand-over failed forbidden"])
        var paying = talking(House.agency())
        paying.voice(.payment(isOn: true))
        #expect(paying.voice(.handOver(request())) == ["dialogue: hand-over failed forbidden"])
    }

    @Test func handOversOfOneCallAreBounded() {
        var desk = talking(House.agency())
        desk.hops = Array(50..<100)
        for _ in 0..<30 {
            desk.voice(.handOver(request(say: nil)))
            desk.far(486)
        }
        #expect(desk.dials.count == 8)
        #expect(desk.state == "talking")
    }

    // MARK: - By REFER

    @Test func callersOwnSideIsAskedToCallThePerson() {
        var desk = talking(House.agency(House.outbound("pbx", transfer: .refer)))
        #expect(desk.voice(.handOver(request(say: nil))) == ["hand-over referred", "REFER"])
        #expect(desk.referredTo?.0.text.string == "<sip:+49305550@pbx.example>")
        #expect(desk.sip(.referralProgressed(desk.caller, .accepted)) == [])
        #expect(desk.sip(.referralProgressed(desk.caller, .progressed(status: 180))) == [])
        let lines = desk.sip(.referralProgressed(desk.caller, .ended(status: 200)))
        #expect(lines.first == "hand-over reached" && lines.contains("BYE caller"))
        #expect(desk.isIdle)
    }

    @Test(arguments: [ReferralProgress.refused(FarSide.response(603)), .ended(status: 486), .ended(status: nil), .failed, .notNow])
    func dialogueGoesOnWhenTheReferCameToNothing(_ progress: ReferralProgress) {
        var desk = talking(House.agency(House.outbound("pbx", transfer: .refer)))
        desk.voice(.handOver(request(say: nil)))
        #expect(desk.sip(.referralProgressed(desk.caller, progress)).last?.hasPrefix("dialogue: hand-over failed") == true)
        #expect(desk.state == "talking")
    }

    /// RFC 3891: whom we called first is replaced by the caller's own side; its hanging up is no failure.
    @Test func consultedPersonIsReplacedByTheCallersSide() {
        var desk = talking(House.agency(House.outbound("pbx", transfer: .refer)))
        desk.voice(.handOver(request(say: nil, consults: true)))
        #expect(desk.far(200, body: FarSide.answer(to: desk.offer)).suffix(2) == ["callee holdMusic", "REFER replacing callee"])
        #expect(desk.ends(desk.callee, .remoteBye(FarSide.bye())) == ["callee close"])
        #expect(desk.sip(.referralProgressed(desk.caller, .ended(status: 200))).contains("BYE caller"))
        #expect(desk.isIdle)
    }

    @Test func consultedPersonIsBridgedWhenTheReferIsRefused() {
        var desk = talking(House.agency(House.outbound("pbx", transfer: .refer)))
        desk.voice(.handOver(request(say: nil, consults: true)))
        desk.far(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.sip(.referralProgressed(desk.caller, .refused(FarSide.response(405)))).contains("caller bridge callee"))
        #expect(desk.state == "bridged")
    }

    // MARK: - Their REFER

    private func refers(_ desk: inout Desk, to target: String, on dialog: DialogID? = nil, replaces: DialogID? = nil) -> [String] {
        desk.sip(
            .referArrived(
                ReferArrived(
                    refer: RequestID(value: 90), dialog: dialog ?? desk.callee, connection: ConnectionID(50),
                    referTo: NameAddress(WireText(target)), replaces: replaces, request: desk.request(Caller("a", body: ""), "REFER"))))
    }

    /// RFC 3515 §2.4.2: by policy alone.
    @Test func referIsRefusedUnlessPolicyObeys() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(refers(&desk, to: "<sip:+49307@pbx.example>") == ["transfer by callee refused", "REFER 603"])
        #expect(refers(&desk, to: "<sip:+49307@pbx.example>", on: desk.caller) == ["transfer by caller refused", "REFER 603"])
        #expect(desk.state == "bridged")
    }

    @Test func callerIsMovedToWhomTheFarSideNames() {
        var desk = Desk(House.bridging([House.outbound("pbx", refer: .obey)]))
        desk.bridged()
        desk.hops = [51]
        #expect(
            refers(&desk, to: "<sip:+49307@pbx.example?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>") == [
                "transfer by callee obeyed", "REFER 202", "dial pbx", "callee-2 reserve",
                "INVITE sip:+49307@pbx.example;transport=tls;user=phone",
            ])
        #expect(desk.invites.last?.headers.first { $0.name == .replaces }?.text?.string == "abc;to-tag=1;from-tag=2")
        let new = DialogID(value: 40)
        #expect(desk.far(180, on: new) == ["NOTIFY 180"])
        #expect(
            desk.far(200, body: FarSide.answer(to: desk.offer), on: new) == [
                "dial over alive", "callee-2 start bridge sendrecv", "caller silence", "NOTIFY 200", "caller bridge callee-2", "callee close",
                "BYE callee",
            ])
        #expect(desk.state == "bridged")
        #expect(desk.ends(new, .remoteBye(FarSide.bye())).contains("BYE caller"))
        #expect(desk.records.first?.farLegs.count == 2)
        #expect(desk.isIdle)
    }

    @Test func transferorMayLeaveBeforeTheTransferIsDone() {
        var desk = Desk(House.bridging([House.outbound("pbx", refer: .obey)]))
        desk.bridged()
        desk.hops = [51]
        _ = refers(&desk, to: "<sip:+49307@pbx.example>")
        #expect(desk.ends(desk.callee, .remoteBye(FarSide.bye())) == ["callee close", "caller unbridge", "caller ringBack"])
        #expect(desk.far(486).contains("BYE caller"))
        #expect(desk.isIdle)
    }

    @Test func failedTransferLeavesTheBridgeAsItWas() {
        var desk = Desk(House.bridging([House.outbound("pbx", refer: .obey)]))
        desk.bridged()
        desk.hops = [51]
        _ = refers(&desk, to: "<sip:+49307@pbx.example>")
        #expect(desk.far(486).contains("NOTIFY 486"))
        #expect(desk.state == "bridged")
    }

    @Test(arguments: ["<mailto:x@y>", "<sip:pbx.example>", "<sip:1@elsewhere.example>"])
    func referThatLeadsNowhereIsRefused(_ target: String) {
        var house = House.bridging([House.outbound("pbx", refer: .obey)])
        house.routes = [
            RoutePolicy(from: [House.name("carrier")], target: .trunk(House.name("pbx")), rule: RuleReference("route 1", at: .builtIn))
        ]
        var desk = Desk(house)
        desk.bridged()
        #expect(refers(&desk, to: target).last == "REFER 603")
    }

    // MARK: - Replaces

    /// RFC 3891 §3, by policy.
    @Test func inviteWithReplacesTakesOverALegByPolicy() {
        var desk = Desk(House.bridging { $0.refer = .obey })
        desk.bridged()
        let new = DialogID(value: 41)
        let body = Caller.sdp(port: 4_100, crypto: [Caller.otherGCM])
        let arrived = desk.arrived(Caller("new", body: body), InviteID(value: 42), new, desk.caller)
        let key = desk.started[.caller]?.localKey
        #expect(
            desk.feed(.invited(arrived, trunk: House.trunk(of: "acme"), source: Switchboard.source)) == [
                "transfer by caller obeyed", "caller update sendrecv", "re-INVITE 200 sdp", "BYE caller",
            ])
        #expect(desk.started[.caller]?.remoteAddress?.port == 4_100)
        #expect(desk.started[.caller]?.localKey != key, "another dialog is another session")
        #expect(desk.state == "bridged")
        #expect(desk.ends(new, .remoteBye(FarSide.bye())).contains("BYE callee"))
        #expect(desk.isIdle)
    }

    @Test func inviteWithReplacesIsDeclinedWithoutPolicy() {
        var desk = Desk(House.bridging())
        desk.bridged()
        let arrived = desk.arrived(Caller("new"), InviteID(value: 42), DialogID(value: 41), desk.caller)
        #expect(desk.feed(.invited(arrived, trunk: House.trunk(of: "acme"), source: Switchboard.source)).last == "re-INVITE 603")
        #expect(desk.state == "bridged")
    }

    @Test func replacementThatIsWithdrawnRollsBack() {
        var desk = Desk(House.bridging { $0.refer = .obey })
        desk.bridged()
        desk.mediaAnswers = false
        let new = DialogID(value: 41)
        let arrived = desk.arrived(Caller("new", body: Caller.sdp(port: 4_100)), InviteID(value: 42), new, desk.caller)
        desk.feed(.invited(arrived, trunk: House.trunk(of: "acme"), source: Switchboard.source))
        #expect(desk.ends(new, .cancelled(FarSide.bye())) == ["caller update sendrecv"])
        #expect(desk.started[.caller]?.remoteAddress?.port == 4_000)
        desk.media(.updated)
        #expect(desk.media(.updated) == [])
        #expect(desk.state == "bridged")
    }
}
