import NIOCore
import NIOPosix
import SottoTLS
import SottoTestPeer

/// Whom the daemon calls: a TLS server that answers every INVITE at once and says a tone that the called number names.
final class LoadServer: @unchecked Sendable {  // proof: everything but `port` is touched on its loop alone
    private let loop: any EventLoop
    private let generator: MediaGenerator
    private var channel: (any Channel)?
    let port: UInt16
    /// By called number.
    private(set) var calls: [String: LoadCall] = [:]
    /// What was measured of calls that are over.
    private(set) var answered = 0
    private(set) var optionsSeen = 0
    /// A call ended: its media, on the loop.
    var finished: (CallMedia) -> Void = { _ in }

    /// The caller's tone of a call to this number, and the called side's.
    static func tones(of number: String) -> (caller: Int, called: Int) {
        let index = Int(number.suffix(4)) ?? 0
        return (index % Voice.tones.count, (index + 5) % Voice.tones.count)
    }

    static func start(_ context: TLSContext, port: UInt16, generator: MediaGenerator, loop: any EventLoop) async throws -> LoadServer {
        let server = LoadServer(generator: generator, port: port, loop: loop)
        let channel = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let line = LoadLine(loop: channel.eventLoop)
                    line.take(channel)
                    line.stray = { [weak line] message in if let line { server.take(message, line) } }
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler.server(context, limits: .init(pendingBytes: 1_000_000)), LoadLine.Reader(line, opened: nil),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: Int(port)).get()
        try await loop.submit { server.channel = channel }.get()
        return server
    }

    private init(generator: MediaGenerator, port: UInt16, loop: any EventLoop) {
        self.generator = generator
        self.port = port
        self.loop = loop
    }

    func stop() async { try? await loop.flatSubmit { self.channel?.close() ?? self.loop.makeSucceededVoidFuture() }.get() }

    private func take(_ message: LoadMessage, _ line: LoadLine) {
        switch message.method {
        case "INVITE":
            let tones = Self.tones(of: message.requestUser)
            guard let call = try? LoadCall.answer(message, on: line, generator, tone: tones.called, expects: tones.caller) else { return }
            answered += 1
            calls[call.from] = call
            call.ended = { [weak self, weak call] in
                guard let self, let call else { return }
                calls[call.from] = nil
                finished(call.media)
            }
        case "OPTIONS":
            optionsSeen += 1
            line.send(message.response("200 OK", toTag: "server"))
        case "ACK", nil: break
        default: line.send(message.response("481 Call/Transaction Does Not Exist", toTag: "server"))
        }
    }
}
