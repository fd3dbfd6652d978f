import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls

/// Re-INVITE and UPDATE in a session that runs.
@Suite struct ChangeTests {
    // MARK: - Hold

    /// RFC 3264 §8.4, and the older hold by address.
    @Test(arguments: [
        (Caller.sdp(version: 2, direction: "sendonly"), "recvonly"), (Caller.sdp(version: 2, direction: "inactive"), "inactive"),
        (Caller.sdp(version: 2, address: "0.0.0.0"), "recvonly"),
    ])
    func holdIsAnsweredWithTheOtherDirection(offer: String, direction: String) {
        var board = Switchboard()
        var caller = board.talking()
        let key = board.started?.localKey
        #expect(
            board.receive(caller.next(body: offer).says("INVITE")) == [
                "media update \(direction)", "agreed PCMU AEAD_AES_256_GCM", "changed \(direction)", "→ 200 INVITE",
            ])
        #expect(board.lastResponse?.sdp?.short == "20000 [0 101] \(direction) v2 AEAD_AES_256_GCM#1")
        #expect(board.updatedTo?.localKey == key)
        board.receive(caller.ack())
        #expect(
            board.receive(caller.next(body: Caller.sdp(version: 3)).says("INVITE")).contains("changed sendrecv"))
        #expect(board.lastResponse?.sdp?.short == "20000 [0 101] sendrecv v3 AEAD_AES_256_GCM#1")
        #expect(board.state == "talking")
    }

    @Test func sameDescriptionIsAnsweredWithoutTouchingMedia() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.receive(caller.next(body: Caller.sdp()).says("INVITE")) == ["→ 200 INVITE"])
        #expect(board.lastResponse?.sdp?.short == "20000 [0 101] sendrecv v1 AEAD_AES_256_GCM#1")
    }

    /// RFC 4568 §7.1.4: a changed address brings a new key.
    @Test func movedMediaGetsANewKey() {
        var board = Switchboard()
        var caller = board.talking()
        let key = board.started?.localKey
        board.receive(caller.next(body: Caller.sdp(version: 2, address: "192.0.2.77")).says("INVITE"))
        #expect(board.updatedTo?.remoteAddress?.hostText == "192.0.2.77")
        #expect(board.updatedTo.map { $0.localKey != key } == true)
        #expect(board.lastResponse?.sdp?.media.first?.cryptos.first?.key == board.updatedTo?.localKey)
    }

    @Test func updateWithAnOfferIsAChangeAsWell() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.receive(caller.next(body: Caller.sdp(version: 2, direction: "inactive")).says("UPDATE")).last == "→ 200 UPDATE")
        #expect(board.lastResponse?.sdp?.short == "20000 [0 101] inactive v2 AEAD_AES_256_GCM#1")
    }

    // MARK: - Refusals keep the session (RFC 6141 §3.1)

    @Test func offerThatDoesNotFitKeepsTheSession() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.receive(caller.next(body: Caller.sdp(transport: "RTP/AVP")).says("INVITE")) == ["→ 488 INVITE"])
        #expect(board.lastResponse?.header(.warning)?.string.hasPrefix("302 ") == true)
        board.receive(caller.says("ACK"))
        #expect(board.state == "talking")
        #expect(board.receive(caller.next(body: Caller.sdp(address: "2001:db8::1", family: "IP6")).says("INVITE")) == ["→ 488 INVITE"])
        board.receive(caller.says("ACK"))
        #expect(board.receive(caller.next(body: "v=0\r\nm=\r\n").says("INVITE")) == ["→ 400 INVITE"])
        board.receive(caller.says("ACK"))
        #expect(board.receive(caller.next(body: Caller.sdp()).says("INVITE")) == ["→ 200 INVITE"])
    }

    @Test func mediaThatCannotChangeKeepsTheSession() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        #expect(board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE")) == ["media update sendrecv"])
        #expect(board.media(.failed("no cipher")) == ["→ 488 INVITE"])
        #expect(board.state == "talking")
    }

    @Test func changeWhileMediaStillChangesIsPutOff() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        // RFC 3261 §14.2 and RFC 3311 §5.2: 500 with Retry-After while an INVITE is open.
        var second = caller
        #expect(board.receive(second.next(body: Caller.sdp(version: 3)).says("UPDATE")) == ["→ 500 UPDATE"])
        #expect(board.media(.updated).last == "→ 200 INVITE")
    }

    @Test func withdrawnChangeIsRolledBackAndCountsForNobodyElse() {
        var board = Switchboard()
        var caller = board.talking()
        let first = board.started
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        #expect(board.receive(caller.says("CANCEL")) == ["→ 200 CANCEL", "→ 487 INVITE", "media update sendrecv"])
        #expect(board.updatedTo == first)
        board.receive(caller.says("ACK"))
        // The next one waits until media has settled.
        #expect(board.receive(caller.next(body: Caller.sdp(version: 3, port: 4_446)).says("INVITE")) == ["→ 491 INVITE"])
        board.receive(caller.says("ACK"))
        #expect(board.media(.updated) == [])
        #expect(board.receive(caller.next(body: Caller.sdp(version: 3, port: 4_446)).says("UPDATE")) == ["→ 491 UPDATE"])
        #expect(board.media(.updated) == [])
        #expect(board.receive(caller.next(body: Caller.sdp(version: 4, port: 4_448)).says("INVITE")) == ["media update sendrecv"])
        #expect(board.media(.updated).last == "→ 200 INVITE")
    }

    @Test func withdrawnChangeMayFail() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        board.receive(caller.says("CANCEL"))
        #expect(board.media(.failed("no cipher")) == [])
        #expect(board.media(.updated) == [])
        #expect(board.state == "talking")
    }

    @Test func rollbackThatFailsEndsTheCall() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        board.receive(caller.says("CANCEL"))
        board.media(.updated)
        #expect(board.media(.failed("no cipher")).first == "ending our-fault: no cipher")
    }

    /// RFC 5407 §3.1.4: the exchange is complete, though the ACK is still on its way.
    @Test func changeBeforeTheAckIsTaken() {
        var board = Switchboard()
        var caller = board.answered()
        let ack = caller.ack()
        #expect(board.receive(caller.next(body: Caller.sdp(version: 2, direction: "sendonly")).says("INVITE")).last == "→ 200 INVITE")
        #expect(board.state == "answered")
        board.receive(caller.ack())
        #expect(board.state == "answered")
        #expect(board.receive(ack).first == "consent ask")
    }

    @Test func changeWhileTheAnswerOfTheAckIsInstalledIsPutOff() {
        var board = Switchboard()
        var caller = board.answered(Caller().with { $0.body = "" })
        board.mediaAnswers = false
        board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm])))
        #expect(board.receive(caller.next(body: Caller.sdp()).says("INVITE")) == ["→ 491 INVITE"])
    }

    @Test func changeUnderWayEndsWithTheCall() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        #expect(board.receive(caller.next().says("BYE")).prefix(2) == ["→ 200 BYE", "→ 487 INVITE"])
        #expect(board.media(.updated) == [])
        #expect(board.media(.closed(nil)) == ["record finish", "gone"])
    }

    // MARK: - Our offer in a running session

    /// RFC 3261 §14.2: no offer, so ours goes into the 200; RFC 6337 §5.3: with all that we can do, so that a held call can go on.
    @Test func offerlessReinviteTakesTheAnswerOfItsAck() {
        var board = Switchboard()
        var caller = board.talking()
        board.receive(caller.next(body: Caller.sdp(version: 2, direction: "sendonly")).says("INVITE"))
        board.receive(caller.ack())
        #expect(board.receive(caller.next().says("INVITE")) == ["→ 200 INVITE"])
        #expect(
            board.lastResponse?.sdp?.short
                == "20000 [96 9 0 8 101 102] sendrecv v3 AEAD_AES_256_GCM#1 AEAD_AES_128_GCM#2 AES_256_CM_HMAC_SHA1_80#3 AES_CM_128_HMAC_SHA1_80#4")
        let offered = board.lastResponse?.sdp?.media.first?.cryptos.first?.key
        let answer = Caller.sdp(version: 3, address: "192.0.2.55", crypto: [Caller.otherGCM])
        #expect(
            board.receive(caller.ack(body: answer)) == ["media update sendrecv", "agreed PCMU AEAD_AES_256_GCM", "changed sendrecv"])
        #expect(board.updatedTo?.remoteAddress?.hostText == "192.0.2.55")
        #expect(board.updatedTo?.localKey == offered)
        #expect(board.updatedTo?.local.media.first?.cryptos.count == 1)
        // The version goes on from what the peer has seen (RFC 3264 §8).
        board.receive(caller.next(body: Caller.sdp(version: 4, crypto: [Caller.otherGCM], direction: "inactive")).says("INVITE"))
        #expect(board.lastResponse?.sdp?.origin.version == 4)
    }

    @Test func reofferWithoutAnAnswerKeepsTheSession() {
        var board = Switchboard()
        var caller = board.talking()
        board.receive(caller.next().says("INVITE"))
        #expect(board.receive(caller.ack()) == [])
        #expect(board.state == "talking")
        board.receive(caller.next(body: Caller.sdp(version: 2, direction: "inactive")).says("INVITE"))
        #expect(board.lastResponse?.sdp?.origin.version == 3)
    }

    /// RFC 5407 §3.1.5.
    @Test func changeWhileOurOfferWaitsForItsAnswerIsPutOff() {
        var board = Switchboard()
        var caller = board.talking()
        board.receive(caller.next().says("INVITE"))
        var second = caller
        #expect(board.receive(second.next(body: Caller.sdp()).says("UPDATE")) == ["→ 491 UPDATE"])
    }

    @Test func answerToOurOfferThatCannotBeInstalledEndsTheCall() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next().says("INVITE"))
        board.receive(caller.ack(body: Caller.sdp(version: 2, crypto: [Caller.otherGCM])))
        #expect(board.media(.failed("no cipher")).contains("→ BYE"))
    }

    @Test func lateConfirmationsOfMediaMeanNothing() {
        var board = Switchboard()
        _ = board.talking()
        #expect(board.media(.updated) == [])
        #expect(board.media(.started) == [])
        #expect(board.media(.reserved(port: 1)) == [])
        #expect(board.state == "talking")
    }
}
