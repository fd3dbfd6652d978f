import Audio
import Testing

@Suite struct SampleQueueTests {
    private func append(_ queue: inout SampleQueue, _ values: [Int16]) -> Bool {
        guard let place = queue.prepare(values.count) else { return false }
        for (index, value) in values.enumerated() { place[index] = value }
        queue.commit(values.count)
        return true
    }

    private func read(_ queue: inout SampleQueue, _ count: Int) -> [Int16]? {
        var target = [Int16](repeating: 0, count: count)
        let isRead = target.withUnsafeMutableBufferPointer { queue.read(into: $0) }
        return isRead ? target : nil
    }

    @Test func samplesComeOutAsTheyWentIn() {
        var queue = SampleQueue(capacity: 1_000)
        var written: Int16 = 0
        var expected: Int16 = 0
        for _ in 0..<500 {
            #expect(append(&queue, (0..<300).map { written &+ Int16($0) }))
            written &+= 300
            while queue.count >= 160 {
                #expect(read(&queue, 160) == (0..<160).map { expected &+ Int16($0) })
                expected &+= 160
            }
        }
    }

    @Test func fullQueueRefuses() {
        var queue = SampleQueue(capacity: 320)
        #expect(append(&queue, [Int16](repeating: 1, count: 300)))
        #expect(!append(&queue, [Int16](repeating: 1, count: 21)))
        #expect(queue.appendSilence(100) == 20)
        #expect(read(&queue, 321) == nil)
        #expect(read(&queue, 320) == [Int16](repeating: 1, count: 300) + [Int16](repeating: 0, count: 20))
        #expect(queue.count == 0)
        #expect(append(&queue, [7]))
        queue.clear()
        #expect(queue.count == 0)
    }
}

@Suite struct LevelTests {
    // RFC 6464 §3: 0 is the level of a full-scale square wave
    @Test func levelCountsFromFullScale() {
        #expect(level([Int16](repeating: 32_767, count: 320)) == 0)
        #expect(level([Int16](repeating: .min, count: 320)) == 0)
        #expect(level([Int16](repeating: 0, count: 320)) == -127)
        #expect(level([]) == -127)
        #expect(level([Int16](repeating: 3_277, count: 320)) == -20)
        #expect(level(sine(1_000, 1_600, levelDBov: -20)) == -20)
    }

    @Test func quietIsBelowFiftyDecibels() {
        sine(1_000, 320, levelDBov: -45).withUnsafeBufferPointer { #expect(!isQuiet($0)) }
        sine(1_000, 320, levelDBov: -55).withUnsafeBufferPointer { #expect(isQuiet($0)) }
    }
}

@Suite struct ToneTests {
    // ITU-T Q.23
    @Test(arguments: [("1", 697.0, 1_209.0), ("5", 770, 1_336), ("9", 852, 1_477), ("0", 941, 1_336), ("#", 941, 1_477), ("D", 941, 1_633)])
    func keysHaveTheirTones(key: String, row: Double, column: Double) {
        guard let byte = key.utf8.first, var tone = ToneGenerator(dtmfKey: byte) else {
            Issue.record("a key has a tone")
            return
        }
        var samples = [Int16](repeating: 0, count: 16_000)
        samples.withUnsafeMutableBufferPointer { tone.fill($0) }
        #expect(abs(share(of: row, in: samples) - 0.5) < 0.01)
        #expect(abs(share(of: column, in: samples) - 0.5) < 0.01)
        #expect(level(samples) == -10)
    }

    @Test func otherBytesAreNoKeys() {
        for byte in UInt8.min...UInt8.max where !"0123456789*#ABCD".utf8.contains(byte) {
            #expect(ToneGenerator(dtmfKey: byte) == nil)
        }
    }

    @Test func phaseGoesOnAcrossBlocks() {
        var whole = ToneGenerator(1_400)
        var parts = ToneGenerator(1_400)
        var a = [Int16](repeating: 0, count: 640)
        var b = a
        a.withUnsafeMutableBufferPointer { whole.fill($0) }
        b.withUnsafeMutableBufferPointer {
            parts.fill(UnsafeMutableBufferPointer(rebasing: $0[0..<320]))
            parts.fill(UnsafeMutableBufferPointer(rebasing: $0[320..<640]))
        }
        #expect(zip(a, b).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }
}
