import SIPMessages
import SottoBase
import Testing

/// A request with these header lines.
private func request(_ headers: String) throws -> SIPRequest { try parseRequest("BYE sip:a@b SIP/2.0\n\(headers)\n\n") }

struct SessionTimerValueTests {  // RFC 4028 §4, §5
    @Test func sessionExpiresAndMinSEAreRead() throws {
        let request = try request("Session-Expires: 1800 ;refresher=UAS;x\nMin-SE: 90;y=z")
        #expect(request.sessionExpires == SIPSessionExpires(seconds: 1800, refresher: .uas))
        #expect(request.minimumSessionExpires == 90)
        #expect(try parseRequest("BYE sip:a@b SIP/2.0\nx: 90\n\n").sessionExpires == SIPSessionExpires(seconds: 90))
    }

    @Test(arguments: ["", "x", "-1", "4294967296", "90 91", "90;refresher=", "90;;"])
    func brokenSessionExpiresIsNone(_ value: String) throws {
        #expect(try request("Session-Expires: \(value)").sessionExpires == nil)
    }

    @Test func writtenValueIsReadBack() {
        for value in [SIPSessionExpires(seconds: 600, refresher: .uac), SIPSessionExpires(seconds: 90, refresher: .uas), SIPSessionExpires(seconds: 91)] {
            #expect(value.header.text.flatMap { SIPSessionExpires($0) } == value)
        }
    }
}

struct ReliabilityValueTests {  // RFC 3262 §7
    @Test func responseAndAcknowledgementNumbersAreRead() throws {
        #expect(try request("RSeq: 988789").responseNumber == 988_789)
        #expect(try request("RAck: 776656 1 INVITE").rack == SIPRAck(responseNumber: 776_656, cseq: CSeq(1, .invite)))
        #expect(SIPRAck(responseNumber: 4_294_967_295, cseq: CSeq(2, .invite)).header == SIPHeader(.rack, "4294967295 2 INVITE"))
    }

    @Test(arguments: ["", "1", "1 2", "0 1 INVITE", "4294967296 1 INVITE", "1 2147483648 INVITE", "1 1INVITE", "-1 1 INVITE", "1 1 INVITE x"])
    func brokenRAckIsNone(_ value: String) throws { #expect(try request("RAck: \(value)").rack == nil) }

    @Test(arguments: ["0", "", "1x", "4294967296"])
    func brokenRSeqIsNone(_ value: String) throws { #expect(try request("RSeq: \(value)").responseNumber == nil) }
}

struct ReferralValueTests {
    @Test func referToReferredByAndEventAreRead() throws {  // RFC 3515 §2.1, RFC 3892 §3, RFC 6665 §8
        let request = try request(
            "r: \"Bob\" <sip:bob@h?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>\nb: <sip:alice@h>;cid=\"1@h\"\no: refer;id=93809824\n"
                + "Subscription-State: terminated;reason=noresource;retry-after=5\nRefer-Sub: false")
        #expect(request.referTo?.uri.user == "bob")
        #expect(request.referTo.flatMap { SIPReplaces(in: $0.uri) } == SIPReplaces(callID: SIPCallID("x@y"), toTag: "1", fromTag: "2"))
        #expect(request.referTo?.uri.embeddedHeader("Require") == "replaces")
        #expect(request.referredBy?.uri.user == "alice")
        #expect(request.event == SIPEventPackage("refer", id: "93809824"))
        #expect(request.subscriptionState == SIPSubscriptionState(.terminated, reason: "noresource", retryAfter: 5))
        #expect(!request.wantsReferSubscription)
    }

    @Test func severalReferToAreNone() throws {  // RFC 3515 §2.4.2
        #expect(try request("Refer-To: <sip:a@b>\nRefer-To: <sip:c@d>").referTo == nil)
        #expect(try request("Refer-To: <sip:a@b>, <sip:c@d>").referTo == nil)
    }

    @Test func replacesNeedsEachPartOnce() throws {  // RFC 3891 §6.1
        let whole = SIPReplaces("98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only")
        #expect(whole == SIPReplaces(callID: SIPCallID("98732@sip.example.com"), toTag: "ff87ff", fromTag: "r33th4x0r", isEarlyOnly: true))
        #expect(whole.flatMap { SIPReplaces($0.text) } == whole)
        for broken: WireText in [
            "", "a", "a;to-tag=1", "a;from-tag=1", "a;to-tag=1;to-tag=2;from-tag=3", "a;to-tag=1;from-tag=2;from-tag=2", "a;to-tag=;from-tag=1",
            "a b;to-tag=1;from-tag=2", ";to-tag=1;from-tag=2", "a;to-tag=\"1\";from-tag=2", "a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2",
        ] { #expect(SIPReplaces(broken) == nil) }
        #expect(try request("Replaces: a;to-tag=1;from-tag=2\nReplaces: b;to-tag=1;from-tag=2").replaces == nil)
    }

    @Test func embeddedReplacesSurvivesTheURI() {  // RFC 3891 §4
        let replaces = SIPReplaces(callID: SIPCallID("a%b?{c}+d@h"), toTag: "1%2", fromTag: "x+y")
        let uri = SIPURI("sip:bob@h?Subject=old").withHeaders(replaces.embedded)
        #expect(uri.isWellFormed)
        #expect(SIPReplaces(in: uri) == replaces)
    }

    @Test func fragmentTellsTheStatus() throws {  // RFC 3515 §2.4.5
        let body = SIPFragment(status: 486, reasonPhrase: "Busy\r\nX: y").body
        #expect(SIPFragment(body) == SIPFragment(status: 486, reasonPhrase: "BusyX: y"))
        #expect(SIPFragment(SIPBody(Array("SIP/2.0 100 Trying".utf8)))?.isFinal == false)
        #expect(SIPFragment(SIPBody(Array("sip/2.0 200".utf8)))?.status == 200)
        for broken in ["", "SIP/2.0", "SIP/2.0 ", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 20 x", "SIP/2.0 2000", "INVITE sip:a SIP/2.0"] {
            #expect(SIPFragment(SIPBody(Array(broken.utf8))) == nil)
        }
    }
}

struct IdentityValueTests {
    @Test func privacyValuesAddUp() throws {  // RFC 3323 §4.2, RFC 3325 §9.3
        #expect(try request("Privacy: id;critical\nPrivacy: HEADER").privacy == [.id, .critical, .header])
        #expect(try request("Privacy: none").privacy == SIPPrivacy.none)
        #expect(try request("Privacy: id, user ;x").privacy == [.id, .user, .unknown])
        #expect(try request("Subject: x").privacy == [])
        #expect(SIPPrivacy([.id, .critical]).header == SIPHeader(.privacy, "id;critical"))
        #expect(SIPPrivacy().header == nil)
    }

    @Test func identitiesPathAndServiceRoutesAreLists() throws {  // RFC 3325 §9, RFC 3327 §4, RFC 3608 §5
        let request = try request(
            "P-Asserted-Identity: \"A, B\" <sip:+49301@h;user=phone>, <tel:+49301>\nP-Preferred-Identity: <sip:x@h>\n"
                + "Path: <sip:p1@h;lr>,<sip:p2@h;lr>\nPath: <sip:p3@h;lr>\nservice-route: <sip:s1@h;lr>, <sip:s2@h;lr>")
        #expect(request.assertedIdentities.map(\.uri.calledNumber) == ["+49301", "+49301"])
        #expect(request.preferredIdentities.map(\.uri.user) == ["x"])
        #expect(request.path.map(\.uri.user) == ["p1", "p2", "p3"])
        #expect(request.serviceRoutes.map(\.uri.user) == ["s1", "s2"])
    }

    @Test func contentDispositionTellsHandling() {
        #expect(SIPContentDisposition("session;handling=optional")?.isOptional == true)
        #expect(SIPContentDisposition("session")?.isOptional == false)
        #expect(SIPContentDisposition("render; handling=required")?.isRequired == true)
        #expect(SIPContentDisposition(";handling=optional") == nil)
    }
}

struct AuthenticationValueTests {  // RFC 7616 §3.3, RFC 8760 §2.4
    private func challenges(_ headers: String) throws -> [SIPChallenge] {
        try parseResponse("SIP/2.0 401 Unauthorized\n\(headers)\n\n").challenges(.wwwAuthenticate)
    }

    @Test func oneChallengePerHeaderIsRead() throws {
        let read = try challenges(
            "WWW-Authenticate: Digest realm=\"a \\\"b\\\"\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth, auth-int\", opaque=\"\"\n"
                + "WWW-Authenticate: DIGEST realm=\"a\",nonce=\"n2\",stale=TRUE")
        #expect(read.map(\.isDigest) == [true, true])
        #expect(read.map(\.realm) == ["a \"b\"", "a"])
        #expect(read.map(\.nonce) == ["n1", "n2"])
        #expect(read.map { $0.algorithm?.hash } == [.sha256, .md5])
        #expect(read.map(\.qualities) == [["auth", "auth-int"], nil])
        #expect(read.map(\.isStale) == [false, true])
        #expect(read[0].opaque == "")
    }

    @Test func listsOfChallengesAreReadAsWell() throws {
        let read = try challenges("WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256-sess , Basic realm=\"x\", Digest nonce=\"2\"")
        #expect(read.map(\.scheme) == ["Digest", "Basic", "Digest"])
        #expect(read[0].algorithm?.hash == .sha512_256)
        #expect(read[0].algorithm?.isSession == true)
        #expect(read[2].nonce == "2")
    }

    @Test(arguments: ["", "Digest realm=", "Digest realm=\"open", "Digest =x", "Digest realm=\"a\" nonce", "\"x\""])
    func brokenChallengeIsLeftOut(_ value: String) throws {
        #expect(try challenges("WWW-Authenticate: \(value)").allSatisfy { $0.parameters.isEmpty })
    }

    @Test func numberOfChallengesIsBounded() throws {
        let line = "WWW-Authenticate: " + (0..<40).map { "Digest nonce=\"\($0)\"" }.joined(separator: ", ")
        #expect(try challenges(line).count == SIPChallenge.maximumCount)
    }

    @Test func writtenChallengeIsReadBack() throws {
        let value = SIPChallenge.digest(realm: "x \"y\"", nonce: "n", algorithm: .sha256, opaque: "o", isStale: true)
        let read = try #require(try challenges("WWW-Authenticate: \(value.string)").first)
        #expect(read.realm == "x \"y\"")
        #expect(read.algorithm?.hash == .sha256)
        #expect(read.qualities == ["auth"])
        #expect(read.isStale)
    }

    @Test func credentialsAreWrittenIntoASecret() throws {
        var credentials = SIPCredentials(
            username: "al\"ice", realm: "r", nonce: "n", uri: "sip:h", response: SecretBytes(copying: ArraySlice("0123abcd".utf8)))
        credentials.algorithmName = "SHA-256"
        credentials.opaque = "o"
        credentials.quality = ("c", 10)
        let header = credentials.header(.authorization)
        #expect(header.text == nil)
        guard case .secret(let secret) = header.value else { throw NotThat() }
        #expect(
            secret.withBytes { String(decoding: $0, as: UTF8.self) }
                == "Digest username=\"al\\\"ice\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"0123abcd\", algorithm=SHA-256, opaque=\"o\", "
                + "qop=auth, nc=0000000a, cnonce=\"c\"")
        var text = "\(credentials) \(header)"
        dump(credentials, to: &text)
        #expect(!text.contains("0123abcd"))
    }
}
