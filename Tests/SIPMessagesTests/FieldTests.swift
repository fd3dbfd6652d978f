import SIPMessages
import SottoBase
import Testing

struct SIPURITests {
    @Test(arguments: [
        ("sip:+4930123456@h;user=phone", "+4930123456"),
        ("sip:+49-30-123.456;phone-context=+49@h;user=phone", "+4930123456"),
        ("tel:+1-201-555-0123", "+12015550123"),
        ("tel:7042;phone-context=example.com", "7042"),
        ("sip:reception@h", "reception"),
        ("sips:%2B4930123456@h", "+4930123456"),
        ("sip:*21%23@h", "*21#"),
        ("sip:*21#@h", "*21#"),
        ("sip:04930:secret@h", "04930"),
    ])
    func calledNumberIsTheUserPart(_ uri: String, _ number: String) {
        #expect(SIPURI(WireText(uri)).calledNumber == number)
    }

    @Test func uriWithoutUserCallsNobody() {
        #expect(SIPURI("sip:example.com").calledNumber == nil)
        #expect(SIPURI("urn:service:sos").calledNumber == nil)
    }

    @Test(arguments: ["sip:", "sip:@h", "sip:a@", "sip:a@h:70000", "sip:a@h:", "sip:a b@h", "sip:%4@h", "sip:a@h;;x", "sip:a@[::1", "sip:a@h?", "", ":", "1sip:a", "tel:abcx"])
    func brokenURIIsKeptAsBroken(_ text: String) {
        let uri = SIPURI(WireText(text))
        #expect(!uri.isWellFormed)
        #expect(uri.text.string == text)
    }

    /// RFC 3261 §19.1.4's own examples.
    @Test(arguments: [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:a@h;x=1", "sip:a@h;x=2", false),
        ("sips:a@h", "sip:a@h", false),
    ])
    func equivalenceFollowsTheRFC(_ a: String, _ b: String, _ same: Bool) {
        #expect(SIPURI(WireText(a)).isEquivalent(to: SIPURI(WireText(b))) == same)
        #expect(SIPURI(WireText(b)).isEquivalent(to: SIPURI(WireText(a))) == same)
    }

    @Test func builtURIEscapesTheUser() {
        let uri = SIPURI(scheme: .sips, user: "a b@c%#", host: "[2001:db8::1]", port: 5061)
        #expect(uri.isWellFormed)
        #expect(uri.text == "sips:a%20b%40c%25%23@[2001:db8::1]:5061")
        #expect(uri.unescapedUser == "a b@c%#")
        #expect(uri.hostAddress == PeerAddress(host: "2001:db8::1", port: 5061))
    }
}

/// RFC 5118: IPv6 spellings.
struct RFC5118Tests {
    private func request(uri: String, via: String) throws -> SIPRequest {
        try parseRequest("REGISTER \(uri) SIP/2.0\nVia: \(via)\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 REGISTER\n\n")
    }

    @Test func referenceIsAccepted() throws {  // §4.1
        let request = try request(uri: "sip:[2001:db8::10]", via: "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111")
        #expect(request.defects.isEmpty)
        #expect(request.requestURI.hostAddress == PeerAddress(host: "2001:db8::10", port: 5060))
    }

    @Test func addressWithoutBracketsIsRefused() throws {  // §4.2
        let request = try request(uri: "sip:2001:db8::10", via: "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111")
        #expect(SIPValidator().statusOwed(for: request)?.status == 400)
    }

    @Test func ambiguousPortStaysInTheAddress() throws {  // §4.3
        let request = try request(uri: "sip:[2001:db8::10:5070]", via: "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111")
        #expect(request.requestURI.port == nil)
    }

    @Test func portBehindTheReference() throws {  // §4.4
        let request = try request(uri: "sip:[2001:db8::10]:5070", via: "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111")
        #expect(request.requestURI.port == 5070)
    }

    @Test(arguments: ["[2001:db8::9:255]", "2001:db8::9:255"])
    func receivedMayHaveBracketsOrNot(_ received: String) throws {  // §4.5
        let request = try request(uri: "sip:h", via: "SIP/2.0/UDP [2001:db8::9:1];received=\(received);branch=z9hG4bKas3-111")
        #expect(request.defects.isEmpty)
        #expect(PeerAddress(host: request.topVia?.received ?? "", port: 0) == PeerAddress(host: "2001:db8::9:255", port: 0))
        #expect(request.topVia?.branch == "z9hG4bKas3-111")
    }

    @Test func mappedAddressIsItsIPv4Address() throws {  // §4.10
        let request = try request(uri: "sip:user@[::ffff:192.0.2.10]", via: "SIP/2.0/UDP [::ffff:192.0.2.2]:5060;branch=z9hG4bK1")
        #expect(request.defects.isEmpty)
        #expect(request.topVia.flatMap { PeerAddress(host: $0.host, port: 1) } == PeerAddress(host: "192.0.2.2", port: 1))
    }

    @Test(arguments: ["[2001:db8:::192.0.2.1]", "[2001:db8::1%eth0]", "[::1::2]", "[12345::]", "[1:2:3:4:5:6:7]", "[]", "[192.0.2.1]"])
    func wrongReferenceIsRefused(_ host: String) throws {  // §4.9, RFC 5954
        let request = try request(uri: "sip:user@\(host)", via: "SIP/2.0/TLS h;branch=z9hG4bK1")
        #expect(request.defects == [.requestURI])
    }
}

struct ViaTests {
    private let source = PeerAddress(host: "203.0.113.9", port: 40123)

    private func filled(_ text: WireText) throws -> Via { Via(text).filled(from: try #require(source)) }

    @Test func otherSourceIsMarked() throws {  // RFC 3261 §18.2.1
        #expect(try filled("SIP/2.0/TLS 10.0.0.1:5061;branch=z9hG4bK1").text == "SIP/2.0/TLS 10.0.0.1:5061;branch=z9hG4bK1;received=203.0.113.9")
        #expect(try filled("SIP/2.0/TLS phone.example;branch=z9hG4bK1").received == "203.0.113.9")
    }

    @Test func sameSourceIsLeftAlone() throws {
        #expect(try filled("SIP/2.0/TLS 203.0.113.9;branch=z9hG4bK1").text == "SIP/2.0/TLS 203.0.113.9;branch=z9hG4bK1")
    }

    @Test func requestedPortIsFilled() throws {  // RFC 3581 §4
        let via = try filled("SIP/2.0/TLS 203.0.113.9;rport;branch=z9hG4bK1;alias")
        #expect(via.text == "SIP/2.0/TLS 203.0.113.9;rport=40123;branch=z9hG4bK1;alias;received=203.0.113.9")
        #expect(via.responsePort == .filled(40123))
    }

    @Test func forgedReceivedIsReplaced() throws {
        #expect(try filled("SIP/2.0/TLS 10.0.0.1;received=198.51.100.1;branch=z9hG4bK1").received == "203.0.113.9")
    }

    @Test func ownHopParses() {
        let via = Via(host: "sotto.example", port: 5061, branch: "z9hG4bKabc")
        #expect(via.text == "SIP/2.0/TLS sotto.example:5061;branch=z9hG4bKabc;rport")
        #expect(via.hasTransactionID)
    }

    @Test(arguments: ["SIP/2.0/TLS", "SIP/2.0 h", "SIP/2.0/TLS h;", "SIP/2.0/TLS h;branch=", "SIP/2.0/TLS h:99999", "SIP/2.0/TLS [::1;x", ""])
    func brokenHopIsKeptAsBroken(_ text: String) {
        let via = Via(WireText(text))
        #expect(!via.isWellFormed)
        #expect(via.text.string == text)
    }
}

struct NameAddressTests {
    @Test func withoutBracketsParametersAreTheHeaders() {
        let address = NameAddress("sip:a@b;tag=x")
        #expect(address.uri.text == "sip:a@b")
        #expect(address.tag == "x")
    }

    @Test func unquotedNamesArePassedAsTheyAre() {
        #expect(NameAddress("Bob (Home) <sip:a@b>").displayName == "Bob (Home)")
        #expect(NameAddress("Müller<sip:a@b>").displayName == "Müller")
    }

    @Test func tagIsAddedAndReplaced() {
        #expect(NameAddress("<sip:a@b>").withTag("1").text == "<sip:a@b>;tag=1")
        #expect(NameAddress("\"A\" <sip:a@b;x>;y;tag=0").withTag("1").text == "\"A\" <sip:a@b;x>;y;tag=1")
    }

    @Test func displayNameIsQuoted() {
        let address = NameAddress(SIPURI("sip:a@b"), displayName: "A \"B\" \\ C")
        #expect(address.displayName == "A \"B\" \\ C")
    }

    @Test(arguments: ["\"open <sip:a@b>", "<sip:a@b", "Bell, A <sip:a@b>", "<sip:a@b>;tag=", "<sip:a@b> x", "sip:a@b?x=y", "< sip:a@b>"])
    func brokenAddressIsKeptAsBroken(_ text: String) {
        #expect(!NameAddress(WireText(text)).isWellFormed)
    }
}

struct ResponseTests {
    @Test func responseCopiesWhatItMust() throws {  // RFC 3261 §8.2.6
        var request = try parseRequest(ordinaryInvite)
        request.markReceived(from: try #require(PeerAddress(host: "203.0.113.9", port: 40123)))
        let ok = SIPResponse(200, to: request, toTag: "ours")
        #expect(ok.vias.count == 2)
        #expect(ok.topVia?.received == "203.0.113.9")
        #expect(ok.topVia?.responsePort == .filled(40123))
        #expect(ok.to.tag == "ours")
        #expect(ok.from == request.from)
        #expect(ok.callID == request.callID)
        #expect(ok.cseq == request.cseq)
        #expect(ok.recordRoutes == request.recordRoutes)
        #expect(ok.reasonPhrase == "OK")
        #expect(ok.body.isEmpty)
        let again = try parse(SIPMessage.response(ok).serialized)
        #expect(again == .response(ok))
    }

    @Test func tryingHasNoTagAndNoRoute() throws {
        let trying = SIPResponse(100, to: try parseRequest(ordinaryInvite), toTag: "ours")
        #expect(trying.to.tag == nil)
        #expect(trying.recordRoutes.isEmpty)
    }

    @Test func reasonAndWarningAreWrittenAndRead() throws {
        var response = SIPResponse(488, to: try parseRequest(ordinaryInvite), toTag: "t")
        response.add(SIPWarning(code: 305, agent: "sotto", text: "Incompatible \"media\" format").header)
        response.add(SIPReason(protocolName: "Q.850", cause: 16, text: "Normal").header)
        #expect(response.header(.warning) == "305 sotto \"Incompatible \\\"media\\\" format\"")
        #expect(response.reasons.map(\.q850Cause) == [16])
    }

    @Test func reasonListIsRead() throws {  // RFC 3326 §2
        let bye = try parseRequest("BYE sip:a@b SIP/2.0\nReason: SIP ;cause=200 ;text=\"Call, completed\", Q.850;cause=17\n\n")
        #expect(bye.reasons.map(\.cause) == [200, 17])
        #expect(bye.reasons.first?.text == "Call, completed")
        #expect(bye.reasons.last?.q850Cause == 17)
    }

    @Test func responseWithTwoViasIsDropped() throws {  // RFC 3261 §8.1.3.3
        let response = try parseResponse(
            "SIP/2.0 200 OK\nVia: SIP/2.0/TLS h, SIP/2.0/TLS i\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: c\nCSeq: 1 BYE\n\n")
        #expect(SIPValidator().reasonToDiscard(response) == .severalVias)
    }

    @Test func responseToAnotherHostIsDropped() throws {  // RFC 3261 §18.1.2
        let response = try parseResponse(
            "SIP/2.0 200 OK\nVia: SIP/2.0/TLS h\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: c\nCSeq: 1 BYE\n\n")
        #expect(SIPValidator().reasonToDiscard(response, sentBy: ["other"]) == .notOurVia)
        #expect(SIPValidator().reasonToDiscard(response, sentBy: ["H"]) == nil)
    }
}

struct SIPValidatorTests {
    private func owed(_ start: String, _ headers: String = "", body: String = "") throws -> SIPStatusOwed? {
        let method = start.prefix { $0 != " " }
        let request = try parseRequest(
            "\(start) SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 \(method)\n\(headers)\n\(body)")
        return SIPValidator(methods: [.invite, .ack, .bye, .cancel, .options], extensions: ["timer"]).statusOwed(for: request)
    }

    @Test func eachRuleHasItsStatus() throws {
        #expect(try owed("OPTIONS sip:a@b") == nil)
        #expect(try owed("SUBSCRIBE sip:a@b")?.status == 405)
        #expect(try owed("SUBSCRIBE sip:a@b")?.headers == [SIPHeader(.allow, "INVITE, ACK, BYE, CANCEL, OPTIONS")])
        #expect(try owed("invite sip:a@b")?.status == 501)
        #expect(try owed("INVITE http://x/")?.status == 416)
        #expect(try owed("INVITE tel:+49301") == nil)
        #expect(try owed("INVITE sip:a@b", "Require: timer\n") == nil)
        #expect(try owed("INVITE sip:a@b", "Require: 100rel, timer\nRequire: x\n")?.headers == [SIPHeader(.unsupported, "100rel, x")])
        #expect(try owed("CANCEL sip:a@b", "Require: 100rel\n") == nil)
        #expect(try owed("INVITE sip:a@b", "Content-Type: text/html\n", body: "x")?.headers == [SIPHeader(.accept, "application/sdp")])
        #expect(try owed("INVITE sip:a@b", "Content-Type: text/html\nContent-Disposition: x;handling=optional\n", body: "x") == nil)
        #expect(try owed("INVITE sip:a@b", "Content-Type: application/sdp\nContent-Encoding: gzip\n", body: "x")?.status == 415)
        #expect(try owed("INVITE sip:a@b", body: "x")?.status == 400)
        #expect(try owed("INVITE sip:a@b", "Accept: text/plain\n")?.status == 406)
        #expect(try owed("INVITE sip:a@b", "Accept: text/plain, application/sdp;level=1\n") == nil)
    }
}
