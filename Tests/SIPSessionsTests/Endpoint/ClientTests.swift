import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Requests of ours: re-INVITE, OPTIONS in and out of dialogs, and their connections.
@Suite struct ClientTests {
    let caller = Caller().with { $0.body = Caller.offer }
    let busy = SIPAnswer(486)
    let offer = SIPBody(Array("v=0\r\n".utf8))

    // MARK: - re-INVITE (§14.1)

    @Test func anAcceptedReofferIsAcknowledgedEachTime() {
        var rig = Rig()
        _ = rig.talking(caller)
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["→ INVITE"])
        guard let invite = rig.lastRequest else { return }
        #expect(invite.contacts.count == 1 && invite.contentType == .sdp && invite.maxForwards == 70)
        let success = answer(invite, 200, contact: "<sip:new@192.0.2.12>")
        #expect(rig.receive(.response(answer(invite, 100))) == [])
        #expect(rig.receive(.response(success)) == ["→ ACK", "reoffer accepted"])
        let ack = rig.lastRequest
        #expect(ack?.cseq == CSeq(invite.cseq.number, .ack))
        #expect(ack?.topVia?.branch != invite.topVia?.branch)
        #expect(ack?.requestURI.text == "sip:new@192.0.2.12")
        #expect(rig.receive(.response(success)) == ["→ ACK"])
        #expect(rig.lastRequest == ack)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        #expect(rig.lastRequest?.requestURI.text == "sip:new@192.0.2.12")
    }

    /// RFC 6141 §3.1.
    @Test func aRefusedReofferKeepsTheSession() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.reoffer(rig.dialog, offer))
        guard let invite = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(invite, 491))) == ["→ ACK", "reoffer refused 491"])
        #expect(rig.lastRequest?.topVia?.branch == invite.topVia?.branch)
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["→ INVITE"])
        #expect(rig.lastRequest?.cseq.number == invite.cseq.number + 1)
    }

    /// §12.2.1.2: 481 and silence end the dialog.
    @Test func aLostDialogIsEnded() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.reoffer(rig.dialog, offer))
        guard let invite = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(invite, 481))) == ["→ ACK", "reoffer refused 481", "ended lost 481", "→ BYE"])
    }

    @Test func anUnansweredReofferEndsTheDialog() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.reoffer(rig.dialog, offer))
        #expect(rig.wait(.seconds(32)) == ["32000 reoffer failed", "32000 ended lost 408", "32000 → BYE"])
    }

    @Test func aReofferWaitsItsTurn() {
        var rig = Rig()
        let known = rig.accepted(caller)
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["reoffer notNow"])  // our 2xx is not acknowledged
        rig.receive(known.next(sameNumber: true).says("ACK"))
        rig.receive(known.next().says("INVITE"))
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["reoffer notNow"])  // theirs is open
        rig.command(.answer(rig.rearrived?.invite ?? InviteID(value: 0), busy))
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["→ INVITE"])
        #expect(rig.command(.reoffer(rig.dialog, offer)) == ["reoffer notNow"])  // ours is open
    }

    // MARK: - OPTIONS

    @Test func aProbeTellsThePeersHealth() {
        var rig = Rig()
        #expect(rig.command(.probe(ProbeID(1), uri: SIPURI("sip:carrier.example"), on: Rig.first)) == ["→ OPTIONS"])
        guard let options = rig.lastRequest else { return }
        #expect(options.to.uri.text == "sip:carrier.example" && options.to.tag == nil && (options.from.tag?.count ?? 0) > 8)
        #expect(rig.receive(.response(answer(options, 200))) == ["probed 200"])
        #expect(rig.isIdle)
    }

    @Test func aProbeFailsInThreeWays() {
        var rig = Rig()
        let uri = SIPURI("sip:carrier.example")
        #expect(rig.command(.probe(ProbeID(1), uri: uri, on: ConnectionID(50))) == ["probed unreachable"])
        rig.command(.probe(ProbeID(2), uri: uri, on: Rig.first))
        #expect(rig.wait(.seconds(32)) == ["32000 probed timedOut"])
        rig.command(.probe(ProbeID(3), uri: uri, on: Rig.first))
        #expect(rig.feed(.connectionClosed(Rig.first)) == ["probed unreachable"])
        #expect(rig.isIdle)
    }

    @Test func aDialogIsProbed() {
        var rig = Rig()
        _ = rig.talking(caller)
        #expect(rig.command(.probeDialog(rig.dialog)) == ["→ OPTIONS"])
        guard let options = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(options, 200))) == ["dialogProbed 200"])
        rig.command(.probeDialog(rig.dialog))
        guard let second = rig.lastRequest else { return }
        #expect(rig.receive(.response(answer(second, 481))) == ["dialogProbed 481", "ended lost 481", "→ BYE"])
    }

    /// §8.1.3.3 and §17.1.3: what does not match exactly is dropped.
    @Test func responsesMustMatch() {
        var rig = Rig()
        rig.open(Rig.second, peer: PeerID(8))
        rig.command(.probe(ProbeID(1), uri: SIPURI("sip:carrier.example"), on: Rig.first))
        guard let options = rig.lastRequest else { return }
        var twoVias = answer(options, 200)
        twoVias.vias.append(Via("SIP/2.0/TLS other.example;branch=z9hG4bKx"))
        #expect(rig.receive(.response(twoVias)) == ["stray"])
        var otherMethod = answer(options, 200)
        otherMethod.cseq = CSeq(1, .bye)
        #expect(rig.receive(.response(otherMethod)) == ["stray"])
        #expect(rig.receive(.response(answer(options, 200)), on: Rig.second) == ["stray"])
        #expect(rig.receive(.response(answer(options, 200))) == ["probed 200"])
        #expect(rig.receive(.response(answer(options, 200))) == ["stray"])
    }

    // MARK: - Connections

    /// RFC 5923, §18.2.2: what belongs to the dialog goes to whatever connection the peer has.
    @Test func aDialogOutlivesItsConnection() {
        var rig = Rig()
        let known = rig.talking(caller)
        #expect(rig.feed(.connectionClosed(Rig.first)) == ["connectionLost"])
        #expect(rig.feed(.connectionClosed(Rig.first)) == [])
        rig.open(Rig.second)
        #expect(rig.receive(known.next().says("OPTIONS"), on: Rig.second) == ["connectionMoved 2", "→ 200 OPTIONS on 2"])
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye", "→ BYE on 2"])
    }

    /// §18.2.2: while the connection that brought the INVITE is open, its 200 goes there; afterwards to another one of the same trunk, and
    /// never to anybody else's. §13.3.1.4 wants it sent until its ACK, so it is not given up with its connection.
    @Test func anUnacknowledged200StaysOnItsConnectionWhileThatIsOpen() {
        var rig = Rig()
        let known = rig.accepted(caller)
        rig.open(Rig.second)
        #expect(rig.wait(.milliseconds(500)) == ["500 → 200 INVITE"])
        rig.feed(.connectionClosed(Rig.first))
        #expect(rig.wait(.seconds(1)) == ["1000 → 200 INVITE on 2"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK"), on: Rig.second).contains("acknowledged"))
    }

    @Test func byeGoesToThePeersOtherConnection() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.open(Rig.second)
        rig.feed(.connectionClosed(Rig.first))
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye", "→ BYE on 2"])
        #expect(rig.lastTarget == ConnectionTarget(connection: Rig.second, orPeerOf: Rig.peer, redial: rig.lastRequest?.requestURI))
    }

    /// Without any connection the transport may dial; if it cannot, the dialog is gone.
    @Test func byeWithoutConnectionAsksForRedial() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.feed(.connectionClosed(Rig.first))
        #expect(rig.command(.hangUp(rig.dialog, refusal: busy, headers: [])) == ["ended localBye", "→ BYE to the peer"])
        #expect(rig.lastTarget?.redial?.text == "sip:gw@192.0.2.9:5061;transport=tls")
        guard let bye = rig.lastRequest else { return }
        #expect(rig.feed(.sendFailed(.request(bye))) == [])
        #expect(rig.endpoint.dialogCount == 0)
    }

    /// A BYE whose connection dies goes out once more.
    @Test func aStrandedByeIsSentAgain() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.hangUp(rig.dialog, refusal: busy, headers: []))
        let bye = rig.lastRequest
        rig.open(Rig.second)
        #expect(rig.feed(.connectionClosed(Rig.first)) == ["→ BYE on 2"])
        #expect(rig.lastRequest == bye)
        guard let bye else { return }
        #expect(rig.receive(.response(answer(bye, 200)), on: Rig.second) == [])
        #expect(rig.endpoint.dialogCount == 0)
    }

    @Test func theSuccessFollowsThePeer() {
        var rig = Rig()
        let known = rig.accepted(caller)
        rig.feed(.connectionClosed(Rig.first))
        #expect(rig.wait(.milliseconds(500)) == ["500 → 200 INVITE to the peer"])
        rig.open(Rig.second)
        #expect(rig.wait(.seconds(1)) == ["1000 → 200 INVITE on 2"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK"), on: Rig.second) == ["acknowledged"])
    }

    @Test func aReofferWithoutConnectionFailsAndKeepsTheSession() {
        var rig = Rig()
        _ = rig.talking(caller)
        rig.command(.reoffer(rig.dialog, offer))
        guard let invite = rig.lastRequest else { return }
        #expect(rig.feed(.sendFailed(.request(invite))) == ["reoffer failed"])
        #expect(rig.endpoint.dialogCount == 1)
    }
}
