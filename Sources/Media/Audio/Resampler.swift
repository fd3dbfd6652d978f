/// The half-band filter between 8 and 16 kHz: 47 taps, Kaiser window, flat within 0.03 dB to 3.4 kHz, 50 dB down from 4.6 kHz.
/// Every second tap but the middle one is zero; here are the others of one side, in 1/16,384 at a gain of 2.
enum HalfBand {
    static let sideCount = 12

    static func coefficients() -> UnsafeMutablePointer<Int32> {
        let table = UnsafeMutablePointer<Int32>.allocate(capacity: sideCount)
        let values: InlineArray<12, Int32> = [10_381, -3_329, 1_846, -1_169, 772, -511, 331, -205, 120, -63, 29, -10]
        for index in 0..<sideCount { table[index] = values[index] }
        return table
    }

    @inline(__always)
    static func clamp(_ value: Int32) -> Int16 { Int16(max(-32_768, min(32_767, value))) }
}

/// 8 to 16 kHz with a delay of 1.4 ms. It keeps its state between blocks and allocates nothing after it was made.
public struct Upsampler: ~Copyable {
    private static let history = 2 * HalfBand.sideCount
    /// Input samples in one block at most: 120 ms.
    public static let maximumBlock = 960

    private let coefficients = HalfBand.coefficients()
    /// The last 24 input samples, then a block.
    private let work: UnsafeMutablePointer<Int16>

    public init() {
        work = .allocate(capacity: Self.history + Self.maximumBlock)
        work.initialize(repeating: 0, count: Self.history + Self.maximumBlock)
    }

    deinit {
        work.update(repeating: 0, count: Self.history + Self.maximumBlock)
        work.deallocate()
        coefficients.deallocate()
    }

    /// Where the next block of at most `maximumBlock` input samples is written before `process`.
    public var input: UnsafeMutablePointer<Int16> { work + Self.history }

    /// Turns `count` samples at `input` into 2 × `count` at `output`.
    public mutating func process(_ count: Int, into output: UnsafeMutablePointer<Int16>) {
        precondition(count >= 0 && count <= Self.maximumBlock, "a block is at most 120 ms")
        for index in 0..<count {
            // The filter's middle lies between work[index + 11] and work[index + 12].
            let left = work + index + HalfBand.sideCount
            var sum: Int32 = 1 << 13
            for tap in 0..<HalfBand.sideCount {
                sum &+= coefficients[tap] &* (Int32(left[-tap]) &+ Int32(left[tap + 1]))
            }
            output[2 * index] = left[0]
            output[2 * index + 1] = HalfBand.clamp(sum >> 14)
        }
        work.update(from: work + count, count: Self.history)
    }

    public mutating func reset() { work.update(repeating: 0, count: Self.history) }
}

/// 16 to 8 kHz with a delay of 1.4 ms. It keeps its state between blocks and allocates nothing after it was made.
public struct Downsampler: ~Copyable {
    private static let history = 4 * HalfBand.sideCount - 2
    /// Input samples in one block at most: 120 ms.
    public static let maximumBlock = 1_920

    private let coefficients = HalfBand.coefficients()
    private let work: UnsafeMutablePointer<Int16>

    public init() {
        work = .allocate(capacity: Self.history + Self.maximumBlock)
        work.initialize(repeating: 0, count: Self.history + Self.maximumBlock)
    }

    deinit {
        work.update(repeating: 0, count: Self.history + Self.maximumBlock)
        work.deallocate()
        coefficients.deallocate()
    }

    /// Turns an even number of samples into half as many at `output`. Returns how many.
    @discardableResult
    public mutating func process(_ samples: UnsafeBufferPointer<Int16>, into output: UnsafeMutablePointer<Int16>) -> Int {
        precondition(samples.count % 2 == 0 && samples.count <= Self.maximumBlock, "a block is even and at most 120 ms")
        guard let source = samples.baseAddress else { return 0 }
        (work + Self.history).update(from: source, count: samples.count)
        for index in 0..<samples.count / 2 {
            let middle = work + 2 * index + 2 * HalfBand.sideCount - 1
            var sum: Int32 = Int32(middle[0]) &* 16_384 &+ 1 << 14
            for tap in 0..<HalfBand.sideCount {
                sum &+= coefficients[tap] &* (Int32(middle[-2 * tap - 1]) &+ Int32(middle[2 * tap + 1]))
            }
            output[index] = HalfBand.clamp(sum >> 15)
        }
        work.update(from: work + samples.count, count: Self.history)
        return samples.count / 2
    }

    public mutating func reset() { work.update(repeating: 0, count: Self.history) }
}
