/// How much of the last 20 ms lies at the eight frequencies of keys (ITU-T Q.23): sums by Goertzel's definition over blocks of 5 ms, which
/// can be added to windows of any length.
struct ToneSpectrum: ~Copyable {
    /// 20 ms at 16 kHz.
    static let frame = 320
    private static let blocks = 4

    /// Least power of one tone: -36 dBm0, where 0 dBm0 lies 6 dB under a full-scale square wave.
    private static let leastPower: Float = 32_767 * 32_767 * 6.2e-5
    /// The two tones' share of a window's power: all of it, but for noise, for frequencies that are 1.5 % off, and for an edge.
    private static let leastShare: Float = 0.72
    /// Q.24: the low tone may be 8 dB stronger, the high one 4 dB; some more for what a window's edges do.
    private static let mostLow: Float = 12
    private static let mostHigh: Float = 4.5
    /// The tone over the others of its group, in the 20 ms that end at the block: 6 dB.
    private static let leastLead: Float = 4
    /// A harmonic under its tone: 12 dB.
    private static let mostHarmonic: Float = 1.0 / 16

    /// Blocks of the frame before, then of this one: sums of the low four and the high four, cosines then sines.
    private var sums = InlineArray<8, SIMD16<Float>>(repeating: .zero)
    private var powers = InlineArray<8, Float>(repeating: 0)
    /// The frame at 8 kHz, for the second harmonics.
    private let narrow: UnsafeMutablePointer<Float>
    private var isEmpty = true

    init() {
        narrow = .allocate(capacity: Self.frame / 2)
        narrow.initialize(repeating: 0, count: Self.frame / 2)
    }

    deinit {
        narrow.update(repeating: 0, count: Self.frame / 2)
        narrow.deallocate()
    }

    mutating func reset() {
        sums = InlineArray(repeating: .zero)
        powers = InlineArray(repeating: 0)
        narrow.update(repeating: 0, count: Self.frame / 2)
        isEmpty = true
    }

    /// Takes the next frame in. False when neither it nor the one before is loud enough to hold a key.
    mutating func take(_ samples: UnsafeBufferPointer<Int16>) -> Bool {
        guard let source = samples.baseAddress, samples.count == Self.frame else { return false }
        let wasEmpty = isEmpty
        for index in 0..<Self.blocks {
            sums[index] = wasEmpty ? .zero : Self.turned(sums[index + Self.blocks])
            powers[index] = powers[index + Self.blocks]
        }
        let perBlock = Self.frame / Self.blocks
        var loudest: Float = 0
        for index in 0..<Self.blocks {
            var energy: Int64 = 0
            let block = source + index * perBlock
            for place in 0..<perBlock { energy &+= Int64(Int32(block[place]) &* Int32(block[place])) }
            powers[index + Self.blocks] = Float(energy) / Float(perBlock)
            loudest = max(loudest, powers[index + Self.blocks])
        }
        isEmpty = loudest < 2 * Self.leastPower
        if isEmpty {
            for index in Self.blocks..<2 * Self.blocks { sums[index] = .zero }
            narrow.update(repeating: 0, count: Self.frame / 2)
            return !wasEmpty
        }
        ToneTable.values.withUnsafeBufferPointer { table in
            for index in 0..<Self.blocks {
                var sum = SIMD16<Float>.zero
                let first = index * perBlock / 2
                for place in first..<first + perBlock / 2 {
                    // Pairs make 8 kHz; what they take from the tones is in the table.
                    let value = Float(Int32(source[2 * place]) &+ Int32(source[2 * place + 1]))
                    narrow[place] = value
                    sum += table[place] * value
                }
                sums[index + Self.blocks] = sum
            }
        }
        return true
    }

    /// Power of the two strongest tones in the 10 ms that end with block `index` (0 to 3); 0 when there is anything but two tones.
    func tonePower(endingAt index: Int) -> Float {
        let end = index + Self.blocks
        let power = (powers[end] + powers[end - 1]) / 2
        guard power >= 2 * Self.leastPower else { return 0 }
        let tones = Self.powers(sums[end] + sums[end - 1]) / (80 * 80 * 2)
        let low = tones.lowHalf.max()
        let high = tones.highHalf.max()
        guard low >= Self.leastPower, high >= Self.leastPower, low <= high * Self.mostLow, high <= low * Self.mostHigh,
            low + high >= power * Self.leastShare
        else { return 0 }
        return low + high
    }

    /// The key whose tones stand out in the 20 ms that end with block `index`, as its event number.
    func key(endingAt index: Int) -> UInt8? {
        let end = index + Self.blocks
        let tones = Self.powers(sums[end] + sums[end - 1] + sums[end - 2] + sums[end - 3])
        guard let row = Self.leader(tones.lowHalf), let column = Self.leader(tones.highHalf) else { return nil }
        return Self.events[row * 4 + column]
    }

    private static let events: InlineArray<16, UInt8> = [1, 2, 3, 12, 4, 5, 6, 13, 7, 8, 9, 14, 10, 0, 11, 15]

    private static func leader(_ group: SIMD4<Float>) -> Int? {
        var best = 0
        for index in 1..<4 where group[index] > group[best] { best = index }
        for index in 0..<4 where index != best && group[index] * leastLead > group[best] { return nil }
        return best
    }

    /// The key's tones have no harmonics in this frame: the second, or the third where the second of the low tone lies beside the high
    /// tone (2 × 697 Hz is 1,394).
    func isWithoutHarmonics(_ key: UInt8) -> Bool {
        var place = 0
        while place < 15, Self.events[place] != key { place += 1 }
        let row = place / 4
        let column = place % 4
        let isBeside = row < 3 && (column == row + 1 || (column == row + 2 && row < 2))
        return isWithoutHarmonic(isBeside ? 3 : 2, of: row) && isWithoutHarmonic(2, of: column + 4)
    }

    private func isWithoutHarmonic(_ multiple: Int, of tone: Int) -> Bool {
        let step = ToneTable.steps[tone]
        var (cosineOfStep, sineOfStep) = (step.cosine, step.sine)
        for _ in 1..<multiple {
            (cosineOfStep, sineOfStep) = (
                cosineOfStep * step.cosine - sineOfStep * step.sine, sineOfStep * step.cosine + cosineOfStep * step.sine
            )
        }
        let (stepCosine, stepSine) = (Float(cosineOfStep), Float(sineOfStep))
        var (cosine, sine): (Float, Float) = (1, 0)
        var (real, imaginary): (Float, Float) = (0, 0)
        for index in 0..<Self.frame / 2 {
            real += narrow[index] * cosine
            imaginary += narrow[index] * sine
            (cosine, sine) = (cosine * stepCosine - sine * stepSine, sine * stepCosine + cosine * stepSine)
        }
        let whole = sums[4] + sums[5] + sums[6] + sums[7]
        return real * real + imaginary * imaginary <= Self.powers(whole)[tone] * Self.mostHarmonic
    }

    private static func powers(_ sum: SIMD16<Float>) -> SIMD8<Float> { sum.lowHalf * sum.lowHalf + sum.highHalf * sum.highHalf }

    /// A block of the frame before, as if its samples had been counted from this frame's start.
    private static func turned(_ sum: SIMD16<Float>) -> SIMD16<Float> {
        let cosine = sum.lowHalf * ToneTable.turnCosine + sum.highHalf * ToneTable.turnSine
        let sine = sum.highHalf * ToneTable.turnCosine - sum.lowHalf * ToneTable.turnSine
        return SIMD16(lowHalf: cosine, highHalf: sine)
    }

    /// -dBm0, 0 to 63.
    static func volume(_ power: Float) -> UInt8 {
        var step: UInt8 = 0
        var level: Float = 32_767 * 32_767 * 0.243  // 0 dBm0
        while step < 63, power < level {
            level *= 0.794_328  // 1 dB
            step += 1
        }
        return step
    }
}
