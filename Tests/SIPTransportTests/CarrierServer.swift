import NIOCore
import NIOPosix
import SottoBase
import SottoTLS
import SottoTestCertificates
import Synchronization
import Testing

/// A TLS server at loopback that shows the lines it hears, and says what the test wants.
final class CarrierServer: Sendable {
    private final class Line: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let server: CarrierServer
        var rest: [UInt8] = []

        init(_ server: CarrierServer) { self.server = server }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard let completed = event as? TLSHandshakeCompleted else { return }
            server.state.withLock { state in
                state.connections += 1
                state.channel = context.channel
            }
            server.handshakes.yield(completed)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            rest += Array(unwrapInboundIn(data).readableBytesView)
            server.state.withLock { $0.bytes += unwrapInboundIn(data).readableBytes }
            while let end = rest.firstIndex(of: 10) {
                server.lines.yield(String(decoding: rest[..<end].dropLast(), as: UTF8.self))
                rest.removeSubrange(...end)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private struct State {
        var connections = 0
        var bytes = 0
        var channel: (any Channel)?
    }

    private let state = Mutex(State())
    private let handshakes: AsyncStream<TLSHandshakeCompleted>.Continuation
    private let lines: AsyncStream<String>.Continuation
    private let handshakeStream: AsyncStream<TLSHandshakeCompleted>
    private let lineStream: AsyncStream<String>
    private let listener = Mutex<(any Channel)?>(nil)
    private let boundPort = Atomic<UInt16>(0)

    let credentials: TLSCredentials

    var port: UInt16 { boundPort.load(ordering: .relaxed) }
    var connectionCount: Int { state.withLock { $0.connections } }

    init(_ certificates: TestCertificates, name: TestAuthority.Leaf, group: any EventLoopGroup) async throws {
        (handshakeStream, handshakes) = AsyncStream.makeStream(of: TLSHandshakeCompleted.self)
        (lineStream, lines) = AsyncStream.makeStream(of: String.self)
        credentials = try certificates.authority.issue(name)
        let context = try TLSContext.server(
            credentials, clientCertificates: .required(certificates.authority.trust), now: .systemNow)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([TLSHandler.server(context), Line(self)])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        boundPort.store(UInt16(channel.localAddress?.port ?? 0), ordering: .relaxed)
        listener.withLock { $0 = channel }
    }

    /// Header lines of requests are left out: start lines and empty lines outside of a head are told.
    func nextLine() async -> String? {
        for await line in lineStream {
            if inHead.exchange(!line.isEmpty, ordering: .relaxed) { continue }
            return line
        }
        return nil
    }

    private let inHead = Atomic<Bool>(false)

    func certificateDomains() async -> [String]? {
        for await completed in handshakeStream { return completed.peerCertificate?.identities.domains }
        return nil
    }

    func byteCount() async -> Int { state.withLock { $0.bytes } }
    func write(_ text: String) {
        state.withLock { $0.channel }?.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    func stopListening() async throws {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        try await channel?.close().get()
    }

    func shutDown() async throws {
        try await stopListening()
        try? await state.withLock { $0.channel }?.close().get()
    }
}
