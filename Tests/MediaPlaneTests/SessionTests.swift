import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct SessionTests {
    @Test func everythingReturnsToZero() throws {
        let harness = try Harness(rest: .seconds(10))
        try harness.open(mode: .echo)
        #expect(harness.gauges.sessions == 1)
        #expect(harness.gauges.sockets == 2)
        #expect(harness.gauges.portPairsInUse == 1)
        try harness.talk(packets: 10)
        #expect(harness.close()?.packetsReceived == 10)
        #expect(harness.gauges.sessions == 0)
        #expect(harness.gauges.sockets == 0)
        #expect(harness.gauges.portPairsInUse == 0)
        #expect(harness.gauges.portPairsResting == 1)
        harness.pass(milliseconds: 11_000)
        #expect(harness.gauges.portPairsResting == 0)
        #expect(harness.worker.mailbox.depth == 0)
    }

    @Test func aClosedSessionsPacketsFindNobody() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 5)
        _ = harness.close()
        let before = harness.peer.packetsHome
        try harness.talk(packets: 20)
        #expect(harness.peer.packetsHome == before)
        #expect(harness.gauges.packetsReceived == 5)
    }

    // MARK: - Ports

    @Test func portsArePairsAndRestBeforeTheyAreUsedAgain() throws {
        // Three pairs; if somebody else holds one of them the test looks elsewhere.
        for _ in 0..<20 {
            let first = UInt16.random(in: 10_000...19_000) & ~1
            let harness = try Harness(rest: .seconds(10), range: first...(first + 5))
            var given: [UInt16] = []
            for number in 1...3 {
                harness.command(.reserve(MediaSessionID(UInt64(number)), range: 0))
                if case .reserved(_, let ports)? = harness.events.last {
                    #expect(ports.rtp % 2 == 0 && ports.rtcp == ports.rtp + 1)
                    given.append(ports.rtp)
                }
            }
            guard given.count == 3 else { continue }
            #expect(Set(given) == [first, first + 2, first + 4])
            harness.command(.reserve(MediaSessionID(4), range: 0))
            #expect(harness.events.last == .failed(MediaSessionID(4), .portsExhausted))
            harness.command(.close(MediaSessionID(2)))
            harness.command(.reserve(MediaSessionID(4), range: 0))
            #expect(harness.events.last == .failed(MediaSessionID(4), .portsExhausted))
            harness.pass(milliseconds: 10_000)
            harness.command(.reserve(MediaSessionID(4), range: 0))
            #expect(harness.events.last == .reserved(MediaSessionID(4), MediaPorts(range: 0, rtp: first + 2, rtcp: first + 3)))
            return
        }
        Issue.record("no three free pairs found")
    }

    @Test func aTakenPortMeansTheNextPair() throws {
        let taken = try UDPSocket(bind: TestPeer.loopback(false, 0), dscp: 0)
        let port = taken.port & ~1
        try #require(port < 65_500)
        let harness = try Harness(range: port...(port + 20))
        harness.command(.reserve(harness.id, range: 0))
        guard case .reserved(_, let ports)? = harness.events.last else {
            Issue.record("not reserved")
            return
        }
        #expect(ports.rtp > port)
    }

    @Test func threadsShareARangeWithoutSharingAPair() {
        let range = MediaPortRange(bind: [127, 0, 0, 1], first: 10_001, last: 10_020)
        var seen: Set<UInt16> = []
        var total = 0
        for thread in 0..<3 {
            var pool = PortPool(range, thread: thread, threads: 3, rest: .seconds(1))
            total += pool.size
            while let port = pool.take(Instant(nanoseconds: 0)) {
                #expect(port >= 10_001 && port + 1 <= 10_020 && port % 2 == 0)
                seen.insert(port)
            }
        }
        #expect(total == 9)
        #expect(seen.count == 9)
    }

    // MARK: - Order and refusals

    @Test func commandsInTheWrongStateAreRefused() throws {
        let harness = try Harness()
        let options = MediaSessionOptions(owner: harness.owner)
        harness.command(.start(harness.id, harness.peer.settings(), options))
        #expect(harness.events.last == .failed(harness.id, .wrongState))
        harness.command(.update(harness.id, harness.peer.settings()))
        #expect(harness.events.last == .failed(harness.id, .wrongState))
        try harness.reserve()
        harness.command(.reserve(harness.id, range: 0))
        #expect(harness.events.last == .failed(harness.id, .wrongState))
        harness.command(.reserve(MediaSessionID(9), range: 5))
        #expect(harness.events.last == .failed(MediaSessionID(9), .invalidSettings("no media range 5")))
        harness.command(.start(harness.id, harness.peer.settings(), options))
        #expect(harness.events.last == .started(harness.id))
        harness.command(.start(harness.id, harness.peer.settings(), options))
        #expect(harness.events.last == .failed(harness.id, .wrongState))
        #expect(harness.close() != nil)
        #expect(harness.close() == MediaStatistics())
    }

    @Test func aThreadHoldsNoMoreThanItsShare() throws {
        let harness = try Harness(sessions: 2)
        for number in 1...3 { harness.command(.reserve(MediaSessionID(UInt64(number)), range: 0)) }
        #expect(harness.events.last == .failed(MediaSessionID(3), .noCapacity))
    }

    @Test func unsoundSettingsAreRefusedAndTheReservationStays() throws {
        let harness = try Harness()
        try harness.reserve()
        func refused(_ change: (inout MediaSettings) -> Void) -> Bool {
            var settings = harness.peer.settings()
            change(&settings)
            harness.command(.start(harness.id, settings, MediaSessionOptions(owner: harness.owner)))
            guard case .failed(harness.id, let fault)? = harness.events.last else { return false }
            if case .wrongState = fault { return false }
            return true
        }
        #expect(refused { $0.packetMilliseconds = 0 })
        #expect(refused { $0.packetMilliseconds = 25 })
        #expect(refused { $0.packetMilliseconds = 70 })
        #expect(refused { $0.payloadType = 128 })
        #expect(refused { $0.telephoneEvent = $0.payloadType })
        #expect(refused { $0.remote = PeerAddress(bytes: [UInt8](repeating: 1, count: 16), port: 9) })
        #expect(refused { $0.remote = PeerAddress(bytes: [127, 0, 0, 1], port: 0) })
        #expect(refused { $0.localKey = key(.aeadAES128GCM, 1) })
        #expect(refused { $0.remoteKey = key(.aeadAES128GCM, 1) })
        // RFC 5761 §4.
        #expect(refused { ($0.rtcpMux, $0.payloadType) = (true, 72) })
        harness.command(.start(harness.id, harness.peer.settings(), MediaSessionOptions(owner: harness.owner)))
        #expect(harness.events.last == .started(harness.id))
    }

    @Test func aRingOfACallersVoiceIsNoPlayoutRing() throws {
        let harness = try Harness()
        try harness.reserve()
        let rings = MediaRings(playout: AudioRing(content: .clear, capacity: 4))
        harness.command(.start(harness.id, harness.peer.settings(), MediaSessionOptions(owner: harness.owner, rings: rings)))
        #expect(harness.events.last == .failed(harness.id, .invalidSettings("a play-out ring holds our own voice")))
    }

    @Test func latenessIsMeasured() throws {
        let harness = try Harness()
        try harness.open()
        harness.pass(milliseconds: 1_000)
        #expect(harness.gauges.worstLatenessMicroseconds <= 5_000)
        harness.now = harness.now + .milliseconds(90)
        harness.turn()
        harness.pass(milliseconds: 505)
        #expect((70_000...90_000).contains(harness.gauges.worstLatenessMicroseconds))
    }

    /// A stopped machine: no burst of old packets, and positions go on where the clock is.
    @Test func aLongStallIsSkipped() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        harness.pass(milliseconds: 200)
        let sent = harness.peer.headers.count
        harness.now = harness.now + .seconds(10)
        harness.turn()
        #expect(harness.peer.headers.count - sent <= 5)
        harness.pass(milliseconds: 200)
        #expect(harness.peer.headers.last.map { $0.timestamp &- harness.peer.headers[0].timestamp } ?? 0 >= 10_300 * 8)
        let last = try #require(readAll(ring).last)
        #expect(last.header.position.milliseconds >= 10_200)
    }

    // MARK: - Hold and timeouts

    @Test func silenceBeyondTheLimitIsReportedOnceUntilMediaReturns() throws {
        let harness = try Harness()
        try harness.open(timeout: .seconds(5))
        try harness.talk(packets: 10)
        harness.pass(milliseconds: 4_900)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        harness.pass(milliseconds: 5_000)
        #expect(harness.events.filter { $0 == .mediaTimedOut(harness.id) }.count == 1)
        try harness.talk(packets: 5)
        harness.pass(milliseconds: 6_000)
        #expect(harness.events.filter { $0 == .mediaTimedOut(harness.id) }.count == 2)
    }

    @Test func reportsKeepASilentPeerAlive() throws {
        let harness = try Harness()
        try harness.open(timeout: .seconds(5))
        for _ in 0..<5 {
            try harness.peer.sendReport()
            harness.pass(milliseconds: 3_000)
        }
        #expect(!harness.has(.mediaTimedOut(harness.id)))
    }

    @Test func forgedPacketsKeepNobodyAlive() throws {
        let harness = try Harness()
        try harness.open(timeout: .seconds(5))
        for _ in 0..<20 {
            harness.peer.send([0x80, 96] + [UInt8](repeating: 7, count: 180))
            harness.pass(milliseconds: 300)
        }
        #expect(harness.has(.mediaTimedOut(harness.id)))
    }

    @Test func holdStopsOurMediaAndTheTimeout() throws {
        let harness = try Harness()
        try harness.open(timeout: .seconds(5))
        try harness.talk(packets: 5)
        harness.command(.update(harness.id, harness.peer.settings(direction: .inactive)))
        let before = harness.peer.packetsHome
        harness.pass(milliseconds: 20_000)
        #expect(harness.peer.packetsHome == before)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        harness.command(.update(harness.id, harness.peer.settings()))
        harness.pass(milliseconds: 4_000)
        #expect(harness.peer.packetsHome >= before + 199)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        // RFC 3550 §5.1: the timestamp went on during the hold; the marker tells the talk spurt.
        let resumed = harness.peer.headers[before]
        #expect(resumed.marker)
        #expect(resumed.timestamp &- harness.peer.headers[before - 1].timestamp > 20_000 * 8 - 400)
    }

    /// RFC 3264 §8.4: `c=0.0.0.0` is a hold.
    @Test func noAddressMeansNothingIsSent() throws {
        let harness = try Harness()
        var settings = harness.peer.settings()
        settings.remote = nil
        try harness.open(settings)
        try harness.talk(packets: 20)
        #expect(harness.peer.packetsHome == 0)
        harness.command(.update(harness.id, harness.peer.settings()))
        harness.pass(milliseconds: 200)
        #expect(harness.peer.packetsHome >= 9)
    }

    // MARK: - Keys

    @Test func aNewKeyTakesOverAndStragglersAreHeard() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 10)
        let first = try #require(harness.peer.headers.last)
        var settings = harness.peer.settings()
        settings.localKey = key(.aeadAES256GCM, 11)
        settings.remoteKey = key(.aeadAES256GCM, 12)
        harness.command(.update(harness.id, settings))
        try harness.talk(packets: 3)  // still under the old key
        harness.peer.receiver = try SRTPReceiver(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 11))
        let old = try harness.peer.makePacket()
        let older = try harness.peer.makePacket()
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 12), ssrc: harness.peer.rtp.ssrc.value)
        try harness.talk(packets: 10)
        harness.peer.send(old)
        harness.turn()
        harness.pass(milliseconds: 2_000)
        harness.peer.send(older)
        harness.turn()
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 24)
        #expect(statistics.unauthenticated == 1)
        // A new key comes with a new SSRC, so that no peer has to guess our rollover counter.
        #expect(harness.peer.headers.last?.ssrc != first.ssrc)
    }

    @Test func theSameKeyKeepsTheStream() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 10)
        let first = try #require(harness.peer.headers.last)
        harness.command(.update(harness.id, harness.peer.settings()))
        try harness.talk(packets: 10)
        let next = harness.peer.headers[harness.peer.headers.count - 10]
        #expect(next.ssrc == first.ssrc)
        #expect(next.sequence == first.sequence &+ 1)
        #expect(harness.close()?.replayed == 0)
    }

    @Test func anUpdateThatFailsLeavesTheOldSettings() throws {
        let harness = try Harness()
        try harness.open(mode: .echo)
        var settings = harness.peer.settings()
        settings.codec = .opus
        settings.remoteKey = key(.aeadAES128GCM, 3)
        harness.command(.update(harness.id, settings))
        guard case .failed(harness.id, .srtp)? = harness.events.last else {
            Issue.record("not refused")
            return
        }
        try harness.talk(packets: 60)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
    }

    // MARK: - Reports

    /// RFC 3550 §6.1: report, SDES with CNAME; BYE at the end. All of it over SRTCP.
    @Test(arguments: [false, true])
    func reportsAndByeAreSent(_ mux: Bool) throws {
        let harness = try Harness()
        try harness.open(harness.peer.settings(mux: mux))
        harness.pass(milliseconds: 12_000)
        #expect(harness.peer.reportsHeard.filter { $0 == "SR" }.count >= 2)
        #expect(harness.peer.reportsHeard.filter { $0 == "SDES" }.count >= 2)
        #expect(!harness.peer.reportsHeard.contains("BYE"))
        _ = harness.close()
        harness.peer.listen()
        #expect(harness.peer.reportsHeard.last == "BYE")
        #expect(harness.peer.notOurs == 0)
    }

    @Test(arguments: [false, true])
    func thePeersByeIsReported(_ mux: Bool) throws {
        let harness = try Harness()
        try harness.open(harness.peer.settings(mux: mux))
        try harness.talk(packets: 5)
        try harness.peer.sendReport(saysBye: true, onRTPPort: mux)
        try harness.peer.sendReport(saysBye: true, onRTPPort: mux)
        harness.turn()
        #expect(harness.events.filter { $0 == .peerSaidBye(harness.id) }.count == 1)
    }

    /// RFC 5761 §5.1.1: only when both agreed.
    @Test func reportsOnTheMediaPortAreIgnoredWithoutAgreement() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 5)
        try harness.peer.sendReport(saysBye: true, onRTPPort: true)
        harness.turn()
        #expect(!harness.has(.peerSaidBye(harness.id)))
    }

    @Test func theFirstAuthenticPacketIsReportedOnce() throws {
        let harness = try Harness()
        try harness.open()
        harness.peer.send([0x80, 96] + [UInt8](repeating: 7, count: 180))
        harness.pass(milliseconds: 100)
        #expect(!harness.events.contains { if case .firstAuthenticatedPacket = $0 { true } else { false } })
        try harness.talk(packets: 5)
        #expect(harness.events.filter { if case .firstAuthenticatedPacket = $0 { true } else { false } }.count == 1)
    }

    // MARK: - Another stream

    @Test func anotherSourceUnderTheSameKeyTakesOver() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 20, silent: true)
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 2), ssrc: 77)
        harness.peer.rtp = RTPSender(ssrc: SSRC(77), sequence: 30_000, timestamp: 4_000_000_000)
        try harness.talk(packets: 60)
        _ = harness.close()
        let frames = readAll(ring)
        #expect(share(of: 1_000, in: frames.suffix(30).flatMap(\.samples)) > 0.9)
    }
}
