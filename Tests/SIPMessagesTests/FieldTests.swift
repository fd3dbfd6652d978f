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

    @Test func userAgentsExtensionsAreNotRefused() throws {  // RFC 3262, 4028, 3891, 4488
        let validator = SIPValidator(extensions: SIPValidator.userAgentExtensions)
        func owed(_ require: String) throws -> SIPStatusOwed? {
            validator.statusOwed(
                for: try parseRequest(
                    "INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 INVITE\nRequire: \(require)\n\n"))
        }
        #expect(try owed("100rel, timer, Replaces, norefersub") == nil)
        #expect(try owed("timer, path, sec-agree")?.headers == [SIPHeader(.unsupported, "path, sec-agree")])
        #expect(try owed("timer, path")?.status == 420)
    }

    @Test func longRequestURIIsOwed414() throws {  // RFC 3261 §21.4.12
        #expect(try owed("INVITE sip:\(String(repeating: "a", count: 2042))@b") == nil)
        #expect(try owed("INVITE sip:\(String(repeating: "a", count: 2043))@b")?.status == 414)
    }

    /// RFC 3261 §8.2.2.1: tel: is served unless a policy says otherwise.
    @Test func schemesAreAPolicy() throws {
        let request = try parseRequest(
            "INVITE tel:+49301 SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 INVITE\n\n")
        #expect(SIPValidator().statusOwed(for: request) == nil)
        #expect(SIPValidator(schemes: [.sip, .sips]).statusOwed(for: request)?.status == 416)
        #expect(SIPValidator(schemes: [.sips, .tel]).statusOwed(for: request) == nil)
    }

    @Test func calledNumberIsOfTheRequestURIAndNeverOfTo() throws {
        let request = try parseRequest(
            "INVITE sip:+49-30-1;npdi;isub=7@h;user=phone SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <tel:+999>\nCall-ID: c\nCSeq: 1 INVITE\n\n")
        #expect(request.calledNumber == "+49301")
    }
}
