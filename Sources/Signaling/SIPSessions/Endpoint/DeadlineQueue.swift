import SottoBase

/// The earliest deadline of many machines: a binary heap that knows each owner's place, so that moving one costs O(log n).
struct DeadlineQueue<Owner: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var deadline: Instant
        /// Order of registration: owners due at the same instant fire in it, so that a run can be repeated.
        var order: UInt64
        var owner: Owner

        func isBefore(_ other: Entry) -> Bool { (deadline, order) < (other.deadline, other.order) }
    }

    private var heap: [Entry] = []
    private var places: [Owner: Int] = [:]
    private var registered: UInt64 = 0

    var count: Int { heap.count }
    var next: Instant? { heap.first?.deadline }

    /// Sets, moves or (nil) removes `owner`'s deadline.
    mutating func set(_ owner: Owner, to deadline: Instant?) {
        guard let deadline else { return remove(owner) }
        if let place = places[owner] {
            if heap[place].deadline == deadline { return }
            heap[place].deadline = deadline
            siftDown(siftUp(place))
            return
        }
        registered &+= 1
        heap.append(Entry(deadline: deadline, order: registered, owner: owner))
        places[owner] = heap.count - 1
        siftUp(heap.count - 1)
    }

    /// Removes and returns the owner whose deadline is earliest and not later than `now`.
    mutating func popDue(now: Instant) -> Owner? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        remove(first.owner)
        return first.owner
    }

    private mutating func remove(_ owner: Owner) {
        guard let place = places.removeValue(forKey: owner) else { return }
        let last = heap.removeLast()
        guard place < heap.count else { return }
        heap[place] = last
        places[last.owner] = place
        siftDown(siftUp(place))
    }

    @discardableResult
    private mutating func siftUp(_ start: Int) -> Int {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            exchange(child, parent)
            child = parent
        }
        return child
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
            guard least != parent else { return }
            exchange(parent, least)
            parent = least
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        heap.swapAt(a, b)
        places[heap[a].owner] = a
        places[heap[b].owner] = b
    }
}
