internal import SottoBase

/// `instant` on an RTP clock, in ticks; split so that nothing overflows.
func rtpTicks(_ instant: Instant, rate: Int64) -> Int64 {
    instant.nanoseconds / 1_000_000_000 &* rate &+ instant.nanoseconds % 1_000_000_000 &* rate / 1_000_000_000
}

/// How long packets must wait so that late ones are still in time: the spread of their transit over its recent minimum.
///
/// Transit is arrival less timestamp; its origin is arbitrary, so only differences mean anything. The minimum is taken over the last
/// 250 to 500 packets, so that it follows a sender whose clock drifts.
struct DelayEstimator {
    private static let bucketSize = 250

    private let minimum: Int64
    private let maximum: Int64
    private var bucketMinimum = Int64.max
    private var bucketCount = 0
    private var previousMinimum = Int64.max
    /// Peak of the spread: rises by half of each excess, falls by 1/256 of the difference per packet (5 s at 50 packets/s).
    private var peak: Int64

    /// All in RTP ticks.
    init(minimum: Int64, maximum: Int64) {
        self.minimum = minimum
        self.maximum = maximum
        peak = minimum
    }

    /// The fastest recent packet's transit; nil before the first.
    var base: Int64? {
        let low = min(bucketMinimum, previousMinimum)
        return low == .max ? nil : low
    }

    /// How long the fastest packet should wait: the peak and half of the shortest delay as margin.
    var target: Int64 { min(max(peak &+ minimum / 2, minimum), maximum) }

    mutating func packetArrived(transit: Int64) {
        guard let base else {
            bucketMinimum = transit
            bucketCount = 1
            return
        }
        let spread = transit &- base
        if spread > 2 &* maximum {
            // No jitter: the sender's clock stood still, or the route changed. The burst after a stall lowers the base again.
            bucketMinimum = transit
            previousMinimum = .max
            bucketCount = 1
            return
        }
        bucketMinimum = min(bucketMinimum, transit)
        bucketCount += 1
        if bucketCount >= Self.bucketSize {
            previousMinimum = bucketMinimum
            bucketMinimum = .max
            bucketCount = 0
        }
        if spread > peak {
            peak = min(peak &+ (spread &- peak &+ 1) / 2, maximum)
        } else {
            peak = max(0, peak &- max(1, (peak &- max(spread, 0)) >> 8))
        }
    }

    mutating func reset() { self = DelayEstimator(minimum: minimum, maximum: maximum) }
}
