internal import SottoBase

/// Decoded samples between a jitter buffer, whose packets have any length, and a play-out tick of 320 samples. One thread.
///
/// In locked memory, because a caller's voice waits there. It allocates when it is made, and never after.
public struct SampleQueue: ~Copyable {
    public let capacity: Int
    private let memory: LockedMemory
    private var head = 0
    private var tail = 0

    /// - Parameter capacity: samples, 320 to 32,768. The default holds a packet of 120 ms and two ticks.
    public init(capacity: Int = 2_560) {
        precondition((320...32_768).contains(capacity), "a sample queue holds 320 to 32,768 samples")
        self.capacity = capacity
        memory = LockedMemory(count: capacity * 2)
    }

    /// Samples that wait.
    public var count: Int { tail - head }

    private var samples: UnsafeMutablePointer<Int16> { memory.pointer.assumingMemoryBound(to: Int16.self) }

    /// Room for `samples` more, in one piece; nil when they do not fit. Follow it with `commit`.
    public mutating func prepare(_ wanted: Int) -> UnsafeMutableBufferPointer<Int16>? {
        guard wanted >= 0, count + wanted <= capacity else { return nil }
        if tail + wanted > capacity {
            samples.update(from: samples + head, count: count)
            wipe(memory.pointer + count * 2, count: (tail - count) * 2)
            tail = count
            head = 0
        }
        return UnsafeMutableBufferPointer(start: samples + tail, count: wanted)
    }

    /// So many of the prepared samples were written.
    public mutating func commit(_ written: Int) {
        precondition(written >= 0 && tail + written <= capacity, "no more than was prepared")
        tail += written
    }

    /// So many of the prepared samples were written; makes them one more or one less, to follow a sender's clock.
    ///
    /// A cubic through four samples spreads the change over all of them, so that nothing clicks: 0.3 % in 20 ms.
    /// - Parameter change: -1, 0 or 1. Below 5 ms, and without room, it is left out.
    public mutating func commit(_ written: Int, stretchedBy change: Int) {
        precondition(written >= 0 && tail + written <= capacity, "no more than was prepared")
        let start = samples + tail
        if change > 0, written >= 80, tail + written < capacity {
            Stretch.lengthen(start, count: written)
            tail += written + 1
        } else if change < 0, written >= 80 {
            Stretch.shorten(start, count: written)
            tail += written - 1
        } else {
            tail += written
        }
    }

    /// Appends zeros. Returns how many fitted.
    @discardableResult
    public mutating func appendSilence(_ wanted: Int) -> Int {
        let fitting = min(wanted, capacity - count)
        guard fitting > 0, let place = prepare(fitting), let start = place.baseAddress else { return 0 }
        start.update(repeating: 0, count: fitting)
        commit(fitting)
        return fitting
    }

    /// Moves exactly `target.count` samples out, and wipes their place; false when fewer wait.
    public mutating func read(into target: UnsafeMutableBufferPointer<Int16>) -> Bool {
        guard let start = target.baseAddress, target.count <= count else { return false }
        start.update(from: samples + head, count: target.count)
        wipe(memory.pointer + head * 2, count: target.count * 2)
        head += target.count
        if head == tail {
            head = 0
            tail = 0
        }
        return true
    }

    public mutating func clear() {
        wipe(memory.pointer, count: capacity * 2)
        head = 0
        tail = 0
    }
}
