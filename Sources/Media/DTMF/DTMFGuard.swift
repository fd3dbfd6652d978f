public import SottoBase

/// What comes out of the delay line.
public struct GuardedAudio {
    public let position: MediaTime
    public let flags: AudioFrameHeader.Flags
    /// Zeros when the frame was cut (`flags` contains `.cut`). Valid until the next call.
    public let samples: UnsafeBufferPointer<Int16>
}

/// An encoded payload for the recording ring.
public struct GuardedPayload {
    public let position: MediaTime
    public let durationMilliseconds: UInt16
    /// The payload was cut; `bytes` is empty then.
    public let isCut: Bool
    /// Valid until the next call.
    public let bytes: UnsafeRawBufferPointer
}

/// The delay line that every consumer stands behind. Skeleton; the implementation follows.
public struct DTMFGuard: ~Copyable {
    /// - Parameters:
    ///   - delayMilliseconds: 40 to 120.
    ///   - guardBefore: how much before an event's start is cut; what has left the line cannot be recalled. Default: the delay.
    ///   - guardAfter: how much after its end.
    public init(delayMilliseconds: Int = 60, guardBeforeMilliseconds: Int? = nil, guardAfterMilliseconds: Int = 40) {}

    /// A decoded frame of up to 320 samples, in order. False (and counted) when the line is full: pop first.
    @discardableResult
    public mutating func push(_ samples: UnsafeBufferPointer<Int16>, at position: MediaTime, flags: AudioFrameHeader.Flags = []) -> Bool { false }
    /// The payload that the audio at `position` was decoded from; empty for a loss. Same order and clock as the audio.
    @discardableResult
    public mutating func push(payload: UnsafeRawBufferPointer, at position: MediaTime, durationMilliseconds: Int) -> Bool { false }
    /// The oldest frame that has waited long enough.
    public mutating func popAudio() -> GuardedAudio? { nil }
    public mutating func popPayload() -> GuardedPayload? { nil }
    /// An event began: cuts from `start` less the guard, until `eventEnded`.
    public mutating func eventBegan(at start: MediaTime) {}
    public mutating func eventEnded(at end: MediaTime) {}
    /// Applies what the receiver said.
    public mutating func apply(_ change: DTMFChange) {}
    /// The in-band detector suspects a tone since `start`: an event that follows within 200 ms cuts back to there.
    public mutating func arm(at start: MediaTime) {}
    public mutating func disarm() {}
    /// The call ends: everything that waits may leave now.
    public mutating func drain() {}
    public mutating func reset() {}
    /// Frames and payloads refused because the line was full.
    public var refused: Int { 0 }
}
