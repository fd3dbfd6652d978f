import SottoBase
import Testing

struct WallTimeTests {
    @Test(arguments: [
        (0 as Int64, "1970-01-01T00:00:00.000Z"), (1_795_556_400_123, "2026-11-24T21:40:00.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (-86_400_000, "1969-12-31T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
    ])
    func rfc3339(_ milliseconds: Int64, _ expected: String) {
        #expect(WallTime(milliseconds: milliseconds).rfc3339 == expected)
    }

    @Test func everyDayOfFourCenturiesFollowsTheOneBefore() {
        var previous = WallTime(milliseconds: -62_135_596_800_000).date  // 0001-01-01
        #expect(previous == (1, 1, 1))
        for day in 1...146_097 {
            let date = WallTime(milliseconds: -62_135_596_800_000 + Int64(day) * 86_400_000).date
            let isNext =
                date == (previous.year, previous.month, previous.day + 1)
                || (date.day == 1 && date.month == previous.month + 1 && date.year == previous.year)
                || (date == (previous.year + 1, 1, 1) && previous.month == 12 && previous.day == 31)
            if !isNext {
                Issue.record("day \(day)")
                return
            }
            previous = date
        }
        #expect(previous == (401, 1, 1))
    }
}

struct InstantTests {
    @Test func durationsSaturate() {
        #expect(Duration.seconds(2).wholeNanoseconds == 2_000_000_000)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(Duration.microseconds(-1_500).wholeMilliseconds == -1)
    }

    @Test func mediaTimeCountsSamplesAndMilliseconds() {
        #expect(MediaTime(milliseconds: 20) == MediaTime(samplesAt16kHz: 320))
        #expect(MediaTime(milliseconds: 20).ticks == 960)
        #expect((MediaTime.zero + 30 - 10).milliseconds == 20)
    }
}

struct TimerTableTests {
    private enum Timer { case a, b, c }

    @Test func theEarliestComesFirstAndEachComesOnce() {
        var table = TimerTable<Timer>()
        table.start(.a, at: Instant(nanoseconds: 30))
        table.start(.b, at: Instant(nanoseconds: 10))
        table.start(.c, at: Instant(nanoseconds: 20))
        #expect(table.next == Instant(nanoseconds: 10))
        #expect(table.popExpired(now: Instant(nanoseconds: 9)) == nil)
        #expect(table.popExpired(now: Instant(nanoseconds: 20)) == .b)
        #expect(table.popExpired(now: Instant(nanoseconds: 20)) == .c)
        #expect(table.popExpired(now: Instant(nanoseconds: 20)) == nil)
        #expect(table.isRunning(.a))
        table.stop(.a)
        #expect(table.isEmpty)
        #expect(table.next == nil)
    }

    @Test func startingARunningTimerMovesIt() {
        var table = TimerTable<Timer>()
        table.start(.a, at: Instant(nanoseconds: 10))
        table.start(.a, at: Instant(nanoseconds: 50))
        #expect(table.popExpired(now: Instant(nanoseconds: 49)) == nil)
        #expect(table.deadline(of: .a) == Instant(nanoseconds: 50))
        table.stopAll()
        #expect(table.isEmpty)
    }
}
