import DTMF
import RTP
import SottoBase
import Testing

private func milliseconds(_ value: Int64) -> MediaTime { MediaTime(milliseconds: value) }

@Suite struct TelephoneEventTests {
    // RFC 4733 §2.3
    @Test func payloadIsReadAndWritten() {
        let bytes: [UInt8] = [11, 0x80 | 0x40 | 10, 0x03, 0x20]
        bytes.withUnsafeBytes {
            #expect(TelephoneEvent(parsing: $0) == TelephoneEvent(event: 11, isEnd: true, volume: 10, duration: 800))
            for count in 0..<4 { #expect(TelephoneEvent(parsing: UnsafeRawBufferPointer(rebasing: $0[0..<count])) == nil) }
        }
        var target = [UInt8](repeating: 0, count: 4)
        let event = TelephoneEvent(event: 11, isEnd: true, volume: 99, duration: 800)
        #expect(target.withUnsafeMutableBytes { event.write(into: $0) } == 4)
        #expect(target == [11, 0x80 | 63, 0x03, 0x20])
        #expect(target.withUnsafeMutableBytes { event.write(into: UnsafeMutableRawBufferPointer(rebasing: $0[0..<3])) } == nil)
    }

    // RFC 4733 §3.2
    @Test func sixteenEventsAreKeys() {
        let keys = Array("0123456789*#ABCD".utf8)
        for event in UInt8.min...UInt8.max {
            let key = Key(event: event)
            #expect(key?.byte == (event < 16 ? keys[Int(event)] : nil))
            if let key {
                #expect(key.event == event)
                #expect(Key(byte: key.byte) == key)
            }
        }
        #expect(Key(byte: 0x61) == nil && Key(byte: 0) == nil)
    }

    @Test func keysShowNothing() {
        guard let key = Key(event: 7) else { return }
        let press = KeyPress(key: key, start: .zero, end: .zero, volume: 0)
        var dumped = ""
        dump(press, to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\(press)", dumped, "\(TelephoneEvent(event: 7, isEnd: false, volume: 0, duration: 0))"] {
            #expect(!text.contains("7") && !text.contains("55") && !text.contains("0x37"), "\(text)")
        }
    }
}

@Suite struct DTMFReceiverTests {
    @Test func threeEndPacketsAreOneKey() {
        var rig = EventRig()
        rig.run(keyPackets(5, timestamp: EventRig.timestamp(at: 200), at: 200), until: 1_000)
        #expect(rig.presses.count == 1)
        #expect(rig.presses.first?.key.event == 5)
        #expect(rig.presses.first?.start == milliseconds(200))
        #expect(rig.presses.first?.end == milliseconds(300))
        #expect(rig.presses.first?.volume == 10)
        #expect(rig.changes.count == 2)
        #expect(rig.changes[0].began == milliseconds(200) && rig.changes[0].ended == nil)
        #expect(rig.changes[1].ended == milliseconds(300) && rig.changes[1].began == nil)
    }

    /// All 127 ways to lose some of a press's seven packets but not all: always one key, with its start.
    @Test func anyPacketThatArrivesIsOneKey() {
        let all = keyPackets(9, timestamp: EventRig.timestamp(at: 200), at: 200)
        #expect(all.count == 7)
        for pattern in 1..<(1 << all.count) {
            let arrived = all.indices.filter { pattern >> $0 & 1 == 1 }.map { all[$0] }
            var rig = EventRig()
            rig.run(arrived, until: 1_000)
            #expect(rig.keys == [9], "pattern \(pattern)")
            #expect(rig.presses.first?.start == milliseconds(200), "pattern \(pattern)")
            let known = arrived.map(\.duration).max() ?? 0
            #expect(rig.presses.first?.end == milliseconds(200 + Int64(known) / 8), "pattern \(pattern)")
            #expect(!rig.receiver.isInEvent)
        }
    }

    /// Two presses of the same key, every pattern of loss of the first one's ends and the second one's start.
    @Test func lossBetweenTwoPressesKeepsThemApart() {
        let first = keyPackets(1, timestamp: EventRig.timestamp(at: 200), at: 200)
        let second = keyPackets(1, timestamp: EventRig.timestamp(at: 360), at: 360)
        for pattern in 0..<(1 << 7) {
            var packets: [EventPacket] = [first[0]]
            for (bit, packet) in (first[4...6] + second[0...3]).enumerated() where pattern >> bit & 1 == 1 { packets.append(packet) }
            packets += second[4...6]
            var rig = EventRig()
            rig.run(packets.sorted { $0.at < $1.at }, until: 1_000)
            #expect(rig.keys == [1, 1], "pattern \(pattern)")
        }
    }

    /// Only the last packet of the second press arrives while the first is still on: both are over with it.
    @Test func onePacketMayEndTwoPresses() {
        var rig = EventRig()
        rig.receive(EventPacket(event: 1, timestamp: EventRig.timestamp(at: 100), duration: 160, marker: true, at: 120))
        rig.receive(EventPacket(event: 2, timestamp: EventRig.timestamp(at: 200), duration: 400, isEnd: true, at: 250))
        #expect(rig.keys == [1])
        rig.pass(to: 260)
        #expect(rig.keys == [1, 2])
        let change = rig.changes[1]
        #expect(change.ended == milliseconds(120) && change.began == milliseconds(200) && change.endedNext == milliseconds(250))
    }

    @Test func lostEndsEndByMediaTime() {
        var rig = EventRig()
        rig.receive(EventPacket(event: 3, timestamp: EventRig.timestamp(at: 100), duration: 160, marker: true, at: 120))
        rig.pass(to: 280)
        #expect(rig.presses.isEmpty && rig.receiver.isInEvent)
        rig.pass(to: 281)
        #expect(rig.keys == [3])
        #expect(rig.presses.first?.end == milliseconds(120))
    }

    @Test func untoldPressComesBeforeNewerOnes() {
        var rig = EventRig()
        rig.receive(EventPacket(event: 1, timestamp: EventRig.timestamp(at: 100), duration: 160, marker: true, at: 120))
        for (number, start) in [(UInt8(2), Int64(200)), (3, 300), (4, 400)] {
            rig.receive(
                EventPacket(event: number, timestamp: EventRig.timestamp(at: start), duration: 400, isEnd: true, at: start + 50))
        }
        rig.receive(EventPacket(event: 5, timestamp: EventRig.timestamp(at: 500), duration: 160, marker: true, at: 520))
        #expect(rig.keys == [1, 2, 3, 4])
        #expect(rig.receiver.isInEvent)
    }

    @Test func endOfTheStreamEndsTheEvent() {
        var rig = EventRig()
        rig.receive(EventPacket(event: 6, timestamp: EventRig.timestamp(at: 100), duration: 160, marker: true, at: 120))
        let change = rig.receiver.finishEvent(now: milliseconds(130))
        #expect(change.pressed?.key.event == 6)
        #expect(change.ended == milliseconds(120))
        #expect(rig.receiver.finishEvent(now: milliseconds(140)).isNothing)
    }

    /// A stall longer than the timeout: no second press, but what it lasted longer is cut.
    @Test func packetsAfterTheTimeoutOnlyCut() {
        var rig = EventRig()
        rig.receive(EventPacket(event: 3, timestamp: EventRig.timestamp(at: 100), duration: 160, marker: true, at: 120))
        rig.pass(to: 400)
        rig.receive(EventPacket(event: 3, timestamp: EventRig.timestamp(at: 100), duration: 2_400, isEnd: true, at: 410))
        #expect(rig.keys == [3])
        #expect(rig.changes.last?.began == milliseconds(120) && rig.changes.last?.endedNext == milliseconds(400))
    }

    // RFC 4733 §2.5.1.3: an event longer than the duration field comes in segments
    @Test func segmentsAreOnePress() {
        var rig = EventRig()
        var packets: [EventPacket] = []
        let start = EventRig.timestamp(at: 100)
        let total = 2 * 65_535 + 8_000
        for ticks in stride(from: 400, through: total, by: 400) {
            let segment = min((ticks - 1) / 65_535, 2)
            packets.append(
                EventPacket(
                    event: 0, timestamp: start &+ UInt32(segment * 65_535), duration: UInt16(ticks - segment * 65_535),
                    isEnd: ticks + 400 > total, marker: ticks == 400, at: 100 + Int64(ticks / 8)))
        }
        for missing in [-1, 163, 164, 165, 327, 328] {
            rig = EventRig()
            rig.run(packets.indices.filter { $0 != missing }.map { packets[$0] }, until: 20_000)
            #expect(rig.keys == [0], "without packet \(missing)")
            #expect(rig.presses.first?.start == milliseconds(100))
            let end = rig.presses.first?.end ?? .zero
            #expect(end > milliseconds(100 + Int64(total) / 8 - 60) && end <= milliseconds(101 + Int64(total) / 8))
        }
    }

    @Test func reorderedPacketsChangeNothing() {
        var rig = EventRig()
        var first = keyPackets(1, timestamp: EventRig.timestamp(at: 100), at: 100)
        let second = keyPackets(2, timestamp: EventRig.timestamp(at: 300), at: 300)
        first.swapAt(1, 3)
        first[6].at = 330  // the last copy comes after the next key began
        rig.run((first + second).sorted { $0.at < $1.at }, until: 1_000)
        #expect(rig.keys == [1, 2])
        #expect(rig.presses.map(\.end) == [milliseconds(200), milliseconds(400)])
    }

    @Test func updateBehindItsEndIsIgnored() {
        var rig = EventRig()
        var packets = keyPackets(4, timestamp: EventRig.timestamp(at: 100), at: 100)
        packets[3].at = 215
        rig.run(packets.sorted { $0.at < $1.at }, until: 1_000)
        #expect(rig.keys == [4])
        #expect(!rig.receiver.isInEvent)
    }

    @Test func timestampsWrap() {
        var rig = EventRig(isAnchored: false)
        rig.clock.anchor(.max - 399, at: milliseconds(50))
        rig.run(keyPackets(6, timestamp: .max - 159, at: 80) + keyPackets(7, timestamp: 1_440, at: 280), until: 1_000)
        #expect(rig.keys == [6, 7])
        #expect(rig.presses.map(\.start) == [milliseconds(80), milliseconds(280)])
    }

    @Test func senselessTimestampFallsBackToNow() {
        var rig = EventRig()
        rig.run(keyPackets(8, timestamp: 2_000_000_000, at: 300), until: 1_000)
        #expect(rig.keys == [8])
        #expect(rig.presses.first?.start == milliseconds(320))
        rig = EventRig(isAnchored: false)
        rig.run(keyPackets(8, timestamp: 77, at: 300), until: 1_000)
        #expect(rig.presses.first?.start == milliseconds(320))
    }

    @Test func otherEventsAreCutButAreNoKeys() {
        var rig = EventRig()
        rig.run(keyPackets(16, timestamp: EventRig.timestamp(at: 100), at: 100), until: 1_000)  // hook flash
        #expect(rig.presses.isEmpty)
        #expect(rig.changes.count == 2)
    }

    @Test func mutatedPayloadsNeverTrap() {
        var state: UInt64 = 5
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        var receiver = DTMFReceiver(clockRate: 48_000)
        var clock = RTPMediaClock(clockRate: 48_000)
        var presses = 0
        var bytes = [UInt8](repeating: 0, count: 8)
        for round in 0..<20_000 {
            for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: next()) }
            if round % 7 == 0 { clock.anchor(UInt32(truncatingIfNeeded: next() &* 3), at: MediaTime(ticks: Int64(round) * 960)) }
            let now = MediaTime(ticks: Int64(round) * 960)
            let count = Int(next() % 9)
            let change = bytes[0..<count].withUnsafeBytes {
                receiver.packetReceived(
                    $0, timestamp: UInt32(truncatingIfNeeded: next() &* 2), marker: next() % 2 == 0, clock: clock, now: now)
            }
            if change.pressed != nil { presses += 1 }
            _ = receiver.timePassed(now: now)
        }
        #expect(presses > 0 && receiver.malformed > 0)
    }
}
