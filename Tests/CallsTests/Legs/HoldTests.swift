import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls
@testable import SIPSessions

/// Changes of a bridged call's sessions: each leg's own, and what the other hears of them.
@Suite struct HoldTests {
    private func accepted(_ desk: Desk, _ direction: String) -> SIPEndpointEvent {
        let offer = desk.reoffers.last?.offer
        let suite = offer?.media.first?.cryptos.first.map { "\($0.suite)" } ?? ""
        return .reofferEnded(
            desk.reoffers.last?.dialog ?? desk.callee,
            .accepted(
                FarSide.response(200, body: FarSide.answer(to: offer, suite: suite, payload: "8", direction: direction, port: 7_000))))
    }

    /// RFC 3264 §8.4: hold of the caller is told to the callee, and taken back.
    @Test func holdOfTheCallerIsToldToTheCalleeAndTakenBack() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(
            desk.changes(desk.caller, Caller.sdp(version: 2, direction: "sendonly"))
                == ["caller update recvonly", "callee holdMusic", "reoffer callee sendonly", "re-INVITE 200 sdp"])
        let held = desk.reoffers.last?.offer?.media.first
        #expect(held?.cryptos.map(\.key) == desk.started[.callee(1)].map { [$0.localKey] }, "a hold is no new key")
        #expect(desk.sip(accepted(desk, "recvonly")) == ["callee update sendonly"])
        #expect(
            desk.changes(desk.caller, Caller.sdp(version: 3))
                == ["caller update sendrecv", "callee silence", "reoffer callee sendrecv", "re-INVITE 200 sdp"])
        #expect(desk.sip(accepted(desk, "sendrecv")) == ["callee update sendrecv"])
        #expect(desk.records.isEmpty && desk.state == "bridged")
    }

    /// By address, as RFC 2543 had it.
    @Test func holdByAddressCountsLikeHold() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(desk.changes(desk.caller, Caller.sdp(version: 2, address: "0.0.0.0")).contains("reoffer callee sendonly"))
    }

    @Test func holdOfTheCalleeIsToldToTheCaller() {
        var desk = Desk(House.bridging())
        desk.bridged()
        let offer = FarSide.answer(to: desk.offer, direction: "inactive")
        #expect(
            desk.changes(desk.callee, offer)
                == ["callee update inactive", "caller holdMusic", "reoffer caller inactive", "re-INVITE 200 sdp"])
        // While it is held, a refresh of the caller's takes nothing back.
        desk.sip(.reofferEnded(desk.caller, .refused(FarSide.response(488))))
        #expect(desk.changes(desk.caller, Caller.sdp(version: 2, port: 4_010)).contains("caller update inactive"))
        #expect(desk.reoffers.count == 1, "nothing goes back to whoever holds")
    }

    @Test func codecOfOneLegChangesAloneAndTheOtherIsNotAsked() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(desk.changes(desk.caller, Caller.sdp(version: 2, payloads: "8 101")) == ["caller update sendrecv", "re-INVITE 200 sdp"])
        #expect(desk.started[.caller]?.codec.name == .pcma)
        #expect(desk.records.isEmpty)
    }

    /// RFC 3261 §14.1: 2.1 to 4 s towards whom we called, 0 to 2 s towards who called us.
    @Test func glareIsTriedAgainAfterTheStandardsTime() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var desk = Desk(House.bridging(), seed: seed)
            desk.bridged()
            desk.changes(desk.caller, Caller.sdp(version: 2, direction: "sendonly"))
            desk.sip(.reofferEnded(desk.callee, .refused(FarSide.response(491))))
            #expect(desk.wait(.milliseconds(2_099)) == [])
            #expect(desk.wait(.milliseconds(1_902)) == ["reoffer callee sendonly"])

            var other = Desk(House.bridging(), seed: seed)
            other.bridged()
            other.changes(other.callee, FarSide.answer(to: other.offer, direction: "sendonly"))
            other.sip(.reofferEnded(other.caller, .refused(FarSide.response(491))))
            #expect(other.wait(.milliseconds(2_001)) == ["reoffer caller sendonly"])
        }
    }

    @Test func offerThatIsAlwaysTurnedDownIsGivenUp() {
        var desk = Desk(House.bridging())
        desk.bridged()
        desk.changes(desk.caller, Caller.sdp(version: 2, direction: "sendonly"))
        for _ in 0..<100 {
            desk.sip(.reofferEnded(desk.callee, .refused(FarSide.response(491))))
            desk.wait(.seconds(5))
        }
        #expect(desk.reoffers.count == 1 + Reoffer.delaysAtMost)
        #expect(desk.state == "bridged")
    }

    /// Our offer is out: the peer's own waits (RFC 3261 §14.2).
    @Test func peersOfferDuringOursIsPending() {
        var desk = Desk(House.bridging())
        desk.bridged()
        desk.changes(desk.caller, Caller.sdp(version: 2, direction: "sendonly"))
        #expect(desk.changes(desk.callee, FarSide.answer(to: desk.offer, port: 7_100)) == ["re-INVITE 491"])
    }

    /// RFC 3261 §14.2 with no offer in the re-INVITE, of either side.
    @Test func reinviteWithoutAnOfferGetsOursFromEitherSide() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(desk.changes(desk.callee, "") == ["re-INVITE 200 sdp"])
        let body = desk.answers.last?.body
        let offer = body.flatMap { try? SessionDescription.parse($0.sdpChunks) }
        let answer = FarSide.answer(to: offer, payload: "0", port: 7_200)
        #expect(
            desk.sip(.acknowledged(desk.callee, InviteID(value: 101), ack: desk.request(Caller("a", body: answer), "ACK")))
                == ["callee update sendrecv"])
        #expect(desk.started[.callee(1)]?.codec.name == .pcmu)
    }

    /// RFC 3311: the far side may change what it plays before it answers.
    @Test func updateInTheEarlyDialogIsFollowed() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(183, body: FarSide.answer(to: desk.offer))
        let update = UpdateArrived(
            update: RequestID(value: 70), dialog: desk.callee, connection: ConnectionID(50),
            request: desk.request(Caller("a", body: FarSide.answer(to: desk.offer, port: 7_300)), "UPDATE"))
        #expect(desk.sip(.updateArrived(update)) == ["callee update sendrecv", "UPDATE 200"])
        #expect(desk.started[.callee(1)]?.remoteAddress?.port == 7_300)
        let stray = UpdateArrived(
            update: RequestID(value: 71), dialog: DialogID(value: 29), connection: ConnectionID(50), request: update.request)
        desk.far(180, on: DialogID(value: 29))
        #expect(desk.sip(.updateArrived(stray)) == ["UPDATE 491"])
    }

    /// RFC 4028 §7.4 where the peer knows no UPDATE.
    @Test func refreshOffersTheSessionAsItIs() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(desk.sip(.refreshDue(desk.callee)) == ["reoffer callee sendrecv"])
        #expect(desk.sip(accepted(desk, "sendrecv")) == [])
        #expect(desk.sip(.refreshDue(desk.caller)) == ["reoffer caller sendrecv"])
        #expect(desk.invites.last?.sessionExpires == 1_800)
        #expect(desk.answers.last { $0.status == 200 }?.sessionExpires == 1_800)
    }
}
