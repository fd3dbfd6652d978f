import DTMF
import RTP
import SottoBase
import Testing

/// RFC 4733 §2.5.1, as a sender.
@Suite struct TelephoneEventSenderTests {
    private func packets(
        _ key: UInt8 = 0x35, ticks: UInt64, step: UInt32 = 160, timestamp: UInt32 = 1_000, release: Int? = nil
    ) -> [TelephoneEventSender.Packet] {
        var sender = TelephoneEventSender()
        guard let key = Key(byte: key) else { return [] }
        sender.begin(key, ticks: ticks, volume: 12, timestamp: timestamp)
        var result: [TelephoneEventSender.Packet] = []
        while let packet = sender.next(ticks: step), result.count < 5_000 {
            result.append(packet)
            if result.count == release { sender.release() }
        }
        #expect(!sender.isSending)
        return result
    }

    @Test func durationsGrowAndTheEndIsSaidThreeTimes() {
        let sent = packets(ticks: 800)
        #expect(sent.map(\.event.duration) == [160, 320, 480, 640, 800, 800, 800])
        #expect(sent.map(\.event.isEnd) == [false, false, false, false, true, true, true])
        #expect(sent.map(\.marker) == [true] + [Bool](repeating: false, count: 6))
        #expect(sent.allSatisfy { $0.timestamp == 1_000 && $0.event.event == 5 && $0.event.volume == 12 })
    }

    @Test func aKeyShorterThanAPacketHasItsMarkerAndThreeEnds() {
        let sent = packets(ticks: 100)
        #expect(sent.map(\.event.duration) == [100, 100, 100])
        #expect(sent.allSatisfy { $0.event.isEnd })
        #expect(sent.map(\.marker) == [true, false, false])
        #expect(packets(ticks: 0).count == 3)
    }

    @Test func aKeyLetGoEarlyEndsAtOnce() {
        let sent = packets(ticks: 80_000, release: 2)
        #expect(sent.map(\.event.duration) == [160, 320, 320, 320, 320])
        #expect(sent.filter(\.event.isEnd).count == 3)
    }

    /// §2.5.1.3: the maximum without an end, then a segment that starts where it ended, without a marker.
    @Test(arguments: [160 as UInt32, 960, 2_880, 60_000, 65_535, 1_000_000])
    func longKeysAreSegmented(step: UInt32) {
        let total: UInt64 = 200_000
        let sent = packets(ticks: total, step: step, timestamp: 0xFFFF_0000)
        #expect(sent.filter(\.marker).count == 1 && sent.first?.marker == true)
        #expect(sent.filter(\.event.isEnd).count == 3)
        var start: UInt32 = 0xFFFF_0000
        var last: UInt16 = 0
        for packet in sent {
            if packet.timestamp != start {
                #expect(last == 0xFFFF && packet.timestamp == start &+ 0xFFFF)
                start = packet.timestamp
                last = 0
            }
            #expect(packet.event.duration >= last)
            last = packet.event.duration
        }
        #expect(UInt64(start &- 0xFFFF_0000) + UInt64(last) == total)
    }

    @Test func aClockThatWrapsIsNoMatter() {
        #expect(packets(ticks: 480, timestamp: .max).allSatisfy { $0.timestamp == .max })
        #expect(packets(ticks: .max, step: .max, release: 1).count == 4)
    }

    /// Whatever is lost but one packet, our receiver makes one key of it, on every clock (the negotiated one, RFC 4733 §2.1).
    @Test(arguments: [8_000, 16_000, 48_000])
    func theReceiverMakesOneKeyOfIt(clockRate: Int) {
        for milliseconds in [40, 100, 700, 9_000, 20_000] {
            let step = UInt32(clockRate / 50)
            let sent = packets(0x23, ticks: UInt64(clockRate / 1_000 * milliseconds), step: step, timestamp: 5_000)
            for pattern in 0..<4 {
                var receiver = DTMFReceiver(clockRate: clockRate)
                var clock = RTPMediaClock(clockRate: clockRate)
                clock.anchor(5_000, at: .zero)
                var presses: [KeyPress] = []
                for (index, packet) in sent.enumerated() {
                    let now = MediaTime(milliseconds: Int64(index * 20 + 20))
                    var isLost = false
                    switch pattern {
                    case 1: isLost = index == 0  // the marker
                    case 2: isLost = packet.event.isEnd  // all ends
                    case 3: isLost = index % 3 != 1
                    default: break
                    }
                    if !isLost {
                        var bytes: [UInt8] = [0, 0, 0, 0]
                        _ = bytes.withUnsafeMutableBytes { packet.event.write(into: $0) }
                        let change = bytes.withUnsafeBytes {
                            receiver.packetReceived($0, timestamp: packet.timestamp, marker: packet.marker, clock: clock, now: now)
                        }
                        if let press = change.pressed { presses.append(press) }
                    }
                    if let press = receiver.timePassed(now: now).pressed { presses.append(press) }
                }
                let end = MediaTime(milliseconds: Int64(sent.count * 20 + 500))
                if let press = receiver.timePassed(now: end).pressed { presses.append(press) }
                #expect(presses.map(\.key.byte) == [0x23], "\(milliseconds) ms, pattern \(pattern)")
                if pattern == 0, let press = presses.first {
                    #expect(press.start == .zero && press.end == MediaTime(milliseconds: Int64(milliseconds)) && press.volume == 12)
                }
            }
        }
    }
}

/// A key that comes as an event and as a tone is one.
@Suite struct DigitReconcilerTests {
    private func press(_ byte: UInt8, _ start: Int64, _ end: Int64) throws -> KeyPress {
        KeyPress(
            key: try #require(Key(byte: byte)), start: MediaTime(milliseconds: start), end: MediaTime(milliseconds: end), volume: 10)
    }

    @Test func aToneAfterItsEventIsTheSameKey() throws {
        var both = DigitReconciler()
        let told1 = both.acceptsEvent(try press(0x31, 100, 200))
        #expect(told1)
        let told2 = both.acceptsTone(try press(0x31, 110, 215), isInEvent: false)
        #expect(!told2)
        let told3 = both.acceptsTone(try press(0x31, 500, 600), isInEvent: false)
        #expect(told3)
    }

    @Test func anEventAfterItsToneIsTheSameKey() throws {
        var both = DigitReconciler()
        let told4 = both.acceptsTone(try press(0x31, 100, 160), isInEvent: false)
        #expect(told4)
        let told5 = both.acceptsEvent(try press(0x31, 165, 300))
        #expect(!told5)
        let told6 = both.acceptsEvent(try press(0x31, 400, 500))
        #expect(told6)
        let told7 = both.acceptsEvent(try press(0x32, 600, 700))
        #expect(told7)
    }

    @Test func aToneWithinAnEventWaitsForIt() throws {
        var both = DigitReconciler()
        let told8 = both.acceptsTone(try press(0x31, 100, 160), isInEvent: true)
        #expect(!told8)
        let told9 = both.acceptsEvent(try press(0x31, 100, 300))
        #expect(told9)
    }

    @Test func differentKeysAreTwo() throws {
        var both = DigitReconciler()
        let told10 = both.acceptsTone(try press(0x31, 100, 160), isInEvent: false)
        #expect(told10)
        let told11 = both.acceptsEvent(try press(0x32, 200, 300))
        #expect(told11)
        both.reset()
        let told12 = both.acceptsTone(try press(0x32, 250, 300), isInEvent: false)
        #expect(told12)
    }
}
