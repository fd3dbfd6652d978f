import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// What is refused without the application (RFC 3261 §8.2), and what is dropped.
@Suite struct RefusalTests {
    let caller = Caller().with { $0.body = Caller.offer }

    @Test(arguments: ["SUBSCRIBE", "REGISTER", "MESSAGE", "PUBLISH"])
    func unsupportedMethodsGet405WithAllow(method: String) {
        var rig = Rig()
        #expect(rig.receive(Caller().says(method)) == ["→ 405 \(method)", "turnedAway \(method) 405"])
        #expect(rig.lastResponse?.allow == [.invite, .ack, .cancel, .bye, .options, .update, .prack, .info, .refer, .notify])
        #expect((rig.lastResponse?.to.tag?.count ?? 0) > 0)
    }

    @Test func unknownExtensionsGet420WithUnsupported() {
        var rig = Rig()
        #expect(rig.receive(caller.with { $0.headers = ["Require: precondition, timer, x-new"] }.says("INVITE")).first == "→ 420 INVITE")
        #expect(rig.lastResponse?.list(.unsupported).map(\.string) == ["precondition", "x-new"])
        #expect(rig.isIdle)
    }

    @Test func otherBodiesGet415WithAccept() {
        var rig = Rig()
        guard let invite = message(caller.text("INVITE").replacing("application/sdp", with: "text/plain")) else { return }
        #expect(rig.receive(invite).first == "→ 415 INVITE")
        #expect(rig.lastResponse?.list(.accept).first == "application/sdp")
    }

    /// RFC 5621 §3.1: what the parts are is the application's to say.
    @Test func severalPartsAreHandedOn() {
        var rig = Rig()
        guard let invite = message(caller.text("INVITE").replacing("application/sdp", with: "multipart/mixed;boundary=x")) else { return }
        #expect(rig.receive(invite).contains { $0.hasPrefix("inviteArrived") })
    }

    @Test func otherSchemesGet416() {
        var rig = Rig()
        #expect(rig.receive(caller.with { $0.uri = "http://sotto.example" }.says("INVITE")).first == "→ 416 INVITE")
    }

    @Test func anInviteWithoutContactGets400() {
        var rig = Rig()
        #expect(rig.receive(caller.with { $0.contact = nil }.says("INVITE")).first == "→ 400 INVITE")
        #expect(rig.isIdle)
    }

    @Test func anUnknownDialogGets481() {
        var rig = Rig()
        #expect(rig.receive(Caller().with { $0.remoteTag = "nobody" }.says("BYE")) == ["→ 481 BYE", "turnedAway BYE 481"])
        #expect(rig.receive(caller.with { $0.remoteTag = "nobody" }.says("INVITE")).first == "→ 481 INVITE")
        #expect(rig.receive(Caller().says("BYE")).first == "→ 481 BYE")
        #expect(rig.isIdle)
    }

    /// §8.2.2.2: the same request by another path.
    @Test func aMergedRequestGets482() {
        var rig = Rig()
        rig.ringing(caller)
        #expect(rig.receive(caller.with { $0.branch = "z9hG4bKdetour" }.says("INVITE")) == ["→ 482 INVITE", "turnedAway INVITE 482"])
        #expect(rig.endpoint.dialogCount == 1)
    }

    /// §8.2.7: a stateless refusal says the same each time, and its ACK is no stray.
    @Test func statelessRefusalsRepeatThemselves() {
        var rig = Rig(isReliable: false)
        rig.receive(caller.with { $0.uri = "http://sotto.example" }.says("INVITE"))
        let first = rig.lastResponse
        rig.receive(caller.with { $0.uri = "http://sotto.example" }.says("INVITE"))
        #expect(rig.lastResponse == first)
        #expect(rig.receive(caller.with { $0.remoteTag = first?.to.tag?.string }.says("ACK")) == [])
        #expect(rig.isIdle)
    }

    @Test func malformedRequestsGet400() {
        var rig = Rig()
        guard let invite = message(caller.text("INVITE").replacing("CSeq: 1 INVITE", with: "CSeq: 1 BYE")) else { return }
        #expect(rig.receive(invite).first?.hasPrefix("→ 400") == true)
        #expect(rig.isIdle)
    }

    /// §17: an ACK is never answered, whatever is wrong with it.
    @Test func aStrayAckIsDropped() {
        var rig = Rig()
        #expect(rig.receive(caller.with { $0.remoteTag = "nobody" }.says("ACK")) == ["stray"])
        #expect(rig.receive(caller.with { $0.headers = ["Require: x"] }.says("ACK")) == ["stray"])
    }

    @Test func aStrayResponseIsDropped() {
        var rig = Rig()
        #expect(rig.receive(.response(answer(caller.request("BYE"), 200))) == ["stray"])
    }

    @Test func messagesFromUnknownConnectionsAreDropped() {
        var rig = Rig()
        #expect(rig.receive(caller.says("INVITE"), on: ConnectionID(99)) == ["unknownConnection"])
        #expect(rig.receive(.response(answer(caller.request("BYE"), 200)), on: ConnectionID(99)) == ["unknownConnection"])
    }

    // MARK: - Peers are walls

    /// Nobody cancels, ends or acknowledges another peer's call, even when branch and tags are known.
    @Test func anotherPeerReachesNoDialog() {
        var rig = Rig()
        rig.open(Rig.second, peer: PeerID(8))
        rig.ringing(caller)
        #expect(rig.receive(caller.says("CANCEL"), on: Rig.second).first == "→ 481 CANCEL on 2")
        rig.command(.answer(rig.arrived?.invite ?? InviteID(value: 0), SIPAnswer(200)))
        let known = caller.with { $0.remoteTag = rig.lastResponse?.to.tag?.string }
        #expect(rig.receive(known.next(sameNumber: true).says("ACK"), on: Rig.second) == ["stray"])
        #expect(rig.receive(known.next(sameNumber: true).says("ACK")) == ["acknowledged"])
        #expect(rig.receive(known.next().says("BYE"), on: Rig.second).first == "→ 481 BYE on 2")
        #expect(rig.endpoint.dialogCount == 1)
    }

    // MARK: - Limits

    @Test func tooManyDialogsGet503WithRetryAfter() {
        var rig = Rig { $0.maximumDialogs = 2 }
        for number in 0..<2 {
            rig.ringing(
                caller.with {
                    $0.callID = "\(number)"
                    $0.branch = "z9hG4bK\(number)"
                })
        }
        #expect(rig.receive(caller.says("INVITE")) == ["→ 503 INVITE", "turnedAway INVITE 503"])
        #expect(rig.lastResponse?.seconds(.retryAfter) == 10)
        #expect(rig.endpoint.dialogCount == 2)
    }

    /// New INVITEs are shed first; a BYE still gets through.
    @Test func tooManyTransactionsSpareDialogs() {
        var rig = Rig { $0.maximumTransactions = 1 }
        let known = rig.talking(caller)
        #expect(rig.endpoint.transactionCount == 1)  // timer L runs
        let another = caller.with {
            $0.callID = "another"
            $0.branch = "z9hG4bKanother"
        }
        #expect(rig.receive(another.says("INVITE")).first == "→ 503 INVITE")
        #expect(rig.receive(another.says("OPTIONS")).first == "→ 503 OPTIONS")
        #expect(rig.receive(known.next().says("BYE")) == ["→ 200 BYE", "ended remoteBye"])
    }

    @Test func drainingRefusesNewCallsOnly() {
        var rig = Rig()
        let known = rig.talking(caller)
        rig.command(.drain(retryAfter: 30))
        let another = caller.with {
            $0.callID = "another"
            $0.branch = "z9hG4bKanother"
        }
        #expect(rig.receive(another.says("INVITE")).first == "→ 503 INVITE")
        #expect(rig.lastResponse?.seconds(.retryAfter) == 30)
        #expect(rig.receive(known.next().with { $0.body = Caller.offer }.says("INVITE")).last == "reinviteArrived")
        rig.command(.drain(retryAfter: nil))
        #expect(rig.receive(another.says("INVITE")).last == "inviteArrived")
    }

    /// RFC 2543 peers without a magic cookie: a retransmission is still one, another Call-ID is another call (§17.2.3).
    @Test func oldBranchesAreMatchedByTheirHeaders() {
        var rig = Rig(isReliable: false)
        let old = caller.with { $0.branch = "1" }
        rig.ringing(old)
        #expect(rig.receive(old.says("INVITE")) == ["→ 100 INVITE"])
        #expect(rig.receive(old.with { $0.callID = "other" }.says("INVITE")).last == "inviteArrived")
        rig.command(.answer(rig.arrived?.invite ?? InviteID(value: 0), SIPAnswer(486)))
        let ack = old.with {
            $0.callID = "other"
            $0.remoteTag = rig.lastResponse?.to.tag?.string
        }
        #expect(rig.receive(ack.says("ACK")) == [])
        #expect(rig.wait(.seconds(5)) == [])
        #expect(rig.endpoint.transactionCount == 1)
    }
}
