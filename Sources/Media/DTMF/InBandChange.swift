public import SottoBase

/// What a frame of audio told about keys that are sent as tones. `DTMFGuard.apply` takes it whole.
public struct InBandChange: Equatable, Sendable {
    /// A fragment of two tones began here. It may be speech: it only arms, and an event or more of it cuts back to here.
    public var armed: MediaTime?
    /// 20 ms of a key's tones have been heard since here: cut.
    public var began: MediaTime?
    /// The tones that `began` told of are over here.
    public var ended: MediaTime?
    /// They were a key, held for 40 ms or more.
    public var pressed: KeyPress?

    public init() {}

    public var isNothing: Bool { self == InBandChange() }
}

/// Keeps a key that came both as an event and as a tone (gateways do both, and leak) from being two.
///
/// Events and tones are placed on the same media clock. Whichever is told second, and overlaps the other or lies within 150 ms of it, is
/// the same press.
public struct DigitReconciler: Equatable, Sendable {
    private static let slack: Int64 = 150
    private struct Span: Equatable {
        var event: UInt8
        var start: MediaTime
        var end: MediaTime
    }

    private var lastEvent: Span?
    private var lastTone: Span?

    public init() {}

    /// A press told by events. Returns false when the tone told it before.
    public mutating func acceptsEvent(_ press: KeyPress) -> Bool {
        lastEvent = Span(event: press.key.event, start: press.start, end: press.end)
        guard let tone = lastTone, tone.event == press.key.event, Self.touch(tone, press) else { return true }
        lastTone = nil
        return false
    }

    /// A press told by tones. Returns false when an event told it before, or `isInEvent`.
    /// - Parameter isInEvent: an event is going on: it will be told at its end.
    public mutating func acceptsTone(_ press: KeyPress, isInEvent: Bool) -> Bool {
        guard !isInEvent else { return false }
        if let event = lastEvent, Self.touch(event, press) { return false }
        lastTone = Span(event: press.key.event, start: press.start, end: press.end)
        return true
    }

    public mutating func reset() { self = DigitReconciler() }

    private static func touch(_ span: Span, _ press: KeyPress) -> Bool {
        press.start - slack <= span.end && span.start - slack <= press.end
    }
}
