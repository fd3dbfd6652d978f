import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import Testing

@testable import Calls

/// From the INVITE to the conversation.
@Suite struct SetUpTests {
    @Test func callRingsReservesStartsAndIsAnsweredOnlyThen() {
        var board = Switchboard()
        board.mediaAnswers = false
        let caller = Caller()
        #expect(board.receive(caller.says("INVITE")) == ["arrived", "routed agent:reception", "media reserve 3", "→ 180 INVITE"])
        #expect(board.state == "answering")
        #expect(board.media(.reserved(port: 20_000)) == ["agreed PCMU AEAD_AES_256_GCM", "media start"])
        #expect(board.media(.started) == ["voice begin v1 acme", "answered", "→ 200 INVITE"])
        #expect(board.state == "answered")
        #expect(board.lastResponse?.sdp?.short == "20000 [0 101] sendrecv v1 AEAD_AES_256_GCM#1")
        #expect(board.started?.remoteAddress?.hostText == "192.0.2.9")
    }

    @Test func conversationBeginsWhenConsentIsSettled() {
        var board = Switchboard()
        board.voiceAnswers = false
        let caller = board.answered()
        // Somebody is in the EU: first it is disclosed who speaks (AI Act Art. 50).
        #expect(board.receive(caller.ack()) == ["consent ask", "say You are talk"])
        #expect(board.heard() == ["expect on", "say May we recor"])
        #expect(board.table.summaries.first?.consent == "pending")
        #expect(board.voice(.answered(.yes, by: .key)) == ["stop saying", "record start", "granted", "say Thank you."])
        #expect(board.heard() == ["expect off", "dialogue"])
        #expect(board.state == "talking")
        #expect(board.table.summaries.first?.consent == "granted")
    }

    /// RFC 3264 §5, RFC 3261 §13.2.1: the offer goes out in the 200, the answer comes in the ACK, and media runs before voice speaks.
    @Test func offerlessCallStartsMediaWithTheAnswerInTheAck() {
        var board = Switchboard()
        board.mediaAnswers = false
        board.voiceAnswers = false
        var caller = Caller().with { $0.body = "" }
        board.receive(caller.says("INVITE"))
        #expect(board.media(.reserved(port: 20_000)) == ["answered", "→ 200 INVITE"])
        caller.remoteTag = board.lastResponse?.to.tag?.string
        #expect(
            board.lastResponse?.sdp?.short
                == "20000 [96 9 0 8 101 102] sendrecv v1 AEAD_AES_256_GCM#1 AEAD_AES_128_GCM#2 AES_256_CM_HMAC_SHA1_80#3 AES_CM_128_HMAC_SHA1_80#4")
        let answer = Caller.sdp(payloads: "0 101", crypto: [Caller.gcm])
        #expect(board.receive(caller.ack(body: answer)) == ["agreed PCMU AEAD_AES_256_GCM", "media start"])
        #expect(board.state == "answering")
        #expect(board.media(.started) == ["voice begin v1 acme", "consent ask", "say You are talk"])
    }

    @Test func offerlessCallGoesOnOnceMediaRuns() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm])))
        board.voice(.answered(.yes, by: .key))
        #expect(board.wait(.seconds(60)) == [])
        #expect(board.state == "talking")
    }

    @Test func ackOfAnOfferlessCallMayComeLate() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        // The 200 is sent again until its ACK comes (RFC 3261 §13.3.1.4); that is no fault of the media's set-up.
        #expect(board.wait(.seconds(20)).allSatisfy { $0 == "→ 200 INVITE" })
        #expect(board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm]))).contains("media start"))
    }

    @Test func ackWithoutAnAnswerEndsTheCall() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        #expect(
            board.receive(caller.ack()) == [
                "ending caller-fault: the ACK brought no answer to our offer", "voice end", "media close", "→ BYE", "record finish", "gone",
            ])
        #expect(board.isIdle == false)  // our BYE waits for its answer
    }

    @Test func answerInTheAckThatDoesNotFitEndsTheCall() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        let lines = board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm.replacing("1 AEAD_AES_256", with: "9 AEAD_AES_256")])))
        #expect(lines.first == "ending caller-fault: Answer does not match the offer")
        #expect(lines.contains("→ BYE"))
    }

    @Test func mediaThatFailsAfterTheAckEndsTheCall() {
        var board = Switchboard()
        board.mediaAnswers = false
        var caller = Caller().with { $0.body = "" }
        board.receive(caller.says("INVITE"))
        board.media(.reserved(port: 20_000))
        caller.remoteTag = board.lastResponse?.to.tag?.string
        board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm])))
        #expect(board.media(.failed("no decoder")) == ["ending our-fault: no decoder", "voice end", "media close", "→ BYE"])
    }

    @Test func mediaThatIsNeverConfirmedAfterTheAckEndsTheCall() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        board.mediaAnswers = false
        board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm])))
        #expect(board.wait(.seconds(8)).prefix(1) == ["ending our-fault: media was not set up in time"])
    }

    // MARK: - Refusals

    /// RFC 3261 §21.4.26 and §20.43.
    @Test(arguments: [
        (Caller.sdp(crypto: ["1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"]), "306"),
        (Caller.sdp(payloads: "18 101"), "305"), (Caller.sdp(transport: "RTP/AVP"), "302"),
        (Caller.sdp(port: 0), "304"), (Caller.sdp(address: "2001:db8::9", family: "IP6"), "301"),
    ])
    func offerThatNothingFitsIsRefusedWithAWarning(offer: String, code: String) {
        var board = Switchboard()
        let lines = board.receive(Caller(body: offer).says("INVITE"))
        #expect(lines.contains("offer refused 488"))
        #expect(lines.suffix(4).contains("→ 488 INVITE"))
        #expect(lines.last == "gone")
        #expect(board.lastResponse?.header(.warning)?.string.hasPrefix("\(code) sotto ") == true)
        #expect(board.records.first?.termination.cause == .callerFault)
    }

    @Test func malformedSessionDescriptionTakesNoPort() {
        var board = Switchboard()
        #expect(
            board.receive(Caller(body: "v=0\r\nm=audio\r\n").says("INVITE")) == [
                "arrived", "routed agent:reception", "offer refused 400", board.endingLine, "voice end", "→ 400 INVITE", "record finish",
                "gone",
            ])
    }

    /// RFC 3261 §21.4.13. The endpoint's validator knows it first.
    @Test func otherBodyIsRefusedWithWhatWouldDo() {
        var board = Switchboard()
        let caller = Caller().with { $0.contentType = "application/isup" }
        #expect(board.receive(caller.says("INVITE")) == ["→ 415 INVITE"])
        #expect(board.lastResponse?.header(.accept)?.string.hasPrefix("application/sdp, multipart/mixed") == true)
    }

    /// RFC 5621 §3: carriers put ISUP beside the session description.
    @Test func descriptionAmongOtherPartsBecomesACall() {
        func parts(_ handling: String, description: String) -> Caller {
            Caller().with {
                $0.contentType = "multipart/mixed;boundary=unique-boundary-1"
                $0.body =
                    "--unique-boundary-1\r\nContent-Type: application/sdp\r\n\r\n\(description)\r\n--unique-boundary-1\r\n"
                    + "Content-Type: application/isup;version=nxv3\r\nContent-Disposition: signal;handling=\(handling)\r\n\r\n"
                    + "\u{1}\u{11}\u{0}\r\n--unique-boundary-1--\r\n"
            }
        }
        var board = Switchboard()
        _ = board.talking(parts("optional", description: Caller.sdp()))
        #expect(board.state == "talking")
        #expect(board.started?.remoteAddress?.port == 4_000)
        // RFC 3261 §21.4.13: what must be understood and is not.
        var strict = Switchboard()
        #expect(strict.receive(parts("required", description: Caller.sdp()).says("INVITE")).contains("→ 415 INVITE"))
        var broken = Switchboard()
        let cut = parts("optional", description: Caller.sdp()).with { $0.body = String($0.body.dropLast(8)) }
        #expect(broken.receive(cut.says("INVITE")).contains("→ 400 INVITE"))
        #expect(strict.isIdle && broken.isIdle)
    }

    /// RFC 3261 §20.11: a body that may be passed over is none, and the call gets our offer.
    @Test func optionalBodyAloneLeavesTheOfferToUs() {
        var board = Switchboard()
        let caller = Caller(body: "\u{1}").with {
            $0.contentType = "application/isup"
            $0.headers = ["Content-Disposition: signal;handling=optional"]
        }
        #expect(board.receive(caller.says("INVITE")).last == "→ 200 INVITE")
        #expect(board.lastResponse?.sdp != nil)
    }

    @Test func portThatCannotBeReservedRefusesTheCall() {
        var board = Switchboard()
        board.mediaAnswers = false
        board.receive(Caller().says("INVITE"))
        #expect(
            board.media(.failed("no port is free")) == [
                "offer refused 503", "ending our-fault: no port is free", "voice end", "media close", "→ 503 INVITE",
            ])
        #expect(board.lastResponse?.header(.retryAfter)?.string == "5")
        #expect(board.media(.closed(nil)) == ["record finish", "gone"])
    }

    @Test func keysThatCannotBeInstalledRefuseTheCall() {
        var board = Switchboard()
        board.mediaAnswers = false
        board.receive(Caller().says("INVITE"))
        board.media(.reserved(port: 20_000))
        #expect(board.media(.failed("no cipher")).contains("→ 503 INVITE"))
        #expect(board.media(.started) == [])
    }

    @Test func mediaThatIsNeverReservedRefusesTheCallInTime() {
        var board = Switchboard()
        board.mediaAnswers = false
        board.receive(Caller().says("INVITE"))
        #expect(board.wait(.milliseconds(7_999)) == [])
        #expect(
            board.wait(.milliseconds(1)) == [
                "ending our-fault: media was not set up in time", "voice end", "media close", "→ 503 INVITE",
            ])
        #expect(board.lastResponse?.reasons.first?.q850Cause == 41)
    }

    @Test func addressFamilyIsTheOffers() {
        var board = Switchboard {
            $0.media.append(.init(range: 6, advertised: [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]))
        }
        #expect(board.receive(Caller("a").says("INVITE")).contains("media reserve 3"))
        let other = Caller("b", body: Caller.sdp(address: "2001:db8::9", family: "IP6"))
        #expect(board.receive(other.says("INVITE")).contains("media reserve 6"))
        #expect(board.lastResponse?.sdp?.connection?.address.string == "2001:db8::5")
    }
}

extension Switchboard {
    var endingLine: String { records.first.map { "ending caller-fault: \($0.termination.reason)" } ?? "no record" }
}
