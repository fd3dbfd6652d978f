public import RTP
public import SottoBase

/// A key that was pressed and let go.
public struct KeyPress: Equatable, Sendable {
    public var key: Key
    public var start: MediaTime
    public var end: MediaTime
    /// Power in -dBm0, 0 to 63.
    public var volume: UInt8
}

/// What an event packet, or the passing of time, changed. At most one event ends and one goes on.
public struct DTMFChange: Equatable, Sendable {
    /// A key press that is over now.
    public var pressed: KeyPress?
    /// An event that began with this packet (a key or not): cut from here.
    public var began: MediaTime?
    /// An event ended here (a key or not): cut to here.
    public var ended: MediaTime?
}

/// Turns RFC 4733 packets into key presses. Skeleton; the implementation follows.
public struct DTMFReceiver: Sendable {
    /// - Parameter clockRate: of the negotiated telephone-event.
    public init(clockRate: Int) {}
    /// An authenticated packet of the negotiated payload type.
    /// - Parameters:
    ///   - clock: lays the RTP timestamp on the media clock.
    ///   - now: the end of the audio that was decoded so far (what `DTMFGuard.push` was given last).
    public mutating func packetReceived(
        _ payload: UnsafeRawBufferPointer, timestamp: UInt32, marker: Bool, clock: RTPMediaClock, now: MediaTime
    ) -> DTMFChange { DTMFChange() }
    /// Call it each tick: ends an event whose end packets were lost.
    public mutating func timePassed(now: MediaTime) -> DTMFChange { DTMFChange() }
    /// A new SSRC.
    public mutating func reset() {}
    public var isInEvent: Bool { false }
}
