import Audio
import Testing

@Suite struct ComfortNoiseTests {
    private func render(_ payload: [UInt8], seconds: Int = 1) -> [Int16] {
        var renderer = ComfortNoiseRenderer(seed: 42)
        let isTaken = payload.withUnsafeBytes { renderer.update($0) }
        #expect(isTaken == !payload.isEmpty)
        var result: [Int16] = []
        var frame = [Int16](repeating: 0, count: 320)
        for _ in 0..<seconds * 50 {
            frame.withUnsafeMutableBufferPointer { renderer.fill($0) }
            result += frame
        }
        return result
    }

    private func describe(_ samples: [Int16]) throws -> [UInt8] {
        var meter = ComfortNoiseMeter()
        for start in stride(from: 0, to: samples.count - 319, by: 320) {
            samples[start..<start + 320].withUnsafeBufferPointer { meter.noiseHeard($0) }
        }
        var payload = [UInt8](repeating: 0xFF, count: ComfortNoiseMeter.payloadSize)
        let size = try #require(payload.withUnsafeMutableBytes { meter.write(into: $0) })
        return Array(payload[0..<size])
    }

    /// RFC 3389 §3.1: -dBov; the top bit is not used.
    @Test(arguments: [20, 40, 60, 75])
    func noiseHasItsLevel(decibels: Int) {
        for top in [UInt8(0), 0x80] {
            let samples = render([UInt8(decibels) | top])
            #expect(abs(level(samples[1_600...]) + decibels) <= 1)
        }
        for coefficients in [[UInt8(0)], [160], [40, 200], [10, 240, 90, 130, 127, 127, 150, 100]] {
            let samples = render([UInt8(decibels)] + coefficients, seconds: 4)
            #expect(abs(level(samples[3_200...]) + decibels) <= 2, "\(coefficients)")
        }
    }

    /// RFC 3389 §3.2: a first coefficient below 127 is noise with more lows (R(1) > 0).
    @Test func noiseHasItsColour() {
        func highShare(_ samples: [Int16]) -> Double {
            // Neighbours' differences show the highs.
            let differences = zip(samples, samples.dropFirst()).map { Double($1) - Double($0) }
            return differences.reduce(0) { $0 + $1 * $1 } / samples.reduce(1) { $0 + Double($1) * Double($1) }
        }
        let low = highShare(render([40, 40]))
        let white = highShare(render([40]))
        let high = highShare(render([40, 214]))
        #expect(low < white / 2 && high > white * 1.5)
    }

    @Test func whatTheMeterHeardIsRenderedAgain() throws {
        for payload in [[UInt8(35), 40, 140], [50, 70, 100], [45]] {
            let described = try describe(render(payload, seconds: 3))
            #expect(abs(Int(described[0]) - Int(payload[0])) <= 1, "\(payload)")
            for (index, coefficient) in payload.dropFirst().enumerated() {
                #expect(abs(Int(described[index + 1]) - Int(coefficient)) <= 14, "\(payload) gave \(described)")
            }
        }
    }

    @Test func silenceIsTheLeastLevel() throws {
        #expect(try describe([Int16](repeating: 0, count: 3_200))[0] == 127)
        #expect(try describe([Int16](repeating: .min, count: 3_200))[0] <= 1)
        #expect(level(render([127])) <= -100)
        let meter = ComfortNoiseMeter()
        var room = [UInt8](repeating: 0, count: 16)
        #expect(room.withUnsafeMutableBytes { meter.write(into: $0) } == nil)
    }

    @Test func nothingComesBeforeTheFirstDescription() {
        var renderer = ComfortNoiseRenderer(seed: 1)
        var frame = [Int16](repeating: 99, count: 320)
        frame.withUnsafeMutableBufferPointer { renderer.fill($0) }
        #expect(frame.allSatisfy { $0 == 0 } && !renderer.isActive)
    }

    @Test func anyDescriptionIsStable() {
        var state: UInt64 = 3
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
        var renderer = ComfortNoiseRenderer(seed: 0)
        var frame = [Int16](repeating: 0, count: 320)
        for round in 0..<2_000 {
            let payload = (0..<Int(next()) % 40).map { _ in round % 5 == 0 ? next() | 0xFE : next() }
            _ = payload.withUnsafeBytes { renderer.update($0) }
            frame.withUnsafeMutableBufferPointer { renderer.fill($0) }
        }
        _ = [UInt8(70)].withUnsafeBytes { renderer.update($0) }
        for _ in 0..<100 { frame.withUnsafeMutableBufferPointer { renderer.fill($0) } }
        #expect(abs(level(frame) + 70) <= 3)
        for count in [0, 1, 319, 1_922] {
            var odd = [Int16](repeating: 5, count: count)
            odd.withUnsafeMutableBufferPointer { renderer.fill($0) }
            #expect(odd.allSatisfy { $0 == 0 })
        }
    }
}
