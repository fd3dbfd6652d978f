import SottoBase
import Testing

@testable import RTP

/// Frames of other lengths than the play-out tick, other clocks, and hostile numbers.
@Suite struct JitterBufferFrameTests {
    /// Plays a stream of frames of `milliseconds` by demand: a pull whenever less than 20 ms waits. Returns what was heard, in ticks.
    private func play(rate: Int, milliseconds: Int, missing: Set<Int64> = []) -> (packets: [Int64], lost: Int, silent: Int, depth: Int) {
        var buffer = JitterBuffer(clockRate: rate)
        let frame = rate * milliseconds / 1_000
        let tick = rate / 50
        var waiting = 0
        var next: Int64 = 0
        var heard: (packets: [Int64], lost: Int, silent: Int, depth: Int) = ([], 0, 0, 0)
        let payload = [UInt8](repeating: 1, count: 480)
        for step in 0..<500 {
            let now = Int64(step) * 20 + 5
            while next * Int64(milliseconds) <= now {
                if !missing.contains(next) {
                    let result = payload.withUnsafeBytes {
                        buffer.push(
                            sequence: next, timestamp: UInt32(truncatingIfNeeded: next * Int64(frame)), payloadType: PayloadType(0),
                            marker: false, ticks: UInt32(frame), payload: $0,
                            arrival: Instant(nanoseconds: next * Int64(milliseconds) * 1_000_000))
                    }
                    #expect(result == .stored)
                }
                next += 1
            }
            var pulls = 0
            while waiting < tick {
                switch buffer.pull(now: Instant(nanoseconds: now * 1_000_000), isQuiet: false) {
                case .packet(let packet):
                    heard.packets.append(packet.sequence)
                    waiting += Int(packet.ticks)
                case .lost(let ticks):
                    heard.lost += Int(ticks)
                    waiting += Int(ticks)
                case .silence(let ticks):
                    heard.silent += Int(ticks)
                    waiting += Int(ticks)
                case .notReady: waiting += tick
                }
                pulls += 1
                #expect(pulls <= 20, "a tick is filled by few pulls")
                if pulls > 20 { return heard }
            }
            waiting -= tick
        }
        heard.depth = buffer.depth
        return heard
    }

    @Test(arguments: [8_000, 48_000], [10, 20, 30, 40, 60])
    func framesOfAnyLengthArePlayedWhole(rate: Int, milliseconds: Int) {
        let heard = play(rate: rate, milliseconds: milliseconds)
        #expect(heard.packets == Array(0..<Int64(heard.packets.count)))
        #expect(heard.packets.count >= 9_700 / milliseconds - 1)
        #expect(heard.lost <= 2 * rate * milliseconds / 1_000, "at the start at most")
        #expect(heard.silent == 0)
        #expect(heard.depth <= 60 / milliseconds + 2)
    }

    @Test(arguments: [10, 20, 60])
    func lostFramesKeepTheirLength(milliseconds: Int) {
        let whole = play(rate: 8_000, milliseconds: milliseconds)
        let heard = play(rate: 8_000, milliseconds: milliseconds, missing: [40, 80, 81])
        #expect(!heard.packets.contains(40) && heard.packets.contains(41))
        let concealed = heard.lost + heard.silent - whole.lost
        #expect(abs(concealed - 3 * 8 * milliseconds) <= 8 * milliseconds)
    }

    @Test func hostileNumbersNeverTrap() {
        for seed in UInt64(1)...8 {
            var random = SeededRandom(seed: seed)
            var buffer = JitterBuffer(clockRate: seed % 2 == 0 ? 8_000 : 48_000)
            var statistics = ReceptionStatistics(clockRate: 8_000)
            var sequence = UInt16.random(in: 0...65_535, using: &random)
            var timestamp = UInt32.random(in: 0...UInt32.max, using: &random)
            var now: Int64 = 0
            let payload = [UInt8](repeating: 7, count: 2_000)
            var played = 0
            for _ in 0..<5_000 {
                now += Int64.random(in: 0...30_000_000, using: &random)
                switch Int.random(in: 0..<12, using: &random) {
                case 0: sequence = UInt16.random(in: 0...65_535, using: &random)
                case 1: timestamp = UInt32.random(in: 0...UInt32.max, using: &random)
                case 2: now += Int64.random(in: 0...100_000_000_000, using: &random)
                case 3: sequence &-= UInt16.random(in: 0...120, using: &random)
                case 4: timestamp &-= UInt32.random(in: 0...20_000, using: &random)
                default:
                    sequence &+= 1
                    timestamp &+= 160
                }
                let arrival = Instant(nanoseconds: now)
                switch statistics.packetReceived(sequence: sequence, timestamp: timestamp, arrival: arrival) {
                case .extended(let place):
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        buffer.note(sequence: place)
                    } else {
                        let count = Int.random(in: 0...2_000, using: &random)
                        let ticks = UInt32.random(in: 0...7_000, using: &random)
                        _ = payload[0..<count].withUnsafeBytes {
                            buffer.push(
                                sequence: place, timestamp: timestamp, payloadType: PayloadType(0), marker: false, ticks: ticks,
                                payload: $0, arrival: arrival)
                        }
                    }
                case .restarted: buffer.reset()
                case .suspicious: break
                }
                #expect(buffer.depth >= 0 && buffer.depth <= 64)
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    if case .packet(let packet) = buffer.pull(now: arrival, isQuiet: Bool.random(using: &random)) {
                        played += 1
                        #expect(packet.payload.allSatisfy { $0 == 7 })
                    }
                }
                _ = statistics.makeReportBlock(for: SSRC(1), now: arrival)
            }
            #expect(played > 100)
        }
    }
}
