public import SottoBase

/// How often something may happen: `burst` at once, `perSecond` in the long run.
public struct RateBudget: Equatable, Sendable {
    private let perSecond: Double
    private let burst: Double
    private var left: Double
    private var last: Instant?

    public init(perSecond: Int, burst: Int) {
        self.perSecond = Double(perSecond)
        self.burst = Double(burst)
        left = Double(burst)
    }

    /// False when it is used up.
    public mutating func spend(now: Instant) -> Bool {
        if let last { left = min(burst, left + Double(max(0, (now - last).wholeNanoseconds)) / 1e9 * perSecond) }
        last = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}
