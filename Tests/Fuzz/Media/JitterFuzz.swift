public import FuzzKit
import RTP
import SottoBase

/// A jitter buffer under any packets at any time: bounded, in order, and never a frame longer than it may be.
public func fuzzJitter(_ bytes: [UInt8]) -> FuzzFinding? {
    var chance = ByteChance(bytes)
    let rate = [8_000, 16_000, 48_000][chance.below(3)]
    let shortest = 1 + chance.below(100)
    var buffer = JitterBuffer(clockRate: rate, minimumDelayMilliseconds: shortest, maximumDelayMilliseconds: shortest + chance.below(256))
    var statistics = ReceptionStatistics(clockRate: rate)
    let payload = [UInt8](repeating: 7, count: 2_000)
    var now = Instant(nanoseconds: 0)
    var sequence = UInt16(truncatingIfNeeded: chance.word())
    var timestamp = chance.word()
    var played: Int64?
    var resets: Int64 = 0
    var turns = 0
    while !chance.isSpent, turns < 2_000 {
        turns += 1
        switch chance.below(12) {
        case 0...4:
            // Mostly the next packet, sometimes an old one or a leap.
            let ticks = UInt32(rate / 50)
            var (number, time) = (sequence, timestamp)
            switch chance.below(10) {
            case 0: number &-= UInt16(chance.below(40))
            case 1: (number, time) = (UInt16(truncatingIfNeeded: chance.word()), chance.word())
            case 2: time = timestamp &+ ticks &* UInt32(chance.below(256))
            default:
                sequence &+= 1
                timestamp &+= ticks
            }
            let extended: Int64
            switch statistics.packetReceived(sequence: number, timestamp: time, arrival: now) {
            case .extended(let place): extended = place
            case .restarted(let place):
                buffer.reset()
                played = nil
                extended = place
            case .suspicious: continue
            }
            let length = chance.isOne(of: 16) ? chance.below(2_000) : 160
            let plays = chance.isOne(of: 16) ? chance.word() : ticks
            _ = payload.withUnsafeBytes {
                buffer.push(
                    sequence: extended, timestamp: time, payloadType: PayloadType(0), marker: false, ticks: plays,
                    payload: UnsafeRawBufferPointer(rebasing: $0[..<length]), arrival: now)
            }
        case 5...8:
            now = now + .milliseconds(chance.isOne(of: 16) ? Int64(chance.below(5_000)) : 20)
            _ = buffer.correction(now: now)
            if buffer.counters.resets != resets {
                resets = buffer.counters.resets
                played = nil
            }
            switch buffer.pull(now: now, isQuiet: chance.isOne(of: 2)) {
            case .packet(let packet):
                guard (1...1_504).contains(packet.payload.count), packet.payload.allSatisfy({ $0 == 7 }) else {
                    return FuzzFinding(property: "a packet is what was pushed")
                }
                guard Int(packet.ticks) <= rate * 120 / 1_000 else { return FuzzFinding(property: "a packet plays 120 ms at most") }
                if let last = played, packet.sequence <= last { return FuzzFinding(property: "packets play in order, each once") }
                played = packet.sequence
            case .lost(let ticks), .silence(let ticks):
                guard ticks > 0, Int(ticks) <= rate * 120 / 1_000 else { return FuzzFinding(property: "a gap is filled frame by frame") }
                _ = buffer.packetAfterLoss
            case .notReady: break
            }
        case 9:
            guard case .extended(let extended) = statistics.packetReceived(sequence: sequence, timestamp: timestamp, arrival: now) else {
                continue
            }
            sequence &+= 1
            buffer.note(sequence: extended)
        case 10: now = now + .milliseconds(Int64(chance.below(256)))
        default:
            if chance.isOne(of: 8) {
                buffer.reset()
                played = nil
            }
        }
        guard (0...256).contains(buffer.depth), buffer.currentDelay >= .zero, buffer.targetDelay > .zero else {
            return FuzzFinding(property: "the buffer is bounded")
        }
    }
    let counters = buffer.counters
    guard counters.played + counters.dropped <= counters.stored, statistics.jitterTicks >= 0 else {
        return FuzzFinding(property: "nothing plays that was not stored")
    }
    return nil
}
