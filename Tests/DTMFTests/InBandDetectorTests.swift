import Audio
import DTMF
import SottoBase
import Testing

/// Tones as ITU-T Q.24 wants them taken and refused, at 16 kHz.
struct InBandDetectorTests {
    static let keys = Array("1234567890*#ABCD".utf8)

    // MARK: - What must be a key

    @Test(arguments: keys)
    func everyKeyIsHeardOnce(byte: UInt8) {
        for level in [-40.0, -31, -20, -11, -9] {
            let heard = presses(pause(100) + tone(byte, milliseconds: 80, level: level) + pause(100))
            #expect(heard.map(\.key.byte) == [byte], "\(level) dBov")
        }
    }

    /// Q.24: 40 ms is a key, wherever it falls in the frames.
    @Test func fortyMillisecondsAreAKeyAtEveryOffset() {
        for offset in stride(from: 0, to: 320, by: 16) {
            let heard = presses(pause(40, extra: offset) + tone(0x35, milliseconds: 40) + pause(100))
            #expect(heard.map(\.key.byte) == [0x35], "offset \(offset)")
        }
    }

    /// Q.24: 1.5 % off are taken.
    @Test(arguments: keys)
    func frequenciesMayBeOff(byte: UInt8) {
        for (row, column) in [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)] {
            let heard = presses(pause(60) + tone(byte, milliseconds: 60, row: row, column: column) + pause(100))
            #expect(heard.map(\.key.byte) == [byte], "\(row) \(column)")
        }
    }

    /// Q.24: the low tone up to 8 dB stronger, the high one up to 4 dB.
    @Test(arguments: keys)
    func tonesMayDifferInLevel(byte: UInt8) {
        for twist in [-8.0, -4, 0, 4] {
            let heard = presses(pause(60) + tone(byte, milliseconds: 60, level: -20, twist: twist) + pause(100))
            #expect(heard.map(\.key.byte) == [byte], "\(twist) dB")
        }
    }

    @Test(arguments: keys)
    func narrowbandCodecsAndNoiseDoNotHideThem(byte: UInt8) throws {
        let signal = pause(60) + tone(byte, milliseconds: 60, level: -25) + pause(100)
        for codec in [AudioCodec.pcmu, .pcma, .g722] { #expect(presses(try coded(signal, codec)).map(\.key.byte) == [byte], "\(codec)") }
        var noise = Noise(seed: 5)
        let noisy = signal.map { Int16(clamping: Int($0) + noise.next(amplitude: 600)) }  // 15 dB under the tones
        #expect(presses(noisy).map(\.key.byte) == [byte])
    }

    /// Q.24: interruptions up to 10 ms are one key, pauses of 40 ms make two.
    @Test func interruptionsAreBridgedAndPausesAreNot() {
        for offset in stride(from: 0, to: 320, by: 40) {
            let bridged = pause(40, extra: offset) + tone(0x31, milliseconds: 50) + pause(8) + tone(0x31, milliseconds: 50) + pause(100)
            #expect(presses(bridged).count == 1, "offset \(offset)")
            let two = pause(40, extra: offset) + tone(0x31, milliseconds: 45) + pause(40) + tone(0x31, milliseconds: 45) + pause(100)
            #expect(presses(two).count == 2, "offset \(offset)")
        }
    }

    @Test func aNumberIsHeardInOrder() {
        var signal = pause(50)
        for byte in Self.keys { signal += tone(byte, milliseconds: 50) + pause(50) }
        #expect(presses(signal + pause(100)).map(\.key.byte) == Self.keys)
    }

    @Test func keysWithoutAPauseAreTwo() {
        let heard = presses(pause(40) + tone(0x31, milliseconds: 100) + tone(0x39, milliseconds: 100) + pause(100))
        #expect(heard.map(\.key.byte) == [0x31, 0x39])
    }

    @Test func aKeyIsToldWhereItWas() throws {
        let press = try #require(presses(pause(100) + tone(0x37, milliseconds: 120, level: -16) + pause(100)).first)
        #expect(abs(press.start.ticks - 100 * 48) <= 10 * 48)
        #expect(abs(press.end.ticks - 220 * 48) <= 10 * 48)
        #expect((5...9).contains(press.volume))  // two tones of -16 dBov are -7 dBm0
    }

    @Test func theEndOfTheStreamEndsAKey() {
        var detector = InBandDetector()
        _ = run(&detector, pause(40) + tone(0x32, milliseconds: 80))
        let change = detector.finish()
        #expect(change.pressed?.key.byte == 0x32 && change.ended != nil)
        #expect(detector.finish().isNothing)
    }

    // MARK: - What must not be

    @Test func shortTonesAreCutAndAreNoKeys() {
        var detector = InBandDetector()
        let changes = run(&detector, pause(60) + tone(0x35, milliseconds: 25) + pause(100))
        #expect(changes.contains { $0.began != nil } && changes.contains { $0.ended != nil })
        #expect(changes.allSatisfy { $0.pressed == nil })
    }

    @Test func eightMillisecondsOnlyArm() throws {
        for offset in stride(from: 0, to: 320, by: 16) {
            var detector = InBandDetector()
            let changes = run(&detector, pause(40, extra: offset) + tone(0x35, milliseconds: 10) + pause(100))
            let armed = try #require(changes.compactMap(\.armed).first, "offset \(offset)")
            let start = Int64(40 * 48 + offset * 3)
            #expect(armed.ticks <= start && armed.ticks >= start - 12 * 48, "offset \(offset)")
            #expect(changes.allSatisfy { $0.began == nil && $0.pressed == nil })
        }
    }

    /// Q.24: tones that are 3.5 % off are no keys, and single tones neither.
    @Test func otherTonesAreNoKeys() {
        for byte in Self.keys {
            for (row, column) in [(1.04, 1.04), (0.96, 0.96)] {
                #expect(presses(tone(byte, milliseconds: 400, row: row, column: column) + pause(100)).isEmpty)
            }
            #expect(presses(tone(byte, milliseconds: 200, level: -20, twist: 15) + pause(100)).isEmpty)
            #expect(presses(tone(byte, milliseconds: 200, level: -20, twist: -16) + pause(100)).isEmpty)
        }
        for hertz in stride(from: 300.0, to: 3_400, by: 53) {
            var generator = ToneGenerator(hertz)
            #expect(presses(samples(&generator, 300)).isEmpty, "\(hertz) Hz")
        }
        // Dial tone, busy tone, ring-back of two continents.
        for pair in [(350.0, 440.0), (480, 620), (440, 480), (425, 850), (1_100, 2_100), (697, 770), (1_209, 1_477)] {
            var generator = ToneGenerator(pair.0, pair.1)
            #expect(presses(samples(&generator, 500)).isEmpty, "\(pair)")
        }
    }

    /// A key's two tones with their second harmonics: a voice, or an instrument.
    @Test func soundsWithHarmonicsAreNoKeys() {
        for byte in Self.keys {
            let key = tone(byte, milliseconds: 300, level: -22)
            let harmonic = tone(byte, milliseconds: 300, level: -28, row: 2, column: 2)
            #expect(presses(zip(key, harmonic).map { $0 &+ $1 } + pause(100)).isEmpty)
        }
    }

    @Test func noiseIsNoKey() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var noise = Noise(seed: seed)
            let signal = (0..<16_000).map { _ in Int16(noise.next(amplitude: 12_000)) }
            #expect(presses(signal).isEmpty)
        }
    }

    /// Voices made of pulses, formants and vibrato: an hour of them would give a few false keys at most; this half minute gives none.
    @Test func voicesAreNoKeys() {
        for seed in 1...30 as ClosedRange<UInt64> {
            var voice = Voice(seed: seed)
            var detector = InBandDetector()
            let changes = run(&detector, (0..<16_000).map { _ in voice.next() })
            #expect(changes.allSatisfy { $0.pressed == nil }, "voice \(seed)")
        }
    }

    // MARK: - Hostile input

    @Test func anyFramesAtAnyPositionsAreHandled() {
        var noise = Noise(seed: 99)
        var detector = InBandDetector()
        var began = 0
        for round in 0..<4_000 {
            let count = round % 7 == 0 ? Int(noise.bits() % 700) : 320
            let position = MediaTime(ticks: round % 11 == 0 ? Int64(bitPattern: noise.bits()) >> 8 : Int64(round) * 960)
            let signal =
                round % 3 == 0
                ? [Int16](repeating: round % 2 == 0 ? .min : .max, count: count)
                : (0..<count).map { _ in Int16(noise.next(amplitude: 32_767)) }
            let change = signal.withUnsafeBufferPointer { detector.process($0, at: position) }
            if change.began != nil { began += 1 }
            if change.ended != nil { began -= 1 }
            #expect(began == 0 || began == 1)
        }
        #expect(detector.finish().armed == nil)
    }
}
