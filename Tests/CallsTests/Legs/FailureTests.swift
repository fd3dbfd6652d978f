import Admission
import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls
@testable import SIPSessions

/// What becomes of a call whose far leg does not come to be: next hop, next trunk, and what the caller is told.
@Suite struct FailureTests {
    @Test(arguments: [
        (486, 486), (404, 404), (480, 480), (484, 484), (410, 410), (408, 408), (600, 600), (603, 603), (604, 604), (607, 607), (699, 603),
        (500, 502), (504, 504), (401, 502), (407, 502), (488, 502), (420, 502), (415, 502), (487, 480), (302, 480), (403, 403), (482, 482),
    ])
    func statusIsToldInOurOwnWords(_ peer: Int, _ told: Int) {
        var desk = Desk(House.bridging())
        desk.calls()
        let lines = desk.far(peer, headers: ["WWW-Authenticate: Digest realm=\"inner\"", "Warning: 399 inner \"secret\""])
        #expect(lines.contains("caller \(told)"))
        #expect(lines.contains("dial over alive"))
        let text = desk.answers.last?.headers.map { $0.text?.string ?? "" }.joined() ?? ""
        #expect(!text.contains("inner") && !text.contains("secret") && desk.answers.last?.reason == nil)
        #expect(desk.records.first?.farLegs.first?.peerStatus == peer)
        #expect(desk.isIdle)
    }

    /// RFC 3326: the Q.850 cause goes on; where the peer gives none it follows from the status.
    @Test func causeOfARefusalGoesOn() {
        func reason(_ status: Int, _ headers: [String]) -> String? {
            var desk = Desk(House.bridging())
            desk.calls()
            desk.far(status, headers: headers)
            return desk.answers.last?.headers.first { $0.name == .reason }?.text?.string
        }
        #expect(reason(480, ["Reason: Q.850;cause=20;text=\"inner\""]) == "Q.850;cause=20")
        #expect(reason(486, []) == "Q.850;cause=17")
        #expect(reason(404, []) == "Q.850;cause=1")
    }

    /// RFC 3263 §4.3.
    @Test func nextHopIsTriedWithNewKeysUntilNoneIsLeft() {
        var desk = Desk(House.bridging())
        desk.hops = [50, 51, 52]
        desk.calls()
        let first = desk.offer
        #expect(desk.far(503, headers: ["Retry-After: 30"]) == ["next hop", "INVITE sip:+4930123@pbx.example;transport=tls;user=phone"])
        #expect(desk.invites.last?.connection == ConnectionID(51))
        #expect(desk.offer?.media.first?.cryptos.first?.key != first?.media.first?.cryptos.first?.key)
        #expect(Set(desk.invites.map(\.attempt)).count == 2)
        desk.sip(.attemptEnded(desk.lastAttempt, .timedOut))
        #expect(desk.invites.last?.connection == ConnectionID(52))
        let lines = desk.sip(.attemptEnded(desk.lastAttempt, .unreachable))
        #expect(lines.first == "next hop")
        #expect(lines.contains("caller 503"))
        #expect(desk.answers.last?.headers.contains { $0.name == .retryAfter } == true)
        #expect(desk.isIdle)
    }

    @Test func nextTrunkIsTriedAfterTheLastHop() {
        var desk = Desk(House.bridging([House.outbound("pbx"), House.outbound("backup")]))
        desk.hops = [50]
        desk.calls()
        desk.hops = []
        #expect(
            desk.far(503) == [
                "next hop", "callee close", "dial backup", "ending carrier-fault: no hop", "caller close",
                "caller 503", "record finish", "gone",
            ])
        #expect(desk.records.first?.farLegs.map(\.trunk.trunk.text) == ["pbx", "backup"])
        #expect(desk.isIdle)
        // A busy callee is busy by every trunk.
        var busy = Desk(House.bridging([House.outbound("pbx"), House.outbound("backup")]))
        busy.calls()
        #expect(busy.far(486).contains("caller 486"))
        #expect(busy.dials.count == 1 && busy.isIdle)
    }

    /// RFC 3261 §8.1.3.4, by policy and to the trunk's own hosts alone.
    @Test func redirectIsFollowedToTheTrunksOwnHostsOnly() {
        var desk = Desk(House.bridging([House.outbound("pbx", redirects: .follow)]))
        desk.hops = [50, 51]
        desk.calls()
        #expect(
            desk.far(
                302,
                headers: [
                    "Contact: <sip:evil@elsewhere.example>", "Contact: <sip:12@node.pbx.example:5071;evil=1?Subject=x>;q=0.1",
                ])
                == [
                    "dial over alive", "callee redirected true", "dial pbx sip:12@node.pbx.example:5071;transport=tls",
                    "INVITE sip:12@node.pbx.example:5071;transport=tls",
                ])
        #expect(desk.far(302, headers: ["Contact: <sip:evil@elsewhere.example>"]).contains("caller 480"))
        var strict = Desk(House.bridging())
        strict.calls()
        #expect(strict.far(302, headers: ["Contact: <sip:12@node.pbx.example>"]).contains("caller 480"))
    }

    /// RFC 3261 §26.2.2: a redirect to `sips:` is followed as such, also by a trunk that is called by `sip:` otherwise.
    @Test func secureSchemeIsNeverDowngraded() {
        var desk = Desk(House.bridging([House.outbound("pbx", redirects: .follow)]))
        desk.hops = [50, 51]
        desk.calls()
        #expect(desk.far(302, headers: ["Contact: <sips:12@pbx.example>"]).last == "INVITE sips:12@pbx.example")
    }

    @Test func redirectsAreBounded() {
        var desk = Desk(House.bridging([House.outbound("pbx", redirects: .follow)]))
        desk.hops = Array(50..<80)
        desk.calls()
        var turns = 0
        while desk.table.count > 0, turns < 50 {
            turns += 1
            desk.far(302, headers: ["Contact: <sip:12@pbx.example>"])
        }
        #expect(turns == 6)
        #expect(desk.isIdle)
    }

    @Test func hopsAreBounded() {
        var desk = Desk(House.bridging())
        desk.hops = Array(50..<90)
        desk.calls()
        var turns = 0
        while desk.table.count > 0, turns < 50 {
            turns += 1
            desk.far(503)
        }
        #expect(turns == OutboundLeg.hopsAtMost)
        #expect(desk.isIdle)
    }

    @Test func answerThatDoesNotFitEndsBothSides() {
        var desk = Desk(House.bridging())
        desk.calls()
        let lines = desk.far(200, body: Caller.sdp(transport: "RTP/AVP"))
        #expect(lines.contains("BYE callee") && lines.contains("caller 502"))
        #expect(desk.isIdle)
        var empty = Desk(House.bridging())
        empty.calls()
        #expect(empty.far(200).contains("caller 502"))
        #expect(empty.isIdle)
    }

    @Test func nobodyAnswersInTime() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(180)
        desk.wait(.seconds(30))
        #expect(desk.sip(.attemptEnded(desk.lastAttempt, .timedOut)).contains("caller 480"))
        #expect(desk.answers.last?.headers.first { $0.name == .reason }?.text?.string == "Q.850;cause=19")
        // Even if the endpoint never says so.
        var deaf = Desk(House.bridging())
        deaf.calls()
        deaf.far(180)
        #expect(deaf.wait(.seconds(65)).contains("caller 480"))
        #expect(deaf.cancels.count == 1)
        #expect(deaf.isIdle)
    }

    @Test func diallerThatNeverAnswersIsGivenUp() {
        var desk = Desk(House.bridging())
        desk.diallerAnswers = false
        desk.calls()
        #expect(desk.wait(.milliseconds(19_900)) == [])
        let lines = desk.wait(.milliseconds(200))
        #expect(lines.contains("dial over -") && lines.contains("caller 503"))
        #expect(desk.isIdle)
        // What it still finds nobody wants.
        #expect(desk.feed(.dialled(desk.call, desk.dials[0], DialledHop(connection: ConnectionID(50), name: "late"))) == [])
    }

    /// The far trunk's limits count legs that go out.
    @Test func legsCountAgainstTheirTrunksLimits() {
        var trunk = House.outbound("pbx")
        trunk = TrunkPolicy(
            name: trunk.name, identity: trunk.identity, limits: TrunkLimits(calls: 1, callsPerSecond: 1_000, burst: 1_000),
            outbound: trunk.outbound)
        var desk = Desk(House.bridging([trunk]))
        desk.calls()
        #expect(desk.table.admission.outboundLegs == 1)
        let second = InviteArrived(
            invite: InviteID(value: 900), dialog: DialogID(value: 901), connection: Switchboard.acme, peer: PeerID(7),
            request: desk.request(Caller("second"), "INVITE"), replaces: nil)
        let lines = desk.feed(.invited(second, trunk: House.trunk(of: "acme"), source: Switchboard.source))
        #expect(lines.contains("refused 503 trunk pbx limits.calls"))
        #expect(desk.answers.last?.status == 503)
        #expect(desk.invites.count == 1)
    }

    /// A full trunk is no reason to refuse the call while another has room.
    @Test func nextTrunkIsTriedWhenALimitRefuses() {
        let trunk = House.outbound("pbx")
        let full = TrunkPolicy(
            name: trunk.name, identity: trunk.identity, limits: TrunkLimits(calls: 0, callsPerSecond: 1_000, burst: 1_000),
            outbound: trunk.outbound)
        var desk = Desk(House.bridging([full, House.outbound("backup")]))
        let lines = desk.calls()
        #expect(lines.contains("refused 503 trunk pbx limits.calls") && lines.contains("dial backup"))
        #expect(desk.invites.last?.requestURI.host.string == "backup.example")
        desk.far(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.state == "answered")
        #expect(desk.table.admission.outboundLegs == 1)
    }

    // MARK: - Address families

    private static let dual: @Sendable (inout CallsConfiguration) -> Void = {
        $0.media.append(.init(range: 6, advertised: [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]))
    }

    /// Each leg's media takes its own peer's address family.
    @Test func legsOfTwoFamiliesAreBridged() {
        var desk = Desk(House.bridging(), Self.dual)
        desk.hopFamilies = [true]
        #expect(desk.calls().contains("callee reserve"))
        #expect(desk.ranges == [.caller: 3, .callee(1): 6])
        #expect(desk.offer?.connection?.address.string == "2001:db8::5")
        desk.far(200, body: FarSide.answer(to: desk.offer))
        let answer = desk.answers.last?.body.flatMap { try? SessionDescription.parse($0.sdpChunks) }
        #expect(answer?.connection?.address.string == "203.0.113.5")
        desk.acks()
        #expect(desk.state == "bridged")
    }

    @Test func nextHopOfAnotherFamilyGetsAPortOfItsOwn() {
        var desk = Desk(House.bridging(), Self.dual)
        desk.hops = [50, 51, 52]
        desk.hopFamilies = [true, false, false]
        desk.calls()
        #expect(
            desk.far(503) == [
                "next hop", "callee close", "callee reserve", "INVITE sip:+4930123@pbx.example;transport=tls;user=phone",
            ])
        #expect(desk.ranges[.callee(1)] == 3)
        #expect(desk.offer?.connection?.address.string == "203.0.113.5")
        #expect(desk.far(503) == ["next hop", "INVITE sip:+4930123@pbx.example;transport=tls;user=phone"])
        // The caller gives up while the port changes.
        var impatient = Desk(House.bridging(), Self.dual)
        impatient.hops = [50, 51]
        impatient.hopFamilies = [true, false]
        impatient.calls()
        impatient.mediaAnswers = false
        impatient.far(503)
        impatient.ends(impatient.caller, .cancelled(FarSide.bye()))
        impatient.media(.closed(nil), .callee(1))
        impatient.media(.closed(nil))
        #expect(impatient.isIdle)
        #expect(impatient.invites.count == 1)
    }

    @Test func portThatIsNeverFreeFailsTheLeg() {
        var desk = Desk(House.bridging())
        desk.diallerAnswers = false
        desk.calls()
        desk.mediaAnswers = false
        desk.feed(.dialled(desk.call, desk.dials[0], DialledHop(connection: ConnectionID(50), name: "hop")))
        let lines = desk.media(.failed("no port is free"), .callee(1))
        #expect(lines.contains("dial over -") && lines.contains("caller 503"))
    }
}
