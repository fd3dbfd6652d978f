internal import SottoBase

/// The memory of a jitter buffer: 64 slots of 512 bytes and 4 places for larger payloads, in locked memory because a caller's voice
/// lies there decrypted. Allocated once.
///
/// A payload takes the place that was freed last, so that a stream of small packets touches a page or two of the memory that the worst
/// case needs, and the others take none.
struct JitterSlots: ~Copyable {
    static let count = 64
    static let smallSize = 512
    static let largeSize = 1_504
    static let largeCount = 4

    struct Slot {
        var sequence: Int64 = 0
        var timestamp: Int64 = 0
        var ticks: UInt32 = 0
        var payloadCount: UInt16 = 0
        /// Which place holds the payload: small ones first, then the large ones.
        var place: UInt8 = 0
        var payloadType: UInt8 = 0
        var marker = false
        var isUsed = false
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let memory = LockedMemory(count: count * smallSize + largeCount * largeSize)
    /// Small places that are free, the one to take next at its end. There is one for each slot.
    private var free = InlineArray<64, UInt8>(repeating: 0)
    private var freeCount = 0
    /// One bit per large place that is taken.
    private var largeTaken: UInt8 = 0
    private(set) var stored = 0

    init() {
        slots = .allocate(capacity: Self.count)
        slots.initialize(repeating: Slot(), count: Self.count)
        for index in 0..<Self.count { free[index] = UInt8(Self.count - 1 - index) }
        freeCount = Self.count
    }

    deinit { slots.deallocate() }

    private static func index(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence & Int64(count - 1)) }

    func contains(_ sequence: Int64) -> Bool {
        let slot = slots + Self.index(sequence)
        return slot.pointee.isUsed && slot.pointee.sequence == sequence
    }

    /// The slot's fields without its payload. The caller has checked `contains`.
    func peek(_ sequence: Int64) -> (timestamp: Int64, ticks: UInt32) {
        let slot = slots + Self.index(sequence)
        return (slot.pointee.timestamp, slot.pointee.ticks)
    }

    /// Copies a packet in. False when its slot is taken or no large place is free.
    mutating func store(
        sequence: Int64, timestamp: Int64, ticks: UInt32, payloadType: PayloadType, marker: Bool, payload: UnsafeRawBufferPointer
    ) -> Bool {
        let index = Self.index(sequence)
        guard !slots[index].isUsed, let source = payload.baseAddress, payload.count <= Self.largeSize else { return false }
        let place: UInt8
        if payload.count > Self.smallSize {
            let number = (~largeTaken).trailingZeroBitCount
            guard number < Self.largeCount else { return false }
            largeTaken |= 1 << UInt8(number)
            place = UInt8(Self.count + number)
        } else {
            guard freeCount > 0 else { return false }
            freeCount -= 1
            place = free[freeCount]
        }
        slots[index] = Slot(
            sequence: sequence, timestamp: timestamp, ticks: ticks, payloadCount: UInt16(payload.count), place: place,
            payloadType: payloadType.value, marker: marker, isUsed: true)
        address(index).copyMemory(from: source, byteCount: payload.count)
        stored += 1
        return true
    }

    /// The packet, whose bytes stay until `release`. The caller has checked `contains`.
    func packet(_ sequence: Int64) -> BufferedPacket {
        let index = Self.index(sequence)
        let slot = slots[index]
        return BufferedPacket(
            sequence: slot.sequence, timestamp: slot.timestamp, ticks: slot.ticks, payloadType: PayloadType(slot.payloadType),
            marker: slot.marker, payload: UnsafeRawBufferPointer(start: address(index), count: Int(slot.payloadCount)))
    }

    /// Frees and wipes a slot.
    mutating func release(_ sequence: Int64) {
        guard contains(sequence) else { return }
        let index = Self.index(sequence)
        wipe(address(index), count: Int(slots[index].payloadCount))
        let place = slots[index].place
        if place >= UInt8(Self.count) {
            largeTaken &= ~(1 << (place - UInt8(Self.count)))
        } else {
            free[freeCount] = place
            freeCount += 1
        }
        slots[index].isUsed = false
        stored -= 1
    }

    mutating func releaseAll() {
        for index in 0..<Self.count where slots[index].isUsed { release(slots[index].sequence) }
    }

    private func address(_ index: Int) -> UnsafeMutableRawPointer {
        let place = Int(slots[index].place)
        let offset =
            place < Self.count ? place * Self.smallSize : Self.count * Self.smallSize + (place - Self.count) * Self.largeSize
        return memory.pointer + offset
    }
}

/// Which of the last 256 sequence numbers have come.
struct SeenSequences: Equatable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private(set) var highest: Int64?

    static let window: Int64 = 256

    static func == (a: Self, b: Self) -> Bool { a.words == b.words && a.highest == b.highest }

    /// False for one that has not come, and for one that is out of the window.
    func contains(_ sequence: Int64) -> Bool {
        guard let highest, sequence <= highest, sequence > highest &- Self.window else { return false }
        return word(sequence) & bit(sequence) != 0
    }

    /// True when it is behind the window: nobody knows any more.
    func isForgotten(_ sequence: Int64) -> Bool {
        guard let highest else { return false }
        return sequence <= highest &- Self.window
    }

    mutating func insert(_ sequence: Int64) {
        if let highest {
            if sequence > highest {
                if sequence &- highest >= Self.window {
                    words = (0, 0, 0, 0)
                } else {
                    var cleared = highest &+ 1
                    while cleared < sequence {
                        update(cleared, to: false)
                        cleared &+= 1
                    }
                }
                self.highest = sequence
            } else if sequence <= highest &- Self.window {
                return
            }
        } else {
            highest = sequence
        }
        update(sequence, to: true)
    }

    private func bit(_ sequence: Int64) -> UInt64 { 1 << UInt64(truncatingIfNeeded: sequence & 63) }

    private func word(_ sequence: Int64) -> UInt64 {
        switch (sequence >> 6) & 3 {
        case 0: words.0
        case 1: words.1
        case 2: words.2
        default: words.3
        }
    }

    private mutating func update(_ sequence: Int64, to isSeen: Bool) {
        let mask = bit(sequence)
        switch (sequence >> 6) & 3 {
        case 0: words.0 = isSeen ? words.0 | mask : words.0 & ~mask
        case 1: words.1 = isSeen ? words.1 | mask : words.1 & ~mask
        case 2: words.2 = isSeen ? words.2 | mask : words.2 & ~mask
        default: words.3 = isSeen ? words.3 | mask : words.3 & ~mask
        }
    }
}
