/// Cosines and sines of the eight frequencies at 8 kHz, for a frame of 160 samples.
enum ToneTable {
    /// Of the angle in one sample: 2π f / 8,000 for 697, 770, 852, 941, 1,209, 1,336, 1,477 and 1,633 Hz. This room has no mathematics
    /// library.
    static let steps: InlineArray<8, (cosine: Double, sine: Double)> = [
        (0.853868904674451, 0.520488130152892),
        (0.822640518020860, 0.568561850734264),
        (0.784343491933410, 0.620326757976556),
        (0.739102284120088, 0.673593210779673),
        (0.582052011513666, 0.813151557763309),
        (0.498185105339491, 0.867070701164490),
        (0.399309194613318, 0.916816321351918),
        (0.284266353387601, 0.958745346967439),
    ]

    /// Lanes 0 to 7 are cosines, 8 to 15 sines.
    static let values: [SIMD16<Float>] = {
        var table = [SIMD16<Float>](repeating: .zero, count: ToneSpectrum.frame / 2)
        for tone in 0..<8 {
            let step = steps[tone]
            // A pair of 16 kHz samples, added, has 2 cos(angle / 4) of the tone; half of it is wanted.
            let gain = 1 / ((1 + ((1 + step.cosine) / 2).squareRoot()) / 2).squareRoot()
            var (cosine, sine) = (1.0, 0.0)
            for index in 0..<table.count {
                table[index][tone] = Float(cosine * gain)
                table[index][tone + 8] = Float(sine * gain)
                (cosine, sine) = turned(cosine, sine, by: step)
            }
        }
        return table
    }()

    /// Of the angle in a whole frame.
    static let turnCosine: SIMD8<Float> = frameTurn.lowHalf
    static let turnSine: SIMD8<Float> = frameTurn.highHalf

    private static let frameTurn: SIMD16<Float> = {
        var result = SIMD16<Float>.zero
        for tone in 0..<8 {
            var (cosine, sine) = (1.0, 0.0)
            for _ in 0..<ToneSpectrum.frame / 2 { (cosine, sine) = turned(cosine, sine, by: steps[tone]) }
            result[tone] = Float(cosine)
            result[tone + 8] = Float(sine)
        }
        return result
    }()

    private static func turned(_ cosine: Double, _ sine: Double, by step: (cosine: Double, sine: Double)) -> (Double, Double) {
        (cosine * step.cosine - sine * step.sine, sine * step.cosine + cosine * step.sine)
    }
}
