public import SottoBase

/// Seconds since 1900 as a 32.32 fixed-point number, as sender reports carry it (RFC 3550 §4).
public struct NTPTime: Hashable, Sendable {
    public var bits: UInt64

    public init(bits: UInt64) { self.bits = bits }

    /// RFC 3550 §4: 2,208,988,800 s lie between 1900 and 1970. Wraps in 2036, as the format does.
    public init(_ time: WallTime) {
        let milliseconds = max(0, time.milliseconds)
        let seconds = UInt64(truncatingIfNeeded: milliseconds / 1_000 &+ 2_208_988_800)
        let fraction = UInt64(milliseconds % 1_000) &* 4_294_967_296 / 1_000
        bits = seconds << 32 | fraction
    }

    /// The middle 32 bits: what a report block echoes.
    public var middle: UInt32 { UInt32(truncatingIfNeeded: bits >> 16) }
}
