/// Describes background noise for a comfort noise packet (RFC 3389): level and spectral shape of what it heard lately.
///
/// It allocates when it is made, and never after.
public struct ComfortNoiseMeter: ~Copyable {
    /// Bytes of a description: a level and eight coefficients.
    public static let payloadSize = 9

    public init() {}

    /// Audio without speech: an even number of samples up to 1,920.
    public mutating func noiseHeard(_ samples: UnsafeBufferPointer<Int16>) {}

    /// Writes the description of the last second or so. Returns its size; nil when nothing was heard or there is no room.
    public func write(into target: UnsafeMutableRawBufferPointer) -> Int? { nil }

    /// A new stream.
    public mutating func reset() {}
}
