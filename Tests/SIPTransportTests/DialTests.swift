import NIOCore
import NIOPosix
import SIPMessages
import SIPSessions
import SottoBase
import SottoTLS
import SottoTestCertificates
import Synchronization
import Testing

@testable import SIPTransport

/// Connections that we open: RFC 5922, RFC 5923, RFC 5626.
@Suite struct DialTests {
    static let peer = PeerID(7)

    /// A carrier's server, which takes mutual TLS, and our transport, which dials it.
    final class Stage: Sendable {
        let certificates: TestCertificates
        let ours: TestServer
        let carrier: CarrierServer
        let context: ServedTLSContext

        init(
            _ configuration: SIPTransportConfiguration = .init(), name: TestAuthority.Leaf = .init(dnsNames: ["sip.carrier.example"]),
            redials: Bool = false, trust: TLSTrust? = nil,
            accept: @escaping @Sendable (PeerInfo) -> AcceptDecision = { _ in .accept(DialTests.peer) }
        ) async throws {
            certificates = try TestCertificates()
            let hop = Mutex<DialHop?>(nil)
            ours = try await TestServer(
                configuration, certificates: certificates, optionalCertificate: true, accept: accept,
                dialPolicy: { _ in hop.withLock { $0 } })
            carrier = try await CarrierServer(certificates, name: name, group: ours.group)
            context = ServedTLSContext(
                try .client(certificates.sbc, trust: trust ?? certificates.authority.trust, now: .systemNow))
            if redials {
                let made = try self.hop()
                hop.withLock { $0 = made }
            }
        }

        func hop(
            domain: String = "sip.carrier.example", wildcard: Bool = false, pins: [[UInt8]] = [], keepAlive: TimeAmount? = nil,
            port: UInt16? = nil
        ) throws -> DialHop {
            DialHop(
                address: try #require(PeerAddress(host: "127.0.0.1", port: port ?? carrier.port)), domain: domain, allowsWildcard: wildcard,
                pinnedKeys: pins, context: context, local: AdvertisedAddress(host: "sbc.example", port: 5_061),
                connectDeadline: .seconds(5), keepAlive: keepAlive)
        }

        func dial(_ hop: DialHop) async throws -> Result<ConnectionID, DialFailure> {
            try await ours.transport.dial(hop, as: DialTests.peer).get()
        }

        func shutDown() async throws {
            try await carrier.shutDown()
            try await ours.shutDown()
        }
    }

    @Test func aDialledConnectionCarriesRequestsBothWays() async throws {
        let stage = try await Stage()
        let id = try await stage.dial(stage.hop()).get()
        #expect(await stage.carrier.certificateDomains() == ["sbc.example"], "we show our certificate")
        let request = try #require(TestMessages.options())
        let sent = try await stage.ours.transport.callLoop.submit { [transport = stage.ours.transport] in
            defer { transport.flush() }
            return transport.send(.request(request), to: ConnectionTarget(connection: id, orPeerOf: Self.peer))
        }.get()
        #expect(sent)
        #expect(await stage.carrier.nextLine() == "OPTIONS sip:carrier.example;transport=tls SIP/2.0")
        stage.carrier.write(Texts.options())
        #expect(await stage.carrier.nextLine() == "SIP/2.0 200 OK")
        #expect(stage.ours.transport.gauges.dialled == 1)
        try await stage.shutDown()
    }

    @Test func theConfiguredDomainIsMatchedNeverTheAddress() async throws {  // RFC 5922 §7.3
        let stage = try await Stage(name: .init(commonName: "127.0.0.1", dnsNames: ["127.0.0.1", "other.example"]))
        #expect(try await stage.dial(stage.hop()) == .failure(.tls(.serverNameMismatch)))
        #expect(try await stage.dial(stage.hop(domain: "127.0.0.1")) != .failure(.keyNotPinned))
        #expect(await stage.carrier.byteCount() == 0, "nothing was said to a stranger")
        try await stage.shutDown()
    }

    @Test func aSIPURIComesBeforeDNSNames() async throws {  // RFC 5922 §7.1
        let stage = try await Stage(name: .init(dnsNames: ["sip.carrier.example"], uris: ["sip:other.example"]))
        #expect(try await stage.dial(stage.hop()) == .failure(.tls(.serverNameMismatch)))
        try await #expect(stage.dial(stage.hop(domain: "other.example")).isSuccess)
        try await stage.shutDown()
    }

    @Test func theCommonNameCountsOnlyWithoutAlternativeNames() async throws {  // RFC 5922 §7.1
        let stage = try await Stage(name: .init(commonName: "sip.carrier.example"))
        try await #expect(stage.dial(stage.hop()).isSuccess)
        try await stage.shutDown()
        let other = try await Stage(name: .init(commonName: "sip.carrier.example", dnsNames: ["other.example"]))
        #expect(try await other.dial(other.hop()) == .failure(.tls(.serverNameMismatch)))
        try await other.shutDown()
    }

    @Test func aWildcardCountsOnlyForATrunkThatSaysSo() async throws {  // RFC 5922 §7.2
        let stage = try await Stage(name: .init(dnsNames: ["*.carrier.example"]))
        #expect(try await stage.dial(stage.hop()) == .failure(.tls(.serverNameMismatch)))
        try await #expect(stage.dial(stage.hop(wildcard: true)).isSuccess)
        try await stage.shutDown()
    }

    @Test func aPinnedKeyIsDemandedBesideTheName() async throws {
        let stage = try await Stage()
        #expect(try await stage.dial(stage.hop(pins: [[UInt8](repeating: 1, count: 32)])) == .failure(.keyNotPinned))
        let id = try await stage.dial(stage.hop()).get()
        let pin = try #require(await stage.ours.opened(id)?.tls.peerCertificate?.keyPin)
        #expect(pin.count == 32)
        stage.ours.transport.closeConnections(of: Self.peer)
        #expect(await stage.ours.closed(id) != nil)
        try await #expect(stage.dial(stage.hop(pins: [[UInt8](repeating: 1, count: 32), pin])).isSuccess)
        // An address has no name in a SIP certificate: the pin alone vouches for it.
        stage.ours.transport.closeConnections(of: Self.peer)
        try await #expect(stage.dial(stage.hop(domain: "127.0.0.1", pins: [pin])).isSuccess)
        #expect(try await stage.dial(stage.hop(domain: "127.0.0.1")) == .failure(.tls(.serverNameMismatch)))
        try await stage.shutDown()
    }

    @Test func anUntrustedServerIsRefused() async throws {
        let stage = try await Stage(trust: TestAuthority().trust)
        guard case .failure(.tls(.certificateRejected)) = try await stage.dial(stage.hop()) else {
            return #expect(Bool(false), "an untrusted server was taken")
        }
        try await stage.shutDown()
    }

    @Test func nobodyThereIsRefused() async throws {
        let stage = try await Stage()
        #expect(try await stage.dial(stage.hop(port: 1)) == .failure(.refused))
        #expect(stage.ours.transport.gauges.dialsFailed == 1)
        #expect(stage.ours.transport.gauges.dials == 0)
        try await stage.shutDown()
    }

    @Test func aServerThatNeverShakesHandsIsGivenUp() async throws {
        var configuration = SIPTransportConfiguration()
        configuration.handshakeDeadline = .milliseconds(50)
        let stage = try await Stage(configuration)
        let mute = try await ServerBootstrap(group: stage.ours.group).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(mute.localAddress?.port)
        #expect(try await stage.dial(stage.hop(port: UInt16(port))) == .failure(.tls(.handshakeTimedOut)))
        try await mute.close()
        try await stage.shutDown()
    }

    // MARK: - Reuse

    @Test func dialsOfOnePeerAreOneConnection() async throws {  // RFC 5923
        let stage = try await Stage()
        let both = try [stage.ours.transport.dial(stage.hop(), as: Self.peer), stage.ours.transport.dial(stage.hop(), as: Self.peer)]
        let (first, second) = (try await both[0].get().get(), try await both[1].get().get())
        #expect(first == second)
        #expect(try await stage.dial(stage.hop()).get() == first)
        #expect(stage.ours.transport.gauges.dialled == 1)
        try await stage.shutDown()
    }

    @Test func aConnectionIsReusedByIdentityWhateverItsAddressAndSNI() async throws {  // RFC 5923 §8
        let stage = try await Stage(name: .init(dnsNames: ["sip.carrier.example", "edge.carrier.example"]))
        let first = try await stage.dial(stage.hop()).get()
        // Another name of the same certificate, at an address where nobody listens.
        #expect(try await stage.dial(stage.hop(domain: "edge.carrier.example", port: 1)).get() == first)
        #expect(try await stage.dial(stage.hop(domain: "third.example", port: 1)) == .failure(.refused))
        let others = try await stage.ours.transport.dial(stage.hop(port: 1), as: PeerID(8)).get()
        #expect(others == .failure(.refused), "another peer's connection is none of this one's")
        try await stage.shutDown()
    }

    @Test(arguments: [true, false])
    func anInboundConnectionIsAnAliasOnlyWhenMutuallyAuthenticated(mutual: Bool) async throws {  // RFC 5923 §5
        let stage = try await Stage()
        let client = try await stage.ours.client(withCertificate: mutual)  // sip:trunk.example
        client.send(Texts.options())
        _ = try await client.response()
        let result = try await stage.dial(stage.hop(domain: "trunk.example", port: 1))
        if mutual { #expect(result.isSuccess) } else { #expect(result == .failure(.refused)) }
        client.close()
        try await stage.shutDown()
    }

    // MARK: - Redial

    private func send(_ stage: Stage, redial: Bool, count: Int = 1) async throws -> [Bool] {
        try await stage.ours.transport.callLoop.submit { [transport = stage.ours.transport] in
            defer { transport.flush() }
            return (0..<count).map { number in
                guard let request = TestMessages.options(number + 1) else { return false }
                return transport.send(
                    .request(request),
                    to: ConnectionTarget(connection: nil, orPeerOf: Self.peer, redial: redial ? request.requestURI : nil))
            }
        }.get()
    }

    @Test func aRequestInsideADialogIsDialledForAfterAnIdleClose() async throws {  // RFC 5923
        let stage = try await Stage(redials: true)
        let id = try await stage.dial(stage.hop()).get()
        stage.ours.transport.closeConnections(of: Self.peer)
        #expect(await stage.ours.closed(id) != nil)
        #expect(try await send(stage, redial: true, count: 2) == [true, true])
        #expect(await stage.carrier.nextLine() == "OPTIONS sip:carrier.example;transport=tls SIP/2.0")
        #expect(await stage.carrier.nextLine() == "OPTIONS sip:carrier.example;transport=tls SIP/2.0")
        #expect(stage.ours.transport.gauges.dialled == 2)
        #expect(stage.ours.transport.gauges.waitingMessages == 0)
        try await stage.shutDown()
    }

    @Test func whatThePolicyForbidsIsNotDialled() async throws {
        let stage = try await Stage(redials: false)
        #expect(try await send(stage, redial: true) == [false])
        let other = try await Stage(redials: true)
        #expect(try await send(other, redial: false) == [false], "a response is never dialled for")
        #expect(other.carrier.connectionCount == 0)
        try await stage.shutDown()
        try await other.shutDown()
    }

    @Test func waitingMessagesAreBoundedAndReportedWhenNoConnectionComes() async throws {
        var configuration = SIPTransportConfiguration()
        configuration.maximumWaitingMessages = 3
        let stage = try await Stage(configuration, redials: true)
        let lost = LostMessages()
        await stage.ours.transport.deliver(to: lost)
        try await stage.carrier.stopListening()
        #expect(try await send(stage, redial: true, count: 5) == [true, true, true, false, false])
        for await count in lost.counts where count == 3 { break }
        #expect(stage.ours.transport.gauges.waitingMessages == 0)
        try await stage.shutDown()
    }

    // MARK: - Keep-alive

    @Test func pingsAreAnsweredAndTheFlowLives() async throws {  // RFC 5626 §3.5.1, §4.4.1
        let stage = try await Stage()
        let id = try await stage.dial(stage.hop(keepAlive: .milliseconds(20))).get()
        for _ in 0..<3 {
            #expect(await stage.carrier.nextLine() == "")
            #expect(await stage.carrier.nextLine() == "")
            stage.carrier.write("\r\n")
        }
        #expect(await stage.ours.opened(id) != nil)
        #expect(stage.ours.transport.gauges.faults[.deadFlow] == 0)
        try await stage.shutDown()
    }

    @Test func aFlowWithoutPongIsDead() async throws {  // RFC 5626 §4.4.1
        var configuration = SIPTransportConfiguration()
        configuration.pongDeadline = .milliseconds(30)
        let stage = try await Stage(configuration)
        let id = try await stage.dial(stage.hop(keepAlive: .milliseconds(20))).get()
        #expect(await stage.ours.closed(id) == .fault(.deadFlow))
        try await stage.shutDown()
    }

    // MARK: - Reload

    @Test func aDialledServerThatWasRevokedIsClosedByARecheck() async throws {
        let stage = try await Stage()
        let id = try await stage.dial(stage.hop()).get()
        #expect(await stage.ours.transport.recheck() == 0)
        let list = try stage.certificates.authority.revocationList(of: [stage.carrier.credentials])
        stage.context.replace(
            with: try .client(stage.certificates.sbc, trust: stage.certificates.authority.trust, revocation: list, now: .systemNow))
        #expect(await stage.ours.transport.recheck() == 1)
        #expect(await stage.ours.closed(id) == .fault(.noLongerAccepted))
        guard case .failure(.tls(.certificateRejected)) = try await stage.dial(stage.hop()) else {
            return #expect(Bool(false), "a revoked server was dialled")
        }
        try await stage.shutDown()
    }

    @Test func aReloadedClientCertificateIsShownByNewConnectionsOnly() async throws {
        let stage = try await Stage()
        let id = try await stage.dial(stage.hop()).get()
        #expect(await stage.carrier.certificateDomains() == ["sbc.example"])
        let renewed = try stage.certificates.authority.issue(.init(dnsNames: ["renewed.example"]))
        stage.context.replace(with: try .client(renewed, trust: stage.certificates.authority.trust, now: .systemNow))
        #expect(await stage.ours.transport.recheck() == 0)
        #expect(try await stage.dial(stage.hop()).get() == id, "the live connection stays")
        stage.ours.transport.closeConnections(of: Self.peer)
        #expect(await stage.ours.closed(id) != nil)
        try await #expect(stage.dial(stage.hop()).isSuccess)
        #expect(await stage.carrier.certificateDomains() == ["renewed.example"])
        try await stage.shutDown()
    }

    @Test func aDrainedTransportDialsNobody() async throws {
        let stage = try await Stage()
        await stage.ours.transport.drain(quiet: .milliseconds(1), deadline: .milliseconds(100))
        #expect(try await stage.dial(stage.hop()) == .failure(.draining))
        try await stage.shutDown()
    }
}

extension Result {
    var isSuccess: Bool { if case .success = self { true } else { false } }
}

/// Counts what could not be delivered.
final class LostMessages: SIPTransportDelegate {
    let counts: AsyncStream<Int>
    private let told: AsyncStream<Int>.Continuation
    private let count = Atomic<Int>(0)

    init() { (counts, told) = AsyncStream.makeStream(of: Int.self) }

    func connectionOpened(_ connection: ConnectionID, _ info: PeerInfo, as peer: PeerID) {}
    func messagesReceived(_ messages: [SIPMessage], on connection: ConnectionID) {}
    func connectionClosed(_ connection: ConnectionID, _ ending: ConnectionEnding) {}
    func undeliverable(_ message: SIPMessage) { told.yield(count.add(1, ordering: .relaxed).newValue) }
}

enum TestMessages {
    static func options(_ number: Int = 1) -> SIPRequest? {
        var bytes = Array(
            Texts.options(number)
                .replacing("OPTIONS sip:sotto@sbc.example;transport=tls", with: "OPTIONS sip:carrier.example;transport=tls").utf8)
        guard case .request(let request)? = try? SIPMessageParser.parse(&bytes) else { return nil }
        return request
    }
}
