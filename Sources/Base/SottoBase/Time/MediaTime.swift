/// A position in a call's media, counted from the moment its media opened. Both legs of a call share this clock, so that a word,
/// a mask and a recorded frame can be laid over each other.
public struct MediaTime: Hashable, Comparable, Sendable {
    /// Ticks of 1/48,000 s: a whole number for 8, 16 and 48 kHz samples alike.
    public var ticks: Int64

    @inlinable public init(ticks: Int64) { self.ticks = ticks }
    @inlinable public init(milliseconds: Int64) { ticks = milliseconds &* 48 }
    /// The position of sample `count` at 16 kHz.
    @inlinable public init(samplesAt16kHz count: Int64) { ticks = count &* 3 }

    @inlinable public static var zero: MediaTime { MediaTime(ticks: 0) }
    /// Rounded towards zero.
    @inlinable public var milliseconds: Int64 { ticks / 48 }

    @inlinable public static func < (a: MediaTime, b: MediaTime) -> Bool { a.ticks < b.ticks }
    @inlinable public static func + (a: MediaTime, milliseconds: Int64) -> MediaTime { MediaTime(ticks: a.ticks &+ milliseconds &* 48) }
    @inlinable public static func - (a: MediaTime, milliseconds: Int64) -> MediaTime { MediaTime(ticks: a.ticks &- milliseconds &* 48) }
}
