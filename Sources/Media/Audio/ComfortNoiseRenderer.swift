internal import Glibc

/// Plays the noise that a comfort noise packet describes (RFC 3389): a level and the spectrum's shape, at 8 kHz brought to 16.
///
/// It allocates when it is made, and never after.
public struct ComfortNoiseRenderer: ~Copyable {
    /// More coefficients than this are left out (RFC 3389 §3: the decoder may reduce the order).
    public static let maximumOrder = 12

    /// False until the first description.
    public private(set) var isActive = false

    private var upsampler = Upsampler()
    private var state: UInt64
    /// Reflection coefficients, and the lattice's memory.
    private var reflections = InlineArray<12, Float>(repeating: 0)
    private var lattice = InlineArray<13, Float>(repeating: 0)
    private var order = 0
    /// The excitation's amplitude now, and what it moves to, 1/256 a sample.
    private var gain: Float = 0
    private var targetGain: Float = 0

    /// - Parameter seed: of the noise; any number.
    public init(seed: UInt64) { state = seed | 1 }

    /// Takes a description in. False, and nothing changes, when it is empty.
    public mutating func update(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard payload.count > 0 else { return false }
        // §3.1: -dBov, where 0 is the level of a full-scale square wave; the top bit is not used.
        let level = 32_767 * pow(10, -Float(payload[0] & 0x7F) / 20)
        order = min(payload.count - 1, Self.maximumOrder)
        var residual: Float = 1
        for index in 0..<order {
            // §3.2: 127 is zero, and a step is 258/32,768. The filter must stay stable: 255 would be beyond 1.
            let value = Float(Int(payload[index + 1]) - 127) * 258 / 32_768
            reflections[index] = max(-0.995, min(0.995, value))
            residual *= 1 - reflections[index] * reflections[index]
        }
        for index in order..<Self.maximumOrder { lattice[index + 1] = 0 }
        // White noise of ±1 has a power of 1/3; the filter raises it by 1/residual.
        targetGain = level * (3 * residual).squareRoot()
        if !isActive { gain = targetGain }
        isActive = true
        return true
    }

    /// Fills `target` (an even number of samples up to 1,920) with noise; silence before the first description.
    public mutating func fill(_ target: UnsafeMutableBufferPointer<Int16>) {
        guard isActive, let start = target.baseAddress, target.count % 2 == 0, target.count <= 2 * Upsampler.maximumBlock else {
            target.update(repeating: 0)
            return
        }
        let count = target.count / 2
        let input = upsampler.input
        for index in 0..<count {
            gain += (targetGain - gain) * (1.0 / 256)
            input[index] = Int16(max(-32_768, min(32_767, shape(noise() * gain).rounded())))
        }
        upsampler.process(count, into: start)
    }

    /// A new stream.
    public mutating func reset() {
        isActive = false
        order = 0
        lattice = InlineArray(repeating: 0)
        gain = 0
        targetGain = 0
        upsampler.reset()
    }

    /// Evenly from -1 to 1 (xorshift).
    private mutating func noise() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
    }

    /// The all-pole lattice of 1 / (1 + Σ aᵢ z⁻ⁱ), whose first coefficient is -R(1)/R(0). RFC 3389 does not name the sign; this is the one
    /// that G.729 annex B, after which the format was made, and WebRTC's encoder use.
    private mutating func shape(_ excitation: Float) -> Float {
        var forward = excitation
        var index = order
        while index > 0 {
            let reflection = reflections[index - 1]
            forward -= reflection * lattice[index - 1]
            lattice[index] = lattice[index - 1] + reflection * forward
            index -= 1
        }
        lattice[0] = forward
        return forward
    }
}
