import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

@Suite struct ContextTests {
    let authority: TestAuthority
    let credentials: TLSCredentials

    init() throws {
        authority = try TestAuthority()
        credentials = try authority.issue(.init(dnsNames: ["sbc.example"], validFor: .seconds(7_200)))
    }

    @Test func aContextTellsWhenItsCertificateEnds() throws {
        let end = try #require(try TLSContext.server(credentials, now: .systemNow).certificateNotAfter)
        let remaining = end.milliseconds - WallTime.systemNow.milliseconds
        #expect((3_500_000...3_600_000).contains(remaining))
    }

    @Test func aForeignKeyIsAMismatch() throws {
        let other = try authority.issue(.init(dnsNames: ["sbc.example"]))
        let mixed = TLSCredentials(certificateChain: credentials.certificateChain, privateKey: other.privateKey)
        #expect(throws: TLSContextError.keyMismatch) { try TLSContext.server(mixed, now: .systemNow) }
    }

    @Test func anExpiredCertificateIsAnError() throws {
        let expired = try authority.issue(.init(dnsNames: ["sbc.example"], validFrom: .seconds(-7_200), validFor: .seconds(3_600)))
        #expect { try TLSContext.server(expired, now: .systemNow) } throws: { error in
            if case TLSContextError.certificateExpired = error { true } else { false }
        }
    }

    @Test func aCertificateOfTheFutureIsAnError() throws {
        let early = try authority.issue(.init(dnsNames: ["sbc.example"], validFrom: .seconds(3_600)))
        #expect { try TLSContext.server(early, now: .systemNow) } throws: { error in
            if case TLSContextError.certificateNotYetValid = error { true } else { false }
        }
    }

    @Test(arguments: ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func anUnreadableCertificateIsAnError(text: String) throws {
        let bad = TLSCredentials(certificateChain: Array(text.utf8), privateKey: credentials.privateKey)
        #expect { try TLSContext.server(bad, now: .systemNow) } throws: { error in
            if case TLSContextError.certificateUnreadable = error { true } else { false }
        }
        #expect { try TLSContext.client(trust: .certificates(Array(text.utf8)), now: .systemNow) } throws: { error in
            if case TLSContextError.trustUnreadable = error { true } else { false }
        }
    }

    @Test(arguments: [
        "", "no PEM at all",
        // Encrypted under a pass phrase: refused, and never asked for on the terminal.
        """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgBAgMEBQYHCAICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAECAwQFBgcICQoLDA0ODxAEgZAA
        -----END ENCRYPTED PRIVATE KEY-----
        """,
    ])
    func anUnreadableKeyIsAnError(text: String) throws {
        var pem = Array(text.utf8)
        let bad = TLSCredentials(certificateChain: credentials.certificateChain, privateKey: SecretBytes(moving: &pem))
        #expect { try TLSContext.server(bad, now: .systemNow) } throws: { error in
            if case TLSContextError.privateKeyUnreadable = error { true } else { false }
        }
    }

    @Test func errorsLeaveNoTraceInOpenSSLsQueue() throws {
        let bad = TLSCredentials(certificateChain: Array("x".utf8), privateKey: credentials.privateKey)
        _ = try? TLSContext.server(bad, now: .systemNow)
        #expect(TLSReason.take() == TLSReason(library: 0, reason: 0))
    }
}

/// RFC 5922 §7.1 and §7.2.
@Suite struct CertificateIdentitiesTests {
    @Test func sipURIsComeFirst() {
        let identities = CertificateIdentities(
            uris: ["SIP:Trunk.Example", "https://web.example", "sip:alice@user.example"], dnsNames: ["dns.example"], commonName: "cn.example",
            hasAlternativeNames: true)
        #expect(identities.domains == ["trunk.example"])
        #expect(!identities.matches("dns.example"))
        #expect(!identities.matches("user.example"))
    }

    @Test func dnsNamesCountWithoutASIPURI() {
        let identities = CertificateIdentities(
            uris: ["https://web.example"], dnsNames: ["DNS.example"], commonName: "cn.example", hasAlternativeNames: true)
        #expect(identities.domains == ["dns.example"])
        #expect(identities.matches("dns.EXAMPLE"))
        #expect(!identities.matches("cn.example"))
    }

    @Test func theCommonNameCountsOnlyWithoutAlternativeNames() {
        #expect(CertificateIdentities(commonName: "cn.example", hasAlternativeNames: false).matches("cn.example"))
        #expect(!CertificateIdentities(commonName: "cn.example", hasAlternativeNames: true).matches("cn.example"))
    }

    @Test func neitherSuffixesNorWildcardsMatch() {
        let identities = CertificateIdentities(dnsNames: ["example.com", "*.wild.example"], hasAlternativeNames: true)
        #expect(!identities.matches("sip.example.com"))
        #expect(!identities.matches("ample.com"))
        #expect(!identities.matches("a.wild.example"))
        #expect(!identities.matches("*.wild.example"))
        #expect(!identities.matches(""))
    }

    @Test func anAllowedWildcardStandsForOneLabel() {
        let identities = CertificateIdentities(dnsNames: ["*.wild.example", "*.com", "*"], hasAlternativeNames: true)
        #expect(identities.matches("a.wild.example", allowWildcard: true))
        #expect(!identities.matches("a.b.wild.example", allowWildcard: true))
        #expect(!identities.matches("wild.example", allowWildcard: true))
        #expect(!identities.matches("example.com", allowWildcard: true))
        #expect(!identities.matches(".wild.example", allowWildcard: true))
    }
}
