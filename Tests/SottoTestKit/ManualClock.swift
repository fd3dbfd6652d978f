public import SottoBase

/// Time that moves only when a test says so.
public struct ManualClock: Sendable {
    public private(set) var now = Instant(nanoseconds: 0)
    public init() {}
    public mutating func advance(by duration: Duration) { now = now + duration }
}
