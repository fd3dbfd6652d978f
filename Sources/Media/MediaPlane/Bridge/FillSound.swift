internal import Audio
internal import SottoBase

/// What a `MediaFill` sounds like: tables that are made once and read by every session.
enum FillSound {
    private static let rate = 16_000

    /// proof: filled once before it is shared, never freed, never changed
    private struct Table: @unchecked Sendable {
        let samples: UnsafeBufferPointer<Int16>

        init(count: Int, _ make: (UnsafeMutableBufferPointer<Int16>) -> Void) {
            let memory = UnsafeMutableBufferPointer<Int16>.allocate(capacity: count)
            memory.initialize(repeating: 0)
            make(memory)
            samples = UnsafeBufferPointer(memory)
        }
    }

    /// Half a second a note, in A minor, soft: fundamental and octave, with a struck string's envelope.
    private static let melody = Table(count: notes.count * rate / 2) { samples in
        let length = rate / 2
        for (index, note) in notes.enumerated() {
            let part = UnsafeMutableBufferPointer(rebasing: samples[index * length..<(index + 1) * length])
            var generator = ToneGenerator(note, note * 2, levelDBov: -30)
            generator.fill(part)
            for place in 0..<length {
                let attack = min(place, 320)
                let decay = length - place
                part[place] = Int16(truncatingIfNeeded: Int(part[place]) * attack * decay / (320 * length))
            }
        }
    }
    private static let notes: [Double] = [
        220, 261.63, 329.63, 440, 392, 329.63, 261.63, 246.94, 220, 293.66, 349.23, 440, 392, 349.23, 293.66, 261.63,
    ]

    /// One second, which is a whole number of periods of each.
    private static let ring = Table(count: rate) { samples in
        var generator = ToneGenerator(425, levelDBov: -20)
        generator.fill(samples)
    }
    private static let northAmericanRing = Table(count: rate) { samples in
        var generator = ToneGenerator(440, 480, levelDBov: -22)
        generator.fill(samples)
    }
    /// Faint noise from a fixed generator: about -62 dBov.
    private static let noise = Table(count: rate) { samples in
        var state: UInt32 = 0x5EED_CAFE
        for index in samples.indices {
            state = state &* 1_664_525 &+ 1_013_904_223
            samples[index] = Int16(truncatingIfNeeded: Int32(bitPattern: state) >> 25)  // -64 … 63
        }
    }

    /// Fills `frame` with what is heard from `place` samples after the start on; false for silence, with `frame` untouched.
    static func read(_ fill: MediaFill, from place: Int, into frame: UnsafeMutableBufferPointer<Int16>) -> Bool {
        switch fill {
        case .silence: return false
        case .holdMusic: copy(melody.samples, from: place, into: frame)
        case .comfort: copy(noise.samples, from: place, into: frame)
        case .ringBack(let isNorthAmerican):
            let (table, on, period) = isNorthAmerican ? (northAmericanRing, 2 * rate, 6 * rate) : (ring, rate, 5 * rate)
            guard place % period < on else { return false }
            copy(table.samples, from: place, into: frame)
        }
        return true
    }

    private static func copy(_ table: UnsafeBufferPointer<Int16>, from place: Int, into frame: UnsafeMutableBufferPointer<Int16>) {
        var position = place % table.count
        for index in 0..<frame.count {
            frame[index] = table[position]
            position += 1
            if position == table.count { position = 0 }
        }
    }
}
