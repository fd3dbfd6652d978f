internal import Glibc

/// One or two sine tones at 16 kHz: keys for tests and bridges, beeps for recordings.
public struct ToneGenerator: Sendable {
    /// A point that turns by a fixed angle per sample.
    private struct Oscillator: Sendable {
        var sine = 0.0
        var cosine = 1.0
        let stepSine: Double
        let stepCosine: Double

        init(_ hertz: Double) {
            let angle = 2 * Double.pi * hertz / 16_000
            stepSine = sin(angle)
            stepCosine = cos(angle)
        }

        mutating func next() -> Double {
            let value = sine
            (sine, cosine) = (sine * stepCosine + cosine * stepSine, cosine * stepCosine - sine * stepSine)
            return value
        }

        /// Takes out what rounding has added to or taken from the radius.
        mutating func normalize() {
            let radius = (sine * sine + cosine * cosine).squareRoot()
            sine /= radius
            cosine /= radius
        }
    }

    private var first: Oscillator
    private var second: Oscillator?
    private let amplitude: Double

    /// - Parameters:
    ///   - first, second: Hz, 1 to 7,999.
    ///   - levelDBov: of each tone, -60 to -9.
    public init(_ first: Double, _ second: Double? = nil, levelDBov: Double = -16) {
        self.first = Oscillator(min(max(first, 1), 7_999))
        self.second = second.map { Oscillator(min(max($0, 1), 7_999)) }
        // A sine's RMS is its amplitude less 3 dB; dBov counts from a square wave.
        amplitude = 32_767 * 2.0.squareRoot() * pow(10, min(max(levelDBov, -60), -9) / 20)
    }

    /// A key's two tones (ITU-T Q.23): `0-9*#A-D` as ASCII; nil for another byte.
    public init?(dtmfKey: UInt8, levelDBov: Double = -13) {
        let row: Double
        let column: Double
        switch dtmfKey {
        case 0x31, 0x32, 0x33, 0x41: row = 697
        case 0x34, 0x35, 0x36, 0x42: row = 770
        case 0x37, 0x38, 0x39, 0x43: row = 852
        case 0x2A, 0x30, 0x23, 0x44: row = 941
        default: return nil
        }
        switch dtmfKey {
        case 0x31, 0x34, 0x37, 0x2A: column = 1_209
        case 0x32, 0x35, 0x38, 0x30: column = 1_336
        case 0x33, 0x36, 0x39, 0x23: column = 1_477
        default: column = 1_633
        }
        self.init(row, column, levelDBov: levelDBov)
    }

    /// Fills `target` with the next samples; the phase goes on in the next call.
    public mutating func fill(_ target: UnsafeMutableBufferPointer<Int16>) {
        for index in 0..<target.count {
            let value = amplitude * (first.next() + (second?.next() ?? 0))
            target[index] = Int16(max(-32_768, min(32_767, value.rounded())))
        }
        first.normalize()
        second?.normalize()
    }
}
