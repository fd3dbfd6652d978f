internal import Synchronization

/// Values on their way from one thread to one other: a bounded ring without locks.
final class HandoffRing<Element: Sendable>: Sendable {
    let capacity: Int
    private let slots: Slots
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)

    /// proof: a slot is written by the one producer before `tail` passes it, and read by the one consumer before `head` passes it
    private struct Slots: @unchecked Sendable {
        let start: UnsafeMutablePointer<Element>
    }

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        slots = Slots(start: .allocate(capacity: max(1, capacity)))
    }

    deinit {
        while take() != nil {}
        slots.start.deallocate()
    }

    /// The producer only. False when it is full.
    func push(_ element: Element) -> Bool {
        let t = tail.load(ordering: .relaxed)
        guard t &- head.load(ordering: .acquiring) < capacity else { return false }
        (slots.start + t % capacity).initialize(to: element)
        tail.store(t &+ 1, ordering: .releasing)
        return true
    }

    /// The consumer only.
    func take() -> Element? {
        let h = head.load(ordering: .relaxed)
        guard h < tail.load(ordering: .acquiring) else { return nil }
        let element = (slots.start + h % capacity).move()
        head.store(h &+ 1, ordering: .releasing)
        return element
    }
}
