/// Why bytes are not a WAV file that is understood.
public enum WAVFault: Error, Equatable, Sendable {
    case notRIFF, truncated, noFormat, noData
    /// Not 16-bit PCM, not 1 or 2 channels, or a rate outside 8 to 48 kHz.
    case unsupported
}

/// 16-bit PCM in a RIFF file.
public struct WAVFile: Equatable, Sendable {
    public var sampleRate: Int
    public var channels: Int
    /// Interleaved.
    public var samples: [Int16]

    public init(sampleRate: Int = 16_000, channels: Int = 1, samples: [Int16]) {
        self.sampleRate = sampleRate
        self.channels = channels
        self.samples = samples
    }

    public init(parsing bytes: [UInt8]) throws(WAVFault) { throw .notRIFF }
    public func serialized() -> [UInt8] { [] }
}
