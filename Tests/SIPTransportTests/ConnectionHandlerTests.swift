import NIOCore
import NIOEmbedded
import SIPMessages
import SIPSessions
import SottoBase
import SottoTestCertificates
import Synchronization
import Testing

@testable import SIPTransport
@testable import SottoTLS

/// One connection on virtual time: no socket, no TLS.
@Suite struct ConnectionHandlerTests {
    final class Delegate: SIPTransportDelegate {
        struct Seen: Sendable {
            var messages = 0
            var opened = 0
            var endings: [ConnectionEnding] = []
            var undeliverable = 0
        }
        let seen = Mutex(Seen())

        func connectionOpened(_ connection: ConnectionID, _ info: PeerInfo, as peer: PeerID) { seen.withLock { $0.opened += 1 } }
        func messagesReceived(_ messages: [SIPMessage], on connection: ConnectionID) { seen.withLock { $0.messages += messages.count } }
        func connectionClosed(_ connection: ConnectionID, _ ending: ConnectionEnding) { seen.withLock { $0.endings.append(ending) } }
        func undeliverable(_ message: SIPMessage) { seen.withLock { $0.undeliverable += 1 } }
    }

    /// Counts the reads that reach the socket.
    final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var count = 0
        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }
    }

    final class Bench {
        let channel = EmbeddedChannel()
        let calls = EmbeddedEventLoop()
        let delegate = Delegate()
        let link: SIPTransportLink
        let reads = ReadCounter()

        init(_ change: (inout SIPTransportConfiguration) -> Void = { _ in }) throws {
            var configuration = SIPTransportConfiguration()
            change(&configuration)
            link = SIPTransportLink(
                configuration: configuration, callLoop: calls, door: CountingDoor(), accept: { _ in .accept(PeerID(1)) }, notice: { _ in })
            link.connections.value.delegate = delegate
            channel.localAddress = try SocketAddress(ipAddress: "192.0.2.1", port: 5_061)
            let address = try #require(PeerAddress(host: "198.51.100.7", port: 40_000))
            #expect(link.admit(address) == nil)
            try channel.pipeline.syncOperations.addHandlers([
                reads,
                SIPConnectionHandler(
                    link: link, address: address, origin: .accepted(host: "sbc.example", port: 5_061, context: Self.context())),
            ])
            try channel.connect(to: SocketAddress(ipAddress: "198.51.100.7", port: 40_000)).wait()
            channel.pipeline.fireUserInboundEventTriggered(
                TLSHandshakeCompleted(version: .tls13, cipher: "TLS_AES_256_GCM_SHA384", peerCertificate: nil))
            calls.run()
        }

        /// Nobody looks into it: there is no TLS here.
        static func context() throws -> ServedTLSContext { ServedTLSContext(try TestCertificates().server()) }

        func receive(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }
        func pass(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

        var endings: [ConnectionEnding] {
            calls.run()
            return delegate.seen.withLock { $0.endings }
        }
    }

    @Test func aMessageThatTricklesInIsCutOff() throws {
        let bench = try Bench { $0.messageDeadline = .seconds(10) }
        try bench.receive("OPTIONS sip:")
        for _ in 0..<9 {
            bench.pass(.seconds(1))
            try bench.receive("a")
        }
        #expect(bench.endings.isEmpty)
        bench.pass(.seconds(1))
        #expect(bench.endings == [.fault(.slowMessage)])
        #expect(!bench.channel.isActive)
    }

    @Test func theNextMessageGetsADeadlineOfItsOwn() throws {
        let bench = try Bench { $0.messageDeadline = .seconds(10) }
        try bench.receive("OPTIONS")
        bench.pass(.seconds(9))
        try bench.receive(String(Texts.options().dropFirst("OPTIONS".count)) + "OPT")
        bench.pass(.seconds(9))
        #expect(bench.endings.isEmpty)
        #expect(bench.delegate.seen.withLock { $0.messages } == 1)
        bench.pass(.seconds(1))
        #expect(bench.endings == [.fault(.slowMessage)])
    }

    @Test func silenceEndsTheConnectionAndAPingPutsItOff() throws {
        let bench = try Bench { $0.idleDeadline = .seconds(100) }
        bench.pass(.seconds(99))
        try bench.receive("\r\n\r\n")
        #expect(try bench.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "\r\n"))
        bench.pass(.seconds(99))
        #expect(bench.endings.isEmpty)
        bench.pass(.seconds(1))
        #expect(bench.endings == [.fault(.idle)])
    }

    @Test func aPeerThatDoesNotReadIsCutOff() throws {
        let bench = try Bench { $0.maximumOutboundBytes = 2_000 }
        var raw = Array(Texts.options().utf8)
        let message = try SIPMessageParser.parse(&raw)
        let envelope = SIPBatch.Envelope(message: message, target: ConnectionTarget(connection: nil, orPeerOf: PeerID(1)))
        for _ in 0..<20 where bench.channel.isActive {
            bench.channel.write(SIPBatch(envelopes: [envelope]), promise: nil)  // never flushed: the socket takes nothing
        }
        #expect(bench.endings == [.fault(.slowReader)])
    }

    @Test func aLaggingCallLoopStopsTheReading() throws {
        let bench = try Bench { configuration in
            configuration.messagesPerBatch = 2
            configuration.maximumBacklog = 4
        }
        for number in 1...4 { try bench.receive(Texts.options(number)) }
        let before = bench.reads.count
        bench.channel.read()
        #expect(bench.reads.count == before)  // held back
        bench.calls.run()
        bench.channel.embeddedEventLoop.run()
        #expect(bench.reads.count == before + 1)
        #expect(bench.delegate.seen.withLock { $0.messages } == 4)
    }

    @Test func whatCameBeforeTheEndIsDeliveredBeforeIt() throws {
        let bench = try Bench()
        try bench.receive(Texts.options(1) + Texts.withContentLength("-5"))
        #expect(bench.endings == [.fault(.framing)])
        #expect(bench.delegate.seen.withLock { $0.messages } == 1)
        let answer = try bench.channel.readOutbound(as: ByteBuffer.self)
        #expect(answer.map { String(buffer: $0).hasPrefix("SIP/2.0 400 ") } == true)
    }

    @Test func aMessageForABrokenConnectionIsReportedWhenThePeerHasNoOther() throws {
        let bench = try Bench()
        var raw = Array(Texts.options().utf8)
        let message = try SIPMessageParser.parse(&raw)
        let target = ConnectionTarget(connection: ConnectionID(1), orPeerOf: PeerID(1))
        // The socket breaks, and the call loop does not know yet.
        bench.channel.pipeline.fireChannelInactive()
        #expect(bench.link.post(SIPBatch.Envelope(message: message, target: target)))
        bench.link.flush()
        bench.channel.embeddedEventLoop.run()
        bench.calls.run()
        #expect(bench.delegate.seen.withLock { $0.undeliverable } == 1)
        #expect(bench.link.counters.gauges.faults[.undeliverable] == 1)
    }

    @Test func gaugesReturnToZero() throws {
        let bench = try Bench()
        #expect(bench.link.counters.gauges.connections == 1)
        bench.channel.close(promise: nil)
        #expect(bench.endings == [.closedByPeer])
        #expect(bench.link.counters.gauges.connections == 0)
        #expect(bench.link.counters.gauges.handshakes == 0)
    }

    /// Messages carry SRTP keys: neither what was read nor what was written stays in a buffer that is freed.
    @Test func plaintextOfBothDirectionsIsWipedWhereItLay() throws {
        let certificates = try TestCertificates()
        let calls = EmbeddedEventLoop()
        let delegate = Delegate()
        let link = SIPTransportLink(
            configuration: .init(), callLoop: calls, door: CountingDoor(), accept: { _ in .accept(PeerID(1)) }, notice: { _ in })
        link.connections.value.delegate = delegate
        let address = try #require(PeerAddress(host: "198.51.100.7", port: 40_000))
        #expect(link.admit(address) == nil)
        let tls = try TLSHandler.server(certificates.server())
        let server = EmbeddedChannel()
        server.localAddress = try SocketAddress(ipAddress: "192.0.2.1", port: 5_061)
        let origin = ConnectionOrigin.accepted(host: nil, port: nil, context: try Bench.context())
        try server.pipeline.syncOperations.addHandlers([tls, SIPConnectionHandler(link: link, address: address, origin: origin)])
        let client = EmbeddedChannel(handler: try TLSHandler.client(certificates.client(), to: .init("sbc.example")))
        let somewhere = try SocketAddress(ipAddress: "198.51.100.7", port: 1)
        try server.connect(to: somewhere).wait()
        try client.connect(to: somewhere).wait()
        func exchange() throws {
            for _ in 0..<10 {
                while let bytes = try client.readOutbound(as: ByteBuffer.self) { try server.writeInbound(bytes) }
                while let bytes = try server.readOutbound(as: ByteBuffer.self) { try client.writeInbound(bytes) }
            }
            calls.run()
        }
        try exchange()
        client.writeAndFlush(ByteBuffer(string: Texts.options() + "\r\n\r\n"), promise: nil)
        try exchange()
        var raw = Array(Texts.options().utf8)
        let envelope = SIPBatch.Envelope(
            message: try SIPMessageParser.parse(&raw), target: ConnectionTarget(connection: ConnectionID(1), orPeerOf: PeerID(1)))
        #expect(link.post(envelope))
        #expect(link.post(envelope))
        link.flush()
        try exchange()
        client.writeAndFlush(ByteBuffer(string: Texts.withContentLength("70000")), promise: nil)
        try exchange()
        #expect(link.counters.gauges.messagesSent == 3)
        #expect(delegate.seen.withLock { $0.messages } == 1)
        let answered = try #require(try client.readInbound(as: ByteBuffer.self))
        #expect(answered.readableBytes > 0)
        #expect(tls.keptPlaintexts == 0)
    }
}
