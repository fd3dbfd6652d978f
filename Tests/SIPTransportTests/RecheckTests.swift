import SIPMessages
import SIPSessions
import SottoBase
import SottoTLS
import SottoTestCertificates
import Synchronization
import Testing

@testable import SIPTransport

/// What a reload does to live connections.
@Suite struct RecheckTests {
    @Test func onlyConnectionsThatAreRefusedNowAreClosed() async throws {
        let refused = Mutex(false)
        let server = try await TestServer(optionalCertificate: true) { info in
            let isTrunk = info.tls.peerCertificate != nil
            return isTrunk && refused.withLock { $0 } ? .refuse : .accept(PeerID(isTrunk ? 1 : 2))
        }
        let (trunk, other) = (try await server.client(withCertificate: true), try await server.client())
        for client in [trunk, other] {
            client.send(Texts.options())
            _ = try await client.response()
        }
        #expect(await server.transport.recheck() == 0)
        refused.withLock { $0 = true }
        #expect(await server.transport.recheck() == 1)
        #expect(await server.fault() == .noLongerAccepted)
        _ = await trunk.closed()
        other.send(Texts.options(2))
        #expect(try await other.response().status == 200)
        other.close()
        try await server.shutDown()
    }

    @Test func aRevokedPeerIsClosedAndNoOther() async throws {
        let server = try await TestServer(requiresCertificate: true)
        let client = try await server.client(withCertificate: true)
        let second = try server.certificates.authority.issue(.init(uris: ["sip:second.example"]))
        let other = try await TestClient(
            server.port, .client(second, trust: server.certificates.authority.trust, now: .systemNow), group: server.group)
        for client in [client, other] {
            client.send(Texts.options())
            _ = try await client.response()
        }
        let list = try server.certificates.authority.revocationList(of: [server.certificates.trunk])
        server.served.replace(with: try server.certificates.server(requiresCertificate: true, revocation: list))
        #expect(await server.transport.recheck() == 1)
        _ = await client.closed()
        other.send(Texts.options(2))
        #expect(try await other.response().status == 200)
        other.close()
        try await server.shutDown()
    }

    @Test func aListenerThatDemandsCertificatesNowClosesWhoHasNone() async throws {
        let server = try await TestServer(optionalCertificate: true)
        let client = try await server.client()
        client.send(Texts.options())
        _ = try await client.response()
        server.served.replace(with: try server.certificates.server(requiresCertificate: true))
        #expect(await server.transport.recheck() == 1)
        _ = await client.closed()
        try await server.shutDown()
    }

    @Test func aConnectionThatBelongsToAnotherPeerNowIsClosed() async throws {
        let number = Mutex<UInt64>(1)
        let server = try await TestServer { _ in .accept(PeerID(number.withLock { $0 })) }
        let client = try await server.client()
        client.send(Texts.options())
        _ = try await client.response()
        number.withLock { $0 = 2 }
        #expect(await server.transport.recheck() == 1)
        _ = await client.closed()
        try await server.shutDown()
    }
}
