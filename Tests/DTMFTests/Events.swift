import DTMF
import RTP
import SottoBase

/// One packet of an event, on an 8 kHz clock.
struct EventPacket: Sendable {
    var event: UInt8
    var timestamp: UInt32
    var duration: UInt16
    var isEnd = false
    var marker = false
    /// When it comes in, ms.
    var at: Int64
}

/// What RFC 4733 §2.5.1 has a sender do: an update each 20 ms, and the last packet three times.
func keyPackets(_ event: UInt8, timestamp: UInt32, at start: Int64, milliseconds: Int64 = 100) -> [EventPacket] {
    var packets: [EventPacket] = []
    for update in stride(from: Int64(20), to: milliseconds, by: 20) {
        packets.append(
            EventPacket(event: event, timestamp: timestamp, duration: UInt16(update * 8), marker: packets.isEmpty, at: start + update))
    }
    for copy in 0..<3 {
        packets.append(
            EventPacket(
                event: event, timestamp: timestamp, duration: UInt16(milliseconds * 8), isEnd: true,
                at: start + milliseconds + Int64(copy) * 20))
    }
    return packets
}

/// A receiver on a media clock whose timestamp 1,000 is heard at 0 ms.
struct EventRig {
    var receiver = DTMFReceiver(clockRate: 8_000)
    var clock = RTPMediaClock(clockRate: 8_000)
    var presses: [KeyPress] = []
    var changes: [DTMFChange] = []

    init(isAnchored: Bool = true) {
        if isAnchored { clock.anchor(1_000, at: .zero) }
    }

    static func timestamp(at milliseconds: Int64) -> UInt32 { 1_000 &+ UInt32(truncatingIfNeeded: milliseconds * 8) }

    mutating func receive(_ packet: EventPacket) {
        let event = TelephoneEvent(event: packet.event, isEnd: packet.isEnd, volume: 10, duration: packet.duration)
        let change = withUnsafeTemporaryAllocation(byteCount: 4, alignment: 1) { bytes in
            _ = event.write(into: bytes)
            return receiver.packetReceived(
                UnsafeRawBufferPointer(bytes), timestamp: packet.timestamp, marker: packet.marker, clock: clock,
                now: MediaTime(milliseconds: packet.at))
        }
        note(change)
    }

    mutating func pass(to milliseconds: Int64) { note(receiver.timePassed(now: MediaTime(milliseconds: milliseconds))) }

    /// Packets at their times, and a tick each 20 ms to the end.
    mutating func run(_ packets: [EventPacket], until end: Int64) {
        var next = 0
        for tick in stride(from: Int64(0), through: end, by: 20) {
            while next < packets.count, packets[next].at <= tick {
                receive(packets[next])
                next += 1
            }
            pass(to: tick)
        }
    }

    private mutating func note(_ change: DTMFChange) {
        guard !change.isNothing else { return }
        changes.append(change)
        if let pressed = change.pressed { presses.append(pressed) }
    }

    var keys: [UInt8] { presses.map(\.key.event) }
}
