public import SottoBase

/// A rate limit: so many tokens per second, up to a burst. Pure arithmetic over the instants that it is given.
public struct TokenBucket: Hashable, Sendable {
    /// Tokens that are there, in parts.
    private var level: Double
    private var updated: Instant

    /// Starts full.
    public init(burst: Int, now: Instant) {
        level = Double(max(1, burst))
        updated = now
    }

    /// Takes a token. False when there is none; nothing is taken then. Rate and burst are arguments, so that a reload changes them
    /// without emptying the bucket.
    public mutating func take(rate: Double, burst: Int, now: Instant) -> Bool {
        refill(rate: rate, burst: burst, now: now)
        guard level >= 1 else { return false }
        level -= 1
        return true
    }

    /// True when nothing is missing: such a bucket says no more than a new one.
    public mutating func isFull(rate: Double, burst: Int, now: Instant) -> Bool {
        refill(rate: rate, burst: burst, now: now)
        return level >= Double(max(1, burst))
    }

    private mutating func refill(rate: Double, burst: Int, now: Instant) {
        let elapsed = Double((now - updated).wholeNanoseconds) / 1e9
        // An instant that runs backwards gives nothing and takes nothing.
        if elapsed > 0 { level += elapsed * max(0, rate) }
        if now > updated { updated = now }
        level = min(level, Double(max(1, burst)))
    }
}
