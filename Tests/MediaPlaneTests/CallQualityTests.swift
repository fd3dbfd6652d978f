import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct CallQualityTests {
    /// RFC 3711 §3.3.1: the sequence number wraps within 22 minutes of a call; the same key goes on with the next rollover counter, in
    /// both directions, through a bridge.
    @Test(arguments: [SRTPProfile.aeadAES256GCM, .aes128CMSHA1_80])
    func aCallGoesOnOverASequenceWrapBothWays(_ profile: SRTPProfile) throws {
        let harness = try BridgeHarness(left: profile, right: profile)
        try harness.open()
        harness.bridge()
        harness.left.rtp.skip(packets: 65_500 - harness.left.rtp.sequence)
        for id in [harness.leftID, harness.rightID] {
            guard let stream = harness.stream(id) else { throw PeerFault() }
            stream.pointee.rtp.skip(packets: 65_520 &- stream.pointee.rtp.sequence)
        }
        try harness.talk(packets: 100)
        #expect(harness.left.notOurs == 0 && harness.right.notOurs == 0)
        #expect((harness.left.headers.last?.sequence ?? .max) < 200)
        #expect((harness.right.headers.last?.sequence ?? .max) < 200)
        #expect(share(of: 1_000, in: harness.right.heard.suffix(8_000)) > 0.9)
        #expect(share(of: 2_000, in: harness.left.heard.suffix(8_000)) > 0.9)
        let statistics = try #require(harness.close(harness.leftID))
        #expect(statistics.packetsReceived == 100 && statistics.packetsLost == 0 && statistics.unauthenticated == 0)
    }

    /// ITU-T G.107: a clean G.711 call is good, one with losses is worse, and an unheard one is unknown.
    @Test func statisticsTellAnOpinionAndTheJitterTarget() throws {
        let clean = try Harness()
        try clean.open()
        #expect(clean.worker.streamForTests(clean.id)?.pointee.statistics().mosHundredths == 0)
        try clean.talk(packets: 100)
        let good = try #require(clean.close())
        #expect((420...450).contains(good.mosHundredths))
        #expect((20...200).contains(good.jitterTargetMilliseconds))
        let poor = try Harness()
        try poor.open()
        for number in 0..<100 {
            let packet = try poor.peer.makePacket()
            if number % 5 != 2 { poor.peer.send(packet) }
            poor.pass(milliseconds: 20)
        }
        let bad = try #require(poor.close())
        #expect(bad.mosHundredths > 100 && bad.mosHundredths < good.mosHundredths - 80)
    }

    /// RFC 3389: the peer's noise is heard in its pause, and passed to a far leg that knows it.
    @Test func comfortNoiseIsHeardAndPassedOn() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        var settings = harness.peer.settings()
        settings.comfortNoise = 13
        try harness.open(settings, rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 20)
        harness.peer.send(try harness.peer.protect([30], type: 13, ticks: 160))
        harness.pass(milliseconds: 1_000)
        let pause = readAll(ring).suffix(20).flatMap(\.samples)
        #expect(energy(pause) > 100)

        let bridge = try BridgeHarness()
        var left = bridge.left.settings()
        var right = bridge.right.settings()
        left.comfortNoise = 13
        right.comfortNoise = 98
        try bridge.open(leftSettings: left, rightSettings: right)
        bridge.bridge()
        try bridge.talk(packets: 10)
        bridge.left.send(try bridge.left.protect([45, 1, 2], type: 13, ticks: 160))
        let before = bridge.right.headers.count
        bridge.pass(milliseconds: 1_000)
        #expect(bridge.right.headers.count == before + 1)
        #expect(bridge.right.headers.last?.payloadType.value == 98)
        #expect(bridge.right.payloadsHeard.last == [45, 1, 2])
        try bridge.talk(packets: 10)
        #expect(share(of: 1_000, in: bridge.right.heard.suffix(2_000)) > 0.9)
    }

    @Test(arguments: [MediaFill.holdMusic, .ringBack(isNorthAmerican: false), .ringBack(isNorthAmerican: true), .comfort])
    func aFillIsHeardUntilThereIsSomethingToSay(_ fill: MediaFill) throws {
        let harness = try Harness()
        let playout = AudioRing(content: .own, capacity: 256)
        try harness.open(rings: MediaRings(playout: playout))
        harness.command(.fill(harness.id, fill))
        harness.pass(milliseconds: 900)
        #expect(energy(harness.peer.heard.suffix(8_000)) > (fill == .comfort ? 100 : 10_000))
        if fill == .ringBack(isNorthAmerican: false) {
            harness.pass(milliseconds: 1_000)
            #expect(energy(harness.peer.heard.suffix(8_000)) < 100)  // one second in five
        }
        var tone = ToneGenerator(1_000)
        var samples = [Int16](repeating: 0, count: 320)
        for _ in 0..<30 {
            samples.withUnsafeMutableBufferPointer { tone.fill($0) }
            samples.withUnsafeBufferPointer { _ = playout.push(AudioFrameHeader(position: .zero), $0) }
        }
        harness.pass(milliseconds: 500)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(4_800)) > 0.9)
        harness.command(.fill(harness.id, .silence))
        harness.pass(milliseconds: 1_000)
        #expect(energy(harness.peer.heard.suffix(4_800)) < 100)
    }

    /// RFC 3711 §3.3.1: a new key at the same address after a rollover; peers that keep the counter and peers that reset it.
    @Test(arguments: [RekeyRollover.automatic, .reset])
    func aPeerThatResetsItsCounterIsHeardAfterARekey(_ rollover: RekeyRollover) throws {
        let harness = try Harness()
        try harness.open()
        harness.peer.rtp.skip(packets: 65_530 - harness.peer.rtp.sequence)
        try harness.talk(packets: 20)
        var settings = harness.peer.settings()
        settings.remoteKey = key(.aeadAES256GCM, 42)
        settings.rekeyRollover = rollover
        harness.command(.update(harness.id, settings))
        // A fresh context begins with counter 0.
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 42), ssrc: harness.peer.rtp.ssrc.value)
        try harness.talk(packets: 20)
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 40)
        #expect(statistics.unauthenticated == 0)
    }
}
