internal import SottoBase

/// Up to 8 stretches of media time that are cut, in no order. When it is full, two are joined: more is cut, never less.
struct CutList: ~Copyable {
    struct Cut {
        /// Ticks of `MediaTime`; the end is `.max` while the event is on.
        var start: Int64
        var end: Int64
    }

    static let capacity = 8
    private let cuts: UnsafeMutablePointer<Cut>
    private(set) var count = 0

    init() {
        cuts = .allocate(capacity: Self.capacity)
        cuts.initialize(repeating: Cut(start: 0, end: 0), count: Self.capacity)
    }

    deinit { cuts.deallocate() }

    func overlaps(from start: Int64, to end: Int64) -> Bool {
        for index in 0..<count where cuts[index].start < end && cuts[index].end > start { return true }
        return false
    }

    mutating func add(from start: Int64, to end: Int64) {
        for index in 0..<count where cuts[index].start <= end && cuts[index].end >= start {
            cuts[index].start = min(cuts[index].start, start)
            cuts[index].end = max(cuts[index].end, end)
            return
        }
        if count == Self.capacity {
            let last = Self.capacity - 1
            cuts[last].start = min(cuts[last].start, start)
            cuts[last].end = max(cuts[last].end, end)
            return
        }
        cuts[count] = Cut(start: start, end: end)
        count += 1
    }

    /// Ends every open cut at `end`. False when none was open.
    mutating func close(at end: Int64) -> Bool {
        var wasOpen = false
        for index in 0..<count where cuts[index].end == .max {
            cuts[index].end = max(end, cuts[index].start)
            wasOpen = true
        }
        return wasOpen
    }

    /// Forgets cuts that end at or before `position`.
    mutating func forget(before position: Int64) {
        var kept = 0
        for index in 0..<count where cuts[index].end > position {
            cuts[kept] = cuts[index]
            kept += 1
        }
        count = kept
    }

    mutating func removeAll() { count = 0 }
}
