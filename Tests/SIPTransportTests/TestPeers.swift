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

/// A TLS client that speaks bytes and reads SIP.
final class TestClient: Sendable {
    enum Event: Sendable {
        case message(SIPMessage)
        case lineEnd
        case closed(byteCount: Int)
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let events: AsyncStream<Event>.Continuation
        var framer = SIPStreamFramer(role: .opened)
        var count = 0

        init(_ events: AsyncStream<Event>.Continuation) { self.events = events }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            count += bytes.readableBytes
            framer.append(Array(bytes.readableBytesView))
            do {
                while let frame = try framer.next() {
                    switch frame {
                    case .message(var raw): events.yield(.message(try SIPMessageParser.parse(&raw)))
                    case .pong, .keepAlivePing: events.yield(.lineEnd)
                    }
                }
            } catch {
                Issue.record(error)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}

        func channelInactive(context: ChannelHandlerContext) {
            events.yield(.closed(byteCount: count))
            events.finish()
        }
    }

    let channel: any Channel
    private let stream: AsyncStream<Event>

    init(_ port: UInt16, _ context: TLSContext, host: String = "127.0.0.1", group: any EventLoopGroup) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        self.stream = stream
        channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler.client(context, to: .init("sbc.example"), limits: .init(pendingBytes: 1_000_000)),
                        Collector(continuation),
                    ])
                }
            }
            .connect(host: host, port: Int(port)).get()
    }

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    func send(_ text: String) { send(Array(text.utf8)) }
    func close() { channel.close(promise: nil) }

    func next() async -> Event? {
        for await event in stream { return event }
        return nil
    }

    /// The next response, failing the test for anything else.
    func response() async throws -> SIPResponse {
        let event = await next()
        guard case .message(.response(let response))? = event else { throw Unexpected(event: "\(String(describing: event))") }
        return response
    }

    func request() async throws -> SIPRequest {
        let event = await next()
        guard case .message(.request(let request))? = event else { throw Unexpected(event: "\(String(describing: event))") }
        return request
    }

    /// Bytes received until the end.
    func closed() async -> Int {
        while let event = await next() { if case .closed(let count) = event { return count } }
        return -1
    }

    struct Unexpected: Error { let event: String }
}

/// Lets in so many at a time, and counts what it is told.
final class CountingDoor: SIPDoor {
    struct Count: Equatable {
        var open = 0
        var handshakes = 0
        var refused = 0
    }

    private let limit: Int
    private let state = Mutex(Count())

    init(limit: Int = .max) { self.limit = limit }

    var count: Count { state.withLock { $0 } }

    func connectionArrived(from address: PeerAddress) -> SIPTransportFault? {
        state.withLock { count in
            guard count.open < limit else {
                count.refused += 1
                return .sourceRate
            }
            count.open += 1
            count.handshakes += 1
            return nil
        }
    }

    func handshakeEnded() { state.withLock { $0.handshakes -= 1 } }
    func connectionClosed(from address: PeerAddress) { state.withLock { $0.open -= 1 } }
}

/// A transport with its endpoint, listening at 127.0.0.1.
final class TestServer: Sendable {
    let group: MultiThreadedEventLoopGroup
    let transport: SIPConnections
    let driver: SIPEndpointDriver
    let notices: AsyncStream<SIPTransportNotice>
    let events: AsyncStream<SIPEndpointEvent>
    let served: ServedTLSContext
    let certificates: TestCertificates
    let door: CountingDoor
    let port: UInt16

    init(
        _ configuration: SIPTransportConfiguration = .init(), requiresCertificate: Bool = false, certificates: TestCertificates? = nil,
        optionalCertificate: Bool = false, door: CountingDoor = CountingDoor(),
        accept: @escaping @Sendable (PeerInfo) -> AcceptDecision = { _ in .accept(PeerID(1)) },
        dialPolicy: @escaping @Sendable (PeerID) -> DialHop? = { _ in nil }
    ) async throws {
        let certificates = try certificates ?? TestCertificates()
        self.certificates = certificates
        self.door = door
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (notices, noticed) = AsyncStream.makeStream(of: SIPTransportNotice.self)
        let (events, happened) = AsyncStream.makeStream(of: SIPEndpointEvent.self)
        (self.notices, self.events) = (notices, events)
        transport = SIPConnections(
            connections: group, callLoop: group.next(), configuration: configuration, door: door, accept: accept,
            dialPolicy: dialPolicy, notice: { noticed.yield($0) })
        driver = await SIPEndpointDriver(transport: transport) { happened.yield($0) }
        served = ServedTLSContext(
            try certificates.server(requiresCertificate: requiresCertificate, optionalCertificate: optionalCertificate))
        port = try await transport.listen(SIPListener(bindAddress: "127.0.0.1", port: 0, context: served)).port
    }

    func client(withCertificate: Bool = false) async throws -> TestClient {
        try await TestClient(port, certificates.client(withCertificate: withCertificate), group: group)
    }

    /// Waits for the connection's fault and end, or any notice that `matches` knows.
    func notice<T>(_ matches: (SIPTransportNotice) -> T?) async -> T? {
        for await notice in notices { if let match = matches(notice) { return match } }
        return nil
    }

    func opened(_ id: ConnectionID) async -> PeerInfo? {
        await notice { if case .opened(id, let info) = $0 { info } else { nil } }
    }

    func closed(_ id: ConnectionID) async -> ConnectionEnding? {
        await notice { if case .closed(id, let ending) = $0 { ending } else { nil } }
    }

    func fault() async -> SIPTransportFault? {
        await notice { notice in
            switch notice {
            case .fault(_, let fault, _): fault
            case .turnedAway(_, let fault, _): fault
            case .unknownPeer: .unknownPeer
            default: nil
            }
        }
    }

    func event<T>(_ matches: (SIPEndpointEvent) -> T?) async -> T? {
        for await event in events { if let match = matches(event) { return match } }
        return nil
    }

    /// Shuts everything and proves that nothing is left.
    func shutDown() async throws {
        await transport.shutDown()
        try await group.shutdownGracefully()  // runs what is queued on every loop
        let gauges = transport.gauges
        #expect(gauges.sockets == 0)
        #expect(gauges.handshakes == 0)
        #expect(gauges.connections == 0)
        #expect(gauges.sources == 0)
        #expect(door.count.open == 0)
        #expect(door.count.handshakes == 0)
    }
}

struct TestCertificates: Sendable {
    let authority: TestAuthority
    let sbc: TLSCredentials
    let trunk: TLSCredentials

    init() throws {
        authority = try TestAuthority()
        sbc = try authority.issue(.init(dnsNames: ["sbc.example"]))
        trunk = try authority.issue(.init(uris: ["sip:trunk.example"]))
    }

    func server(requiresCertificate: Bool = false, optionalCertificate: Bool = false, revocation: [UInt8]? = nil) throws -> TLSContext {
        let clients: ClientCertificates =
            requiresCertificate ? .required(authority.trust) : optionalCertificate ? .optional(authority.trust) : .none
        return try .server(sbc, clientCertificates: clients, revocation: revocation, now: .systemNow)
    }

    func client(withCertificate: Bool = false) throws -> TLSContext {
        try .client(withCertificate ? trunk : nil, trust: authority.trust, now: .systemNow)
    }
}

enum Texts {
    static func options(_ number: Int = 1, branch: String? = nil) -> String {
        """
        OPTIONS sip:sotto@sbc.example;transport=tls SIP/2.0\r
        Via: SIP/2.0/TLS client.invalid:5061;branch=z9hG4bK\(branch ?? "o\(number)");rport\r
        Max-Forwards: 70\r
        From: <sip:carrier@client.invalid>;tag=f\(number)\r
        To: <sip:sotto@sbc.example>\r
        Call-ID: options-\(number)@client.invalid\r
        CSeq: \(number) OPTIONS\r
        Contact: <sip:carrier@client.invalid;transport=tls>\r
        Content-Length: 0\r
        \r

        """
    }

    static func withContentLength(_ value: String) -> String {
        options().replacing("Content-Length: 0", with: "Content-Length: \(value)")
    }

    static let invite = """
        INVITE sip:+4930123@sbc.example;transport=tls SIP/2.0\r
        Via: SIP/2.0/TLS client.invalid:5061;branch=z9hG4bKi1;rport\r
        Max-Forwards: 70\r
        From: <sip:+441234@client.invalid>;tag=caller\r
        To: <sip:+4930123@sbc.example>\r
        Call-ID: call-1@client.invalid\r
        CSeq: 1 INVITE\r
        Contact: <sip:carrier@client.invalid;transport=tls>\r
        Content-Length: 0\r
        \r

        """

    static func ack(toTag: String) -> String {
        """
        ACK sip:sotto@sbc.example;transport=tls SIP/2.0\r
        Via: SIP/2.0/TLS client.invalid:5061;branch=z9hG4bKa1;rport\r
        Max-Forwards: 70\r
        From: <sip:+441234@client.invalid>;tag=caller\r
        To: <sip:+4930123@sbc.example>;tag=\(toTag)\r
        Call-ID: call-1@client.invalid\r
        CSeq: 1 ACK\r
        Content-Length: 0\r
        \r

        """
    }
}
