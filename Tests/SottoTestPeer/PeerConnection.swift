public import NIOCore
internal import NIOPosix
public import SottoTLS
internal import Synchronization

/// A TLS connection to the daemon, with an inbox. Several calls may share one.
public final class PeerConnection: Sendable {
    private struct State {
        var inbox: [WireMessage] = []
        var bytes: [UInt8] = []
        var count = 0
        var pongs = 0
        var isClosed = false
        var held: String?
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let connection: PeerConnection

        init(_ connection: PeerConnection) { self.connection = connection }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.received(Array(unwrapInboundIn(data).readableBytesView)) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
        func channelInactive(context: ChannelHandlerContext) { connection.state.withLock { $0.isClosed = true } }
    }

    private let state = Mutex(State())
    private let channelBox = Mutex<(any Channel)?>(nil)
    /// Our own port, for Via and Contact.
    public var port: Int { channelBox.withLock { $0?.localAddress?.port } ?? 0 }

    private init() {}

    public static func open(
        to port: UInt16, as context: TLSContext, expecting name: String = "sbc.example", group: any EventLoopGroup
    ) async throws -> PeerConnection {
        let connection = PeerConnection()
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler.client(context, to: .init(name), limits: .init(pendingBytes: 1_000_000)), Collector(connection),
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: Int(port)).get()
        connection.channelBox.withLock { $0 = channel }
        return connection
    }

    /// What `body` sends leaves in one piece, so that the daemon reads it at once.
    public func inOnePiece(_ body: () -> Void) {
        state.withLock { $0.held = "" }
        body()
        let text = state.withLock { state in
            defer { state.held = nil }
            return state.held ?? ""
        }
        send(text)
    }

    public func send(_ text: String) {
        let isHeld = state.withLock { state in
            state.held? += text
            return state.held != nil
        }
        if isHeld { return }
        guard let channel = channelBox.withLock({ $0 }) else { return }
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    public func close() async {
        guard let channel = channelBox.withLock({ $0 }) else { return }
        try? await channel.close().get()
        try? await channel.closeFuture.get()
    }

    /// SIP bytes that ever came.
    public var byteCount: Int { state.withLock { $0.count } }
    public var isClosed: Bool { state.withLock { $0.isClosed } }
    public var pongCount: Int { state.withLock { $0.pongs } }

    /// Takes the first message that fits out of the inbox.
    public func take(_ fits: (WireMessage) -> Bool) -> WireMessage? {
        state.withLock { state in
            guard let index = state.inbox.firstIndex(where: fits) else { return nil }
            return state.inbox.remove(at: index)
        }
    }

    /// Messages that nobody has taken.
    public var waiting: [WireMessage] { state.withLock { $0.inbox } }

    private func received(_ bytes: [UInt8]) {
        state.withLock { state in
            state.count += bytes.count
            state.bytes += bytes
            while true {
                if state.bytes.starts(with: [13, 10]) {
                    state.bytes.removeFirst(2)
                    state.pongs += 1
                } else if let message = WireMessage.take(from: &state.bytes) {
                    state.inbox.append(message)
                } else {
                    return
                }
            }
        }
    }
}
