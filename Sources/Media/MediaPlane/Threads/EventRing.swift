internal import SottoBase
internal import Synchronization

/// Events on their way from one media thread: a bounded ring. The media thread takes no lock; those who drain share one.
///
/// Statistics use its first half only, so that what a call cannot do without finds room.
final class EventRing: Sendable {
    private let capacity: Int
    private let slots: Slots
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let draining = Mutex(())
    private let isAnnounced = Atomic<Bool>(false)
    private let statisticsDroppedCount = Atomic<UInt64>(0)
    private let lostCount = Atomic<UInt64>(0)

    /// proof: a slot is written by the media thread alone before `tail` passes it, and read under the lock before `head` passes it
    private struct Slots: @unchecked Sendable {
        let start: UnsafeMutablePointer<MediaEvent>
    }

    init(sessions: Int) {
        capacity = max(512, sessions * 16)
        slots = Slots(start: .allocate(capacity: capacity))
    }

    deinit {
        drain(limit: .max) { _ in }
        slots.start.deallocate()
    }

    var count: Int { tail.load(ordering: .acquiring) - head.load(ordering: .acquiring) }
    var statisticsDropped: UInt64 { statisticsDroppedCount.load(ordering: .relaxed) }
    var lost: UInt64 { lostCount.load(ordering: .relaxed) }

    /// The media thread only.
    func push(_ event: MediaEvent) {
        let t = tail.load(ordering: .relaxed)
        guard t - head.load(ordering: .acquiring) < capacity else {
            lostCount.wrappingAdd(1, ordering: .relaxed)
            return
        }
        (slots.start + t % capacity).initialize(to: event)
        tail.store(t + 1, ordering: .releasing)
    }

    /// The media thread only.
    func pushStatistics(_ id: MediaSessionID, _ statistics: MediaStatistics) {
        guard tail.load(ordering: .relaxed) - head.load(ordering: .acquiring) < capacity / 2 else {
            statisticsDroppedCount.wrappingAdd(1, ordering: .relaxed)
            return
        }
        push(.statistics(id, statistics))
    }

    /// The media thread, at the end of a turn: true when somebody must be told that events wait.
    func mustAnnounce() -> Bool {
        guard count > 0 else { return false }
        return !isAnnounced.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// Any thread. `body` runs outside of the ring's bookkeeping for its event.
    @discardableResult
    func drain(limit: Int, _ body: (MediaEvent) -> Void) -> Int {
        isAnnounced.store(false, ordering: .sequentiallyConsistent)
        var taken = 0
        while taken < limit {
            let event: MediaEvent? = draining.withLock { _ in
                let h = head.load(ordering: .relaxed)
                guard h < tail.load(ordering: .acquiring) else { return nil }
                let event = (slots.start + h % capacity).move()
                head.store(h + 1, ordering: .releasing)
                return event
            }
            guard let event else { break }
            body(event)
            taken += 1
        }
        return taken
    }
}
