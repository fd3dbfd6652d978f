import NIOCore
import NIOPosix
import SottoBase
import SottoTLS
import SottoTestPeer

/// A TLS connection with SIP on it, from either end. Everything happens on its loop.
final class LoadLine: @unchecked Sendable {  // proof: touched on `loop` alone, which every entry from elsewhere goes through
    let loop: any EventLoop
    private var channel: (any Channel)?
    private var reader = MessageReader()
    /// Who gets the messages of a Call-ID.
    var dialogs: [String: (LoadMessage) -> Void] = [:]
    /// Who gets the rest.
    var stray: (LoadMessage) -> Void = { _ in }
    private(set) var isClosed = false
    private(set) var port = 0

    init(loop: any EventLoop) { self.loop = loop }

    /// Ends of the pipeline for either role.
    final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let line: LoadLine
        private var opened: EventLoopPromise<Void>?

        init(_ line: LoadLine, opened: EventLoopPromise<Void>?) {
            self.line = line
            self.opened = opened
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is TLSHandshakeCompleted { settle(nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            line.reader.append(&bytes)
            while let message = line.reader.next() { line.dialogs[message.callID].map { $0(message) } ?? line.stray(message) }
            for _ in 0..<line.reader.takePings() { line.send("\r\n") }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { settle(error) }

        func channelInactive(context: ChannelHandlerContext) {
            line.isClosed = true
            settle(TLSError.closed)
        }

        private func settle(_ error: (any Error)?) {
            guard let opened else { return }
            self.opened = nil
            if let error { opened.fail(error) } else { opened.succeed() }
        }
    }

    /// Connects, and waits for the handshake's end.
    /// - Parameter source: the last three numbers of the loopback address that it comes from; nil: the kernel's choice, 127.0.0.1.
    static func open(
        to port: UInt16, as context: TLSContext, named name: String = "sbc.example", loop: any EventLoop, from source: UInt32? = nil
    ) -> EventLoopFuture<LoadLine> {
        let line = LoadLine(loop: loop)
        let opened = loop.makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler.client(
                            context, to: .init(name), limits: .init(handshakeDeadline: .seconds(30), pendingBytes: 1_000_000)),
                        Reader(line, opened: opened),
                    ])
                }
            }
        do {
            let from = try source.map { try SocketAddress(ipAddress: "127.\($0 >> 16 & 0xFF).\($0 >> 8 & 0xFF).\($0 & 0xFF)", port: 0) }
            let bound = from.map { bootstrap.bind(to: $0) } ?? bootstrap
            bound.connect(host: "127.0.0.1", port: Int(port)).whenComplete { result in
                switch result {
                case .success(let channel): line.take(channel)
                case .failure(let error): opened.fail(error)
                }
            }
        } catch {
            opened.fail(error)
        }
        return opened.futureResult.map { line }
    }

    func take(_ channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    func send(_ text: String) {
        guard let channel else { return }
        channel.writeAndFlush(channel.allocator.buffer(string: text), promise: nil)
    }

    func close() -> EventLoopFuture<Void> {
        loop.flatSubmit { self.channel.map { $0.close().recover { _ in } } ?? self.loop.makeSucceededVoidFuture() }
    }
}
