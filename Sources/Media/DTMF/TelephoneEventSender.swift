/// Turns one key at a time into RFC 4733 packets, one for each packet time.
///
///     idle ──begin──▶ held ──its duration is over, or `release`──▶ ending (three packets) ──▶ idle
///
/// All packets of an event carry its start's timestamp and a growing duration; the first one has the marker (§2.5.1.2); the end is said
/// three times (§2.5.1.4). A key longer than the duration field holds goes on in segments (§2.5.1.3). It never waits: pauses between keys
/// are the caller's.
public struct TelephoneEventSender: Equatable, Sendable {
    /// RFC 4733 §2.5.1.4.
    public static let endPackets = 3

    /// What a packet time carries. Sequence numbers go on as always; `timestamp` takes the place of the stream's own.
    public struct Packet: Equatable, Sendable {
        public var event: TelephoneEvent
        public var timestamp: UInt32
        public var marker: Bool
    }

    private struct Held: Equatable {
        var event: UInt8
        var volume: UInt8
        /// Of the current segment.
        var timestamp: UInt32
        /// Ticks of the current segment that have passed, and of the whole key that are still to come.
        var elapsed: UInt32 = 0
        var left: UInt64
        var isFirst = true
    }

    private enum State: Equatable {
        case idle
        case held(Held)
        case ending(Held, saidTimes: Int)
    }

    private var state = State.idle

    public init() {}

    /// Within an event: no audio is sent meanwhile.
    public var isSending: Bool { state != .idle }

    /// A key is pressed. What was being sent is cut off without an end: call it when `isSending` is false.
    /// - Parameters:
    ///   - ticks: how long it is held, on the clock of the RTP timestamps; at least one packet is sent.
    ///   - volume: -dBm0, 0 to 63.
    ///   - timestamp: the stream's, where the key begins.
    public mutating func begin(_ key: Key, ticks: UInt64, volume: UInt8 = 10, timestamp: UInt32) {
        state = .held(Held(event: key.event, volume: min(volume, 63), timestamp: timestamp, left: ticks))
    }

    /// The key is let go before its time: the next packet says its end.
    public mutating func release() {
        guard case .held(var held) = state else { return }
        held.left = 0
        state = .held(held)
    }

    /// Forgets the key that is on.
    public mutating func reset() { state = .idle }

    /// The packet for a packet time of `ticks`; nil when no key is on.
    public mutating func next(ticks: UInt32) -> Packet? {
        switch state {
        case .idle: return nil
        case .ending(let held, let times):
            state = times + 1 < Self.endPackets ? .ending(held, saidTimes: times + 1) : .idle
            return packet(held, isEnd: true)
        case .held(var held):
            let step = UInt32(truncatingIfNeeded: min(UInt64(ticks), held.left, 0xFFFF))
            held.left -= UInt64(step)
            let elapsed = held.elapsed + step
            if elapsed > 0xFFFF {
                // §2.5.1.3: the segment's maximum is reported, without an end; the next one starts where it ended, without a marker.
                held.elapsed = 0xFFFF
                let result = packet(held, isEnd: false)
                held.timestamp &+= 0xFFFF
                held.elapsed = elapsed - 0xFFFF
                held.isFirst = false
                state = .held(held)
                return result
            }
            held.elapsed = elapsed
            let isOver = held.left == 0
            let result = packet(held, isEnd: isOver)
            held.isFirst = false
            state = isOver ? .ending(held, saidTimes: 1) : .held(held)
            return result
        }
    }

    private func packet(_ held: Held, isEnd: Bool) -> Packet {
        Packet(
            event: TelephoneEvent(event: held.event, isEnd: isEnd, volume: held.volume, duration: UInt16(clamping: held.elapsed)),
            timestamp: held.timestamp, marker: held.isFirst)
    }
}
