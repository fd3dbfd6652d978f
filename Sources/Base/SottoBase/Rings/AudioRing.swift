import Synchronization

/// What a slot of an `AudioRing` holds beside its samples.
public struct AudioFrameHeader: Equatable, Sendable {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// The samples were made up to bridge a loss.
        public static let concealed = Flags(rawValue: 1)
        /// Cut by the DTMF guard or by payment mode: silence of the same length.
        public static let cut = Flags(rawValue: 2)
        /// The last frame of what `tag` names (a prompt).
        public static let last = Flags(rawValue: 4)
    }

    /// Position of the first sample. A jump means a gap: frames that the consumer was too slow for.
    public var position: MediaTime
    public var flags: Flags
    /// The producer's mark: a prompt's number in a play-out ring.
    public var tag: UInt32

    public init(position: MediaTime, flags: Flags = [], tag: UInt32 = 0) {
        self.position = position
        self.flags = flags
        self.tag = tag
    }
}

/// A bounded ring of audio frames in locked memory, 16 kHz mono Int16, up to 20 ms (320 samples) a frame; one producer thread, one
/// consumer thread. Neither side locks, waits or allocates. When it is full, the newest frame is refused and counted.
///
/// A ring of a caller's voice is clear content: reading it takes a `BoundaryGrant` (`readClear`). A ring of Sotto's own voice is read
/// with `read`.
public final class AudioRing: Sendable {
    public enum Content: Sendable {
        /// The caller's voice before redaction.
        case clear
        /// Sotto's own voice, made of gated text.
        case own
    }

    public static let samplesPerFrame = 320
    private static let stride = 16 + 8 + samplesPerFrame * 2
    /// The producer's notes at the memory's start: places that are free, and the oldest frame whose place it has not taken back.
    private static let notesSize = 16

    public let capacity: Int
    public let content: Content
    /// Notes; per frame that waits, its place; the stack of free places; the places.
    ///
    /// A frame takes the place that was freed last, not the next one of a circle: a ring whose consumer is prompt touches a page or two,
    /// and takes no memory for the time when it is late.
    private let memory: LockedMemory
    private let placesStart: Int
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    private let closed = Atomic<Bool>(false)
    /// Frames before this one are not wanted any more.
    private let line = Atomic<Int>(0)

    /// - Parameter capacity: frames that fit, 2 to 4,096.
    public init(content: Content, capacity: Int) {
        precondition((2...4_096).contains(capacity), "an audio ring holds 2 to 4,096 frames")
        self.capacity = capacity
        self.content = content
        placesStart = (Self.notesSize + capacity * 4 + 63) & ~63
        memory = LockedMemory(count: placesStart + capacity * Self.stride)
        memory.pointer.storeBytes(of: capacity, as: Int.self)
        for index in 0..<capacity { freePlaces[index] = UInt16(capacity - 1 - index) }
    }

    private var placeOf: UnsafeMutablePointer<UInt16> { (memory.pointer + Self.notesSize).assumingMemoryBound(to: UInt16.self) }
    private var freePlaces: UnsafeMutablePointer<UInt16> { placeOf + capacity }

    /// The memory of a frame that waits. Producer and consumer both know it from the release of `tail` on.
    private func slot(_ frame: Int) -> UnsafeMutableRawPointer {
        memory.pointer + placesStart + Int(placeOf[frame % capacity]) * Self.stride
    }

    /// Producer only: a place for frame `t`. The caller has checked that fewer than `capacity` frames wait from `h` on.
    private func takePlace(_ t: Int, from h: Int) {
        var free = memory.pointer.load(as: Int.self)
        var takenBack = memory.pointer.load(fromByteOffset: 8, as: Int.self)
        while takenBack < h {
            freePlaces[free] = placeOf[takenBack % capacity]
            free += 1
            takenBack += 1
        }
        free -= 1
        placeOf[t % capacity] = freePlaces[free]
        memory.pointer.storeBytes(of: free, as: Int.self)
        memory.pointer.storeBytes(of: takenBack, toByteOffset: 8, as: Int.self)
    }

    /// Frames that wait now.
    public var count: Int { tail.load(ordering: .acquiring) - head.load(ordering: .acquiring) }
    /// Frames refused because the consumer was late.
    public var refused: Int { refusedCount.load(ordering: .relaxed) }
    public var isClosed: Bool { closed.load(ordering: .acquiring) }
    /// Either side says that nothing more will come or be read.
    public func close() { closed.store(true, ordering: .releasing) }

    /// Producer only. False (and counted) when the ring is full.
    @discardableResult
    public func push(_ header: AudioFrameHeader, _ samples: UnsafeBufferPointer<Int16>) -> Bool {
        let t = tail.load(ordering: .relaxed)
        let h = head.load(ordering: .acquiring)
        guard t - h < capacity, samples.count <= Self.samplesPerFrame else {
            refusedCount.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        takePlace(t, from: h)
        let slot = slot(t)
        slot.storeBytes(of: header.position.ticks, as: Int64.self)
        slot.storeBytes(of: header.flags.rawValue, toByteOffset: 8, as: UInt16.self)
        slot.storeBytes(of: UInt16(samples.count), toByteOffset: 10, as: UInt16.self)
        slot.storeBytes(of: header.tag, toByteOffset: 12, as: UInt32.self)
        if let source = samples.baseAddress { (slot + 24).copyMemory(from: source, byteCount: samples.count * 2) }
        tail.store(t + 1, ordering: .releasing)
        return true
    }

    /// Producer only: nothing that was pushed so far is wanted any more; what is pushed from now on is. Unlike `flush`, which is carried
    /// out some time later on the consumer's thread, it can never take a frame that came after it.
    public func cut() { line.store(tail.load(ordering: .relaxed), ordering: .releasing) }

    /// Consumer only: the oldest frame, wiped in the ring after `body`. nil when the ring is empty. Traps for a clear ring.
    public func read<Result>(_ body: (AudioFrameHeader, UnsafeBufferPointer<Int16>) -> Result) -> Result? {
        precondition(content == .own, "a clear ring is read with a boundary grant")
        return consume(body)
    }

    /// Consumer only: the oldest frame of a clear ring, for a recipient that policy named.
    public func readClear<Result>(
        _ grant: borrowing BoundaryGrant, _ body: (AudioFrameHeader, UnsafeBufferPointer<Int16>) -> Result
    ) -> Result? {
        consume(body)
    }

    /// Consumer only: forgets all that waits (a prompt that was interrupted).
    public func flush() { while consume({ _, _ in }) != nil {} }

    private func consume<Result>(_ body: (AudioFrameHeader, UnsafeBufferPointer<Int16>) -> Result) -> Result? {
        var h = head.load(ordering: .relaxed)
        let line = line.load(ordering: .acquiring)
        while h < line {
            wipe(slot(h), count: Self.stride)
            h += 1
            head.store(h, ordering: .releasing)
        }
        guard h < tail.load(ordering: .acquiring) else { return nil }
        let slot = slot(h)
        let header = AudioFrameHeader(
            position: MediaTime(ticks: slot.load(as: Int64.self)),
            flags: .init(rawValue: slot.load(fromByteOffset: 8, as: UInt16.self)),
            tag: slot.load(fromByteOffset: 12, as: UInt32.self))
        let count = Int(slot.load(fromByteOffset: 10, as: UInt16.self))
        let samples = UnsafeBufferPointer(start: (slot + 24).assumingMemoryBound(to: Int16.self), count: count)
        let result = body(header, samples)
        wipe(slot, count: Self.stride)
        head.store(h + 1, ordering: .releasing)
        return result
    }
}
