import Foundation
import SIPMessages
import SIPTransport
import SottoBase
import Testing

@testable import SottoServer

@Suite struct MaskedSIPMessageTests {
    private static let invite = """
        INVITE sip:+4930123456789@sbc.example:5061;user=phone SIP/2.0
        Via: SIP/2.0/TLS 198.51.100.17:50610;branch=z9hG4bK77ef4c2312983
        From: "Erika Mustermann" <sip:+4917012345678@carrier.example>;tag=1928301774
        To: <tel:+4930123456789>
        Call-ID: a84b4c76e66710@pc33.example
        CSeq: 314159 INVITE
        Max-Forwards: 70
        Contact: <sip:+4917012345678@198.51.100.17:50610;transport=tls>
        P-Asserted-Identity: "Erika" <tel:+4917012345678>
        Proxy-Authorization: Digest username="acme", response="6629fae49393a05397450978507c4ef1"
        Session-Expires: 1800;refresher=uac
        Content-Type: application/sdp
        Content-Length: 0

        v=0
        o=- 1 1 IN IP4 198.51.100.17
        s=-
        c=IN IP4 198.51.100.17
        t=0 0
        m=audio 49170 RTP/SAVP 0
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR
        """

    private static func parsed(_ text: String) throws -> SIPMessage {
        let body = text.components(between: "\n\n")
        let wire = text.replacing("\n", with: "\r\n").replacing("Content-Length: 0", with: "Content-Length: \(body)")
        var bytes = Array(wire.utf8)
        return try SIPMessageParser.parse(&bytes)
    }

    @Test func keysCredentialsAndNamesAreGone() throws {
        let text = MaskedSIPMessage(try Self.parsed(Self.invite)).text
        for secret in ["PS1uQCVe", "6629fae4", "Erika", "Mustermann", "12345678", "30123456789"] {
            #expect(!text.contains(secret), "\(secret) is in the trace")
        }
        #expect(text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[key]"))
        #expect(text.contains("Proxy-Authorization: [secret]"))
    }

    @Test func whatInteropIsAboutStays() throws {
        let masked = MaskedSIPMessage(try Self.parsed(Self.invite))
        #expect(masked.summary == "INVITE sip:+4930xxxxxxx89@sbc.example:5061;user=phone")
        #expect(masked.text.contains("Via: SIP/2.0/TLS 198.51.100.17:50610;branch=z9hG4bK77ef4c2312983"))
        #expect(masked.text.contains("Contact: <sip:+4917xxxxxxx78@198.51.100.17:50610;transport=tls>"))
        #expect(masked.text.contains("From: \"…\" <sip:+4917xxxxxxx78@carrier.example>;tag=1928301774"))
        #expect(masked.text.contains("To: <tel:+4930xxxxxxx89>"))
        #expect(masked.text.contains("Session-Expires: 1800;refresher=uac"))
        #expect(masked.text.contains("m=audio 49170 RTP/SAVP 0"))
    }

    @Test func namesWithoutQuotesAndFreeTextAreGone() throws {
        let text = Self.invite.replacing("\"Erika Mustermann\" <", with: "Erika Mustermann <")
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 70\nSubject: the debts of Erika\nX-Caller: 4917012345678")
            .replacing("\"Erika\" <tel", with: "Erika <tel")
        let masked = MaskedSIPMessage(try Self.parsed(text)).text
        for secret in ["Erika", "Mustermann", "debts", "12345678"] { #expect(!masked.contains(secret), "\(secret) is in the trace") }
        #expect(masked.contains("From: \"…\" <sip:+4917xxxxxxx78@carrier.example>;tag=1928301774"))
        #expect(masked.contains("X-Caller: [13 bytes]"))
    }

    @Test func bodiesOfOtherTypesAreCountedOnly() throws {
        let text = Self.invite.replacing("application/sdp", with: "text/plain").replacing("v=0", with: "my pin is 4711")
        let masked = MaskedSIPMessage(try Self.parsed(text)).text
        #expect(!masked.contains("4711"))
        #expect(masked.contains("bytes]"))
    }
}

@Suite struct SIPLadderTests {
    private static let call = CallID(high: 1, low: 2)

    private static func message(_ callID: WireText, _ method: SIPMethod = .invite) -> SIPMessage {
        var fields = SIPFields()
        fields.callID = SIPCallID(callID)
        fields.cseq = CSeq(1, method)
        return .request(SIPRequest(method: method, requestURI: SIPURI("sip:a@example"), fields: fields))
    }

    @Test func messagesBeforeTheCallAreClaimed() {
        var ladders = SIPLadders()
        ladders.record(Self.message("a"), .received, at: WallTime(milliseconds: 0))
        ladders.add(SIPCallID("a"), to: Self.call)
        ladders.record(Self.message("a", .ack), .received, at: WallTime(milliseconds: 1))
        ladders.add(SIPCallID("b"), to: Self.call)
        ladders.record(Self.message("b"), .sent, at: WallTime(milliseconds: 2))
        #expect(ladders.steps(of: Self.call)?.steps.map(\.leg) == [0, 0, 1])
    }

    @Test func ladderOfABusyCallIsBounded() {
        var ladders = SIPLadders(limits: .init(stepsPerCall: 3))
        ladders.add(SIPCallID("a"), to: Self.call)
        for _ in 0..<10 { ladders.record(Self.message("a"), .received, at: WallTime(milliseconds: 0)) }
        #expect(ladders.steps(of: Self.call)?.steps.count == 3)
        #expect(ladders.steps(of: Self.call)?.left == 7)
    }

    @Test func oldestEndedLadderGoesFirst() {
        var ladders = SIPLadders(limits: .init(endedCalls: 2))
        for number in 0..<4 as Range<UInt64> {
            let call = CallID(high: 0, low: number)
            ladders.add(SIPCallID(WireText("c\(number)")), to: call)
            ladders.record(Self.message(WireText("c\(number)")), .received, at: WallTime(milliseconds: 0))
            ladders.callEnded(call)
        }
        #expect(ladders.count == 2)
        #expect(ladders.steps(of: CallID(high: 0, low: 1)) == nil)
        #expect(ladders.steps(of: CallID(high: 0, low: 3))?.steps.count == 1)
    }

    @Test func bytesOfRunningCallsAreBounded() {
        var ladders = SIPLadders(limits: .init(stepsPerCall: 1_000, bytes: 2_000))
        ladders.add(SIPCallID("a"), to: Self.call)
        for _ in 0..<100 { ladders.record(Self.message("a"), .received, at: WallTime(milliseconds: 0)) }
        #expect(ladders.bytes <= 2_000)
    }
}

extension String {
    /// Bytes of what follows the first `separator`, as CRLF text.
    fileprivate func components(between separator: String) -> Int {
        guard let range = range(of: separator) else { return 0 }
        return self[range.upperBound...].replacing("\n", with: "\r\n").utf8.count
    }
}
