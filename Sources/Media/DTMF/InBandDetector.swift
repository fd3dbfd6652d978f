public import SottoBase

/// Hears keys that are sent as tones (ITU-T Q.23, Q.24), frame by frame at 16 kHz.
public struct InBandDetector: ~Copyable {
    public init() {}

    /// - Parameters:
    ///   - samples: 320 (20 ms); another count ends what was on.
    ///   - position: where they start on the media clock.
    public mutating func process(_ samples: UnsafeBufferPointer<Int16>, at position: MediaTime) -> InBandChange { InBandChange() }

    /// A new stream, or the end: tells what was on.
    public mutating func finish() -> InBandChange { InBandChange() }
}
