public import RTP
public import SottoBase

/// A key that was pressed and let go.
public struct KeyPress: Equatable, Sendable {
    public var key: Key
    public var start: MediaTime
    public var end: MediaTime
    /// Power in -dBm0, 0 to 63.
    public var volume: UInt8

    public init(key: Key, start: MediaTime, end: MediaTime, volume: UInt8) {
        self.key = key
        self.start = start
        self.end = end
        self.volume = volume
    }
}

/// What an event packet, or the passing of time, changed. In order: an event that was on ended, another began, and even that one ended.
/// `DTMFGuard.apply` takes it whole.
public struct DTMFChange: Equatable, Sendable {
    /// A key press that is over now. When one packet ends two, the second is told by the next call.
    public var pressed: KeyPress?
    /// The event that was on (a key or not) ended here.
    public var ended: MediaTime?
    /// An event (a key or not) began here.
    public var began: MediaTime?
    /// The event that began with this very packet ended here.
    public var endedNext: MediaTime?

    public init() {}

    public var isNothing: Bool { self == DTMFChange() }
}

/// Turns RFC 4733 packets into key presses: one per event, however many of its packets are lost, as long as one arrives.
///
/// An event is told by its timestamp (§2.5.1.2), not by the marker, which may be lost. It ends with the first end packet; the two
/// copies are ignored. When all three are lost, it ends when another begins or after 160 ms without a packet. Events longer than the
/// duration field come in segments (§2.5.1.3) and are one press.
public struct DTMFReceiver: Sendable, CustomStringConvertible, CustomReflectable {
    /// More than three packets at the longest usual interval of 50 ms.
    public static let timeoutMilliseconds: Int64 = 160

    private struct Event {
        var number: UInt8
        /// Timestamp of the current segment, and the longest duration seen of it.
        var timestamp: UInt32
        var duration: UInt16
        var start: MediaTime
        /// Where the current segment starts.
        var segmentStart: MediaTime
        var volume: UInt8
        /// The timestamp made no sense on the media clock: the start is when the first packet came.
        var isEstimated: Bool
        var lastHeard: MediaTime
    }

    private enum State {
        case idle
        case active(Event)
    }

    private let clockRate: Int
    private var state = State.idle
    /// The last event that ended, to know its stragglers.
    private var over: Event?
    /// The second press that one packet ended. Every call tells it before anything newer, so there is never another.
    private var untold: KeyPress?
    /// Packets that were too short.
    public private(set) var malformed = 0

    /// - Parameter clockRate: of the negotiated telephone-event.
    public init(clockRate: Int) {
        precondition((1_000...192_000).contains(clockRate), "an RTP clock runs at 1 to 192 kHz")
        self.clockRate = clockRate
    }

    public var isInEvent: Bool {
        if case .active = state { true } else { false }
    }

    /// An authenticated packet of the negotiated payload type.
    /// - Parameters:
    ///   - clock: lays the RTP timestamp on the media clock.
    ///   - now: the end of the audio that was decoded so far (where `DTMFGuard.push` goes on).
    public mutating func packetReceived(
        _ payload: UnsafeRawBufferPointer, timestamp: UInt32, marker: Bool, clock: RTPMediaClock, now: MediaTime
    ) -> DTMFChange {
        var (change, second) = take(payload, timestamp: timestamp, marker: marker, clock: clock, now: now)
        if let untold {
            second = change.pressed
            change.pressed = untold
        }
        untold = second
        return change
    }

    private mutating func take(
        _ payload: UnsafeRawBufferPointer, timestamp: UInt32, marker: Bool, clock: RTPMediaClock, now: MediaTime
    ) -> (DTMFChange, second: KeyPress?) {
        var change = DTMFChange()
        guard let packet = TelephoneEvent(parsing: payload) else {
            malformed &+= 1
            return (change, nil)
        }
        if case .active(var event) = state {
            if continues(&event, packet, timestamp: timestamp, marker: marker, now: now) {
                guard packet.isEnd else {
                    state = .active(event)
                    return (change, nil)
                }
                change.ended = finish(event, now: now)
                change.pressed = press(event, end: change.ended)
                return (change, nil)
            }
            if isBefore(timestamp, event.timestamp) { return (change, nil) }  // a straggler of an earlier event
            change.ended = finish(event, now: now)
            change.pressed = press(event, end: change.ended)
        } else if let over, over.number == packet.event, over.timestamp == timestamp {
            return (extend(over, packet, now: now), nil)
        } else if let over, isBefore(timestamp, over.timestamp) {
            return (change, nil)
        }

        let begun = begin(packet, timestamp: timestamp, clock: clock, now: now)
        change.began = begun.start
        state = .active(begun)
        if packet.isEnd {
            change.endedNext = finish(begun, now: now)
            let pressed = press(begun, end: change.endedNext)
            guard change.pressed == nil else { return (change, pressed) }
            change.pressed = pressed
        }
        return (change, nil)
    }

    /// Call it each tick: ends an event whose end packets were lost.
    public mutating func timePassed(now: MediaTime) -> DTMFChange {
        if let untold {
            self.untold = nil
            var change = DTMFChange()
            change.pressed = untold
            return change
        }
        guard case .active(let event) = state, now > event.lastHeard + Self.timeoutMilliseconds else { return DTMFChange() }
        return finishEvent(now: now)
    }

    /// The stream ends (a new SSRC, the end of the call): ends the event that is on, at once.
    public mutating func finishEvent(now: MediaTime) -> DTMFChange {
        var change = DTMFChange()
        guard case .active(let event) = state else { return change }
        change.ended = finish(event, now: now)
        change.pressed = press(event, end: change.ended)
        return change
    }

    /// A new SSRC: forgets the old stream's timestamps. `finishEvent` comes before it.
    public mutating func reset() {
        state = .idle
        over = nil
    }

    // MARK: - Events

    /// Takes a packet of the same event in. False when it belongs to another one.
    private func continues(
        _ event: inout Event, _ packet: TelephoneEvent, timestamp: UInt32, marker: Bool, now: MediaTime
    ) -> Bool {
        guard packet.event == event.number else { return false }
        if timestamp != event.timestamp {
            // The next segment starts where the last one ended (§2.5.1.3); it carries no marker.
            let step = timestamp &- event.timestamp
            guard !marker, step == UInt32(UInt16.max) || (step == UInt32(event.duration) && step > 0) else { return false }
            event.segmentStart = MediaTime(ticks: event.segmentStart.ticks &+ mediaTicks(step))
            event.timestamp = timestamp
            event.duration = 0
        }
        event.duration = max(event.duration, packet.duration)  // packets may be out of order
        event.lastHeard = now
        return true
    }

    private func begin(_ packet: TelephoneEvent, timestamp: UInt32, clock: RTPMediaClock, now: MediaTime) -> Event {
        let place = clock.mediaTime(of: timestamp)
        // Audio that was decoded lies behind an event by the jitter buffer's delay; a long event may be heard of late.
        let isPlausible = clock.isAnchored && place > now - 10_000 && place < now + 1_000
        let start = isPlausible ? place : now
        return Event(
            number: packet.event, timestamp: timestamp, duration: packet.duration, start: start, segmentStart: start,
            volume: packet.volume, isEstimated: !isPlausible, lastHeard: now)
    }

    /// Returns where the event ends.
    private mutating func finish(_ event: Event, now: MediaTime) -> MediaTime {
        state = .idle
        over = event
        return end(of: event, now: now)
    }

    private func end(of event: Event, now: MediaTime) -> MediaTime {
        let end = MediaTime(ticks: event.segmentStart.ticks &+ mediaTicks(UInt32(event.duration)))
        return event.isEstimated ? max(end, now) : end
    }

    private func press(_ event: Event, end: MediaTime?) -> KeyPress? {
        guard let key = Key(event: event.number), let end else { return nil }
        return KeyPress(key: key, start: event.start, end: end, volume: event.volume)
    }

    /// A packet of an event that was taken for over: if it lasted longer than was known, that is cut too, but it is no second press.
    private mutating func extend(_ event: Event, _ packet: TelephoneEvent, now: MediaTime) -> DTMFChange {
        var change = DTMFChange()
        guard packet.duration > event.duration else { return change }
        change.began = end(of: event, now: now)
        var longer = event
        longer.duration = packet.duration
        over = longer
        change.endedNext = end(of: longer, now: now)
        return change
    }

    /// Up to 10 s before, modulo the clock's wrap.
    private func isBefore(_ timestamp: UInt32, _ other: UInt32) -> Bool {
        let distance = other &- timestamp
        return distance > 0 && distance < UInt32(clockRate * 10)
    }

    private func mediaTicks(_ ticks: UInt32) -> Int64 { Int64(ticks) &* 48_000 / Int64(clockRate) }

    public var description: String { "DTMFReceiver" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
