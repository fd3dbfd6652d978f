/// One RFC 4733 payload (§2.3).
public struct TelephoneEvent: Equatable, Sendable {
    /// 0 to 15 are the keys; others (tones, flash) are no digits.
    public var event: UInt8
    public var isEnd: Bool
    /// Power in -dBm0, 0 to 63.
    public var volume: UInt8
    /// RTP ticks since the packet's timestamp.
    public var duration: UInt16

    public init(event: UInt8, isEnd: Bool, volume: UInt8, duration: UInt16) {
        self.event = event
        self.isEnd = isEnd
        self.volume = volume
        self.duration = duration
    }

    /// Reads the first event; nil when there are fewer than 4 bytes.
    public init?(parsing payload: UnsafeRawBufferPointer) { return nil }
    /// Writes 4 bytes; nil when they do not fit.
    public func write(into target: UnsafeMutableRawBufferPointer) -> Int? { nil }
}

/// The byte of a key out of `0-9*#A-D`. It shows nothing of itself when it is printed, dumped or mirrored.
public struct Key: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// ASCII. Only for the arena that makes it `Clear<DialledKey>`, and for senders.
    public let byte: UInt8
    public init?(byte: UInt8) { return nil }
    /// RFC 4733 §3.2: events 0–9, 10 `*`, 11 `#`, 12–15 `A`–`D`; nil for another.
    public init?(event: UInt8) { return nil }
    public var event: UInt8 { 0 }
    public var description: String { "Key" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
