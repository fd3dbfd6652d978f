import NIOCore
import NIOPosix
import SIPMessages
import SIPSessions
import SottoBase
import SottoTLS
import SottoTestCertificates
import Testing

@testable import SIPTransport

/// The whole way over real sockets on the loopback.
@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    @Test func optionsIsAnsweredOnItsConnection() async throws {
        let server = try await TestServer()
        let client = try await server.client()
        client.send(Texts.options())
        let response = try await client.response()
        #expect(response.status == 200)
        // RFC 3581 §4 and RFC 3261 §18.2.1: the source is told back.
        let source = try #require(client.channel.localAddress?.port)
        #expect(response.topVia?.received == "127.0.0.1")
        #expect(response.topVia?.parameters.value("rport") == WireText("\(source)"))
        client.close()
        _ = await client.closed()
        #expect(server.transport.gauges.messagesReceived == 1)
        #expect(server.transport.gauges.messagesSent == 1)
        try await server.shutDown()
    }

    @Test func aMessageSplitAtEachPositionIsAnswered() async throws {
        let server = try await TestServer()
        let client = try await server.client()
        let length = Texts.options(1_000).utf8.count
        for position in 1..<length {
            let bytes = Array(Texts.options(1_000 + position).utf8)
            client.send(Array(bytes[..<position]))
            client.send(Array(bytes[position...]))
            let response = try await client.response()
            #expect(response.status == 200)
            #expect(response.cseq.number == UInt32(1_000 + position))
        }
        client.close()
        try await server.shutDown()
    }

    @Test func manyMessagesInOnePieceAreAllAnsweredInOrder() async throws {
        let server = try await TestServer()
        let client = try await server.client()
        client.send((1...300).map { Texts.options($0) }.joined())
        for number in 1...300 { #expect(try await client.response().cseq.number == UInt32(number)) }
        client.close()
        try await server.shutDown()
    }

    @Test func keepAliveIsAnsweredByOneLineEnd() async throws {  // RFC 5626 §3.5.1
        let server = try await TestServer()
        let client = try await server.client()
        client.send("\r\n\r\n")
        guard case .lineEnd = await client.next() else { return #expect(Bool(false), "no pong") }
        client.send(Texts.options())
        #expect(try await client.response().status == 200)
        client.close()
        #expect(await client.closed() > 2)
        #expect(server.transport.gauges.keepAlives == 1)
        try await server.shutDown()
    }

    @Test func anUnknownPeerIsClosedWithoutAByte() async throws {
        let server = try await TestServer(accept: { _ in .refuse })
        let client = try await server.client()
        client.send(Texts.options())
        #expect(await client.closed() == 0)
        #expect(await server.fault() == .unknownPeer)
        #expect(server.transport.gauges.faults[.unknownPeer] == 1)
        #expect(server.transport.gauges.messagesReceived == 0)
        try await server.shutDown()
    }

    @Test func aPeerIsKnownByItsCertificate() async throws {
        let server = try await TestServer(requiresCertificate: true) { info in
            info.tls.peerCertificate?.identities.matches("trunk.example") == true ? .accept(PeerID(7)) : .refuse
        }
        let client = try await server.client(withCertificate: true)
        client.send(Texts.options())  // behind the handshake, with the client's certificate
        #expect(try await client.response().status == 200)
        let stranger = try await server.client()
        #expect(await stranger.closed() == 0)
        client.close()
        _ = await client.closed()
        #expect(server.transport.gauges.faults[.handshakeFailed] == 1)
        try await server.shutDown()
    }

    // MARK: - Framing (RFC 3261 §18.3)

    @Test(arguments: [("-1", 400), ("1x", 400), ("65535", 413), ("99999999999999999999", 413)])
    func aBrokenContentLengthIsAnsweredAndEndsTheConnection(value: String, status: Int) async throws {
        let server = try await TestServer()
        let client = try await server.client()
        client.send(Texts.withContentLength(value) + Texts.options(2))
        let response = try await client.response()
        #expect(response.status == UInt16(status))
        #expect(response.to.tag != nil)
        #expect(await client.closed() > 0)
        #expect(await server.fault() == .framing)
        try await server.shutDown()
    }

    @Test(arguments: [
        ("x", 100_000), ("GET / HTTP/1.1\r\nHost: sbc.example\r\n\r\n", 1), ("OPTIONS sip:a@b SIP/2.0\r\nX: y", 20_000),
    ])
    func whatIsNotSIPEndsTheConnectionWithoutAByte(start: String, length: Int) async throws {
        // A head that never ends repeats its last line, other text itself.
        let isHead = start.hasPrefix("OPTIONS")
        let text = isHead ? start + String(repeating: "\r\nX: y", count: length) : String(repeating: start, count: length)
        let server = try await TestServer()
        let client = try await server.client()
        client.send(text)
        #expect(await client.closed() == 0)
        #expect(await server.fault() == .framing)
        try await server.shutDown()
    }

    @Test func unreadableMessagesAreDroppedAndThenEndTheConnection() async throws {
        var configuration = SIPTransportConfiguration()
        configuration.maximumUnreadableMessages = 3
        let server = try await TestServer(configuration)
        let client = try await server.client()
        let vias = (0..<70).map { "Via: SIP/2.0/TLS h;branch=z9hG4bK\($0)\r\n" }.joined()
        let tooManyVias = Texts.options().replacing("Max-Forwards: 70", with: vias + "Max-Forwards: 70")
        client.send(tooManyVias + Texts.options(2))
        #expect(try await client.response().cseq.number == 2)
        client.send(tooManyVias + tooManyVias)
        _ = await client.closed()
        #expect(server.transport.gauges.faults[.unreadableMessage] == 3)
        try await server.shutDown()
    }

    // MARK: - Limits

    @Test func aSilentSocketIsClosedAtTheHandshakeDeadline() async throws {
        var configuration = SIPTransportConfiguration()
        configuration.handshakeDeadline = .milliseconds(20)
        let server = try await TestServer(configuration)
        let socket = try await ClientBootstrap(group: server.group).connect(host: "127.0.0.1", port: Int(server.port)).get()
        try await socket.closeFuture.get()
        #expect(await server.fault() == .handshakeTimedOut)
        try await server.shutDown()
    }

    @Test func plainTextIsRefused() async throws {
        let server = try await TestServer()
        let socket = try await ClientBootstrap(group: server.group).connect(host: "127.0.0.1", port: Int(server.port)).get()
        socket.writeAndFlush(ByteBuffer(string: Texts.options()), promise: nil)
        try await socket.closeFuture.get()
        #expect(await server.fault() == .handshakeFailed)
        try await server.shutDown()
    }

    @Test func whomTheDoorTurnsAwayGetsNoByteAndIsNotCountedIn() async throws {
        let server = try await TestServer(door: CountingDoor(limit: 2))
        let first = try await server.client()
        let second = try await server.client()
        for client in [first, second] {
            client.send(Texts.options(branch: "\(client === first)"))
            #expect(try await client.response().status == 200)
        }
        let third = try await server.client()
        #expect(await third.closed() == 0)
        #expect(await server.fault() == .sourceRate)
        #expect(server.transport.gauges.faults[.sourceRate] == 1)
        #expect(server.transport.gauges.accepted == 2)
        #expect(server.door.count == CountingDoor.Count(open: 2, handshakes: 0, refused: 1))
        first.close()
        _ = await first.closed()
        _ = await server.notice { if case .closed = $0 { true } else { nil } }
        try await server.shutDown()
    }

    @Test func aHundredConnectionsLeaveNothingBehind() async throws {
        let server = try await TestServer()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 1...100 {
                tasks.addTask {
                    let client = try await server.client()
                    client.send(Texts.options(number))
                    #expect(try await client.response().cseq.number == UInt32(number))
                    client.close()
                    _ = await client.closed()
                }
            }
            try await tasks.waitForAll()
        }
        #expect(server.transport.gauges.accepted == 100)
        #expect(server.transport.gauges.messagesSent == 100)
        try await server.shutDown()
    }

    // MARK: - Listeners

    @Test func aTakenPortIsAClearError() async throws {
        let server = try await TestServer()
        let again = SIPListener(bindAddress: "127.0.0.1", port: server.port, context: server.served)
        await #expect(throws: SIPListenError.addressInUse("127.0.0.1", port: server.port)) { try await server.transport.listen(again) }
        let nonsense = SIPListener(bindAddress: "sbc.example", port: 0, context: server.served)
        await #expect(throws: SIPListenError.invalidAddress("sbc.example")) { try await server.transport.listen(nonsense) }
        let foreign = SIPListener(bindAddress: "192.0.2.1", port: 0, context: server.served)
        await #expect(throws: SIPListenError.addressNotAvailable("192.0.2.1")) { try await server.transport.listen(foreign) }
        try await server.shutDown()
    }

    @Test func ipv6IsServed() async throws {
        let server = try await TestServer()
        let bound: PeerAddress
        do {
            bound = try await server.transport.listen(SIPListener(bindAddress: "::1", port: 0, context: server.served))
        } catch SIPListenError.addressNotAvailable, SIPListenError.system {
            return try await server.shutDown()  // this machine has no IPv6
        }
        let client = try await TestClient(bound.port, server.certificates.client(), host: "::1", group: server.group)
        client.send(Texts.options())
        #expect(try await client.response().topVia?.received != nil)
        client.close()
        try await server.shutDown()
    }

    @Test func aReloadedCertificateServesNewConnections() async throws {
        let server = try await TestServer()
        let before = try await server.client()
        before.send(Texts.options(1))
        #expect(try await before.response().status == 200)
        let other = try TestCertificates()
        server.served.replace(with: try other.server())
        let after = try await TestClient(server.port, other.client(), group: server.group)
        after.send(Texts.options(2))
        #expect(try await after.response().status == 200)
        before.send(Texts.options(3))
        #expect(try await before.response().status == 200)
        before.close()
        after.close()
        try await server.shutDown()
    }

    // MARK: - Calls

    /// RFC 5923: the BYE of a call whose connection is gone goes out on another one of the same peer.
    @Test func aRequestInsideADialogFindsAnotherConnectionOfThePeer() async throws {
        let server = try await TestServer()
        let first = try await server.client()
        first.send(Texts.invite)
        #expect(try await first.response().status == 100)
        let invite = try #require(await server.event { if case .inviteArrived(let invite) = $0 { invite } else { nil } })
        server.driver.perform(.answer(invite.invite, SIPAnswer(200)))
        let answer = try await first.response()
        #expect(answer.status == 200)
        let contact = try #require(answer.contacts.first)
        #expect(contact.text.string.contains("127.0.0.1:\(server.port)"))
        first.send(Texts.ack(toTag: try #require(answer.to.tag).string))
        _ = await server.event { if case .acknowledged = $0 { true } else { nil } }

        let second = try await server.client()
        second.send(Texts.options(9))
        #expect(try await second.response().status == 200)
        first.close()
        _ = await server.event { if case .connectionLost = $0 { true } else { nil } }
        server.driver.perform(.hangUp(invite.dialog, refusal: SIPAnswer(480), headers: []))
        let bye = try await second.request()
        #expect(bye.method == .bye)
        #expect(bye.callID.text == "call-1@client.invalid")
        second.close()
        _ = await second.closed()
        try await server.shutDown()
    }

    @Test func gaugesOfTheEndpointReturnToZeroAfterACall() async throws {
        let server = try await TestServer()
        let client = try await server.client()
        client.send(Texts.invite)
        #expect(try await client.response().status == 100)
        let invite = try #require(await server.event { if case .inviteArrived(let invite) = $0 { invite } else { nil } })
        #expect(await server.driver.gauges().dialogs == 1)
        server.driver.perform(.answer(invite.invite, SIPAnswer(486)))
        let refusal = try await client.response()
        #expect(refusal.status == 486)
        client.send(Texts.ack(toTag: try #require(refusal.to.tag).string).replacing("z9hG4bKa1", with: "z9hG4bKi1"))
        client.send(Texts.options(5))
        #expect(try await client.response().status == 200)
        let gauges = await server.driver.gauges()
        #expect(gauges.dialogs == 0)
        #expect(gauges.transactions == 0)
        #expect(gauges.connections == 1)
        client.close()
        _ = await client.closed()
        try await server.shutDown()
    }

    @Test func aDrainWaitsForQuietAndThenCloses() async throws {
        let server = try await TestServer()
        let client = try await server.client()
        client.send(Texts.options())
        #expect(try await client.response().status == 200)
        await server.transport.drain(quiet: .milliseconds(20), deadline: .seconds(30))
        #expect(await client.closed() > 0)
        let ending = await server.notice { if case .closed(_, let ending) = $0 { ending } else { nil } }
        #expect(ending == .closedByUs)
        await #expect(throws: (any Error).self) { _ = try await server.client() }
        try await server.shutDown()
    }
}
