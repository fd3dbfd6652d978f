internal import SottoBase

/// A growing buffer for codes of clear content: what it leaves behind, by growing or by its end, is wiped.
struct WipingBuffer<Element: BitwiseCopyable>: ~Copyable {
    private var storage: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        storage = UnsafeMutablePointer<Element>.allocate(capacity: self.capacity)
    }

    deinit {
        wipe(UnsafeMutableRawPointer(storage), count: capacity * MemoryLayout<Element>.stride)
        storage.deallocate()
    }

    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index past the buffer")
            return storage[index]
        }
        set {
            precondition(index >= 0 && index < count, "index past the buffer")
            storage[index] = newValue
        }
    }

    mutating func append(_ element: Element) {
        if count == capacity { grow() }
        (storage + count).initialize(to: element)
        count += 1
    }

    mutating func removeAll() { count = 0 }
    mutating func removeLast(_ number: Int) { count = max(0, count - max(0, number)) }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.update(from: storage, count: count)
        wipe(UnsafeMutableRawPointer(storage), count: capacity * MemoryLayout<Element>.stride)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }
}
