public import SottoBase

/// Lays a sender's RTP timestamps on the call's media clock: one pair of both is known, the rest follows from the rate.
public struct RTPMediaClock: Equatable, Sendable {
    /// Ticks per second of the RTP clock, as negotiated: 8,000 to 48,000.
    public let clockRate: Int
    private var timestamp: UInt32 = 0
    private var position: MediaTime = .zero
    /// False until the first `anchor`.
    public private(set) var isAnchored = false

    public init(clockRate: Int) {
        precondition((1_000...192_000).contains(clockRate), "an RTP clock runs at 1 to 192 kHz")
        self.clockRate = clockRate
    }

    /// Says that the medium stamped `timestamp` is heard at `position`. Call it for each packet that is played.
    public mutating func anchor(_ timestamp: UInt32, at position: MediaTime) {
        self.timestamp = timestamp
        self.position = position
        isAnchored = true
    }

    /// When the medium stamped `timestamp` is heard; before the first anchor, the clock's zero.
    public func mediaTime(of timestamp: UInt32) -> MediaTime {
        let step = Int64(Int32(bitPattern: timestamp &- self.timestamp))
        return MediaTime(ticks: position.ticks &+ step &* 48_000 / Int64(clockRate))
    }

    /// A duration in RTP ticks as ticks of `MediaTime`.
    public func mediaTicks(_ ticks: UInt32) -> Int64 { Int64(ticks) &* 48_000 / Int64(clockRate) }
}
