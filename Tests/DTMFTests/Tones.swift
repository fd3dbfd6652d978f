import Audio
import DTMF
import SottoBase

/// Runs whole frames through a detector from position zero on; what is left over is filled with silence.
func run(_ detector: inout InBandDetector, _ signal: [Int16]) -> [InBandChange] {
    var changes: [InBandChange] = []
    for start in stride(from: 0, to: signal.count, by: 320) {
        let end = min(start + 320, signal.count)
        let frame = Array(signal[start..<end]) + [Int16](repeating: 0, count: 320 - (end - start))
        changes.append(frame.withUnsafeBufferPointer { detector.process($0, at: MediaTime(ticks: Int64(start) * 3)) })
    }
    return changes
}

func presses(_ signal: [Int16]) -> [KeyPress] {
    var detector = InBandDetector()
    return run(&detector, signal).compactMap(\.pressed)
}

func pause(_ milliseconds: Int, extra: Int = 0) -> [Int16] { [Int16](repeating: 0, count: milliseconds * 16 + extra) }

func samples(_ generator: inout ToneGenerator, _ milliseconds: Int) -> [Int16] {
    var result = [Int16](repeating: 0, count: milliseconds * 16)
    result.withUnsafeMutableBufferPointer { generator.fill($0) }
    return result
}

/// A key's tones (ITU-T Q.23).
/// - Parameters:
///   - level: dBov of the low tone.
///   - twist: dB by which the high tone is stronger.
///   - row, column: factors for the frequencies.
func tone(
    _ byte: UInt8, milliseconds: Int, level: Double = -16, twist: Double = 0, row: Double = 1, column: Double = 1
) -> [Int16] {
    let layout = Array("123A456B789C*0#D".utf8)
    let place = layout.firstIndex(of: byte) ?? 0
    var low = ToneGenerator([697, 770, 852, 941][place / 4] * row, levelDBov: level)
    var high = ToneGenerator([1_209, 1_336, 1_477, 1_633][place % 4] * column, levelDBov: level + twist)
    return zip(samples(&low, milliseconds), samples(&high, milliseconds)).map { Int16(clamping: Int($0) + Int($1)) }
}

/// Through a codec and back.
func coded(_ signal: [Int16], _ codec: AudioCodec) throws -> [Int16] {
    var encoder = try FrameEncoder(codec: codec)
    var decoder = try FrameDecoder(codec: codec)
    var result: [Int16] = []
    var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
    var output = [Int16](repeating: 0, count: 320)
    for start in stride(from: 0, to: signal.count - 319, by: 320) {
        let size = signal[start..<start + 320].withUnsafeBufferPointer { input in
            payload.withUnsafeMutableBytes { encoder.encode(input, into: $0) ?? 0 }
        }
        _ = payload[0..<size].withUnsafeBytes { input in output.withUnsafeMutableBufferPointer { decoder.decode(input, into: $0) } }
        result += output
    }
    return result
}

struct Noise {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func bits() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// Evenly from -amplitude to amplitude.
    mutating func next(amplitude: Int) -> Int { Int(bits() >> 33) % (2 * amplitude + 1) - amplitude }
    mutating func unit() -> Double { Double(bits() >> 11) / 9_007_199_254_740_992 }
}

/// Something like a voice: pulses of a wavering pitch through three formants that move, with breaks and a little breath.
struct Voice {
    private var noise: Noise
    private var pitch = 120.0
    private var phase = 0.0
    private var formants: [(frequency: Double, target: Double, y1: Double, y2: Double)] = []
    private var untilChange = 0
    private var level = 0.0

    init(seed: UInt64) {
        noise = Noise(seed: seed)
        pitch = 80 + 220 * noise.unit()
        for frequency in [500.0, 1_500, 2_500] { formants.append((frequency, frequency, 0, 0)) }
    }

    mutating func next() -> Int16 {
        if untilChange == 0 {
            untilChange = 800 + Int(noise.bits() % 4_000)
            level = noise.unit() < 0.2 ? 0 : 1_500 + 6_000 * noise.unit()
            formants[0].target = 300 + 600 * noise.unit()
            formants[1].target = 900 + 1_200 * noise.unit()
            formants[2].target = 2_000 + 1_000 * noise.unit()
        }
        untilChange -= 1
        pitch = max(70, min(350, pitch + (noise.unit() - 0.5) * 0.4))
        phase += pitch / 16_000
        var excitation = (noise.unit() - 0.5) * 0.05
        if phase >= 1 {
            phase -= 1
            excitation += 1
        }
        var sum = 0.0
        for index in 0..<3 {
            formants[index].frequency += (formants[index].target - formants[index].frequency) * 0.001
            let radius = 0.985 - 0.005 * Double(index)
            let angle = 2 * Double.pi * formants[index].frequency / 16_000
            // The cosine's series; the angle is below 1.2.
            let square = angle * angle
            let cosine = 1 - square / 2 + square * square / 24 - square * square * square / 720
            let value = excitation + 2 * radius * cosine * formants[index].y1 - radius * radius * formants[index].y2
            formants[index].y2 = formants[index].y1
            formants[index].y1 = value
            sum += value / Double(index + 1)
        }
        return Int16(max(-32_000, min(32_000, sum * level / 3)))
    }
}
