import NIOCore
import NIOPosix
import SottoBase
import SottoTestCertificates
import SottoTLS

/// One TLS handshake with a listener. The daemon closes afterwards, since the test is no trunk; the handshake tells what it serves.
enum Handshake {
    private final class Outcome: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let promise: EventLoopPromise<[UInt8]>

        struct Failed: Error {}

        init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let completed = event as? TLSHandshakeCompleted, let certificate = completed.peerCertificate {
                promise.succeed(certificate.fingerprint)
            }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
        func channelInactive(context: ChannelHandlerContext) { promise.fail(Failed()) }
    }

    /// The fingerprint of the certificate that is served at 127.0.0.1:`port`.
    static func fingerprint(port: Int, trust: TLSTrust) async throws -> [UInt8] {
        let context = try TLSContext.client(trust: trust, now: .systemNow)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: [UInt8].self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            TLSHandler.client(context, to: .init("sotto.example")), Outcome(promise),
                        ])
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            let fingerprint = try await promise.futureResult.get()
            try? await channel.close().get()
            return fingerprint
        } catch {
            promise.fail(error)
            throw error
        }
    }
}
