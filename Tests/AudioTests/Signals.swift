import Audio

/// A sine at 16 kHz.
func sine(_ hertz: Double, _ count: Int, levelDBov: Double = -16) -> [Int16] {
    var generator = ToneGenerator(hertz, levelDBov: levelDBov)
    var samples = [Int16](repeating: 0, count: count)
    samples.withUnsafeMutableBufferPointer { generator.fill($0) }
    return samples
}

func level(_ samples: some Collection<Int16>) -> Int { Array(samples).withUnsafeBufferPointer { levelDBov($0) } }

/// How much of `samples` is a sine of this frequency, as a power ratio 0 to 1 (Goertzel's sum by definition).
func share(of hertz: Double, in samples: [Int16]) -> Double {
    var real = 0.0
    var imaginary = 0.0
    var energy = 0.0
    var tone = ToneState(hertz)
    for sample in samples {
        let value = Double(sample)
        real += value * tone.cosine
        imaginary += value * tone.sine
        energy += value * value
        tone.step()
    }
    guard energy > 0 else { return 0 }
    return 2 * (real * real + imaginary * imaginary) / (Double(samples.count) * energy)
}

private struct ToneState {
    var sine = 0.0
    var cosine = 1.0
    let stepSine: Double
    let stepCosine: Double

    init(_ hertz: Double) {
        // Taylor series: the angle is below π, and no library of mathematics is imported for it.
        let angle = 2 * Double.pi * hertz / 16_000
        var term = angle
        var sum = angle
        for n in 1..<20 {
            term *= -angle * angle / Double((2 * n) * (2 * n + 1))
            sum += term
        }
        stepSine = sum
        let root = max(0, 1 - sum * sum).squareRoot()
        stepCosine = angle > Double.pi / 2 ? -root : root
    }

    mutating func step() {
        (sine, cosine) = (sine * stepCosine + cosine * stepSine, cosine * stepCosine - sine * stepSine)
    }
}

/// The largest step between neighbours: a click shows in it.
func largestStep(_ samples: [Int16]) -> Int {
    zip(samples, samples.dropFirst()).map { abs(Int($1) - Int($0)) }.max() ?? 0
}

/// Encodes whole frames, and decodes them again.
func roundTrip(_ codec: AudioCodec, _ samples: [Int16], frame: Int = 320) throws -> (decoded: [Int16], sizes: [Int]) {
    var encoder = try FrameEncoder(codec: codec)
    var decoder = try FrameDecoder(codec: codec)
    var decoded: [Int16] = []
    var sizes: [Int] = []
    var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
    var output = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
    for start in stride(from: 0, to: samples.count - frame + 1, by: frame) {
        let size = samples[start..<start + frame].withUnsafeBufferPointer { input in
            payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) }
        }
        guard let size else { return (decoded, sizes) }
        sizes.append(size)
        let count = payload[0..<size].withUnsafeBytes { input in
            output.withUnsafeMutableBufferPointer { decoder.decode(input, into: $0) }
        }
        guard let count else { return (decoded, sizes) }
        decoded += output[0..<count]
    }
    return (decoded, sizes)
}
