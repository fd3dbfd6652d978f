import COpenSSL
import SottoBase
import SottoTestCertificates
import Synchronization
import Testing

@testable import SottoTLS

/// Session tickets, revocation lists and stapled responses.
@Suite struct SessionTests {
    let contexts: TestContexts

    /// A clock that the test moves.
    final class Hands: Sendable {
        private let seconds = Atomic<Int64>(0)
        func advance(by more: Int64) { seconds.add(more, ordering: .relaxed) }
        var read: @Sendable () -> Instant { { Instant(nanoseconds: self.seconds.load(ordering: .relaxed) * 1_000_000_000) } }
    }

    init() throws { contexts = try TestContexts() }

    private func server(
        _ tickets: TLSTicketKeys?, clients: ClientCertificates? = nil, revocation: [UInt8]? = nil
    ) throws -> TLSContext {
        try .server(
            contexts.server, clientCertificates: clients ?? .required(contexts.authority.trust), revocation: revocation, tickets: tickets,
            now: .systemNow)
    }

    private func client(_ version: Int32) throws -> TLSContext {
        try TLSContext.client(contexts.client, trust: contexts.authority.trust, resumesSessions: true, now: .systemNow)
            .weakened(minimum: version, maximum: version)
    }

    /// One connection; whether it went on with an earlier session, or nil when it failed. Both ends must agree.
    @discardableResult
    private func connect(_ client: TLSContext, _ server: TLSContext) throws -> Bool? {
        let pair = try TLSPair(client: client, server: server)
        try pair.start()
        try pair.exchange()
        pair.client.write([1])
        try pair.exchange()
        pair.client.close()
        try pair.exchange()
        guard let ours = pair.server.recorder.handshakes.first, pair.server.recorder.bytes == [1] else { return nil }
        #expect(ours.isResumed == pair.client.recorder.handshakes.first?.isResumed)
        #expect(ours.peerCertificate?.identities.domains == ["trunk.example"], "a resumed peer has its certificate")
        return ours.isResumed
    }

    private static let versions = [TLS1_3_VERSION, TLS1_2_VERSION]

    @Test(arguments: versions)
    func aSessionIsResumedWithItsPeersCertificate(version: Int32) throws {
        let (client, server) = (try client(version), try server(TLSTicketKeys()))
        #expect(try connect(client, server) == false)
        #expect(try connect(client, server) == true)
        #expect(try connect(client, server) == true, "the new ticket serves the next time")
    }

    @Test(arguments: versions)
    func withoutTicketKeysNothingIsResumed(version: Int32) throws {
        let (client, server) = (try client(version), try server(nil))
        #expect(try connect(client, server) == false)
        #expect(try connect(client, server) == false)
    }

    @Test(arguments: versions)
    func aReloadKeepsSessionsWithTheKeys(version: Int32) throws {
        let (client, keys) = (try client(version), TLSTicketKeys())
        #expect(try connect(client, server(keys)) == false)
        #expect(try connect(client, server(keys)) == true)
        #expect(try connect(client, server(TLSTicketKeys())) == false)
    }

    @Test(arguments: versions)
    func keysRotateAndTheOneBeforeStillOpens(version: Int32) throws {
        let clock = Hands()
        let keys = TLSTicketKeys(lifetime: .seconds(100), clock: clock.read)
        let (client, server) = (try client(version), try server(keys))
        #expect(try connect(client, server) == false)
        clock.advance(by: 120)
        #expect(try connect(client, server) == true, "sealed by the key before")
        clock.advance(by: 250)
        #expect(try connect(client, server) == false, "that key is gone")
        #expect(try connect(client, server) == true)
        keys.rotate()
        keys.rotate()
        #expect(try connect(client, server) == false)
    }

    @Test(arguments: versions)
    func aSessionOfAPeerThatWasRevokedIsNotResumed(version: Int32) throws {
        let (client, keys) = (try client(version), TLSTicketKeys())
        #expect(try connect(client, server(keys)) == false)
        let list = try contexts.authority.revocationList(of: [contexts.client])
        #expect(try connect(client, server(keys, revocation: list)) == nil, "the full handshake refuses it as well")
    }

    @Test(arguments: versions)
    func aSessionOfAnAuthorityThatIsNoLongerTrustedIsNotResumed(version: Int32) throws {
        let (client, keys) = (try client(version), TLSTicketKeys())
        #expect(try connect(client, server(keys)) == false)
        #expect(try connect(client, server(keys, clients: .required(TestAuthority().trust))) == nil)
    }

    @Test(arguments: versions)
    func aSessionWithoutACertificateIsNoWayIntoAListenerThatDemandsOne(version: Int32) throws {
        let keys = TLSTicketKeys()
        let stranger = try TLSContext.client(trust: contexts.authority.trust, resumesSessions: true, now: .systemNow)
            .weakened(minimum: version, maximum: version)
        let open = try TLSPair(client: stranger, server: server(keys, clients: ClientCertificates.none))
        try open.start()
        try open.exchange()
        #expect(open.server.recorder.handshakes.count == 1)
        let closed = try TLSPair(client: stranger, server: server(keys))
        try closed.start()
        try closed.exchange()
        #expect(closed.server.recorder.handshakes.isEmpty)
    }

    // MARK: - Revocation

    @Test func whoStandsInTheListIsRefusedAndNobodyElse() throws {
        let other = try contexts.authority.issue(.init(uris: ["sip:other.example"]))
        let server = try server(nil, revocation: contexts.authority.revocationList(of: [other]))
        #expect(server.revocationDue != nil)
        #expect(try connect(client(TLS1_3_VERSION), server) == false)
        let revoked = try TLSPair(client: .client(other, trust: contexts.authority.trust, now: .systemNow), server: server)
        try revoked.start()
        try revoked.exchange()
        #expect(revoked.server.recorder.errors == [.certificateRejected(code: Int(X509_V_ERR_CERT_REVOKED))])
    }

    @Test func anOverdueListStillRevokesAndLosesNobodyElse() throws {
        let other = try contexts.authority.issue(.init(uris: ["sip:other.example"]))
        let list = try contexts.authority.revocationList(of: [other], from: .seconds(-7_200), validFor: .seconds(3_600))
        let server = try server(nil, revocation: list)
        #expect(try connect(client(TLS1_3_VERSION), server) == false)
        let revoked = try TLSPair(client: .client(other, trust: contexts.authority.trust, now: .systemNow), server: server)
        try revoked.start()
        try revoked.exchange()
        #expect(revoked.server.recorder.errors == [.certificateRejected(code: Int(X509_V_ERR_CERT_REVOKED))])
    }

    @Test func anAuthorityWithoutAListLosesNobody() throws {
        let second = try TestAuthority(name: "Second Authority")
        let trust = TLSTrust.certificates(contexts.authority.certificate + second.certificate)
        let server = try server(nil, clients: .required(trust), revocation: second.revocationList())
        #expect(try connect(client(TLS1_3_VERSION), server) == false)
    }

    @Test func aRevokedServerIsRefusedByAClient() throws {
        let list = try contexts.authority.revocationList(of: [contexts.server])
        let client = try TLSContext.client(contexts.client, trust: contexts.authority.trust, revocation: list, now: .systemNow)
        let pair = try TLSPair(client: client, server: server(nil))
        try pair.start()
        try pair.exchange()
        #expect(pair.client.recorder.errors == [.certificateRejected(code: Int(X509_V_ERR_CERT_REVOKED))])
    }

    @Test func aListThatRevokesNobodyByMistakeIsAnError() throws {
        #expect(throws: TLSContextError.revocationOfStranger) { try server(nil, revocation: TestAuthority(name: "Other").revocationList()) }
        for text in ["", "no list"] {
            #expect { try server(nil, revocation: Array(text.utf8)) } throws: { error in
                if case TLSContextError.revocationUnreadable = error { true } else { false }
            }
        }
    }

    @Test func aLiveConnectionIsJudgedByTodaysContext() throws {
        let first = try server(nil)
        let pair = try TLSPair(client: client(TLS1_3_VERSION), server: first)
        try pair.start()
        try pair.exchange()
        let handler = try #require(pair.server.handler)
        #expect(handler.peerFault(under: first) == nil)
        #expect(handler.peerFault(under: try server(nil, revocation: contexts.authority.revocationList())) == nil)
        let revoking = try server(nil, revocation: contexts.authority.revocationList(of: [contexts.client]))
        #expect(handler.peerFault(under: revoking) == .certificateRejected(code: Int(X509_V_ERR_CERT_REVOKED)))
        #expect(handler.peerFault(under: try server(nil, clients: .required(TestAuthority().trust))) != nil)
    }

    // MARK: - Stapled responses

    private func staple(_ response: [UInt8]) throws -> TLSContext {
        try .server(contexts.server, stapledResponse: response, now: .systemNow)
    }

    @Test func aClientThatAsksGetsTheResponse() throws {  // RFC 6066 §8
        let response = try contexts.authority.statusResponse(about: contexts.server)
        var client = try TLSEngine(contexts.clientContext(), serverName: "sbc.example")
        var server = try TLSEngine(staple(response), serverName: nil)
        sotto_tls_ask_staple(client.ssl)
        for _ in 0..<4 {
            _ = client.handshake()
            Self.move(&client, &server)
            _ = server.handshake()
            Self.move(&server, &client)
        }
        var start: UnsafePointer<UInt8>?
        let count = sotto_tls_get_staple(client.ssl, &start)
        #expect(Array(UnsafeBufferPointer(start: start, count: max(0, count))) == response)
    }

    @Test func aResponseThatSaysNothingGoodIsAnError() throws {
        let authority = contexts.authority
        let useless = [
            try authority.statusResponse(about: contexts.server, isRevoked: true), try authority.statusResponse(about: contexts.client),
            try authority.statusResponse(about: contexts.server, validFor: .seconds(-10)), [], [0x30, 0x03, 0x0A, 0x01, 0x01],
        ]
        for response in useless { #expect(throws: TLSContextError.stapleUnusable) { try staple(response) } }
    }

    private static func move(_ from: inout TLSEngine, _ to: inout TLSEngine) {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
            let count = from.takeOutput(into: buffer)
            to.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
