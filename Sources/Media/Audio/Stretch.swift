/// Makes a block of samples one longer or one shorter, in place: its first and last sample stay, those between are read at evenly moved
/// places by a cubic (Catmull-Rom).
enum Stretch {
    /// Writes `count + 1` samples.
    static func lengthen(_ samples: UnsafeMutablePointer<Int16>, count: Int) {
        let last = count - 1
        var following = samples[last]
        samples[count] = samples[last]
        // Sample `index` is read at `index - index / count`, from behind, so that what is read was not written yet.
        for index in stride(from: last, to: 0, by: -1) {
            let own = samples[index]
            let fraction = 1 - Float(index) / Float(count)
            let value = cubic(samples[max(index - 2, 0)], samples[index - 1], own, following, fraction)
            following = own
            samples[index] = value
        }
    }

    /// Writes `count - 1` samples, and wipes the last.
    static func shorten(_ samples: UnsafeMutablePointer<Int16>, count: Int) {
        let last = count - 1
        var before = samples[0]
        // Sample `index` is read at `index + index / (count - 2)`.
        for index in 1..<last {
            let own = samples[index]
            let fraction = Float(index) / Float(count - 2)
            samples[index] = cubic(before, own, samples[index + 1], samples[min(index + 2, last)], fraction)
            before = own
        }
        samples[last] = 0
    }

    @inline(__always)
    private static func cubic(_ a: Int16, _ b: Int16, _ c: Int16, _ d: Int16, _ fraction: Float) -> Int16 {
        let (a, b, c, d) = (Float(a), Float(b), Float(c), Float(d))
        let slope = 0.5 * (c - a)
        let bend = a - 2.5 * b + 2 * c - 0.5 * d
        let twist = 0.5 * (d - a) + 1.5 * (b - c)
        let value = ((twist * fraction + bend) * fraction + slope) * fraction + b
        return Int16(max(-32_768, min(32_767, value.rounded())))
    }
}
