import SottoBase
import Testing

@testable import RTP

@Suite struct SequenceTests {
    // RFC 3550 §A.1
    @Test func numbersAreExtendedOverTheirWrap() {
        var extender = SequenceExtender()
        #expect(extender.extend(65_534) == .extended(65_534))
        #expect(extender.extend(65_535) == .extended(65_535))
        #expect(extender.extend(0) == .extended(65_536))
        #expect(extender.extend(65_535) == .extended(65_535), "late, before the wrap")
        #expect(extender.extend(1) == .extended(65_537))
        #expect(extender.highest == 65_537)
    }

    @Test func wholeNumberSpaceIsWalkedThrice() {
        var extender = SequenceExtender()
        for place in Int64(100)..<Int64(100 + 3 * 65_536) {
            guard extender.extend(UInt16(truncatingIfNeeded: place)) == .extended(place) else {
                Issue.record("place \(place)")
                return
            }
        }
    }

    @Test func largeJumpNeedsTwoPackets() {
        var extender = SequenceExtender()
        _ = extender.extend(10)
        #expect(extender.extend(10 + 3_000) == .suspicious)
        #expect(extender.extend(11) == .extended(11), "one stray packet changes nothing")
        #expect(extender.extend(40_000) == .suspicious)
        #expect(extender.extend(40_001) == .restarted(40_001))
        #expect(extender.first == 40_001)
    }

    @Test func limitsOfLossAndMisorder() {
        var extender = SequenceExtender()
        _ = extender.extend(1_000)
        #expect(extender.extend(1_000 - 100) == .extended(900))
        #expect(extender.extend(1_000 - 101) == .suspicious)
        #expect(extender.extend(1_000 + 2_999) == .extended(3_999))
    }

    @Test func timestampsAreExtendedBothWays() {
        var extender = TimestampExtender()
        #expect(extender.extend(.max - 10) == Int64(UInt32.max) - 10)
        #expect(extender.extend(149) == Int64(UInt32.max) + 150)
        #expect(extender.extend(.max - 10) == Int64(UInt32.max) - 10)
    }

    @Test func mediaClockFollowsItsAnchor() {
        var clock = RTPMediaClock(clockRate: 8_000)
        #expect(!clock.isAnchored)
        clock.anchor(.max - 79, at: MediaTime(milliseconds: 500))
        #expect(clock.mediaTime(of: 80) == MediaTime(milliseconds: 520))
        #expect(clock.mediaTime(of: .max - 159) == MediaTime(milliseconds: 490))
        #expect(clock.mediaTicks(160) == 960)
    }
}

@Suite struct ReceptionStatisticsTests {
    private func instant(_ milliseconds: Double) -> Instant { Instant(nanoseconds: Int64(milliseconds * 1_000_000)) }

    // RFC 3550 §A.3
    @Test func lossFractionCountsTheInterval() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        for sequence in UInt16(0)..<100 where sequence % 4 != 3 {
            _ = statistics.packetReceived(
                sequence: sequence, timestamp: UInt32(sequence) * 160, arrival: instant(Double(sequence) * 20))
        }
        #expect(statistics.expected == 99, "number 99 has not been missed yet")
        #expect(statistics.lost == 24)
        let first = statistics.makeReportBlock(for: SSRC(1), now: instant(2_000))
        #expect(first.fractionLost == UInt8(24 * 256 / 99))
        #expect(first.cumulativeLost == 24)
        #expect(first.highestSequence == 98)
        for sequence in UInt16(99)..<199 {
            _ = statistics.packetReceived(
                sequence: sequence, timestamp: UInt32(sequence) * 160, arrival: instant(Double(sequence) * 20))
        }
        let second = statistics.makeReportBlock(for: SSRC(1), now: instant(4_000))
        #expect(second.fractionLost == 0)
        #expect(second.cumulativeLost == 24)
    }

    @Test func duplicatesMakeLossNegative() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        for _ in 0..<3 { _ = statistics.packetReceived(sequence: 5, timestamp: 0, arrival: instant(0)) }
        #expect(statistics.lost == -2)
        #expect(statistics.makeReportBlock(for: SSRC(1), now: instant(1)).fractionLost == 0)
        #expect(statistics.makeReportBlock(for: SSRC(1), now: instant(1)).cumulativeLost == -2)
    }

    // RFC 3550 §A.8: J += (|D| - J) / 16
    @Test func jitterFollowsThePublishedEstimator() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        var expected = 0.0
        var previous: Double?
        var random = SeededRandom(seed: 3)
        for sequence in UInt16(0)..<500 {
            let arrival = Double(sequence) * 20 + Double(Int.random(in: 0...16, using: &random))
            _ = statistics.packetReceived(sequence: sequence, timestamp: UInt32(sequence) * 160, arrival: instant(arrival))
            let transit = arrival * 8 - Double(sequence) * 160
            if let previous { expected += (abs(transit - previous) - expected) / 16 }
            previous = transit
        }
        #expect(abs(Double(statistics.jitterTicks) - expected) <= 2)
        #expect(expected > 20)
    }

    @Test func wrapOfTheTimestampIsNoJitter() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        var timestamp = UInt32.max - 500
        for sequence in UInt16(0)..<20 {
            _ = statistics.packetReceived(sequence: sequence, timestamp: timestamp, arrival: instant(Double(sequence) * 20))
            timestamp &+= 160
        }
        #expect(statistics.jitterTicks == 0)
    }

    // RFC 4733 §2.5.1.2: an event's packets repeat its timestamp beside the audio
    @Test func eventsAreNoJitter() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        for number in UInt16(0)..<100 {
            let arrival = instant(Double(number) * 20)
            _ = statistics.packetReceived(sequence: 2 * number, timestamp: UInt32(number) * 160, arrival: arrival)
            _ = statistics.packetReceived(sequence: 2 * number + 1, timestamp: 8_000, arrival: arrival, measuresJitter: false)
        }
        #expect(statistics.jitterTicks == 0)
        #expect(statistics.lost == 0)
    }

    // RFC 3550 §6.4.1: the figure's example, 4.5 s + delay 5.25 s answered 6.125 s later
    @Test func roundTripIsThePublishedExample() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        let block = ReportBlock(
            ssrc: SSRC(1), fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0xB705_2000,
            delaySinceLastSenderReport: 0x0005_4000)
        statistics.reportReceived(block, now: NTPTime(bits: 0xB710_8000 << 16))
        #expect(statistics.roundTrip == .milliseconds(6_125))
    }

    @Test func impossibleRoundTripIsIgnored() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        var block = ReportBlock(
            ssrc: SSRC(1), fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
            delaySinceLastSenderReport: 0)
        statistics.reportReceived(block, now: NTPTime(bits: 5 << 16))
        block.lastSenderReport = 10
        statistics.reportReceived(block, now: NTPTime(bits: 5 << 16))
        #expect(statistics.roundTrip == nil)
    }

    @Test func blockEchoesTheLastSenderReport() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        _ = statistics.packetReceived(sequence: 1, timestamp: 0, arrival: instant(0))
        statistics.senderReportReceived(NTPTime(bits: 0x0000_1234_5678_0000), arrival: instant(1_000))
        let block = statistics.makeReportBlock(for: SSRC(1), now: instant(3_500))
        #expect(block.lastSenderReport == 0x1234_5678)
        #expect(block.delaySinceLastSenderReport == 163_840)  // 2.5 s
    }

    @Test func restartStartsTheCountAgain() {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        for sequence in UInt16(0)..<10 { _ = statistics.packetReceived(sequence: sequence, timestamp: 0, arrival: instant(0)) }
        _ = statistics.packetReceived(sequence: 30_000, timestamp: 0, arrival: instant(0))
        #expect(statistics.packetReceived(sequence: 30_001, timestamp: 0, arrival: instant(0)) == .restarted(30_001))
        #expect(statistics.expected == 1 && statistics.received == 1)
    }
}
