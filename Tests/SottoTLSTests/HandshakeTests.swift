import COpenSSL
import NIOCore
import NIOEmbedded
import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

@Suite struct HandshakeTests {
    let contexts: TestContexts

    init() throws { contexts = try TestContexts() }

    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func bothVersionsCarryDataBothWays(version: Int32) throws {
        let pair = try TLSPair(
            client: contexts.clientContext(withCertificate: true).weakened(maximum: version), server: contexts.mutualServerContext())
        try pair.start()
        try pair.exchange()
        pair.client.write(Array("question".utf8))
        pair.server.write(Array("answer".utf8))
        try pair.exchange()
        #expect(pair.server.recorder.bytes == Array("question".utf8))
        #expect(pair.client.recorder.bytes == Array("answer".utf8))
        #expect(pair.server.recorder.story == ["active", "handshake", "read"])

        let completed = try #require(pair.server.recorder.handshakes.first)
        #expect(completed.version == (version == TLS1_3_VERSION ? .tls13 : .tls12))
        #expect(completed.cipher.contains("GCM") || completed.cipher.contains("CHACHA20"))
        let certificate = try #require(completed.peerCertificate)
        #expect(certificate.identities.domains == ["trunk.example"])
        #expect(certificate.identities.dnsNames == ["carrier.example"])
        #expect(certificate.fingerprint == (try contexts.clientContext(withCertificate: true).certificateFingerprint))
        #expect(certificate.publicKeyFingerprint.count == 32)
    }

    @Test func tls11IsRefused() throws {
        let client = try contexts.clientContext().weakened(maximum: TLS1_1_VERSION, ciphers: "ALL:@SECLEVEL=0")
        try expectRefusal(client: client, server: contexts.serverContext())
    }

    @Test(arguments: ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384"])
    func staticKeysAndNonAEADAreRefused(cipher: String) throws {
        let credentials = try contexts.authority.issue(.init(dnsNames: ["sbc.example"], key: .rsa2048))
        let server = try TLSContext.server(credentials, now: .systemNow)
        try expectRefusal(client: contexts.clientContext().weakened(maximum: TLS1_2_VERSION, ciphers: cipher), server: server)
        // The same pair agrees on what is allowed: the refusal above was about the cipher.
        let good = try TLSPair(
            client: contexts.clientContext().weakened(maximum: TLS1_2_VERSION, ciphers: "ECDHE-RSA-AES128-GCM-SHA256"), server: server)
        try good.start()
        try good.exchange()
        #expect(good.server.recorder.handshakes.count == 1)
    }

    @Test func aDemandForTLS13RefusesTLS12() throws {
        let server = try TLSContext.server(contexts.server, minimumVersion: .tls13, now: .systemNow)
        try expectRefusal(client: contexts.clientContext().weakened(maximum: TLS1_2_VERSION), server: server)
    }

    private func expectRefusal(client: TLSContext, server: TLSContext) throws {
        let pair = try TLSPair(client: client, server: server)
        try pair.start()
        try pair.exchange()
        guard case .handshakeFailed = pair.server.recorder.errors.first else {
            Issue.record("not refused: \(pair.server.recorder.story)")
            return
        }
        #expect(pair.server.recorder.handshakes.isEmpty)
        #expect(!pair.server.channel.isActive)
    }

    // MARK: - Client certificates

    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func aRequiredCertificateThatIsMissingIsRefused(version: Int32) throws {
        let pair = try TLSPair(client: contexts.clientContext().weakened(maximum: version), server: contexts.mutualServerContext())
        try pair.start()
        try pair.exchange()
        guard case .handshakeFailed(let reason) = pair.server.recorder.errors.first else {
            Issue.record("not refused: \(pair.server.recorder.story)")
            return
        }
        #expect(reason.reason == Int(SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE))
        #expect(pair.server.recorder.handshakes.isEmpty)
        #expect(!pair.server.channel.isActive)
        // The alert tells the client why (RFC 8446 §6.2, RFC 5246 §7.2.2).
        #expect(!pair.client.recorder.errors.isEmpty)
    }

    /// Public authorities issue certificates for servers alone; a SIP server shows its own when it calls.
    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func aServersCertificateMayCall(version: Int32) throws {
        var leaf = TestAuthority.Leaf(dnsNames: ["carrier.example"])
        leaf.purposes = "serverAuth"
        let client = try TLSContext.client(contexts.authority.issue(leaf), trust: contexts.authority.trust, now: .systemNow)
        let pair = try TLSPair(client: client.weakened(maximum: version), server: contexts.mutualServerContext())
        try pair.start()
        try pair.exchange()
        #expect(pair.server.recorder.handshakes.first?.peerCertificate?.identities.dnsNames == ["carrier.example"])
    }

    /// The other way round it stays as it is: a server with a certificate for clients is none.
    @Test func aClientsCertificateMayNotServe() throws {
        var leaf = TestAuthority.Leaf(dnsNames: ["sbc.example"])
        leaf.purposes = "clientAuth"
        let server = try TLSContext.server(contexts.authority.issue(leaf), now: .systemNow)
        let pair = try TLSPair(client: contexts.clientContext(), server: server)
        try pair.start()
        try pair.exchange()
        guard case .certificateRejected = pair.client.recorder.errors.first else {
            Issue.record("not refused: \(pair.client.recorder.story)")
            return
        }
    }

    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func anotherAuthoritysCertificateIsRefused(version: Int32) throws {
        let stranger = try TestAuthority(name: "Stranger").issue(.init(dnsNames: ["carrier.example"]))
        let client = try TLSContext.client(stranger, trust: contexts.authority.trust, now: .systemNow).weakened(maximum: version)
        for certificates in [ClientCertificates.required(contexts.authority.trust), .optional(contexts.authority.trust)] {
            let pair = try TLSPair(client: client, server: contexts.serverContext(certificates))
            try pair.start()
            try pair.exchange()
            guard case .certificateRejected = pair.server.recorder.errors.first else {
                Issue.record("not refused: \(pair.server.recorder.story)")
                continue
            }
            #expect(pair.server.recorder.handshakes.isEmpty)
        }
    }

    @Test func anExpiredCertificateIsRefused() throws {
        let expired = try contexts.authority.issue(
            .init(dnsNames: ["carrier.example"], validFrom: .seconds(-7_200), validFor: .seconds(3_600)))
        let client = try TLSContext.client(expired, trust: contexts.authority.trust, now: WallTime(milliseconds: beforeExpiry))
        let pair = try TLSPair(client: client, server: contexts.mutualServerContext())
        try pair.start()
        try pair.exchange()
        #expect(pair.server.recorder.errors == [.certificateRejected(code: Int(X509_V_ERR_CERT_HAS_EXPIRED))])
    }

    private var beforeExpiry: Int64 { WallTime.systemNow.milliseconds - 5_400_000 }

    @Test func anOptionalCertificateMayBeMissing() throws {
        let pair = try TLSPair(client: contexts.clientContext(), server: contexts.serverContext(.optional(contexts.authority.trust)))
        try pair.start()
        try pair.exchange()
        let completed = try #require(pair.server.recorder.handshakes.first)
        #expect(completed.peerCertificate == nil)
    }

    @Test func aPinnedLeafIsTrustedByItself() throws {
        let other = try TestAuthority(name: "Elsewhere")
        let credentials = try other.issue(.init(dnsNames: ["carrier.example"]))
        let server = try contexts.serverContext(.required(.certificates(credentials.certificateChain)))
        let pair = try TLSPair(client: TLSContext.client(credentials, trust: contexts.authority.trust, now: .systemNow), server: server)
        try pair.start()
        try pair.exchange()
        #expect(pair.server.recorder.handshakes.count == 1)
    }

    // MARK: - Server's name (RFC 5922 §7.3)

    @Test func anotherServersNameIsRefusedBeforeAnythingIsSent() throws {
        let pair = try TLSPair(client: contexts.clientContext(), server: contexts.serverContext(), name: .init("other.example"))
        pair.client.recorder.onActive = { context in context.writeAndFlush(NIOAny(ByteBuffer(string: "secret")), promise: nil) }
        try pair.start()
        try pair.exchange()
        #expect(pair.client.recorder.errors == [.serverNameMismatch])
        #expect(pair.client.recorder.handshakes.isEmpty)
        #expect(pair.server.recorder.bytes.isEmpty)
        #expect(!pair.client.channel.isActive)
    }

    @Test func aWildcardCountsOnlyWhereItIsAllowed() throws {
        let credentials = try contexts.authority.issue(.init(dnsNames: ["*.pstn.example"]))
        let server = try TLSContext.server(credentials, now: .systemNow)
        for allowed in [false, true] {
            let pair = try TLSPair(
                client: contexts.clientContext(), server: server, name: .init("eu.pstn.example", allowsWildcard: allowed))
            try pair.start()
            try pair.exchange()
            #expect(pair.client.recorder.handshakes.count == (allowed ? 1 : 0))
        }
    }

    @Test func anUntrustedServerIsRefused() throws {
        let client = try TLSContext.client(trust: TestAuthority(name: "Stranger").trust, now: .systemNow)
        let pair = try TLSPair(client: client, server: contexts.serverContext())
        try pair.start()
        try pair.exchange()
        guard case .certificateRejected = pair.client.recorder.errors.first else {
            Issue.record("not refused: \(pair.client.recorder.story)")
            return
        }
        #expect(!pair.server.channel.isActive)
        #expect(pair.server.recorder.errors.count == 1)  // the alert
    }

    // MARK: - Bad bytes

    @Test(arguments: [
        Array("INVITE sip:bob@example.com SIP/2.0\r\n\r\n".utf8), [UInt8](repeating: 0, count: 300), [UInt8](repeating: 0xFF, count: 20_000),
        [0x16, 0x03, 0x01, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 70_000),
    ])
    func garbageEndsTheConnection(bytes: [UInt8]) throws {
        let server = try End(TLSHandler.server(contexts.serverContext()))
        try server.start()
        try server.receive(bytes)
        guard case .handshakeFailed = server.recorder.errors.first else {
            Issue.record("not refused: \(server.recorder.story)")
            return
        }
        #expect(!server.channel.isActive)
    }

    @Test func aByteAtATimeWorks() throws {
        let pair = try TLSPair(client: contexts.clientContext(withCertificate: true), server: contexts.mutualServerContext())
        try pair.start()
        try pair.exchange(chunk: 1)
        pair.client.write(Array("slow".utf8))
        try pair.exchange(chunk: 1)
        #expect(pair.server.recorder.bytes == Array("slow".utf8))
    }

    @Test func aDamagedRecordEndsTheConnection() throws {
        let pair = try TLSPair(client: contexts.clientContext(), server: contexts.serverContext())
        try pair.start()
        try pair.exchange()
        pair.client.write(Array("hello".utf8))
        var record = try pair.client.takeOutput()
        record[record.count - 1] ^= 1
        try pair.server.receive(record)
        guard case .recordFailed = pair.server.recorder.errors.first else {
            Issue.record("not refused: \(pair.server.recorder.story)")
            return
        }
        #expect(pair.server.recorder.bytes.isEmpty)
        #expect(!pair.server.channel.isActive)
    }

    /// Each byte of the client's first flight, and of its second, flipped: the server refuses, or does not care, or waits for more until
    /// its deadline; it never traps, never hangs, and never delivers a byte that was not sent.
    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func aFlippedByteAnywhereEndsWithoutHarm(version: Int32) throws {
        let server = try contexts.mutualServerContext()
        let client = try contexts.clientContext(withCertificate: true).weakened(maximum: version)
        var refused = 0
        for flight in 0..<2 {
            for position in stride(from: 0, to: 1_200, by: flight == 0 ? 7 : 23) {
                let pair = try TLSPair(client: client, server: server)
                try pair.start()
                pair.client.write(Array("early".utf8))
                if flight == 1 {
                    try pair.server.receive(pair.client.takeOutput())
                    try pair.client.receive(pair.server.takeOutput())
                }
                var bytes = try pair.client.takeOutput()
                guard position < bytes.count else { break }
                bytes[position] ^= 0x41
                try pair.server.receive(bytes)
                try pair.exchange()
                pair.server.channel.embeddedEventLoop.advanceTime(by: .seconds(5))
                let recorder = pair.server.recorder
                #expect(recorder.handshakes.count == 1 || !pair.server.channel.isActive)
                #expect(recorder.bytes.isEmpty || recorder.bytes == Array("early".utf8))
                #expect(recorder.errors.count <= 1)
                if recorder.handshakes.isEmpty { refused += 1 }
            }
        }
        #expect(refused > 20)
    }

    // MARK: - Data right behind the handshake

    /// In TLS 1.3 the client's certificate, Finished and first data may arrive in one piece.
    @Test(arguments: [TLS1_3_VERSION, TLS1_2_VERSION], [true, false])
    func dataRightBehindTheHandshakeIsDelivered(version: Int32, mutual: Bool) throws {
        let pair = try TLSPair(
            client: contexts.clientContext(withCertificate: true).weakened(maximum: version),
            server: mutual ? contexts.mutualServerContext() : contexts.serverContext())
        pair.client.recorder.onActive = { context in context.writeAndFlush(NIOAny(ByteBuffer(string: "early")), promise: nil) }
        try pair.start()
        try pair.exchange()  // each direction's output is handed over as one piece
        #expect(pair.server.recorder.bytes == Array("early".utf8))
        #expect(pair.server.recorder.story == ["active", "handshake", "read"])
    }
}
