internal import CSystemd
internal import Glibc
internal import SottoBase

/// The kernel's clocks. Machines get their times as arguments; drivers read them here.
enum SystemClock {
    /// CLOCK_MONOTONIC, the same that NIO's deadlines count on.
    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static var wall: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
