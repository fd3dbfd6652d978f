internal import CEpoll
internal import RTP
internal import SottoBase

/// The two clocks that the media threads read: the monotonic one once a turn, the wall clock for RTCP alone.
enum MediaClock {
    static var now: Instant { Instant(nanoseconds: sotto_monotonic()) }
    static var wallNow: NTPTime { NTPTime(WallTime(milliseconds: sotto_realtime_milliseconds())) }
}
