import Synchronization

/// Locked memory in fixed slots for clear content. Storing and freeing take no lock and no allocation, so a media thread may do both.
///
/// Every slot belongs to a call and is wiped when it is discarded; `discard(ownedBy:)` at a call's end wipes what was forgotten.
public final class ClearArena: Sendable {
    /// Utterances and texts: slots of 4 KiB.
    public static let words = ClearArena(id: 0, slots: 2_048, slotSize: 4_096)
    /// Keys that were pressed: slots of 32 bytes.
    public static let keys = ClearArena(id: 1, slots: 16_384, slotSize: 32)

    private struct Slot: ~Copyable {
        /// generation << 2 | state; the generation rises with every discard, so that an old handle opens nothing.
        let control = Atomic<UInt64>(0)
        let ownerHigh = Atomic<UInt64>(0)
        let ownerLow = Atomic<UInt64>(0)
        let count = Atomic<Int>(0)
    }

    private enum State {
        static let free: UInt64 = 0
        static let taken: UInt64 = 1
        static let stored: UInt64 = 2
        /// Being read or wiped: others treat it as gone.
        static let busy: UInt64 = 3
    }

    let id: UInt8
    public let slotCount: Int
    public let slotSize: Int
    private let memory: LockedMemory
    private let slots: SlotTable
    private let hint = Atomic<Int>(0)
    private let occupiedCount = Atomic<Int>(0)

    /// proof: the table is allocated once and never moved; its slots are atomics
    private struct SlotTable: @unchecked Sendable {
        let start: UnsafeMutablePointer<Slot>
        subscript(index: Int) -> UnsafeMutablePointer<Slot> { start + index }
    }

    init(id: UInt8, slots count: Int, slotSize: Int) {
        self.id = id
        slotCount = count
        self.slotSize = slotSize
        memory = LockedMemory(count: count * slotSize)
        let table = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        for index in 0..<count { (table + index).initialize(to: Slot()) }
        slots = SlotTable(start: table)
    }

    deinit {
        slots.start.deinitialize(count: slotCount)
        slots.start.deallocate()
    }

    /// Slots in use now: a gauge that returns to zero.
    public var occupied: Int { occupiedCount.load(ordering: .relaxed) }
    public var isLocked: Bool { memory.isLocked }

    /// Takes a free slot for `owner`; nil when the arena is full (the caller fails closed).
    func take(owner: CallID) -> (slot: UInt32, bytes: UnsafeMutableRawBufferPointer)? {
        let start = hint.load(ordering: .relaxed)
        for step in 0..<slotCount {
            let index = (start + step) % slotCount
            let slot = slots[index]
            let control = slot.pointee.control.load(ordering: .relaxed)
            guard control & 3 == State.free,
                slot.pointee.control.compareExchange(
                    expected: control, desired: control | State.taken, ordering: .acquiringAndReleasing
                ).exchanged
            else { continue }
            slot.pointee.ownerHigh.store(owner.high, ordering: .relaxed)
            slot.pointee.ownerLow.store(owner.low, ordering: .relaxed)
            hint.store(index + 1, ordering: .relaxed)
            occupiedCount.wrappingAdd(1, ordering: .relaxed)
            return (UInt32(index), UnsafeMutableRawBufferPointer(start: memory.pointer + index * slotSize, count: slotSize))
        }
        return nil
    }

    /// Publishes what was written into a taken slot.
    func publish<Content>(slot: UInt32, count: Int) -> Clear<Content> {
        let entry = slots[Int(slot)]
        entry.pointee.count.store(count, ordering: .relaxed)
        let control = entry.pointee.control.load(ordering: .relaxed)
        entry.pointee.control.store((control & ~3) | State.stored, ordering: .releasing)
        return Clear(arena: id, slot: slot, generation: UInt32(truncatingIfNeeded: control >> 2))
    }

    /// Stores a copy of `bytes`; nil when the arena is full or the content exceeds a slot.
    public func store<Content>(_ bytes: UnsafeRawBufferPointer, owner: CallID, as content: Content.Type) -> Clear<Content>? {
        guard bytes.count <= slotSize, let (slot, target) = take(owner: owner) else { return nil }
        target.copyMemory(from: bytes)
        return publish(slot: slot, count: bytes.count)
    }

    /// Wipes one content. Stale handles are ignored.
    public func discard<Content>(_ clear: Clear<Content>) {
        guard clear.arena == id, Int(clear.slot) < slotCount else { return }
        _ = free(Int(clear.slot), ifControl: UInt64(clear.generation) << 2 | State.stored)
    }

    /// Wipes everything that `owner` still holds. Returns how many there were.
    @discardableResult
    public func discard(ownedBy owner: CallID) -> Int {
        var wiped = 0
        for index in 0..<slotCount {
            let slot = slots[index]
            let control = slot.pointee.control.load(ordering: .acquiring)
            guard control & 3 == State.stored || control & 3 == State.taken,
                slot.pointee.ownerHigh.load(ordering: .relaxed) == owner.high,
                slot.pointee.ownerLow.load(ordering: .relaxed) == owner.low
            else { continue }
            if free(index, ifControl: control) { wiped += 1 }
        }
        return wiped
    }

    func abandon(slot: UInt32) {
        _ = free(Int(slot), ifControl: slots[Int(slot)].pointee.control.load(ordering: .relaxed))
    }

    private func free(_ index: Int, ifControl control: UInt64) -> Bool {
        let slot = slots[index]
        // Handles carry 32 bits of the generation; compare those alone, so that a wrap needs 2^32 reuses of one slot.
        let current = slot.pointee.control.load(ordering: .acquiring)
        guard current & 0x3_FFFF_FFFF == control & 0x3_FFFF_FFFF,
            slot.pointee.control.compareExchange(expected: current, desired: current | State.busy, ordering: .acquiringAndReleasing)
                .exchanged
        else { return false }
        wipe(memory.pointer + index * slotSize, count: slotSize)
        slot.pointee.control.store(((current >> 2) &+ 1) << 2, ordering: .releasing)
        occupiedCount.wrappingSubtract(1, ordering: .relaxed)
        return true
    }

    /// Opens content for the Redaction room. nil when it was discarded. The bytes must not outlive `body`.
    package func open<Content, Result>(_ clear: Clear<Content>, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result? {
        guard clear.arena == id, Int(clear.slot) < slotCount else { return nil }
        let slot = slots[Int(clear.slot)]
        let stored = slot.pointee.control.load(ordering: .acquiring)
        guard stored & 0x3_FFFF_FFFF == (UInt64(clear.generation) << 2 | State.stored),
            slot.pointee.control.compareExchange(expected: stored, desired: stored | State.busy, ordering: .acquiringAndReleasing)
                .exchanged
        else { return nil }
        defer { slot.pointee.control.store(stored, ordering: .releasing) }
        return try body(
            UnsafeRawBufferPointer(
                start: memory.pointer + Int(clear.slot) * slotSize, count: slot.pointee.count.load(ordering: .relaxed)))
    }

    /// Opens content for a recipient that policy named. nil when it was discarded.
    public func withBoundary<Content, Result>(
        _ grant: borrowing BoundaryGrant, _ clear: Clear<Content>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        try open(clear, body)
    }

    /// The arena that a handle belongs to.
    package static func of<Content>(_ clear: Clear<Content>) -> ClearArena { clear.arena == keys.id ? keys : words }
}
