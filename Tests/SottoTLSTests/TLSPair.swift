import COpenSSL
import NIOCore
import NIOEmbedded
import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

/// Everything that reaches the application's end of a pipeline.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var bytes: [UInt8] = []
    var handshakes: [TLSHandshakeCompleted] = []
    var errors: [TLSError] = []
    var isInactive = false
    /// Order of what happened, to prove that nothing precedes the handshake's event.
    var story: [String] = []
    var onHandshake: ((ChannelHandlerContext) -> Void)?
    var onRead: ((ChannelHandlerContext) -> Void)?
    var onActive: ((ChannelHandlerContext) -> Void)?

    func channelActive(context: ChannelHandlerContext) {
        story.append("active")
        onActive?(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        story.append("read")
        bytes += Array(unwrapInboundIn(data).readableBytesView)
        onRead?(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let completed = event as? TLSHandshakeCompleted else { return }
        story.append("handshake")
        handshakes.append(completed)
        onHandshake?(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        story.append("error")
        if let error = error as? TLSError { errors.append(error) } else { Issue.record(error) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        story.append("inactive")
        isInactive = true
    }
}

/// One end: a TLS handler and a recorder on a loop of its own, whose time the test moves.
final class End {
    let channel = EmbeddedChannel()
    let recorder = Recorder()
    weak var handler: TLSHandler?

    init(_ handler: TLSHandler) throws {
        self.handler = handler
        try channel.pipeline.syncOperations.addHandlers([handler, recorder])
    }

    func start() throws { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }

    /// Everything that the socket would send, as one run of bytes.
    func takeOutput() throws -> [UInt8] {
        var all: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { all += Array(buffer.readableBytesView) }
        return all
    }

    func receive(_ bytes: [UInt8]) throws {
        guard channel.isActive else { return }
        try channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    func write(_ bytes: [UInt8], promise: EventLoopPromise<Void>? = nil) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: promise)
    }

    func close() { channel.close(promise: nil) }

    func run() { channel.embeddedEventLoop.run() }
}

/// A client and a server with a wire between them that the test moves by hand.
final class TLSPair {
    let client: End
    let server: End

    init(
        client: TLSContext, server: TLSContext, name: TLSHandler.ServerName = .init("sbc.example"), limits: TLSHandler.Limits = .init()
    ) throws {
        self.client = try End(TLSHandler.client(client, to: name, limits: limits))
        self.server = try End(TLSHandler.server(server, limits: limits))
    }

    func start() throws {
        try server.start()
        try client.start()
    }

    /// Moves bytes until both are silent; bounded, so that two ends that chatter for ever fail the test.
    func exchange(chunk: Int = .max) throws {
        for _ in 0..<1_000 {
            var moved = false
            for (from, to) in [(client, server), (server, client)] {
                let bytes = try from.takeOutput()
                if bytes.isEmpty { continue }
                moved = true
                var rest = bytes[...]
                while !rest.isEmpty {
                    try to.receive(Array(rest.prefix(chunk)))
                    rest = rest.dropFirst(chunk)
                }
            }
            if !moved, !carryEnd() { return }
        }
        Issue.record("the ends never fell silent")
    }

    /// An end that closed its socket is seen by the other one, after its last bytes.
    private func carryEnd() -> Bool {
        for (from, to) in [(client, server), (server, client)] where from.recorder.isInactive && !to.recorder.isInactive {
            to.channel.pipeline.fireChannelInactive()
            return true
        }
        return false
    }
}

/// Contexts of one authority.
struct TestContexts {
    let authority: TestAuthority
    let server: TLSCredentials
    let client: TLSCredentials

    init() throws {
        authority = try TestAuthority()
        server = try authority.issue(.init(dnsNames: ["sbc.example"]))
        client = try authority.issue(.init(dnsNames: ["carrier.example"], uris: ["sip:trunk.example"]))
    }

    func serverContext(_ certificates: ClientCertificates = .none) throws -> TLSContext {
        try .server(server, clientCertificates: certificates, now: .systemNow)
    }

    func mutualServerContext() throws -> TLSContext { try serverContext(.required(authority.trust)) }

    func clientContext(withCertificate: Bool = false) throws -> TLSContext {
        try .client(withCertificate ? client : nil, trust: authority.trust, now: .systemNow)
    }
}

extension TLSContext {
    /// Makes a test peer speak what we never do.
    func weakened(minimum: Int32 = TLS1_VERSION, maximum: Int32, ciphers: String? = nil) -> TLSContext {
        #expect(sotto_tls_weaken(pointer, minimum, maximum, ciphers) == 1)
        return self
    }
}
