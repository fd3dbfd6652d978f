internal import SottoBase

/// The port pairs of one range that belong to one thread: every `stride`-th, so that threads share a range without a lock.
///
/// A pair rests after use, so that a late packet of the old call finds nobody.
struct PortPool: ~Copyable {
    /// A range is large and binding costs a system call: so many taken ports in a row and a reservation fails.
    static let attemptsPerReservation = 64

    private let firstPair: Int
    private let stride: Int
    private let count: Int
    /// Per pair: when it may be used again; `.max` while it is used.
    private let usableAt: UnsafeMutablePointer<Int64>
    private var next = 0
    private let rest: Int64
    /// A pair that nobody's packets were sent to (an INVITE that was cancelled) needs no long rest: a flood of such calls must not empty
    /// a small range. A moment is left for a peer that had our answer already.
    private let unusedRest: Int64
    private(set) var inUse = 0

    init(_ range: MediaPortRange, thread: Int, threads: Int, rest: Duration) {
        let first = (Int(range.first) + 1) / 2
        let end = Int(range.last) / 2 + (range.last % 2 == 1 ? 1 : 0)  // pairs whose odd port still fits
        let pairs = max(0, end - first)
        firstPair = first + thread
        stride = threads
        count = pairs > thread ? (pairs - thread + threads - 1) / threads : 0
        usableAt = .allocate(capacity: max(count, 1))
        usableAt.initialize(repeating: .min, count: max(count, 1))
        self.rest = rest.wholeNanoseconds
        unusedRest = rest.wholeNanoseconds / 20
    }

    deinit { usableAt.deallocate() }

    /// Pairs of this pool.
    var size: Int { count }

    /// Pairs that rest at `now`.
    func resting(_ now: Instant) -> Int {
        var resting = 0
        for index in 0..<count where usableAt[index] != .max && usableAt[index] > now.nanoseconds { resting += 1 }
        return resting
    }

    /// The next pair's even port, marked as used; nil when none is free. Ports go round, so that each rests as long as possible.
    mutating func take(_ now: Instant) -> UInt16? {
        for _ in 0..<count {
            let index = next
            next = next + 1 == count ? 0 : next + 1
            guard usableAt[index] <= now.nanoseconds else { continue }
            usableAt[index] = .max
            inUse += 1
            return UInt16(truncatingIfNeeded: (firstPair + index * stride) * 2)
        }
        return nil
    }

    /// Gives a pair back to rest: after use, or because somebody else holds its ports.
    /// - Parameter wasUsed: a session was started on it.
    mutating func release(_ port: UInt16, _ now: Instant, wasUsed: Bool) {
        let index = (Int(port) / 2 - firstPair) / stride
        guard index >= 0, index < count, usableAt[index] == .max else { return }
        usableAt[index] = now.nanoseconds &+ (wasUsed ? rest : unusedRest)
        inUse -= 1
    }
}
