import SottoBase
import Testing

@testable import RTP

/// What a pull gave, as a test reads it: a packet is named by its number.
private enum Heard: Equatable {
    case packet(Int64)
    case lost
    case silence
    case notReady
}

/// One PCMU stream with frames of 20 ms: number n has timestamp n × 160 + the origin, and its payload says n.
private final class Rig {
    var buffer: JitterBuffer
    let origin: UInt32
    let firstSequence: Int64

    init(firstSequence: Int64 = 0, origin: UInt32 = 1_000, minimum: Int = 20, maximum: Int = 200) {
        buffer = JitterBuffer(clockRate: 8_000, minimumDelayMilliseconds: minimum, maximumDelayMilliseconds: maximum)
        self.origin = origin
        self.firstSequence = firstSequence
    }

    @discardableResult
    func push(_ number: Int64, at milliseconds: Double, timestamp: UInt32? = nil, count: Int = 160, ticks: UInt32 = 160) -> JitterPush {
        var payload = [UInt8](repeating: 0, count: count)
        if count >= 8 { withUnsafeBytes(of: number) { for index in 0..<8 { payload[index] = $0[index] } } }
        return payload.withUnsafeBytes {
            buffer.push(
                sequence: firstSequence + number, timestamp: timestamp ?? origin &+ UInt32(truncatingIfNeeded: number * 160),
                payloadType: PayloadType(0), marker: false, ticks: ticks, payload: $0,
                arrival: Instant(nanoseconds: Int64(milliseconds * 1_000_000)))
        }
    }

    func pull(at milliseconds: Double, quiet: Bool = false) -> Heard {
        switch buffer.pull(now: Instant(nanoseconds: Int64(milliseconds * 1_000_000)), isQuiet: quiet) {
        case .packet(let packet):
            let number = packet.payload.loadUnaligned(as: Int64.self)
            #expect(packet.sequence == firstSequence + number, "the payload is its packet's own")
            return .packet(number)
        case .lost(let ticks):
            #expect(ticks > 0 && ticks <= 960)
            return .lost
        case .silence(let ticks):
            #expect(ticks > 0 && ticks <= 960)
            return .silence
        case .notReady: return .notReady
        }
    }

    /// Delivers packets at their given times and pulls every 20 ms from 5 ms on.
    func run(_ deliveries: [(number: Int64, at: Double)], until end: Double, quiet: Bool = false) -> [Heard] {
        let sorted = deliveries.sorted { $0.at < $1.at }
        var next = 0
        var heard: [Heard] = []
        var now = 5.0
        while now < end {
            while next < sorted.count, sorted[next].at <= now {
                push(sorted[next].number, at: sorted[next].at)
                next += 1
            }
            heard.append(pull(at: now, quiet: quiet))
            now += 20
        }
        return heard
    }
}

private func steady(_ numbers: Range<Int64>, except missing: Set<Int64> = []) -> [(number: Int64, at: Double)] {
    numbers.filter { !missing.contains($0) }.map { ($0, Double($0) * 20) }
}

private func packets(_ heard: [Heard]) -> [Int64] {
    heard.compactMap { if case .packet(let number) = $0 { number } else { nil } }
}

@Suite struct JitterBufferTests {
    @Test func steadyStreamIsPlayedWhole() {
        let rig = Rig()
        let heard = rig.run(steady(0..<200), until: 4_000)
        #expect(heard.prefix(1) == [.notReady])
        let played = packets(heard)
        #expect(played == Array(0..<Int64(played.count)))
        #expect(played.count >= 196)
        #expect(!heard.contains(.lost) && !heard.contains(.silence))
        #expect(rig.buffer.counters.lost == 0 && rig.buffer.counters.dropped == 0 && rig.buffer.counters.stretched == 0)
        #expect(rig.buffer.targetDelay <= .milliseconds(40))
    }

    @Test func numbersAndTimestampsWrapUnheard() {
        // the 16-bit number wraps at packet 50, the timestamp at packet 80
        let rig = Rig(firstSequence: 65_536 - 50, origin: UInt32.max - 80 * 160 + 1)
        let played = packets(rig.run(steady(0..<200), until: 4_000))
        #expect(played == Array(0..<Int64(played.count)))
        #expect(rig.buffer.counters.resets == 0 && rig.buffer.counters.lost == 0)
    }

    @Test func missingPacketIsConcealedInItsPlace() {
        let rig = Rig()
        let heard = rig.run(steady(0..<100, except: [30, 60, 61]), until: 2_000)
        guard let at29 = heard.firstIndex(of: .packet(29)), let at59 = heard.firstIndex(of: .packet(59)) else {
            Issue.record("packets 29 and 59 are played")
            return
        }
        #expect(Array(heard[at29...at29 + 2]) == [.packet(29), .lost, .packet(31)])
        #expect(Array(heard[at59...at59 + 3]) == [.packet(59), .lost, .lost, .packet(62)])
        #expect(rig.buffer.counters.lost == 3)
    }

    @Test func reorderedPacketsArePlayedInOrder() {
        let rig = Rig(minimum: 60)
        var deliveries = steady(0..<100)
        deliveries[40].at = 41 * 20 + 3  // 40 comes after 41
        deliveries[50].at = 52 * 20 + 3  // 50 comes after 52
        let heard = rig.run(deliveries, until: 2_000)
        #expect(packets(heard) == Array(0..<Int64(packets(heard).count)))
        #expect(!heard.contains(.lost))
        #expect(rig.buffer.counters.late == 0)
    }

    @Test func reorderAtTheStartLosesNothing() {
        let rig = Rig()
        #expect(rig.push(1, at: 0) == .stored)
        #expect(rig.push(0, at: 1) == .stored)
        var heard: [Heard] = []
        for tick in 0..<6 { heard.append(rig.pull(at: Double(tick) * 20 + 5)) }
        #expect(packets(heard) == [0, 1])
    }

    @Test func duplicatesAreCountedAndPlayedOnce() {
        let rig = Rig()
        var deliveries = steady(0..<50)
        deliveries += steady(0..<50).map { ($0.number, $0.at + 1) }
        deliveries += [(5, 400)]
        let played = packets(rig.run(deliveries, until: 1_000))
        #expect(played == Array(0..<Int64(played.count)))
        #expect(rig.buffer.counters.duplicate == 51)
    }

    @Test func latePacketIsCountedAndNotPlayed() {
        let rig = Rig()
        var deliveries = steady(0..<100)
        deliveries[50].at = 1_150
        let heard = rig.run(deliveries, until: 2_000)
        #expect(!packets(heard).contains(50))
        #expect(rig.buffer.counters.late == 1)
        #expect(rig.buffer.counters.lost == 1)
    }

    @Test func pauseWithoutMissingNumberIsSilence() {
        let rig = Rig(minimum: 40)
        // DTX: number 20 comes 400 ms later by both clocks
        var heard: [Heard] = []
        for tick in Int64(0)..<60 {
            if tick < 20 { rig.push(tick, at: Double(tick) * 20) }
            if tick == 40 { rig.push(20, at: 800, timestamp: 1_000 + 40 * 160) }
            heard.append(rig.pull(at: Double(tick) * 20 + 5))
        }
        #expect(packets(heard) == Array(0...20))
        #expect(rig.buffer.counters.lost == 0)
        #expect(rig.buffer.counters.resets == 0)
        #expect(heard.filter { $0 == .silence }.count >= 10)
        // the first frames of a pause cannot be told from loss
        #expect(heard.filter { $0 == .lost }.count <= 6)
    }

    @Test func knownPauseIsNeverConcealed() {
        let rig = Rig(minimum: 60)
        rig.push(0, at: 0)
        rig.push(1, at: 20)
        rig.push(2, at: 40, timestamp: 1_000 + 4 * 160)
        var heard: [Heard] = []
        for tick in 0..<12 { heard.append(rig.pull(at: Double(tick) * 20 + 65)) }
        guard let first = heard.firstIndex(of: .packet(1)) else {
            Issue.record("packet 1 is played")
            return
        }
        #expect(Array(heard[first...first + 3]) == [.packet(1), .silence, .silence, .packet(2)])
    }

    // RFC 4733 §2.1: events share the stream's numbers
    @Test func eventPacketsAreNoLoss() {
        let rig = Rig()
        var heard: [Heard] = []
        var now = 5.0
        for number in Int64(0)..<100 {
            if (40..<60).contains(number) {
                rig.buffer.note(sequence: number)
            } else {
                rig.push(number, at: Double(number) * 20)
            }
            heard.append(rig.pull(at: now))
            now += 20
        }
        #expect(rig.buffer.counters.lost == 0)
        #expect(!heard.contains(.lost))
        #expect(packets(heard).contains(39) && packets(heard).contains(60))
    }

    @Test func eventPacketsBesideAudioAreNoLoss() {
        let rig = Rig()
        var heard: [Heard] = []
        for number in Int64(0)..<100 {
            rig.push(2 * number, at: Double(number) * 20, timestamp: 1_000 + UInt32(number) * 160)
            rig.buffer.note(sequence: 2 * number + 1)
            heard.append(rig.pull(at: Double(number) * 20 + 5))
        }
        #expect(rig.buffer.counters.lost == 0)
        #expect(!heard.contains(.lost) && !heard.contains(.silence))
    }

    @Test func jitterRaisesTheDelayAndStopsLoss() {
        let rig = Rig()
        var random = SeededRandom(seed: 11)
        let deliveries = (Int64(0)..<1_500).map { (number: $0, at: Double($0) * 20 + Double(Int.random(in: 0...60, using: &random))) }
        _ = rig.run(Array(deliveries[0..<500]), until: 10_000)
        let before = rig.buffer.counters.lost
        #expect(rig.buffer.targetDelay >= .milliseconds(50) && rig.buffer.targetDelay <= .milliseconds(100))
        var heard: [Heard] = []
        var next = 500
        let sorted = deliveries.sorted { $0.at < $1.at }
        var now = 10_005.0
        while now < 29_000 {
            while next < sorted.count, sorted[next].at <= now {
                rig.push(sorted[next].number, at: sorted[next].at)
                next += 1
            }
            heard.append(rig.pull(at: now))
            now += 20
        }
        #expect(rig.buffer.counters.lost - before <= 5)
        #expect(packets(heard) == packets(heard).sorted())
    }

    @Test func delayFallsWhenJitterEnds() {
        let rig = Rig()
        var random = SeededRandom(seed: 12)
        let deliveries = (Int64(0)..<3_000).map {
            (number: $0, at: Double($0) * 20 + ($0 < 500 ? Double(Int.random(in: 0...120, using: &random)) : 0))
        }
        _ = rig.run(deliveries, until: 60_000, quiet: true)
        #expect(rig.buffer.targetDelay < .milliseconds(60))
        #expect(rig.buffer.depth <= 4)
        #expect(rig.buffer.counters.dropped > 0)
    }

    /// A sender whose clock is fast or slow by 200 ppm for ten minutes: the depth stays, and hardly a frame is lost.
    @Test(arguments: [1.000_2, 0.999_8])
    func driftIsFollowed(rate: Double) {
        let rig = Rig()
        let deliveries = (Int64(0)..<30_000).map { (number: $0, at: Double($0) * 20 / rate) }
        let heard = rig.run(deliveries, until: 599_000, quiet: true)
        #expect(rig.buffer.depth <= 4)
        #expect(rig.buffer.counters.lost <= 10)
        #expect(rig.buffer.counters.dropped <= 10)
        #expect(packets(heard) == packets(heard).sorted())
        // 200 ppm of 600 s are 120 ms: six frames must be dropped or put in
        if rate > 1 { #expect(rig.buffer.counters.dropped >= 3) }
        if rate < 1 { #expect(heard.filter { $0 == .lost }.count >= 3) }
    }

    @Test func burstAfterAStallIsBounded() {
        let rig = Rig()
        var deliveries = steady(0..<400)
        for number in 100..<150 { deliveries[number].at = 3_000 + Double(number - 100) * 0.1 }  // one second at once
        let heard = rig.run(deliveries, until: 8_000)
        let played = packets(heard)
        #expect(played == played.sorted())
        #expect(rig.buffer.depth <= 12)
        #expect(played.contains(149) && played.contains(300))
        // after the stall the delay is within its bounds
        guard let at300 = heard.firstIndex(of: .packet(300)) else { return }
        #expect(at300 <= 300 + 12)
    }

    @Test func hugeBurstNeverOverrunsItsSlots() {
        let rig = Rig()
        for number in Int64(0)..<1_000 { rig.push(number, at: 0) }
        #expect(rig.buffer.depth <= 64)
        #expect(rig.buffer.counters.overflow + rig.buffer.counters.resets > 0)
        var heard: [Heard] = []
        for tick in 0..<100 { heard.append(rig.pull(at: Double(tick) * 20)) }
        #expect(packets(heard).last == 999)
    }

    @Test func resetOfTheSendersClockStartsAnew() {
        let rig = Rig()
        for number in Int64(0)..<50 { rig.push(number, at: Double(number) * 20); _ = rig.pull(at: Double(number) * 20 + 5) }
        var heard: [Heard] = []
        for number in Int64(50)..<100 {
            rig.push(number, at: Double(number) * 20, timestamp: 3_000_000_000 &+ UInt32(number) * 160)
            heard.append(rig.pull(at: Double(number) * 20 + 5))
        }
        #expect(rig.buffer.counters.resets == 1)
        #expect(packets(heard).count >= 47)
    }

    @Test func newSourceNeedsAReset() {
        let rig = Rig()
        for number in Int64(0)..<50 { rig.push(number, at: Double(number) * 20); _ = rig.pull(at: Double(number) * 20 + 5) }
        rig.buffer.reset()
        #expect(rig.buffer.depth == 0 && rig.buffer.playoutTimestamp == nil)
        #expect(rig.pull(at: 1_000) == .notReady)
        #expect(rig.push(3, at: 1_001) == .stored, "numbers of the old stream are forgotten")
        #expect(rig.buffer.counters.stored == 51, "the counters stay")
    }

    @Test func largePayloadsHaveFourPlaces() {
        let rig = Rig()
        for number in Int64(0)..<4 { #expect(rig.push(number, at: 0, count: 1_504, ticks: 160) == .stored) }
        #expect(rig.push(4, at: 0, count: 513) == .overflow)
        #expect(rig.push(5, at: 0, count: 512) == .stored)
        #expect(rig.push(6, at: 0, count: 1_505) == .refused)
        #expect(rig.push(7, at: 0, count: 0) == .refused)
        #expect(rig.push(8, at: 0, ticks: 0) == .refused)
        #expect(rig.push(9, at: 0, ticks: 961) == .refused)
        var heard: [Heard] = []
        for tick in 0..<8 { heard.append(rig.pull(at: 40 + Double(tick) * 20)) }
        #expect(packets(heard).prefix(4) == [0, 1, 2, 3])
        #expect(rig.push(10, at: 200, count: 1_500) == .stored, "played packets give their places back")
    }

    @Test func anyScheduleKeepsOrderAndBounds() {
        for seed in UInt64(1)...20 {
            var random = SeededRandom(seed: seed)
            let rig = Rig(firstSequence: Int64(UInt16.random(in: 0...65_535, using: &random)), origin: random.next32())
            var deliveries: [(number: Int64, at: Double)] = []
            for number in Int64(0)..<1_000 where Int.random(in: 0..<10, using: &random) != 0 {
                let at = Double(number) * 20 + Double(Int.random(in: 0...150, using: &random))
                deliveries.append((number, at))
                if Int.random(in: 0..<20, using: &random) == 0 { deliveries.append((number, at + 30)) }
            }
            let heard = rig.run(deliveries, until: 20_500)
            let played = packets(heard)
            #expect(zip(played, played.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
            #expect(played.count > 700, "seed \(seed): \(played.count)")
            #expect(rig.buffer.depth <= 13, "seed \(seed)")
        }
    }
}

extension SeededRandom {
    fileprivate mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
