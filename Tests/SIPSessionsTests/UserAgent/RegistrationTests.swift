import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Registrations at a carrier (RFC 3261 §10.2, RFC 3327, RFC 3608, RFC 5626 §4.5).
@Suite struct RegistrationTests {
    static let id = RegistrationID(1)

    private func registration(_ change: (inout Registration) -> Void = { _ in }) -> Registration {
        var registration = Registration(
            connection: Rig.first, registrar: SIPURI("sip:carrier.example;transport=tls"),
            addressOfRecord: NameAddress("<sip:+4930123@carrier.example>"))
        registration.contactUser = "4930123"
        change(&registration)
        return registration
    }

    private func success(_ request: SIPRequest, expires: Int = 600, _ headers: [SIPHeader] = []) -> SIPMessage {
        var response = SIPResponse(200, to: request, toTag: "registrar")
        response.contacts = request.contacts.map { $0.withParameters(SIPParameters(WireText(";expires=\(expires)"))) }
        response.headers = headers
        return .response(response)
    }

    private func refusal(_ request: SIPRequest, _ status: UInt16, _ headers: [SIPHeader] = []) -> SIPMessage {
        var response = SIPResponse(status, to: request, toTag: "registrar")
        response.headers = headers
        return .response(response)
    }

    private func retry(_ rig: Rig) -> Duration? {
        if case .registrationFailed(_, _, let retry)? = rig.events.last { retry } else { nil }
    }

    @Test func aRegistrationIsRefreshedBeforeItsEnd() {
        var rig = Rig()
        #expect(rig.command(.register(Self.id, registration())) == ["→ REGISTER"])
        guard let first = rig.lastRequest else { return }
        #expect(first.requestURI.text == "sip:carrier.example;transport=tls" && first.to.tag == nil && (first.from.tag?.count ?? 0) > 8)
        #expect(first.contacts.first?.text == "<sip:4930123@sotto.example:5061;transport=tls>;expires=3600")
        #expect(first.supported.map(\.string) == ["path"])
        let headers = [
            SIPHeader(otherName: "Service-Route", "<sip:p1.carrier.example;lr>, <sip:p2.carrier.example;lr>"),
            SIPHeader(.path, "<sip:edge.carrier.example;lr>"),
        ]
        #expect(rig.receive(success(first, headers)) == ["registered 600"])
        guard case .registered(_, let grant)? = rig.events.last else { return }
        #expect(grant.serviceRoutes.map(\.uri.host.string) == ["p1.carrier.example", "p2.carrier.example"])
        #expect(grant.path.map(\.uri.host.string) == ["edge.carrier.example"])
        // §10.2.4: same Call-ID, next number.
        #expect(rig.wait(.seconds(550)) == ["540000 → REGISTER"])
        #expect(rig.lastRequest?.callID == first.callID && rig.lastRequest?.cseq.number == 2)
    }

    private func success(_ request: SIPRequest, _ headers: [SIPHeader]) -> SIPMessage { success(request, expires: 600, headers) }

    /// §10.2.8.
    @Test func a423IsObeyed() {
        var rig = Rig()
        rig.command(.register(Self.id, registration { $0.expires = 60 }))
        guard let first = rig.lastRequest else { return }
        #expect(rig.receive(refusal(first, 423, [SIPHeader(.minExpires, "1800")])) == ["→ REGISTER"])
        guard let second = rig.lastRequest else { return }
        #expect(second.contacts.first?.parameters.value("expires") == "1800")
        #expect(rig.receive(refusal(second, 423, [SIPHeader(.minExpires, "1800")])) == ["registrationFailed refused(status: 423)"])
    }

    @Test func aChallengeIsAnswered() {
        var rig = Rig { $0.digestHashes = SHA256.hashes }
        rig.command(.register(Self.id, registration { $0.credentials = DigestTests.credentials() }))
        guard let first = rig.lastRequest else { return }
        let challenge = SIPHeader(.wwwAuthenticate, "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"")
        #expect(rig.receive(refusal(first, 401, [challenge])) == ["→ REGISTER"])
        guard let second = rig.lastRequest else { return }
        #expect(second.secret(.authorization) != nil && second.cseq.number == 2)
        #expect(rig.receive(success(second)) == ["registered 600"])
        // The next one brings them at once.
        _ = rig.wait(.seconds(540))
        #expect(rig.lastRequest?.secret(.authorization) != nil)
    }

    /// RFC 5626 §4.5: the wait doubles up to its limit, and chance spreads it over its upper half.
    @Test func failuresBackOff() {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        for round in 0..<12 {
            guard let request = rig.lastRequest else { return }
            rig.receive(refusal(request, 503))
            let most = min(30 << round, 1_800)
            guard let retry = retry(rig) else {
                Issue.record("no retry")
                return
            }
            #expect(retry >= .seconds(most) / 2 && retry <= .seconds(most))
            let lines = rig.wait(retry)
            #expect(lines.count == 1 && lines[0].hasSuffix("→ REGISTER"))
        }
        guard let request = rig.lastRequest else { return }
        rig.receive(success(request))
        _ = rig.wait(.seconds(541))
        if let request = rig.lastRequest { rig.receive(refusal(request, 503)) }
        #expect((retry(rig) ?? .zero) <= .seconds(30))  // a success begins anew
    }

    @Test func retryAfterIsObeyed() {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        guard let request = rig.lastRequest else { return }
        rig.receive(refusal(request, 503, [SIPHeader(.retryAfter, "120")]))
        #expect(retry(rig) == .seconds(120))
    }

    /// RFC 5626 §4.2, §11.1: a failed flow is told as such, and another connection takes over.
    @Test func aFailedFlowIsToldAndReplaced() {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        guard let first = rig.lastRequest else { return }
        #expect(rig.receive(refusal(first, 430)) == ["registrationFailed flowFailed"])
        rig.open(Rig.second)
        #expect(rig.command(.reregister(Self.id, on: Rig.second)) == ["→ REGISTER on 2"])
        guard let second = rig.lastRequest else { return }
        #expect(rig.receive(success(second), on: Rig.second) == ["registered 600"])
        #expect(rig.feed(.connectionClosed(Rig.second)) == ["→ REGISTER"])
        if let third = rig.lastRequest { rig.receive(success(third)) }
        #expect(rig.feed(.connectionClosed(Rig.first)) == ["registrationFailed flowFailed"])
    }

    @Test func silenceAndLostConnectionsFail() {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        #expect(rig.wait(.seconds(32)) == ["32000 registrationFailed timedOut"])
        rig.feed(.connectionClosed(Rig.first))
        #expect(rig.wait(.seconds(30)).first?.hasSuffix("registrationFailed unreachable") == true)
    }

    /// §10.2.2.
    @Test(arguments: [true, false]) func aRegistrationIsTakenBack(isAnswered: Bool) {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        if let first = rig.lastRequest { rig.receive(success(first)) }
        #expect(rig.command(.unregister(Self.id)) == ["→ REGISTER"])
        guard let last = rig.lastRequest else { return }
        #expect(last.contacts.first?.parameters.value("expires") == "0")
        if isAnswered {
            #expect(rig.receive(success(last, expires: 0)) == ["unregistered"])
        } else {
            #expect(rig.wait(.seconds(32)) == ["32000 unregistered"])
        }
        #expect(rig.isIdle && rig.endpoint.registrations.isEmpty)
    }

    /// A 200 that lists somebody else's contacts has not taken ours.
    @Test func aGrantMustNameOurContact() {
        var rig = Rig()
        rig.command(.register(Self.id, registration()))
        guard let first = rig.lastRequest else { return }
        var response = SIPResponse(200, to: first, toTag: "registrar")
        response.contacts = ["<sip:a@192.0.2.1>;expires=60", "<sip:b@192.0.2.2>;expires=60"].map { NameAddress($0) }
        #expect(rig.receive(.response(response)) == ["registrationFailed refused(status: 200)"])
    }
}
