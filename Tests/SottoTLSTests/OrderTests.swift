import NIOCore
import NIOEmbedded
import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

/// Every order of active, inactive, write and close.
@Suite struct OrderTests {
    let contexts: TestContexts

    init() throws { contexts = try TestContexts() }

    private func makePair(_ limits: TLSHandler.Limits = .init()) throws -> TLSPair {
        try TLSPair(client: contexts.clientContext(withCertificate: true), server: contexts.mutualServerContext(), limits: limits)
    }

    @Test func halfAHandshakeThenSilenceEndsAtTheDeadline() throws {
        let pair = try makePair(.init(handshakeDeadline: .seconds(5)))
        try pair.start()
        let hello = try pair.client.takeOutput()
        try pair.server.receive(Array(hello.dropLast(20)))
        pair.server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(4_999))
        #expect(pair.server.channel.isActive)
        pair.server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(pair.server.recorder.errors == [.handshakeTimedOut])
        #expect(!pair.server.channel.isActive)
    }

    @Test func aTrickleDoesNotMoveTheDeadline() throws {
        let pair = try makePair(.init(handshakeDeadline: .seconds(5)))
        try pair.start()
        let hello = try pair.client.takeOutput()
        for byte in hello.prefix(10) {
            try pair.server.receive([byte])
            pair.server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(500))
        }
        #expect(pair.server.recorder.errors == [.handshakeTimedOut])
    }

    @Test func noDeadlineRunsAfterTheHandshake() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.server.channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(pair.server.channel.isActive)
        #expect(pair.server.recorder.errors.isEmpty)
    }

    /// Both ends, closed by either side or by the wire, after each piece of the handshake.
    @Test(arguments: 0..<8, ["client closes", "server closes", "wire breaks"])
    func aCloseAtEachStepLeavesNothingBehind(step: Int, how: String) throws {
        weak var client: TLSHandler?
        weak var server: TLSHandler?
        try {
            let pair = try makePair()
            (client, server) = (pair.client.handler, pair.server.handler)
            let written = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
            var writeEnded = false
            written.futureResult.assumeIsolated().whenComplete { _ in writeEnded = true }
            try pair.start()
            pair.client.write(Array("pending".utf8), promise: written)
            for _ in 0..<step {
                let bytes = try pair.client.takeOutput()
                if !bytes.isEmpty { try pair.server.receive(bytes) } else { try pair.client.receive(pair.server.takeOutput()) }
            }
            switch how {
            case "client closes": pair.client.close()
            case "server closes": pair.server.close()
            default:
                pair.client.channel.pipeline.fireChannelInactive()
                pair.server.channel.pipeline.fireChannelInactive()
            }
            try pair.exchange()
            pair.client.channel.embeddedEventLoop.advanceTime(by: .seconds(10))
            pair.server.channel.embeddedEventLoop.advanceTime(by: .seconds(10))
            #expect(writeEnded)
            #expect(pair.client.recorder.isInactive)
            #expect(pair.server.recorder.isInactive)
            #expect(pair.client.recorder.story.filter { $0 == "inactive" }.count == 1)
            _ = try? pair.client.channel.finish()
            _ = try? pair.server.channel.finish()
        }()
        #expect(client == nil)
        #expect(server == nil)
    }

    @Test func closeNotifyGoesBothWaysBeforeTheSocketCloses() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        let closed = pair.server.channel.embeddedEventLoop.makePromise(of: Void.self)
        var isClosed = false
        closed.futureResult.assumeIsolated().whenSuccess { isClosed = true }
        pair.server.write(Array("last words".utf8))
        pair.server.channel.close(promise: closed)
        #expect(pair.server.channel.isActive)  // it waits for the answer
        try pair.client.receive(pair.server.takeOutput())
        #expect(pair.client.recorder.bytes == Array("last words".utf8))
        #expect(!pair.client.channel.isActive)
        #expect(pair.client.recorder.errors.isEmpty)
        let answer = try pair.client.takeOutput()
        #expect(!answer.isEmpty)
        try pair.server.receive(answer)
        pair.server.run()
        #expect(isClosed)
        #expect(pair.server.recorder.errors.isEmpty)
    }

    @Test func aPeerThatNeverAnswersCloseNotifyIsCutOff() throws {
        let pair = try makePair(.init(closeDeadline: .seconds(2)))
        try pair.start()
        try pair.exchange()
        pair.server.close()
        pair.server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1_999))
        #expect(pair.server.channel.isActive)
        pair.server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!pair.server.channel.isActive)
    }

    @Test func aFloodWhileClosingIsCutOff() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.server.close()
        _ = try pair.server.takeOutput()
        pair.client.write([UInt8](repeating: 7, count: 300_000))
        try pair.server.receive(pair.client.takeOutput())
        #expect(!pair.server.channel.isActive)
        #expect(pair.server.recorder.bytes.isEmpty)
    }

    @Test func writesBeforeTheHandshakeAreBoundedAndKeepTheirOrder() throws {
        let pair = try makePair(.init(pendingBytes: 10))
        try pair.start()
        var results: [String] = []
        for (name, text) in [("a", "12345"), ("b", "67890"), ("c", "x")] {
            let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { result in
                switch result {
                case .success: results.append("\(name) sent")
                case .failure(let error): results.append("\(name) \(error)")
                }
            }
            pair.client.write(Array(text.utf8), promise: promise)
        }
        #expect(results == ["c \(TLSError.pendingLimitExceeded)"])
        try pair.exchange()
        #expect(results.sorted() == ["a sent", "b sent", "c \(TLSError.pendingLimitExceeded)"])
        #expect(pair.server.recorder.bytes == Array("1234567890".utf8))
    }

    @Test func aWriteWithoutFlushWaits() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.client.channel.write(ByteBuffer(string: "later"), promise: nil)
        #expect(try pair.client.takeOutput().isEmpty)
        pair.client.channel.flush()
        try pair.exchange()
        #expect(pair.server.recorder.bytes == Array("later".utf8))
    }

    @Test func aWriteAfterCloseFails() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.client.close()
        let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
        pair.client.write([1], promise: promise)
        #expect(throws: TLSError.closed) { try promise.futureResult.wait() }
    }

    @Test func aMegabyteArrivesWhole() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.server.write(bytes)
        try pair.exchange(chunk: 1_400)
        #expect(pair.client.recorder.bytes == bytes)
    }

    @Test func plaintextIsWipedWhereItLay() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.client.channel.write(ByteBuffer(bytes: [UInt8](repeating: 7, count: 40_000)), promise: nil)
        pair.client.channel.flush()
        try pair.exchange()
        #expect(pair.server.recorder.bytes.count == 40_000)
        #expect(pair.client.handler?.keptPlaintexts == 0)
        #expect(pair.server.handler?.keptPlaintexts == 0)

        let kept = ByteBuffer(string: "kept by its writer")
        pair.client.channel.writeAndFlush(kept, promise: nil)
        try pair.exchange()
        #expect(pair.client.handler?.keptPlaintexts == 1)
        #expect(kept == ByteBuffer(string: "kept by its writer"))
    }

    // MARK: - Re-entrancy

    @Test func closingInsideTheHandshakeEventDeliversNothing() throws {
        let pair = try makePair()
        pair.client.recorder.onActive = { context in context.writeAndFlush(NIOAny(ByteBuffer(string: "early")), promise: nil) }
        pair.server.recorder.onHandshake = { context in context.close(promise: nil) }
        try pair.start()
        try pair.exchange()
        #expect(pair.server.recorder.handshakes.count == 1)
        #expect(pair.server.recorder.bytes.isEmpty)
        #expect(pair.server.recorder.isInactive)
    }

    @Test func closingInsideAReadStopsDelivery() throws {
        let pair = try makePair()
        try pair.start()
        try pair.exchange()
        pair.server.recorder.onRead = { context in context.close(promise: nil) }
        for _ in 0..<3 { pair.client.write([1, 2, 3]) }
        try pair.exchange()
        #expect(pair.server.recorder.bytes == [1, 2, 3])
        #expect(pair.server.recorder.isInactive)
    }

    @Test func answeringInsideAReadWorks() throws {
        let pair = try makePair()
        pair.server.recorder.onRead = { context in context.writeAndFlush(NIOAny(ByteBuffer(string: "pong")), promise: nil) }
        try pair.start()
        try pair.exchange()
        pair.client.write(Array("ping".utf8))
        try pair.exchange()
        #expect(pair.client.recorder.bytes == Array("pong".utf8))
    }

    @Test func aHandlerAddedToALiveChannelStarts() throws {
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.pipeline.syncOperations.addHandler(
            TLSHandler.client(contexts.clientContext(), to: .init("sbc.example")))
        let hello = try channel.readOutbound(as: ByteBuffer.self)
        #expect(hello?.getInteger(at: 0, as: UInt8.self) == 0x16)  // a handshake record
    }

    // MARK: - Reload

    @Test func aReloadServesNewConnectionsAndLeavesLiveOnes() throws {
        let served = ServedTLSContext(try contexts.serverContext())
        let first = try TLSPair(client: contexts.clientContext(), server: served.current)
        try first.start()
        try first.exchange()
        let renewed = try contexts.authority.issue(.init(dnsNames: ["sbc.example"]))
        served.replace(with: try .server(renewed, now: .systemNow))
        let second = try TLSPair(client: contexts.clientContext(), server: served.current)
        try second.start()
        try second.exchange()
        first.client.write([1])
        try first.exchange()
        #expect(first.server.recorder.bytes == [1])
        let (before, after) = (first.client.recorder.handshakes.first, second.client.recorder.handshakes.first)
        #expect(after?.peerCertificate?.fingerprint == served.current.certificateFingerprint)
        #expect(before?.peerCertificate?.fingerprint != after?.peerCertificate?.fingerprint)
    }
}
