import Audio
import Glibc
import SottoTestPeer

/// What the generator's callers say, and how what they hear is judged: each says one tone, so that a foreign call's audio is noticed.
enum Voice {
    /// Multiples of 50 Hz, so that a second of each is whole; none is a key's.
    static let tones: [Double] = [300, 350, 400, 450, 500, 550, 600, 1_050, 1_100, 1_150, 2_000, 2_100, 2_200, 2_300, 2_400, 2_500]
    static func tone(_ index: Int) -> Double { tones[index % tones.count] }

    static let samplesPerFrame = 320
    static let framesPerLoop = 50

    /// A second of a tone, encoded: 50 payloads of 20 ms.
    static func loop(_ tone: Int, _ codec: AudioCodec) throws -> [[UInt8]] {
        var generator = ToneGenerator(Self.tone(tone))
        var encoder = try FrameEncoder(codec: codec)
        var payloads: [[UInt8]] = []
        // The first second brings an encoder with memory into its stride.
        for index in 0..<(2 * framesPerLoop) {
            var samples = [Int16](repeating: 0, count: samplesPerFrame)
            samples.withUnsafeMutableBufferPointer { generator.fill($0) }
            var payload = [UInt8](repeating: 0, count: FrameEncoder.maximumPayload)
            let size = payload.withUnsafeMutableBytes { target in samples.withUnsafeBufferPointer { encoder.encode($0, into: target) } }
            guard let size else { throw PeerFault(description: "no frame of \(codec)") }
            if index >= framesPerLoop { payloads.append(Array(payload[..<size])) }
        }
        return payloads
    }

    /// The share of a frame's energy that is the tone's (Goertzel), 0 to 1.
    static func share(of tone: Int, in samples: UnsafeBufferPointer<Int16>) -> Double {
        let angle = 2 * Double.pi * Self.tone(tone) / 16_000
        let factor = 2 * cos(angle)
        var (first, second, energy) = (0.0, 0.0, 0.0)
        for sample in samples {
            let value = Double(sample)
            (first, second) = (value + factor * first - second, first)
            energy += value * value
        }
        guard energy > 100 * Double(samples.count) else { return 0 }
        let power = first * first + second * second - factor * first * second
        return power / (energy * Double(samples.count) / 2)
    }
}
