internal import Glibc

/// Describes background noise for a comfort noise packet (RFC 3389): level and spectral shape of what it heard lately.
///
/// It allocates when it is made, and never after.
public struct ComfortNoiseMeter: ~Copyable {
    private static let order = 8
    /// Bytes of a description: a level and eight coefficients.
    public static let payloadSize = 1 + order
    /// How much of a new block counts: about the last ten.
    private static let share: Float = 0.1

    private var downsampler = Downsampler()
    private let block: UnsafeMutablePointer<Int16>
    /// Correlation per sample at lags 0 to 8, smoothed.
    private var correlation = InlineArray<9, Float>(repeating: 0)
    private var blocks = 0

    public init() {
        block = .allocate(capacity: Downsampler.maximumBlock / 2)
        block.initialize(repeating: 0, count: Downsampler.maximumBlock / 2)
    }

    deinit {
        block.update(repeating: 0, count: Downsampler.maximumBlock / 2)
        block.deallocate()
    }

    /// Audio without speech: an even number of samples, 10 to 120 ms. Others are left out.
    public mutating func noiseHeard(_ samples: UnsafeBufferPointer<Int16>) {
        guard samples.count % 2 == 0, samples.count >= 160, samples.count <= Downsampler.maximumBlock else { return }
        let count = downsampler.process(samples, into: block)
        let weight = blocks == 0 ? 1 : Self.share
        for lag in 0...Self.order {
            var sum: Float = 0
            for index in lag..<count { sum += Float(block[index]) * Float(block[index - lag]) }
            correlation[lag] += (sum / Float(count) - correlation[lag]) * weight
        }
        blocks = min(blocks + 1, 1_000)
    }

    /// Writes the description. Returns its size; nil when nothing was heard or there is no room.
    public func write(into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard blocks > 0, target.count >= Self.payloadSize else { return nil }
        let power = correlation[0]
        let level = power >= 1 ? -10 * log10(power / (32_767 * 32_767)) : 127
        target[0] = UInt8(max(0, min(127, level.rounded())))
        // Levinson and Durbin. A little white noise keeps it well-conditioned.
        var coefficients = InlineArray<9, Float>(repeating: 0)
        var error = power * 1.000_1 + 1
        for step in 1...Self.order {
            var sum = correlation[step]
            for index in 1..<step { sum += coefficients[index] * correlation[step - index] }
            let reflection = max(-0.99, min(0.99, -sum / error))
            let before = coefficients
            for index in 1..<step { coefficients[index] = before[index] + reflection * before[step - index] }
            coefficients[step] = reflection
            error *= 1 - reflection * reflection
            target[step] = UInt8(max(0, min(254, (reflection * 32_768 / 258).rounded() + 127)))
        }
        return Self.payloadSize
    }

    /// A new stream.
    public mutating func reset() {
        downsampler.reset()
        block.update(repeating: 0, count: Downsampler.maximumBlock / 2)
        correlation = InlineArray(repeating: 0)
        blocks = 0
    }
}
