import NIOCore
import NIOPosix
import SottoBase
import Synchronization
import Testing

@testable import SIPTransport

/// A name server on loopback that answers what the test put into it.
final class NameServer: Sendable {
    enum Reply: Sendable {
        /// Records of the answer section, in wire form.
        case records([[UInt8]])
        case code(UInt8)
        /// Instead of everything behind the id.
        case garbage([UInt8])
        case silence
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>
        let server: NameServer
        init(_ server: NameServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            guard let answer = server.answer(Array(envelope.data.readableBytesView)) else { return }
            context.writeAndFlush(
                wrapOutboundOut(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))), promise: nil)
        }
    }

    private struct State {
        var zone: [DNSQuestion: Reply] = [:]
        var asked: [DNSQuestion] = []
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    init(_ group: any EventLoopGroup) async throws {
        let channel = try await DatagramBootstrap(group: group)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
    }

    var address: PeerAddress {
        get throws {
            let port = channel.withLock { $0?.localAddress?.port }
            let bound = try #require(port)
            return try #require(PeerAddress(host: "127.0.0.1", port: UInt16(bound)))
        }
    }

    var asked: [DNSQuestion] { state.withLock { $0.asked } }

    func set(_ name: String, _ kind: DNSQuestion.Kind, _ reply: Reply) {
        state.withLock { $0.zone[DNSQuestion(name: name, kind: kind)] = reply }
    }

    func stop() async throws { try await channel.withLock { $0 }?.close().get() }

    private func answer(_ query: [UInt8]) -> [UInt8]? {
        // One question, no compression: name, kind, class.
        var position = 12
        var labels: [String] = []
        while position < query.count, query[position] != 0 {
            let length = Int(query[position])
            guard position + 1 + length < query.count else { return nil }
            labels.append(String(decoding: query[(position + 1)...(position + length)], as: UTF8.self))
            position += length + 1
        }
        guard position + 5 <= query.count,
            let kind = DNSQuestion.Kind(rawValue: UInt16(query[position + 1]) << 8 | UInt16(query[position + 2]))
        else { return nil }
        let question = DNSQuestion(name: labels.joined(separator: ".").lowercased(), kind: kind)
        let reply = state.withLock { state in
            state.asked.append(question)
            return state.zone[question] ?? .code(3)
        }
        let id = query[0..<2]
        let asked = query[12..<(position + 5)]
        switch reply {
        case .records(let records):
            return id + [0x81, 0x80, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + asked + records.joined()
        case .code(let code):
            return id + [0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0] + asked
        case .garbage(let bytes):
            return id + bytes
        case .silence:
            return nil
        }
    }
}

/// Wire forms of records.
enum Wire {
    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func short(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    static func record(_ owner: String, _ kind: UInt16, _ data: [UInt8], lifetime: UInt32 = 300) -> [UInt8] {
        let head = name(owner) + short(kind) + [0, 1] + short(UInt16(lifetime >> 16)) + short(UInt16(lifetime & 0xFFFF))
        return head + short(UInt16(data.count)) + data
    }

    static func a(_ owner: String, _ bytes: [UInt8], lifetime: UInt32 = 300) -> [UInt8] { record(owner, 1, bytes, lifetime: lifetime) }

    static func srv(_ owner: String, _ priority: UInt16, _ weight: UInt16, _ port: UInt16, _ target: String) -> [UInt8] {
        record(owner, 33, short(priority) + short(weight) + short(port) + name(target))
    }

    static func naptr(_ owner: String, _ order: UInt16, _ service: String, _ replacement: String) -> [UInt8] {
        let text: (String) -> [UInt8] = { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return record(owner, 35, short(order) + short(1) + text("s") + text(service) + text("") + name(replacement))
    }
}
