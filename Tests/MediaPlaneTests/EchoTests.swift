import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

struct EchoTests {
    @Test(arguments: [SRTPProfile.aeadAES256GCM, .aeadAES128GCM, .aes128CMSHA1_80], AudioCodec.allCases)
    func theToneComesBack(_ profile: SRTPProfile, _ codec: AudioCodec) throws {
        let harness = try Harness(profile: profile, codec: codec)
        try harness.open(mode: .echo)
        try harness.talk(packets: 60)
        #expect(harness.peer.notOurs == 0)
        let back = harness.peer.heard.suffix(8_000)
        #expect(energy(back) > 1_000_000)
        #expect(share(of: 1_000, in: back) > 0.9)
    }

    @Test func theToneComesBackOverIPv6() throws {
        let harness = try Harness(isIPv6: true)
        try harness.open(mode: .echo)
        try harness.talk(packets: 60)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
    }

    /// RFC 3264, SDP habits: packet times of 10 to 60 ms both ways.
    @Test(arguments: [10, 20, 40, 60], [10, 20, 30, 40, 50, 60])
    func anyPacketTimeBothWays(_ received: Int, _ sent: Int) throws {
        let harness = try Harness()
        try harness.open(harness.peer.settings(ptime: sent), mode: .echo)
        for _ in 0..<(1_200 / received) {
            try harness.peer.speak(samples: received * 16)
            harness.pass(milliseconds: received)
        }
        let back = harness.peer.heard.suffix(6_400)
        #expect(share(of: 1_000, in: back) > 0.9)
        let steps = Set(zip(harness.peer.headers, harness.peer.headers.dropFirst()).map { $1.timestamp &- $0.timestamp })
        #expect(steps == [UInt32(sent * 8)])
    }

    /// RFC 3550 §5.1: one step per packet, and the marker at the start of the stream only.
    @Test func ourPacketsAreNumberedWithoutGapsAndSentOnTime() throws {
        let harness = try Harness()
        try harness.open()
        harness.pass(milliseconds: 10_000)
        let headers = harness.peer.headers
        #expect((500...501).contains(headers.count))
        for (a, b) in zip(headers, headers.dropFirst()) {
            #expect(b.sequence == a.sequence &+ 1)
            #expect(b.timestamp == a.timestamp &+ 160)
        }
        #expect(headers.map(\.marker).filter { $0 }.count == 1)
        #expect(headers.first?.marker == true)
        #expect((headers.first?.sequence ?? .max) < 0x8000)
    }

    @Test func nothingIsSentBeforeStart() throws {
        let harness = try Harness()
        try harness.reserve()
        try harness.talk(packets: 10)
        #expect(harness.peer.packetsHome == 0)
        #expect(harness.gauges.packetsReceived == 0)
    }

    @Test func lossIsConcealedAndTheRestIsHeard() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 512)
        try harness.open(rings: MediaRings(recognizer: ring))
        for number in 0..<100 {
            let packet = try harness.peer.makePacket()
            if number % 10 != 9 { harness.peer.send(packet) }
            harness.pass(milliseconds: 20)
        }
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 90)
        #expect((9...10).contains(statistics.packetsLost))
        #expect((8...14).contains(statistics.framesConcealed))
        let frames = readAll(ring)
        #expect(frames.contains { $0.header.flags.contains(.concealed) })
    }

    /// A call's first packets race the SDP answer; and a peer may stay silent for a while.
    @Test func theRecognizersTimeHasNoGaps() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 1_024)
        try harness.open(rings: MediaRings(recognizer: ring))
        harness.pass(milliseconds: 500)
        try harness.talk(packets: 30)
        harness.pass(milliseconds: 700)
        try harness.talk(packets: 30)
        _ = harness.close()
        let frames = readAll(ring)
        #expect(frames.count >= 119)
        for (index, frame) in frames.enumerated() {
            #expect(frame.header.position == MediaTime(milliseconds: Int64(index) * 20))
            #expect(frame.samples.count == 320)
        }
        #expect(energy(frames[0..<20].flatMap(\.samples)) == 0)
        #expect(frames.contains { energy($0.samples) > 1_000_000 })
        #expect(ring.isClosed)
    }
}
