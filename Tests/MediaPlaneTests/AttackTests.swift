import Audio
import DTMF
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

/// What an attacker may have moved: each attack must leave all of it alone, and be seen in a counter.
private struct Standing: Equatable {
    var destination: PeerAddress?
    var reportDestination: PeerAddress?
    var source: SSRC?
    var highest: Int64?
    var received: UInt64
    var digits: UInt64
    var elsewhere: Int
    var waiting: Int

    init(_ harness: Harness) throws {
        guard let stream = harness.worker.streamForTests(harness.id) else { throw PeerFault() }
        destination = stream.pointee.rtpSource.destination?.peer
        reportDestination = stream.pointee.rtcpSource.destination?.peer
        source = stream.pointee.remoteSource
        highest = stream.pointee.reception.highestSequence
        received = stream.pointee.counters.packetsReceived
        digits = stream.pointee.counters.digits
        elsewhere = harness.peer.packetsElsewhere
        waiting = stream.pointee.jitter.depth
    }
}

/// RFC 3711 §3.3: check for replay, authenticate, and only then change anything.
struct AttackTests {
    /// A header as an attacker on the path would make it, with a payload and tag of his own.
    private func forged(_ harness: Harness, ahead: UInt16 = 1, type: UInt8 = 96, ssrc: UInt32? = nil, size: Int = 176) -> [UInt8] {
        let source = ssrc ?? harness.peer.rtp.ssrc.value
        let sequence = harness.peer.rtp.sequence &+ ahead
        let time = harness.peer.rtp.timestamp &+ UInt32(ahead) * 160
        var packet: [UInt8] = [0x80, type, UInt8(sequence >> 8), UInt8(sequence & 0xFF)]
        for word in [time, source] { for shift in [24, 16, 8, 0] as [UInt32] { packet.append(UInt8(word >> shift & 0xFF)) } }
        return packet + [UInt8](repeating: 0x5A, count: size)
    }

    /// Runs the attack on a call in progress; the standing is the same afterwards, and the genuine voice was heard whole.
    private func attack(
        _ settings: (TestPeer) -> MediaSettings = { $0.settings() }, count: KeyPath<MediaStatistics, UInt64>, atLeast: UInt64,
        _ body: (Harness) throws -> Void
    ) throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(settings(harness.peer), rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 30)
        let before = try Standing(harness)
        try body(harness)
        harness.turn()
        var after = try Standing(harness)
        after.waiting = before.waiting  // what waited may have been played meanwhile
        #expect(after == before)
        let events = harness.events.count
        try harness.talk(packets: 30)
        #expect(harness.events.count == events)
        let statistics = try #require(harness.close())
        #expect(statistics[keyPath: count] >= atLeast)
        #expect(statistics.packetsReceived == 60)
        #expect(harness.movedTo.isEmpty)
        #expect(harness.peer.packetsElsewhere == 0)
        #expect(share(of: 1_000, in: readAll(ring).suffix(20).flatMap(\.samples)) > 0.9)
    }

    /// RTP injected with the right SSRC and the next numbers, from the peer's own address and from elsewhere.
    @Test(arguments: [false, true])
    func injectedVoiceIsNotHeard(_ elsewhere: Bool) throws {
        try attack(count: \.unauthenticated, atLeast: 200) { harness in
            for number in 0..<200 {
                harness.peer.send(forged(harness, ahead: UInt16(number)), elsewhere: elsewhere)
                if number % 20 == 0 { harness.turn() }
            }
        }
    }

    @Test func replayedPacketsAreNotHeard() throws {
        let harness = try Harness()
        try harness.open()
        var old: [[UInt8]] = []
        for _ in 0..<30 {
            old.append(try harness.peer.makePacket())
            harness.peer.send(old[old.count - 1])
            harness.pass(milliseconds: 20)
        }
        let before = try Standing(harness)
        for packet in old { harness.peer.send(packet, elsewhere: true) }
        for packet in old { harness.peer.send(packet) }
        for _ in 0..<3 { harness.turn() }
        #expect(try Standing(harness) == before)
        #expect(harness.close()?.replayed == 60)
    }

    /// What we sent, thrown back at us: other keys serve each direction.
    @Test func reflectedPacketsAreNotHeard() throws {
        let harness = try Harness()
        try harness.reserve()
        harness.command(
            .start(
                harness.id, harness.peer.settings(),
                MediaSessionOptions(owner: harness.owner, mediaTimeout: nil, statisticsInterval: nil)))
        let before = try Standing(harness)
        var mirrored = 0
        for _ in 0..<50 {
            harness.now = harness.now + .milliseconds(20)
            harness.worker.turn(now: harness.now)
            withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
                var source = SocketAddress()
                while let size = UDPSocket.receive(on: harness.peer.home.descriptor, into: buffer, from: &source) {
                    harness.peer.send(Array(buffer[0..<size]))
                    mirrored += 1
                }
            }
            harness.worker.turn(now: harness.now)
        }
        #expect(mirrored >= 49)
        #expect(try Standing(harness) == before)
        #expect(harness.close()?.unauthenticated == UInt64(mirrored))
    }

    /// The second call's genuine packets at the first call's port: no voice bleeds over.
    @Test func anotherCallsVoiceIsNotHeard() throws {
        let harness = try BridgeHarness(right: .aeadAES256GCM)
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(leftRings: MediaRings(recognizer: ring))
        let stranger = try TestPeer(ssrc: 0x3333_0003)
        stranger.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 77), ssrc: 0x3333_0003)
        stranger.target = harness.left.target
        for _ in 0..<30 {
            try harness.left.speak()
            try stranger.speak()
            harness.pass(milliseconds: 20)
        }
        let statistics = try #require(harness.close(harness.leftID))
        #expect(statistics.packetsReceived == 30)
        #expect(statistics.unauthenticated == 30)
    }

    /// Ports of calls that have not begun or are over answer nothing, and keep nothing for the next call.
    @Test func probedPortsAnswerNothing() throws {
        let harness = try Harness()
        try harness.reserve()
        for first: UInt8 in [0, 22, 0x80, 0x81, 0xFF] { harness.peer.send([UInt8](repeating: first, count: 200)) }
        for _ in 0..<20 { try harness.peer.speak() }
        try harness.peer.sendReport()
        harness.pass(milliseconds: 100)
        #expect(harness.peer.packetsHome == 0 && harness.peer.reportsHeard.isEmpty)
        harness.command(
            .start(
                harness.id, harness.peer.settings(),
                MediaSessionOptions(owner: harness.owner, mediaTimeout: nil, statisticsInterval: nil)))
        harness.turn()
        #expect(try Standing(harness).received == 0)
        _ = harness.close()
        harness.peer.listen()
        let answers = harness.peer.packetsHome + harness.peer.reportsHeard.count
        for _ in 0..<20 { try harness.peer.speak() }
        harness.pass(milliseconds: 100)
        #expect(harness.peer.packetsHome + harness.peer.reportsHeard.count == answers)
    }

    /// Before the peer has said anything, a stranger's packets do not draw the stream to him.
    @Test func aStreamIsNotHijackedBeforeTheFirstPacket() throws {
        let harness = try Harness()
        try harness.open()
        let before = try Standing(harness)
        for number in 0..<100 {
            harness.peer.send(forged(harness, ahead: UInt16(number)), elsewhere: true)
            if number % 10 == 0 { harness.pass(milliseconds: 20) }
        }
        harness.turn()
        #expect(try Standing(harness) == before)
        #expect(harness.peer.packetsElsewhere == 0)
        #expect(harness.close()?.unauthenticated == 100)
    }

    /// One genuine packet, copied and delivered first from elsewhere: the copy is heard, and moves nothing.
    @Test func oneRacedCopyMovesNothing() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 10)
        let packet = try harness.peer.makePacket()
        harness.peer.send(packet, elsewhere: true)
        harness.turn()
        harness.peer.send(packet)
        harness.turn()
        try harness.talk(packets: 10)
        #expect(harness.movedTo.isEmpty)
        #expect(harness.peer.packetsElsewhere == 0)
        let statistics = try #require(harness.close())
        #expect(statistics.replayed == 1)
        #expect(statistics.packetsReceived == 21)
    }

    /// RFC 3550 §5.1, RFC 3711 §3.1: too short, cut, of another version, with CSRCs and extensions that do not fit.
    @Test func malformedPacketsChangeNothing() throws {
        try attack({ $0.settings(mux: true) }, count: \.malformed, atLeast: 20) { harness in
            let whole = forged(harness)
            for length in 0..<30 { harness.peer.send(Array(whole[0..<length])) }
            for first: UInt8 in [0x00, 0x40, 0xC0, 0x8F, 0x90, 0xBF, 0xFF] {
                var packet = whole
                packet[0] = first
                harness.peer.send(packet)
                harness.peer.send(Array(packet[0..<16]))
            }
            harness.peer.send([UInt8](repeating: 0x80, count: 5_000))
        }
    }

    /// SRTCP that is short, unauthenticated, or a forged BYE; on the RTCP port and multiplexed.
    @Test(arguments: [false, true])
    func forgedReportsChangeNothing(_ mux: Bool) throws {
        try attack({ $0.settings(mux: mux) }, count: \.unauthenticated, atLeast: 40) { harness in
            let source = harness.peer.rtp.ssrc.value
            var bye: [UInt8] = [0x81, 203, 0, 1]
            for shift in [24, 16, 8, 0] as [UInt32] { bye.append(UInt8(source >> shift & 0xFF)) }
            for number in 0..<40 {
                let packet = bye + [UInt8](repeating: UInt8(number), count: 30)
                packet.withUnsafeBytes { bytes in
                    _ = UDPSocket.send(
                        bytes, on: harness.peer.elsewhere.descriptor, to: mux ? harness.peer.target : harness.peer.reportTarget)
                }
            }
            harness.turn()
            #expect(!harness.has(.peerSaidBye(harness.id)))
        }
    }

    /// RFC 7983 §7: DTLS, STUN, ZRTP and TURN on a call with keys from the signaling.
    @Test func otherProtocolsAreCountedAndIgnored() throws {
        try attack(count: \.dtlsIgnored, atLeast: 44) { harness in
            for first: UInt8 in 20...63 { harness.peer.send([first, 0xFE, 0xFD] + [UInt8](repeating: 0, count: 60)) }
            harness.turn()
        }
        try attack(count: \.malformed, atLeast: 24) { harness in
            for first: UInt8 in [0, 1, 3, 16, 17, 19, 64, 79] {
                for _ in 0..<3 { harness.peer.send([first] + [UInt8](repeating: 7, count: 60)) }
            }
            harness.turn()
        }
    }

    /// RFC 4733: forged events are no keys, cut no voice and reach no far leg.
    @Test func forgedKeysAreNoKeys() throws {
        try attack(count: \.unauthenticated, atLeast: 60) { harness in
            for number in 0..<60 { harness.peer.send(forged(harness, ahead: UInt16(number), type: 101, size: 4 + 16)) }
            harness.turn()
        }
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 10)
        harness.left.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 99), ssrc: harness.left.rtp.ssrc.value)
        try harness.press(5, harness.left)
        try harness.talk(packets: 10, leftTalks: false)
        #expect(harness.right.keysHeard.isEmpty)
        #expect(!harness.events.contains { if case .digit = $0 { true } else { false } })
    }

    /// Thousands of forged SSRCs cost no memory and no source; authentic ones are limited.
    @Test func aFloodOfSourcesChangesNothing() throws {
        try attack(count: \.unauthenticated, atLeast: 2_000) { harness in
            for number: UInt32 in 0..<2_000 {
                harness.peer.send(forged(harness, ssrc: 0x7000_0000 + number))
                if number % 25 == 0 { harness.turn() }
            }
        }
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 5)
        for number: UInt32 in 0..<100 {
            var sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 2), ssrc: 0x4000_0000 + number)
            swap(&sender, &harness.peer.sender)
            let header = RTPHeader(payloadType: PayloadType(96), sequence: 1, timestamp: 1, ssrc: SSRC(0x4000_0000 + number))
            harness.peer.send(try harness.peer.seal(header, [UInt8](repeating: 0xFF, count: 160)))
            swap(&sender, &harness.peer.sender)
            harness.turn()
        }
        #expect(try Standing(harness).source == harness.peer.rtp.ssrc)
        let statistics = try #require(harness.close())
        #expect(statistics.unauthenticated >= 69)  // beyond the 32 that one peer may open
    }

    /// The far leg hears nothing of an attack on the other.
    @Test func nothingForgedCrossesABridge() throws {
        let harness = try BridgeHarness()
        try harness.open()
        harness.bridge()
        try harness.talk(packets: 20)
        let heard = harness.right.payloadsHeard.count
        for number in 0..<50 {
            var packet: [UInt8] = [0x80, 96, 0x10, UInt8(number), 0, 0, 0, 0, 0x11, 0x11, 0, 1]
            packet += [UInt8](repeating: 0x33, count: 176)
            harness.left.send(packet)
            harness.left.send(packet, elsewhere: true)
        }
        for _ in 0..<5 { harness.turn() }
        #expect(harness.right.payloadsHeard.count == heard)
        #expect(harness.close(harness.leftID)?.unauthenticated == 100)
    }

    /// An INVITE and CANCEL flood reserves ports and never starts: a small range serves the next caller soon, used ports rest on.
    @Test func portsThatWereNeverUsedRestBriefly() throws {
        let first = UInt16.random(in: 10_000...15_000) * 2
        let harness = try Harness(rest: .seconds(30), range: first...(first + 7))
        var reserved = 0
        for number: UInt64 in 0..<400 {
            harness.command(.reserve(MediaSessionID(100 + number), range: 0))
            if case .reserved? = harness.events.last { reserved += 1 }
            harness.command(.close(MediaSessionID(100 + number)))
            harness.pass(milliseconds: 50)
        }
        // 4 pairs, 1.5 s each, for 20 s.
        #expect(reserved >= 40)
        harness.pass(milliseconds: 1_600)
        try harness.open()
        _ = harness.close()
        harness.pass(milliseconds: 2_000)
        #expect(harness.gauges.portPairsResting == 1)
    }

    // MARK: - Time

    /// A media timeout counts RTCP as a sign of life, and waits on hold and in an announced pause (RFC 3389).
    @Test func theTimeoutWaitsForReportsHoldAndPauses() throws {
        let harness = try Harness()
        var settings = harness.peer.settings()
        settings.comfortNoise = 13
        try harness.open(settings, timeout: .seconds(2))
        try harness.talk(packets: 5)
        for _ in 0..<6 {
            harness.pass(milliseconds: 1_000)
            try harness.peer.sendReport()
        }
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        harness.peer.send(try harness.peer.protect([60], type: 13, ticks: 160))
        harness.pass(milliseconds: 30_000)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        try harness.talk(packets: 5)
        settings.direction = .sendOnly
        harness.command(.update(harness.id, settings))
        harness.pass(milliseconds: 10_000)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        settings.direction = .sendReceive
        harness.command(.update(harness.id, settings))
        harness.pass(milliseconds: 2_100)
        #expect(harness.has(.mediaTimedOut(harness.id)))
    }
}
