import SottoBase
import Testing

@testable import Speech

/// A line with a voice on it, made of numbers: noise, bursts like syllables, clicks.
private struct Line {
    private var random: UInt64 = 5
    private(set) var detector = VoiceActivityDetector()
    private(set) var milliseconds = 0
    private(set) var starts: [Int] = []
    private(set) var ends: [Int] = []

    private mutating func noise(_ rms: Double) -> Double {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // Uniform noise of this RMS.
        return (Double(random >> 33) / Double(1 << 31) * 2 - 1) * rms * 1.732
    }

    /// 20 ms frames of noise; the level of each comes from `level`.
    mutating func play(milliseconds length: Int, _ level: (Int) -> Double) {
        for offset in stride(from: 0, to: length, by: 20) {
            let rms = level(offset)
            let frame = (0..<320).map { _ in Int16(max(-32_768, min(32_767, noise(rms)))) }
            let change = frame.withUnsafeBufferPointer { detector.process($0) }
            milliseconds += 20
            switch change {
            case .speechStarted: starts.append(milliseconds)
            case .speechEnded: ends.append(milliseconds)
            case .none: break
            }
        }
    }

    mutating func rest(_ length: Int, noise rms: Double = 10) { play(milliseconds: length) { _ in rms } }

    /// Syllables of 160 ms with dips of 60 ms between them.
    mutating func talk(_ length: Int, level: Double, noise rms: Double = 10) {
        play(milliseconds: length) { $0 % 220 < 160 ? (level * level + rms * rms).squareRoot() : rms }
    }
}

@Suite struct VoiceActivityTests {
    @Test func silenceIsNoSpeech() {
        var line = Line()
        line.rest(20_000, noise: 0)
        line.rest(20_000, noise: 15)
        #expect(line.starts.isEmpty)
    }

    @Test func speechStartsAtOnceAndEndsAfterTheHangover() {
        var line = Line()
        line.rest(1_000)
        line.talk(2_200, level: 3_000)
        line.rest(2_000)
        #expect(line.starts == [1_040])
        #expect(line.ends.count == 1)
        // The last syllable ended 60 ms before the talk did.
        #expect((3_700...3_800).contains(line.ends.first ?? 0))
    }

    /// -51 dBov: a voice far from its telephone, or a whisper.
    @Test(arguments: [90.0, 200, 1_000, 10_000])
    func voiceIsHeardHoweverQuiet(_ level: Double) {
        var line = Line()
        line.rest(500, noise: 8)
        line.talk(1_100, level: level, noise: 8)
        line.rest(1_500, noise: 8)
        #expect(line.starts.count == 1)
        #expect(line.ends.count == 1)
    }

    @Test func voiceFromTheFirstFrameOnIsHeard() {
        var line = Line()
        line.talk(1_100, level: 150, noise: 5)
        #expect(line.starts == [40])
    }

    @Test func clicksAreNoSpeech() {
        var line = Line()
        line.rest(500)
        line.play(milliseconds: 10_000) { $0 % 300 == 0 ? 8_000 : 10 }
        #expect(line.starts.isEmpty)
    }

    @Test func clicksInAPauseDoNotHoldAnUtteranceOpen() {
        var line = Line()
        line.rest(500)
        line.talk(1_100, level: 3_000)
        line.play(milliseconds: 2_000) { $0 % 300 == 0 ? 8_000 : 10 }
        #expect(line.ends.count == 1)
    }

    /// A pause between groups of digits is part of the number.
    @Test func shortPausesStayInsideAnUtterance() {
        var line = Line()
        line.rest(500)
        for _ in 0..<4 {
            line.talk(1_100, level: 3_000)
            line.rest(400)
        }
        line.rest(1_000)
        #expect(line.starts.count == 1)
        #expect(line.ends.count == 1)
    }

    /// A fan, a road, a line that hums: it begins as speech, since nobody knows yet, and ends within seconds.
    @Test(arguments: [100.0, 400, 1_000, 3_000, 5_000])
    func steadyNoiseEndsAndStaysQuiet(_ level: Double) {
        var line = Line()
        line.rest(1_000)
        line.rest(60_000, noise: level)
        #expect(line.starts.count <= 1)
        #expect(line.ends.count == line.starts.count)
        #expect(line.ends.allSatisfy { $0 < 8_000 })
    }

    @Test(arguments: [100.0, 400, 1_000])
    func voiceAboveSteadyNoiseIsHeardAndEnds(_ level: Double) {
        var line = Line()
        line.rest(10_000, noise: level)
        let before = line.starts.count
        line.talk(2_200, level: level * 8, noise: level)
        line.rest(3_000, noise: level)
        #expect(line.starts.count == before + 1)
        #expect(line.ends.count == line.starts.count)
    }

    /// The noise stops: the floor follows, and a voice at its level is speech again.
    @Test func quietVoiceIsHeardSoonAfterNoiseEnds() {
        var line = Line()
        line.rest(10_000, noise: 1_000)
        line.rest(2_000, noise: 8)
        let before = line.starts.count
        line.talk(1_100, level: 200, noise: 8)
        #expect(line.starts.count == before + 1)
    }

    /// Somebody reads for half a minute with no pause longer than a breath: nothing of it is taken for noise.
    @Test func longSpeechIsNotTakenForNoise() {
        var line = Line()
        line.rest(500)
        line.talk(30_000, level: 2_000, noise: 60)
        #expect(line.starts == [540])
        #expect(line.ends.isEmpty)
    }

    @Test func emptyFrameChangesNothing() {
        var detector = VoiceActivityDetector()
        #expect(detector.process(UnsafeBufferPointer(start: nil, count: 0)) == .none)
    }
}
