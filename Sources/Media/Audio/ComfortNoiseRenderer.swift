/// Plays the noise that a comfort noise packet describes (RFC 3389): a level and the spectrum's shape, at 8 kHz brought to 16.
///
/// It allocates when it is made, and never after.
public struct ComfortNoiseRenderer: ~Copyable {
    /// More coefficients than this are left out.
    public static let maximumOrder = 12

    /// False until the first description.
    public private(set) var isActive = false

    /// - Parameter seed: of the noise; any number.
    public init(seed: UInt64) {}

    /// Takes a description in. False, and nothing changes, when it is empty.
    public mutating func update(_ payload: UnsafeRawBufferPointer) -> Bool { false }

    /// Fills `target` (an even number of samples up to 1,920) with noise; silence before the first description.
    public mutating func fill(_ target: UnsafeMutableBufferPointer<Int16>) { target.update(repeating: 0) }

    /// A new stream.
    public mutating func reset() {}
}
