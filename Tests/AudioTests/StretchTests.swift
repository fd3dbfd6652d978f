import Audio
import Testing

/// One sample more or less in 20 ms follows a sender's clock.
@Suite struct StretchTests {
    private func stretched(_ samples: [Int16], by change: (Int) -> Int) -> [Int16] {
        var queue = SampleQueue()
        var result: [Int16] = []
        for start in stride(from: 0, to: samples.count - 319, by: 320) {
            guard let place = queue.prepare(320) else { return result }
            for index in 0..<320 { place[index] = samples[start + index] }
            queue.commit(320, stretchedBy: change(start / 320))
            var frame = [Int16](repeating: 0, count: queue.count)
            _ = frame.withUnsafeMutableBufferPointer { queue.read(into: $0) }
            result += frame
        }
        return result
    }

    @Test(arguments: [-1, 0, 1])
    func blocksChangeByOneSample(change: Int) {
        let result = stretched(sine(700, 16_000)) { _ in change }
        #expect(result.count == 16_000 + 50 * change)
    }

    /// The tone is a third of a percent higher or lower, and as clean as before.
    @Test(arguments: [-1, 1], [200.0, 1_000, 3_000])
    func tonesStayClean(change: Int, hertz: Double) {
        let input = sine(hertz, 16_000)
        let result = stretched(input) { _ in change }
        #expect(largestStep(result) <= largestStep(input) * 102 / 100 + 40)
        let moved = hertz * 320 / Double(320 + change)
        #expect(share(of: moved, in: result) > 0.99, "\(share(of: moved, in: result))")
        #expect(abs(level(result) - level(input)) <= 1)
    }

    @Test func turningOnAndOffDoesNotClick() {
        let input = sine(440, 32_000)
        let result = stretched(input) { [0, 1, 0, -1, -1, 1][$0 % 6] }
        #expect(result.count == input.count)
        #expect(largestStep(result) <= largestStep(input) * 103 / 100 + 40)
    }

    @Test func extremesAndSmallBlocksAreHandled() {
        var queue = SampleQueue(capacity: 320)
        for (count, change, expected) in [(320, 1, 320), (320, -1, 319), (79, 1, 79), (79, -1, 79), (80, 1, 81), (80, -1, 79), (0, 1, 0)] {
            queue.clear()
            guard let place = queue.prepare(count) else { return }
            for index in 0..<count { place[index] = index % 2 == 0 ? .max : .min }
            queue.commit(count, stretchedBy: change)
            #expect(queue.count == expected, "\(count) \(change)")
        }
    }
}
