import Audio
import DTMF
import Glibc
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

/// What a call meets beside the usual way.
struct CallPathTests {
    // MARK: - Losses

    /// RFC 7587 §4.1: with in-band error correction a lost frame comes from the packet behind it, and nothing is invented.
    @Test(arguments: [true, false])
    func aLostFrameIsTakenFromThePacketBehindIt(_ isUsed: Bool) throws {
        let harness = try Harness(codec: .opus)
        harness.peer.encoder = try FrameEncoder(codec: .opus, opus: OpusSettings(correctsErrors: true))
        harness.peer.encoder.expectLoss(0.2)
        var settings = harness.peer.settings()
        settings.usesErrorCorrection = isUsed
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(settings, rings: MediaRings(recognizer: ring))
        for number in 0..<100 {
            let packet = try harness.peer.makePacket()
            if number % 5 != 4 { harness.peer.send(packet) }
            harness.pass(milliseconds: 20)
        }
        let statistics = try #require(harness.close())
        #expect((18...20).contains(statistics.packetsLost))
        if isUsed { #expect(statistics.framesConcealed <= 2) } else { #expect(statistics.framesConcealed >= 15) }
        let frames = readAll(ring)
        #expect(frames[50..<90].allSatisfy { energy($0.samples) > 100_000 })
    }

    // MARK: - Keys

    /// A peer without telephone events sends tones (RFC 4733 §1): the key is one event, and nobody hears it.
    @Test(arguments: [AudioCodec.pcmu, .opus, .g722])
    func aToneInTheVoiceIsAKeyAndIsCut(_ codec: AudioCodec) throws {
        let harness = try Harness(codec: codec)
        var settings = harness.peer.settings()
        settings.telephoneEvent = nil
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(settings, rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 20, silent: true)
        harness.peer.tone = try #require(ToneGenerator(dtmfKey: UInt8(ascii: "5")))
        try harness.talk(packets: 6)
        try harness.talk(packets: 30, silent: true)
        _ = harness.close()
        #expect(harness.digits.count == 1)
        let frames = readAll(ring)
        #expect(frames.contains { $0.header.flags.contains(.cut) })
        #expect(energy(frames.flatMap(\.samples)) < 1_000)
        #expect(ClearArena.keys.discard(ownedBy: harness.owner) == 1)
    }

    /// The stream changes while a tone is on: the key is told, and its cut ends.
    @Test func aToneEndsWithItsStream() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 20, silent: true)
        harness.peer.tone = try #require(ToneGenerator(dtmfKey: UInt8(ascii: "7")))
        try harness.talk(packets: 10)
        harness.peer.sender = try SRTPSender(profile: .aeadAES256GCM, key: key(.aeadAES256GCM, 2), ssrc: 77)
        harness.peer.rtp = RTPSender(ssrc: SSRC(77), sequence: 30_000, timestamp: 4_000_000_000)
        harness.peer.tone = ToneGenerator(1_000)
        try harness.talk(packets: 60)
        _ = harness.close()
        #expect(harness.digits.count == 1)
        let frames = readAll(ring)
        #expect(frames.contains { $0.header.flags.contains(.cut) })
        #expect(!frames.suffix(30).contains { $0.header.flags.contains(.cut) })
        #expect(shareNear(1_000, in: frames.suffix(20).flatMap(\.samples)) > 0.9)
        ClearArena.keys.discard(ownedBy: harness.owner)
    }

    /// RFC 4733 §2.5.1.3: at 48 kHz the duration field is full after 1.4 s; the key goes on in segments and ends once.
    @Test func aLongKeyIsSentInSegments() throws {
        let harness = try Harness(codec: .opus)
        var settings = harness.peer.settings()
        settings.telephoneEventClockRate = 48_000
        try harness.open(settings)
        harness.pass(milliseconds: 200)
        harness.command(.sendDigits(harness.id, SecretBytes(copying: [UInt8(ascii: "9")][...]), milliseconds: 3_000))
        harness.pass(milliseconds: 4_000)
        #expect(harness.has(.digitsSent(harness.id)))
        let segments = harness.peer.keysHeard
        #expect(segments.map(\.key.event) == [9, 9, 9])
        #expect(segments.map { Int($0.key.duration) } == [0xFFFF, 0xFFFF, 144_000 - 2 * 0xFFFF])
        #expect(segments.map(\.key.ends) == [0, 0, 3])
        #expect(zip(segments, segments.dropFirst()).allSatisfy { $1.timestamp &- $0.timestamp == 0xFFFF })
        let events = harness.peer.headers.filter { $0.payloadType.value == harness.peer.telephoneEvent }
        #expect(events.count == 152)
        #expect(events.filter(\.marker).count == 1)
    }

    // MARK: - Directions

    /// Early media: we play before the peer may speak (an answer with `sendonly`, or nobody has picked up yet), and what comes all the
    /// same is not heard.
    @Test func earlyMediaGoesOneWay() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        let playout = AudioRing(content: .own, capacity: 256)
        try harness.open(
            harness.peer.settings(direction: .sendOnly), rings: MediaRings(recognizer: ring, playout: playout), timeout: .seconds(1))
        var tone = ToneGenerator(2_000)
        var samples = [Int16](repeating: 0, count: 320)
        for _ in 0..<150 {
            samples.withUnsafeMutableBufferPointer { tone.fill($0) }
            samples.withUnsafeBufferPointer { _ = playout.push(AudioFrameHeader(position: .zero), $0) }
        }
        harness.pass(milliseconds: 1_500)
        #expect(share(of: 2_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
        #expect(!harness.has(.mediaTimedOut(harness.id)))
        try harness.talk(packets: 20)
        #expect(energy(readAll(ring).flatMap(\.samples)) == 0)
        harness.command(.update(harness.id, harness.peer.settings(direction: .receiveOnly)))
        let sent = harness.peer.headers.count
        try harness.talk(packets: 40)
        #expect(harness.peer.headers.count == sent)
        #expect(shareNear(1_000, in: readAll(ring).suffix(20).flatMap(\.samples)) > 0.9)
        harness.command(.update(harness.id, harness.peer.settings()))
        try harness.talk(packets: 20)
        #expect(harness.peer.headers.count > sent + 15)
    }

    // MARK: - Sockets

    /// RFC 4594 §4.1: voice is marked EF, on both ports and for both families.
    @Test(arguments: [false, true])
    func packetsCarryTheRangesCodePoint(_ isIPv6: Bool) throws {
        let harness = try Harness(isIPv6: isIPv6)
        try harness.open()
        let stream = try #require(harness.worker.streamForTests(harness.id))
        for descriptor in [stream.pointee.rtpDescriptor, stream.pointee.rtcpDescriptor] {
            var value: Int32 = -1
            var size = socklen_t(MemoryLayout<Int32>.size)
            let level = Int32(isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP)
            #expect(getsockopt(descriptor, level, isIPv6 ? IPV6_TCLASS : IP_TOS, &value, &size) == 0)
            #expect(value == 46 << 2)
        }
    }
}
