import Audio
import RTP
import SRTP
import SottoBase
import Testing

@testable import MediaPlane

/// Verify, then learn: what may move a destination, and what may not.
struct SourceTests {
    @Test func fiveAuthenticPacketsFromElsewhereMoveTheStream() throws {
        let harness = try Harness()
        try harness.open(mode: .echo)
        try harness.talk(packets: 10)
        try harness.talk(packets: 4, elsewhere: true)
        #expect(harness.movedTo.isEmpty)
        #expect(harness.peer.packetsElsewhere == 0)
        try harness.talk(packets: 6, elsewhere: true)
        #expect(harness.movedTo == [harness.peer.address(harness.peer.elsewhere)])
        #expect(harness.peer.packetsElsewhere > 0)
    }

    @Test func packetsFromHomeInBetweenKeepTheStream() throws {
        let harness = try Harness()
        try harness.open()
        for _ in 0..<20 {
            try harness.talk(packets: 4, elsewhere: true)
            try harness.talk(packets: 1)
        }
        #expect(harness.movedTo.isEmpty)
    }

    @Test func movesAreRateLimited() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 6, elsewhere: true)
        try harness.talk(packets: 20)
        #expect(harness.movedTo.count == 1)
        try harness.talk(packets: 100)
        #expect(harness.movedTo.count == 2)
    }

    @Test func unauthenticatedFloodMovesNothing() throws {
        let harness = try Harness()
        let ring = AudioRing(content: .own, capacity: 512)
        try harness.open(rings: MediaRings(recognizer: ring))
        try harness.talk(packets: 5)
        let source = harness.peer.rtp.ssrc.value
        for number in 0..<400 {
            // The right SSRC and a plausible sequence number, as someone on the path would make it.
            var packet: [UInt8] = [0x80, 96, UInt8(5 + number / 256), UInt8(number % 256), 0, 0, 0, 0]
            packet += [UInt8(source >> 24), UInt8(source >> 16 & 0xFF), UInt8(source >> 8 & 0xFF), UInt8(source & 0xFF)]
            packet += [UInt8](repeating: 0x55, count: 176)
            harness.peer.send(packet, elsewhere: true)
            if number % 20 == 0 { harness.turn() }
        }
        harness.turn()
        try harness.talk(packets: 20)
        #expect(harness.movedTo.isEmpty)
        #expect(harness.peer.packetsElsewhere == 0)
        let statistics = try #require(harness.close())
        #expect(statistics.unauthenticated == 400)
        #expect(statistics.packetsReceived == 25)
        #expect(statistics.packetsLost == 0)
    }

    @Test func replaysFromElsewhereMoveNothing() throws {
        let harness = try Harness()
        try harness.open()
        var sent: [[UInt8]] = []
        for _ in 0..<30 {
            let packet = try harness.peer.makePacket()
            sent.append(packet)
            harness.peer.send(packet)
            harness.pass(milliseconds: 20)
        }
        for packet in sent { harness.peer.send(packet, elsewhere: true) }
        harness.turn()
        #expect(harness.movedTo.isEmpty)
        let statistics = try #require(harness.close())
        #expect(statistics.replayed == 30)
        #expect(statistics.packetsReceived == 30)
    }

    /// One raced copy that overtakes the genuine packet must not steal the stream.
    @Test func racedCopiesNowAndThenMoveNothing() throws {
        let harness = try Harness()
        try harness.open()
        for number in 0..<60 {
            let packet = try harness.peer.makePacket()
            harness.peer.send(packet, elsewhere: number % 3 == 0)
            harness.turn()
            harness.peer.send(packet)
            harness.pass(milliseconds: 20)
        }
        #expect(harness.movedTo.isEmpty)
    }

    @Test func garbageOfEveryKindIsCountedAndIgnored() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 5)
        for first in UInt8.min...UInt8.max {
            harness.peer.send([first])
            harness.peer.send([UInt8](repeating: first, count: 40))
            harness.peer.send([UInt8](repeating: first, count: 1_400))
            harness.turn()
        }
        harness.peer.send([UInt8](repeating: 0x80, count: 4_000))
        harness.peer.send([])
        try harness.talk(packets: 5)
        let statistics = try #require(harness.close())
        #expect(statistics.packetsReceived == 10)
        #expect(statistics.malformed + statistics.unauthenticated + statistics.replayed + statistics.dtlsIgnored > 700)
    }

    /// After a re-INVITE that moves the media, what is still in flight from the old place must not pull it back.
    @Test func theOldSourceIsIgnoredAfterReinvite() throws {
        let harness = try Harness()
        try harness.open(mode: .echo)
        try harness.talk(packets: 10)
        var moved = harness.peer.settings()
        moved.remote = harness.peer.address(harness.peer.elsewhere)
        harness.command(.update(harness.id, moved))
        #expect(harness.events.last == .updated(harness.id))
        try harness.talk(packets: 20)
        #expect(harness.movedTo.isEmpty)
        #expect(harness.peer.packetsElsewhere >= 19)
    }

    /// A short hold with `c=0.0.0.0` must not make us deaf to a peer behind NAT.
    @Test func aHoldWithoutAddressDoesNotIgnoreThePeerAfterwards() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 8, elsewhere: true)
        var hold = harness.peer.settings()
        hold.remote = nil
        harness.command(.update(harness.id, hold))
        harness.pass(milliseconds: 2_000)
        harness.command(.update(harness.id, harness.peer.settings()))
        try harness.talk(packets: 8, elsewhere: true)
        #expect(harness.movedTo.count == 2)
    }

    @Test func aMovedSourceStaysAfterAReinviteThatChangesNoAddress() throws {
        let harness = try Harness()
        try harness.open()
        try harness.talk(packets: 8, elsewhere: true)
        #expect(harness.movedTo.count == 1)
        harness.command(.update(harness.id, harness.peer.settings()))
        let before = harness.peer.packetsElsewhere
        try harness.talk(packets: 4, elsewhere: true)
        #expect(harness.peer.packetsElsewhere > before)
        #expect(harness.movedTo.count == 1)
    }
}
