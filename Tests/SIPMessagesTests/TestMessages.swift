import Foundation
import SIPMessages
import SottoBase
import Testing

/// A text block as it goes over the wire: every line end becomes CRLF.
func wire(_ text: String) -> [UInt8] { Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8) }

func parse(_ bytes: [UInt8]) throws(SIPParseError) -> SIPMessage {
    var raw = bytes
    return try SIPMessageParser.parse(&raw)
}

func parseRequest(_ text: String) throws -> SIPRequest {
    guard case .request(let request) = try parse(wire(text)) else { throw NotThat() }
    return request
}

func parseResponse(_ text: String) throws -> SIPResponse {
    guard case .response(let response) = try parse(wire(text)) else { throw NotThat() }
    return response
}

struct NotThat: Error {}

/// An INVITE as a phone sends it, with two SDES lines.
let ordinaryInvite = """
    INVITE sip:+4930123456@sotto.example.com;user=phone SIP/2.0
    Via: SIP/2.0/TLS 198.51.100.7:5061;branch=z9hG4bK-524287-1---5a1c;rport;alias
    Via: SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKabc;received=2001:db8::1
    Record-Route: <sip:sbc.carrier-a.example;lr;transport=tls>
    Max-Forwards: 69
    Contact: <sip:alice@198.51.100.7:5061;transport=tls>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"
    To: <sip:+4930123456@sotto.example.com;user=phone>
    From: "Alice Example" <sip:+4940987654@carrier-a.example;user=phone>;tag=9fxced76sl
    Call-ID: 3848276298220188511@198.51.100.7
    CSeq: 1 INVITE
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE
    Supported: replaces, timer
    User-Agent: Phone/1.2
    P-Asserted-Identity: "Alice" <sip:+4940987654@carrier-a.example>, <tel:+4940987654>
    Authorization: Digest username="alice", realm="x", nonce="y", uri="sip:z", response="0123456789abcdef0123456789abcdef"
    Content-Type: application/sdp
    Content-Length: 480

    v=0
    o=- 3747 3747 IN IP4 198.51.100.7
    s=-
    c=IN IP4 198.51.100.7
    t=0 0
    m=audio 40000 RTP/SAVP 96 0 8 101
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-16
    a=crypto:1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=
    a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^31
    a=ptime:20
    a=rtcp-mux
    a=sendrecv

    """

extension SIPMessage {
    var serialized: [UInt8] {
        var output: [UInt8] = []
        serialize(into: &output)
        return output
    }
}
