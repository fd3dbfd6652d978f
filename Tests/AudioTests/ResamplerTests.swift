import Testing

@testable import Audio

@Suite struct ResamplerTests {
    /// Down and up again in blocks of any even size.
    private func throughNarrowband(_ samples: [Int16], block: Int = 320) -> [Int16] {
        var down = Downsampler()
        var up = Upsampler()
        var result = [Int16](repeating: 0, count: samples.count)
        for start in stride(from: 0, to: samples.count, by: block) {
            let end = min(start + block, samples.count)
            samples[start..<end].withUnsafeBufferPointer { input in
                result.withUnsafeMutableBufferPointer { output in
                    guard let target = output.baseAddress else { return }
                    let count = down.process(input, into: up.input)
                    up.process(count, into: target + start)
                }
            }
        }
        return result
    }

    @Test(arguments: [100.0, 300, 1_000, 2_000, 3_000, 3_400])
    func voiceBandPasses(hertz: Double) {
        let input = sine(hertz, 16_000)
        let output = throughNarrowband(input)
        #expect(abs(level(output[1_600...]) - level(input)) <= 1)
        #expect(share(of: hertz, in: Array(output[1_600...])) > 0.999)
    }

    @Test(arguments: [4_700.0, 5_500, 7_000])
    func whatNarrowbandCannotCarryIsGone(hertz: Double) {
        let output = throughNarrowband(sine(hertz, 16_000))
        #expect(level(output[1_600...]) <= -16 - 45)
    }

    @Test func imagesOfTheUpsamplerAreGone() {
        let output = throughNarrowband(sine(1_000, 16_000))
        #expect(share(of: 7_000, in: Array(output[1_600...])) < 1e-5)
    }

    @Test func blocksLeaveNoSeams() {
        let input = sine(440, 3_200)
        let whole = throughNarrowband(input, block: 1_920)
        for block in [2, 160, 322, 960] { #expect(throughNarrowband(input, block: block) == whole) }
    }

    @Test func fullScaleIsClampedNotWrapped() {
        var square: [Int16] = []
        for index in 0..<3_200 { square.append(index / 40 % 2 == 0 ? .max : .min) }
        let output = throughNarrowband(square)
        // a wrap would jump over the whole range within one sample of the plateau
        for index in stride(from: 400, to: 3_200, by: 80) { #expect(output[index..<index + 80].contains(.max)) }
    }
}
