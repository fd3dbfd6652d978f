import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Digest authentication of our requests (RFC 7616, RFC 8760, RFC 3261 §22).
@Suite struct DigestTests {
    static let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256"

    static func credentials(_ user: String = "sotto", _ password: String = "open sesame") -> DigestCredentials {
        var bytes = Array(password.utf8)
        return DigestCredentials(user: user, password: SecretBytes(moving: &bytes))
    }

    private func rig() -> Rig { Rig { $0.digestHashes = SHA256.hashes } }

    private func text(_ request: SIPRequest?, _ name: SIPHeaderName = .authorization) -> String? {
        request?.secret(name).map { secret in secret.withBytes { String(decoding: $0, as: UTF8.self) } }
    }

    @Test func theTestsOwnHashIsRight() {
        let digest = SHA256.hash(Array("abc".utf8)).map { String($0, radix: 16) }
        #expect(digest.prefix(4) == ["ba", "78", "16", "bf"] && digest.last == "ad")
    }

    /// RFC 7616 §3.9.1.
    @Test func theStandardsExampleIsMet() {
        let response = Callee(invite: Caller().request("INVITE")).answers(
            401,
            [
                "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
                    + "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            ])
        guard case .response(let challenged) = response else { return }
        var account = DigestAccount(Self.credentials("Mufasa", "Circle of Life"))
        let taken = account.take(challenged, hashes: SHA256.hashes, clientNonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
        #expect(taken != nil)
        var request = Caller().request("INVITE")
        request.method = SIPMethod("GET")
        request.requestURI = SIPURI("/dir/index.html")
        account.authorize(&request, hashes: SHA256.hashes)
        let value = text(request) ?? ""
        #expect(value.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""))
        #expect(value.contains("nc=00000001") && value.contains("qop=auth,") && value.contains("algorithm=SHA-256"))
        #expect(value.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""))
        account.authorize(&request, hashes: SHA256.hashes)
        #expect(text(request)?.contains("nc=00000002") == true)
        #expect(request.headers.filter { $0.name == .authorization }.count == 1)
    }

    @Test func aChallengedInviteGoesOutAgainWithCredentials() {
        var rig = rig()
        let callee = rig.calling { $0.credentials = Self.credentials() }
        #expect(rig.receive(callee.answers(401, [Self.challenge])) == ["→ ACK", "→ INVITE"])
        guard let again = rig.lastRequest else { return }
        // RFC 3261 §22.2, §8.1.3.5: same Call-ID and From, a new branch, the next number.
        #expect(again.callID == callee.invite.callID && again.from == callee.invite.from && again.cseq.number == 2)
        #expect(again.topVia?.branch != callee.invite.topVia?.branch && again.body == callee.invite.body && again.to.tag == nil)
        #expect(text(again)?.hasPrefix("Digest username=\"sotto\", realm=\"carrier.example\", nonce=\"n1\"") == true)
        let callee2 = Callee(invite: again)
        #expect(rig.receive(callee2.answers(200, body: Callee.answer)) == ["→ ACK", "answered 200"])
        #expect(text(rig.lastRequest) == text(again))  // §22.1: the ACK repeats them
        // Later requests bring them at once, with the next count.
        rig.command(.hangUp(rig.answered, refusal: SIPAnswer(480), headers: []))
        #expect(text(rig.lastRequest)?.contains("nc=00000002") == true)
    }

    @Test func wrongCredentialsAreTriedOnce() {
        var rig = rig()
        let callee = rig.calling { $0.credentials = Self.credentials() }
        rig.receive(callee.answers(401, [Self.challenge]))
        guard let again = rig.lastRequest else { return }
        let second = Self.challenge.replacing("n1", with: "n2")
        #expect(rig.receive(Callee(invite: again).answers(401, [second])) == ["→ ACK", "attempt refused 401"])
        #expect(rig.isIdle)
    }

    /// A nonce that is only stale is answered anew, but not for ever.
    @Test func aStaleNonceIsReplaced() {
        var rig = rig()
        var callee = rig.calling { $0.credentials = Self.credentials() }
        var rounds = 0
        var number = 1
        while rounds < 10 {
            let lines = rig.receive(callee.answers(401, [Self.challenge.replacing("n1", with: "n\(number)") + ", stale=true"]))
            if lines != ["→ ACK", "→ INVITE"] { break }
            rounds += 1
            number += 1
            if let again = rig.lastRequest { callee = Callee(invite: again) }
        }
        #expect(rounds == 3)
    }

    /// A proxy and the callee may both ask.
    @Test func bothKindsOfChallengeAreAnswered() {
        var rig = rig()
        let callee = rig.calling { $0.credentials = Self.credentials() }
        rig.receive(callee.answers(407, [Self.challenge.replacing("WWW-Authenticate", with: "Proxy-Authenticate")]))
        guard let second = rig.lastRequest else { return }
        #expect(text(second, .proxyAuthorization) != nil && text(second) == nil)
        #expect(rig.receive(Callee(invite: second).answers(401, [Self.challenge])) == ["→ ACK", "→ INVITE"])
        #expect(text(rig.lastRequest, .proxyAuthorization) != nil && text(rig.lastRequest) != nil)
    }

    /// RFC 8760 §2.4: one challenge per algorithm, of which the strongest that we know is answered; MD5 by no accident.
    @Test func theStrongerChallengeIsAnswered() {
        var rig = rig()
        let callee = rig.calling { $0.credentials = Self.credentials() }
        let weak = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"weak\", algorithm=MD5, qop=\"auth\""
        let unknown = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"new\", algorithm=SHA3-512, qop=\"auth\""
        rig.receive(callee.answers(401, [unknown, weak, Self.challenge]))
        #expect(text(rig.lastRequest)?.contains("algorithm=SHA-256") == true)
    }

    @Test(arguments: [false, true]) func md5IsAnsweredOnlyWhenAllowed(isAllowed: Bool) {
        var rig = Rig {
            $0.digestHashes = DigestHashes(
                sha256: SHA256.hashes.sha256, md5: { _, digest in digest.copyBytes(from: [UInt8](repeating: 7, count: 16)) })
        }
        let callee = rig.calling {
            $0.credentials = Self.credentials()
            $0.credentials?.dangerAllowsMD5 = isAllowed
        }
        let weak = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"weak\""
        let last = rig.receive(callee.answers(401, [weak])).last
        #expect(last == (isAllowed ? "→ INVITE" : "attempt refused 401"))
    }

    @Test(arguments: [
        "WWW-Authenticate: Basic realm=\"carrier.example\"", "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\", algorithm=SHA-256",
        "WWW-Authenticate: Digest realm=\"carrier.example\", algorithm=SHA-256", "WWW-Authenticate: Digest",
        "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int\"", "Subject: none",
    ])
    func whatCannotBeAnsweredIsARefusal(header: String) {
        var rig = rig()
        let callee = rig.calling {
            $0.credentials = Self.credentials()
            $0.credentials?.realm = "carrier.example"
        }
        #expect(rig.receive(callee.answers(401, [header])) == ["→ ACK", "attempt refused 401"])
    }

    @Test func aChallengedByeGoesOutAgain() {
        var rig = rig()
        let callee = rig.calling { $0.credentials = Self.credentials() }
        rig.receive(callee.answers(200, body: Callee.answer))
        rig.command(.hangUp(rig.answered, refusal: SIPAnswer(480), headers: []))
        guard let bye = rig.lastRequest else { return }
        var challenged = answer(bye, 401)
        challenged.add(.wwwAuthenticate, "Digest realm=\"carrier.example\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"")
        #expect(rig.receive(.response(challenged)) == ["→ BYE"])
        #expect(rig.lastRequest?.cseq.number == 3 && text(rig.lastRequest) != nil)
        if let again = rig.lastRequest { rig.receive(.response(answer(again, 200))) }
        _ = rig.wait(.seconds(33))
        #expect(rig.isIdle)
    }

    /// No password and nothing made of it shows in what is printed, and nothing of it outlives the call.
    @Test func credentialsShowNothing() {
        var text = ""
        dump(Self.credentials("someone", "hunter2"), to: &text)
        print(Self.credentials("someone", "hunter2"), to: &text)
        #expect(!text.contains("hunter2"))
    }
}
