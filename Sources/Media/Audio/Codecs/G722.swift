/// ITU-T G.722 (09/2012): two sub-bands of adaptive differential PCM, a byte for each two samples of 16 kHz. Mode 1, 64 kbit/s.
enum G722 {
    /// What a decoder that has heard only this plays as silence: the smallest steps of both bands, -84 dBov.
    static let silence: UInt8 = 0xFF

    /// Table 11: every second tap of the quadrature mirror filter, from the first on; from behind they are the others.
    static let filter: InlineArray<12, Int32> = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11]
    static let history = 24

    /// Table 14: Q6, decision levels of the lower band.
    static let decisions: InlineArray<30, Int32> = [
        0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339, 1_458,
        1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
    ]
    /// Table 15: QQ2, 2-bit inverse quantizer of the upper band, in its code's order.
    static let upperSteps: InlineArray<4, Int32> = [-7_408, -1_616, 7_408, 1_616]
    /// Table 16: QQ4, 4-bit inverse quantizer.
    static let lowerSteps4: InlineArray<16, Int32> = [
        0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0,
    ]
    /// Table 18: QQ6, 6-bit inverse quantizer.
    static let lowerSteps6: InlineArray<64, Int32> = [
        -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360, -8_576, -7_856,
        -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032, -1_688, -1_360, -1_040, -728,
        24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944,
        4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
    ]
    /// Table 19: WL behind RL4, by the upper four bits of the lower band's code.
    static let lowerLogs: InlineArray<16, Int32> = [
        -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
    ]
    /// Table 20: WH behind RH2, by the upper band's code.
    static let upperLogs: InlineArray<4, Int32> = [798, -214, 798, -214]
    /// Table 21: ILB, the powers of two between 1 and 2.
    static let powers: InlineArray<32, Int32> = [
        2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834, 2_896, 2_960,
        3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
    ]

    @inline(__always)
    static func saturate(_ value: Int32) -> Int32 { max(-32_768, min(32_767, value)) }
}

/// One sub-band's quantizer scale and adaptive predictor (clause 6.2.1.3 to 6.2.1.6, 6.2.2.2 to 6.2.2.4).
struct G722Band {
    private let isUpper: Bool
    /// DET: the quantizer's scale.
    private(set) var scale: Int32
    /// NB: its logarithm.
    private var logarithm: Int32 = 0
    /// S and SZ: the predicted signal, and its part from the six zeros.
    private(set) var predicted: Int32 = 0
    private var fromZeros: Int32 = 0
    /// R, P: reconstructed and partially reconstructed signals, newest first.
    private var reconstructed: (Int32, Int32) = (0, 0)
    private var partial: (Int32, Int32) = (0, 0)
    /// A: pole coefficients. B, D: zero coefficients and the differences that they weigh.
    private var poles: (Int32, Int32) = (0, 0)
    private var zeros = InlineArray<6, Int32>(repeating: 0)
    private var differences = InlineArray<6, Int32>(repeating: 0)

    init(isUpper: Bool) {
        self.isUpper = isUpper
        scale = isUpper ? 8 : 32
    }

    /// Takes the quantized difference in and moves scale and predictor on.
    /// - Parameter logStep: W of the code.
    mutating func adapt(difference: Int32, logStep: Int32) {
        // LOGSCL, LOGSCH; SCALEL, SCALEH.
        logarithm = max(0, min(isUpper ? 22_528 : 18_432, (logarithm &* 127) >> 7 &+ logStep))
        let power = G722.powers[Int((logarithm >> 6) & 31)]
        let shift = (isUpper ? 10 : 8) &- logarithm >> 11
        scale = (shift < 0 ? power << -shift : power >> shift) << 2
        predict(difference)
    }

    private mutating func predict(_ difference: Int32) {
        let new = G722.saturate(predicted &+ difference)  // RECONS
        let newPartial = G722.saturate(fromZeros &+ difference)  // PARREC
        let isSameAsFirst = (newPartial < 0) == (partial.0 < 0)
        let isSameAsSecond = (newPartial < 0) == (partial.1 < 0)

        // UPPOL2
        let first = G722.saturate(poles.0 << 2)
        var second = isSameAsFirst ? min(-first, 32_767) : first
        second = (isSameAsSecond ? 128 : -128) &+ second >> 7 &+ (poles.1 &* 32_512) >> 15
        second = max(-12_288, min(12_288, second))
        // UPPOL1
        let limit = G722.saturate(15_360 &- second)
        let moved = G722.saturate((isSameAsFirst ? 192 : -192) &+ (poles.0 &* 32_640) >> 15)
        poles = (max(-limit, min(limit, moved)), second)

        // UPZERO, and FILTEZ with the new coefficients and differences.
        let step: Int32 = difference == 0 ? 0 : 128
        var newer = difference
        var sum: Int32 = 0
        for index in 0..<6 {
            let older = differences[index]
            let change = (older < 0) == (difference < 0) ? step : -step
            let coefficient = G722.saturate(change &+ (zeros[index] &* 32_640) >> 15)
            zeros[index] = coefficient
            differences[index] = newer
            sum &+= (coefficient &* G722.saturate(newer &+ newer)) >> 15
            newer = older
        }
        fromZeros = G722.saturate(sum)

        // DELAYA, FILTEP, PREDIC
        reconstructed = (new, reconstructed.0)
        partial = (newPartial, partial.0)
        let fromPoles =
            (poles.0 &* G722.saturate(new &+ new)) >> 15 &+ (poles.1 &* G722.saturate(reconstructed.1 &+ reconstructed.1)) >> 15
        predicted = G722.saturate(G722.saturate(fromPoles) &+ fromZeros)
    }
}

/// Samples to bytes.
struct G722Encoder: ~Copyable {
    private var lower = G722Band(isUpper: false)
    private var upper = G722Band(isUpper: true)
    private let past: UnsafeMutablePointer<Int32>

    init() {
        past = .allocate(capacity: G722.history)
        past.initialize(repeating: 0, count: G722.history)
    }

    deinit {
        past.update(repeating: 0, count: G722.history)
        past.deallocate()
    }

    /// An even number of samples into half as many bytes; the target has room.
    mutating func encode(_ samples: UnsafeBufferPointer<Int16>, into target: UnsafeMutableRawBufferPointer) {
        for index in 0..<samples.count / 2 {
            target[index] = encode(Int32(samples[2 * index]), Int32(samples[2 * index + 1]))
        }
    }

    private mutating func encode(_ first: Int32, _ second: Int32) -> UInt8 {
        past.update(from: past + 2, count: G722.history - 2)
        past[G722.history - 2] = first
        past[G722.history - 1] = second
        var odd: Int32 = 0
        var even: Int32 = 0
        for index in 0..<12 {
            odd &+= past[2 * index] &* G722.filter[index]
            even &+= past[2 * index + 1] &* G722.filter[11 - index]
        }
        // The filter's gain is 2^12, two halves are summed, and G.722 works on 15 bits.
        return encodeUpper((even &- odd) >> 14) << 6 | encodeLower((even &+ odd) >> 14)
    }

    private mutating func encodeLower(_ sample: Int32) -> UInt8 {
        let error = G722.saturate(sample &- lower.predicted)  // SUBTRA
        // QUANTL
        let magnitude = error >= 0 ? error : -(error &+ 1)
        var level = 1
        while level < 30, magnitude >= (G722.decisions[level] &* lower.scale) >> 12 { level += 1 }
        let code: Int
        if error < 0 {
            code = level < 3 ? 64 - level : 34 - level
        } else {
            code = 62 - level
        }
        let difference = (lower.scale &* G722.lowerSteps4[code >> 2]) >> 15  // INVQAL
        lower.adapt(difference: difference, logStep: G722.lowerLogs[code >> 2])
        return UInt8(truncatingIfNeeded: code)
    }

    private mutating func encodeUpper(_ sample: Int32) -> UInt8 {
        let error = G722.saturate(sample &- upper.predicted)
        let magnitude = error >= 0 ? error : -(error &+ 1)
        let isLarge = magnitude >= (564 &* upper.scale) >> 12  // QUANTH
        let code = error < 0 ? (isLarge ? 0 : 1) : (isLarge ? 2 : 3)
        upper.adapt(difference: (upper.scale &* G722.upperSteps[code]) >> 15, logStep: G722.upperLogs[code])
        return UInt8(truncatingIfNeeded: code)
    }

    mutating func reset() {
        lower = G722Band(isUpper: false)
        upper = G722Band(isUpper: true)
        past.update(repeating: 0, count: G722.history)
    }
}

/// Bytes to samples.
struct G722Decoder: ~Copyable {
    private var lower = G722Band(isUpper: false)
    private var upper = G722Band(isUpper: true)
    private let past: UnsafeMutablePointer<Int32>

    init() {
        past = .allocate(capacity: G722.history)
        past.initialize(repeating: 0, count: G722.history)
    }

    deinit {
        past.update(repeating: 0, count: G722.history)
        past.deallocate()
    }

    /// Two samples for each byte; the target has room.
    mutating func decode(_ payload: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<Int16>) {
        for index in 0..<payload.count { decode(payload[index], into: target + 2 * index) }
    }

    private mutating func decode(_ byte: UInt8, into target: UnsafeMutablePointer<Int16>) {
        let lowerCode = Int(byte & 0x3F)
        let upperCode = Int(byte >> 6)
        // INVQBL, RECONS, LIMIT
        let low = max(-16_384, min(16_383, lower.predicted &+ (lower.scale &* G722.lowerSteps6[lowerCode]) >> 15))
        lower.adapt(difference: (lower.scale &* G722.lowerSteps4[lowerCode >> 2]) >> 15, logStep: G722.lowerLogs[lowerCode >> 2])
        let difference = (upper.scale &* G722.upperSteps[upperCode]) >> 15  // INVQAH
        let high = max(-16_384, min(16_383, upper.predicted &+ difference))
        upper.adapt(difference: difference, logStep: G722.upperLogs[upperCode])

        past.update(from: past + 2, count: G722.history - 2)
        past[G722.history - 2] = low &+ high
        past[G722.history - 1] = low &- high
        var first: Int32 = 0
        var second: Int32 = 0
        for index in 0..<12 {
            second &+= past[2 * index] &* G722.filter[index]
            first &+= past[2 * index + 1] &* G722.filter[11 - index]
        }
        target[0] = HalfBand.clamp(first >> 11)
        target[1] = HalfBand.clamp(second >> 11)
    }

    mutating func reset() {
        lower = G722Band(isUpper: false)
        upper = G722Band(isUpper: true)
        past.update(repeating: 0, count: G722.history)
    }
}
