internal import Dispatch
internal import Synchronization

/// One thread's worth of work that may block (disk, database, key service), apart from Swift's shared pool, with a bound on what waits.
public final class SerialWorker: Sendable {
    private let queue: DispatchQueue
    private let waiting = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    public let limit: Int

    /// - Parameter limit: jobs that may wait; more are refused and counted.
    public init(name: String, limit: Int) {
        queue = DispatchQueue(label: name)
        self.limit = limit
    }

    /// Jobs that wait or run now: a gauge that returns to zero.
    public var pending: Int { waiting.load(ordering: .relaxed) }
    public var refused: Int { refusedCount.load(ordering: .relaxed) }

    /// Runs `job` after those before it; never blocks. False (and counted) when too many wait.
    /// - Parameter isReserved: true for what must not be refused because its number is bounded elsewhere: the close of what was opened.
    @discardableResult
    public func submit(isReserved: Bool = false, _ job: @escaping @Sendable () -> Void) -> Bool {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= limit || isReserved else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            refusedCount.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        queue.async { [self] in
            job()
            waiting.wrappingSubtract(1, ordering: .relaxed)
        }
        return true
    }

    /// Runs `job` and gives its result; nil when too many wait.
    public func run<Value: Sendable>(isReserved: Bool = false, _ job: @escaping @Sendable () -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            if !submit(isReserved: isReserved, { continuation.resume(returning: job()) }) { continuation.resume(returning: nil) }
        }
    }

    /// Returns when everything submitted before it is done.
    public func drain() { queue.sync {} }
}
