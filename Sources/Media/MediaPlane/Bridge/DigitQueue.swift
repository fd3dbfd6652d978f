internal import SottoBase

/// Keys that wait to be sent, and the one that is being sent: what each packet time is used for.
///
/// A key's packets grow until its end, which is said three times at the packet interval (RFC 4733 §2.5.1.4); then comes a pause.
struct DigitQueue {
    static let capacity = 64
    static let pauseMilliseconds = 50
    private static let endPackets = 3

    struct Entry {
        var event: UInt8 = 0
        var milliseconds: UInt16 = 0
        /// The last of one command: its end is told.
        var isLast = false
    }

    /// What a packet time carries.
    enum Step: Equatable {
        case none
        /// The key has been held for `elapsed` ms when this packet time ends. `ends` for its last packets.
        case event(UInt8, elapsed: Int, isFirst: Bool, ends: Bool)
    }

    private var entries = InlineArray<64, Entry>(repeating: Entry())
    private var first = 0
    private(set) var count = 0
    private var elapsed = 0
    private var endsSaid = 0
    private var pauseLeft = 0
    /// Commands whose last key has left and that were not told yet.
    private(set) var finished = 0

    var isSending: Bool { count > 0 || pauseLeft > 0 }
    /// Within a key's packets: nothing else is sent meanwhile.
    var isInEvent: Bool { elapsed > 0 }
    var room: Int { Self.capacity - count }

    /// False when there is no room.
    @discardableResult
    mutating func append(event: UInt8, milliseconds: Int, isLast: Bool) -> Bool {
        guard count < Self.capacity else { return false }
        entries[(first + count) % Self.capacity] = Entry(
            event: event, milliseconds: UInt16(clamping: min(max(milliseconds, 40), 5_000)), isLast: isLast)
        count += 1
        return true
    }

    /// A packet time begins.
    mutating func next(packetMilliseconds: Int) -> Step {
        if pauseLeft > 0 {
            pauseLeft -= packetMilliseconds
            return .none
        }
        guard count > 0 else { return .none }
        let entry = entries[first]
        let isFirst = elapsed == 0
        let length = Int(entry.milliseconds)
        if endsSaid == 0 { elapsed = min(elapsed + packetMilliseconds, length) }
        guard elapsed >= length else { return .event(entry.event, elapsed: elapsed, isFirst: isFirst, ends: false) }
        let held = elapsed
        endsSaid += 1
        if endsSaid == Self.endPackets {
            if entry.isLast { finished += 1 }
            entries[first] = Entry()
            first = (first + 1) % Self.capacity
            count -= 1
            elapsed = 0
            endsSaid = 0
            pauseLeft = max(0, Self.pauseMilliseconds - (Self.endPackets - 1) * packetMilliseconds)
        }
        return .event(entry.event, elapsed: held, isFirst: isFirst, ends: true)
    }

    mutating func takeFinished() -> Bool {
        guard finished > 0 else { return false }
        finished -= 1
        return true
    }

    mutating func clear() {
        entries = InlineArray<64, Entry>(repeating: Entry())
        first = 0
        count = 0
        elapsed = 0
        endsSaid = 0
        pauseLeft = 0
    }
}
