/// One or two sine tones at 16 kHz.
public struct ToneGenerator: Sendable {
    /// `levelDBov`: each tone's, -60 to -3.
    public init(_ first: Double, _ second: Double? = nil, levelDBov: Double = -16) {}
    /// A key's two tones (ITU-T Q.23): `0-9*#A-D` as ASCII; nil for another byte.
    public init?(dtmfKey: UInt8, levelDBov: Double = -10) { self.init(0) }
    /// Fills `target` with the next samples; the phase goes on in the next call.
    public mutating func fill(_ target: UnsafeMutableBufferPointer<Int16>) {}
    public mutating func skip(samples: Int) {}
}
