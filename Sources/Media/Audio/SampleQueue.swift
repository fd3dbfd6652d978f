/// Decoded samples between a jitter buffer, whose packets have any length, and a play-out tick of 320 samples. One thread.
public struct SampleQueue: ~Copyable {
    /// Samples that wait.
    public private(set) var count = 0
    public init(capacity: Int = 4_096) {}
    /// Room for `samples` more, in one piece; nil when they do not fit. Follow it with `commit`.
    public mutating func prepare(_ samples: Int) -> UnsafeMutableBufferPointer<Int16>? { nil }
    public mutating func commit(_ samples: Int) {}
    /// Appends zeros. Returns how many fitted.
    @discardableResult public mutating func appendSilence(_ samples: Int) -> Int { 0 }
    /// Moves exactly `target.count` samples out, and wipes their place; false when fewer wait.
    public mutating func read(into target: UnsafeMutableBufferPointer<Int16>) -> Bool { false }
    public mutating func clear() {}
}
