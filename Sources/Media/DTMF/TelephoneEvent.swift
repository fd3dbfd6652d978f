/// One RFC 4733 payload (§2.3). It shows nothing of its event when it is printed.
public struct TelephoneEvent: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// Bytes of a payload with one event.
    public static let size = 4

    /// 0 to 15 are the keys; others (tones, hook flash) are no digits.
    public var event: UInt8
    public var isEnd: Bool
    /// Power in -dBm0, 0 to 63.
    public var volume: UInt8
    /// RTP ticks since the packet's timestamp.
    public var duration: UInt16

    public init(event: UInt8, isEnd: Bool, volume: UInt8, duration: UInt16) {
        self.event = event
        self.isEnd = isEnd
        self.volume = min(volume, 63)
        self.duration = duration
    }

    /// Reads the first event; nil when there are fewer than 4 bytes. What follows it (other events, padding) is ignored.
    public init?(parsing payload: UnsafeRawBufferPointer) {
        guard payload.count >= Self.size else { return nil }
        event = payload[0]
        isEnd = payload[1] & 0x80 != 0
        volume = payload[1] & 0x3F  // the reserved bit is ignored
        duration = UInt16(payload[2]) << 8 | UInt16(payload[3])
    }

    /// Writes 4 bytes and returns their count; nil when they do not fit.
    public func write(into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard target.count >= Self.size else { return nil }
        target[0] = event
        target[1] = (isEnd ? 0x80 : 0) | volume & 0x3F
        target[2] = UInt8(duration >> 8)
        target[3] = UInt8(duration & 0xFF)
        return Self.size
    }

    public var description: String { "TelephoneEvent" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A key out of `0-9*#A-D`. It shows nothing of itself when it is printed, dumped or mirrored.
public struct Key: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// ASCII. Only for the arena that makes it `Clear<DialledKey>`, and for senders.
    public let byte: UInt8

    /// nil for a byte that is no key; small letters are not accepted.
    public init?(byte: UInt8) {
        switch byte {
        case 0x30...0x39, 0x2A, 0x23, 0x41...0x44: self.byte = byte
        default: return nil
        }
    }

    /// RFC 4733 §3.2: events 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`; nil for another.
    public init?(event: UInt8) {
        switch event {
        case 0...9: byte = 0x30 + event
        case 10: byte = 0x2A
        case 11: byte = 0x23
        case 12...15: byte = 0x41 + event - 12
        default: return nil
        }
    }

    /// The key's event number, 0 to 15.
    public var event: UInt8 {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x2A: 10
        case 0x23: 11
        default: byte - 0x41 + 12
        }
    }

    public var description: String { "Key" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
