/// The timers of one machine: at most one deadline per timer, held as values. The driver keeps a single wake-up for the earliest one.
public struct TimerTable<Timer: Hashable & Sendable>: Sendable {
    private var deadlines: [Timer: Instant] = [:]

    public init() {}

    /// Starts `timer`, or moves it when it is running already.
    public mutating func start(_ timer: Timer, at deadline: Instant) { deadlines[timer] = deadline }
    public mutating func stop(_ timer: Timer) { deadlines[timer] = nil }
    public mutating func stopAll() { deadlines.removeAll(keepingCapacity: false) }
    public func deadline(of timer: Timer) -> Instant? { deadlines[timer] }
    public func isRunning(_ timer: Timer) -> Bool { deadlines[timer] != nil }
    public var isEmpty: Bool { deadlines.isEmpty }

    /// The earliest deadline, for the driver's wake-up.
    public var next: Instant? { deadlines.values.min() }

    /// Removes and returns the earliest timer whose deadline is not later than `now`; nil when none is due.
    /// Call it in a loop: each call removes one timer, so the loop ends.
    public mutating func popExpired(now: Instant) -> Timer? {
        guard let due = deadlines.filter({ $0.value <= now }).min(by: { $0.value < $1.value }) else { return nil }
        deadlines[due.key] = nil
        return due.key
    }
}
