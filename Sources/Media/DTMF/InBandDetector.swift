public import SottoBase

/// Hears keys that are sent as tones (ITU-T Q.23, Q.24), frame by frame at 16 kHz.
///
///     silent ──20 ms of two tones──▶ sounding(key) ──25 ms without them──▶ silent
///                                        └──20 ms of another key──▶ sounding(other)
///
/// Each 5 ms it looks at the last 10 ms, which tell whether there are two tones and nothing else, and at the last 20 ms, which tell which.
/// 10 ms of it only arm: a vowel can look like that. 20 ms are cut from where they began, at the price of a syllable now and then; a key is
/// what held for 40 ms without a second harmonic, which voices have and keys have not.
public struct InBandDetector: ~Copyable {
    /// A tone that is on.
    private struct Tone {
        var key: UInt8
        var start: MediaTime
        /// Where it was last heard.
        var end: MediaTime
        /// Power of both tones, the largest of its windows.
        var power: Float = 0
    }

    private enum State {
        case silent
        case sounding(Tone)
    }

    private var spectrum = ToneSpectrum()
    private var state = State.silent
    /// Windows in a row with two tones, and without.
    private var tonal = 0
    private var other = 0
    /// Windows in a row that said the key `candidate`.
    private var candidate: UInt8 = 0
    private var agreeing = 0
    private var runStart = MediaTime.zero
    /// Where the next frame starts when nothing is left out.
    private var next: MediaTime?

    /// A window of 10 ms ends each 5 ms.
    private static let block: Int64 = 5 * 48
    /// 20 ms are three windows that overlap.
    private static let windowsToBegin = 3
    /// 25 ms: an interruption of 10 ms (Q.24) is bridged, a pause of 40 ms is not.
    private static let windowsToEnd = 5
    /// Q.24: 40 ms must be taken for a key; less by what the edges of a window may hide.
    private static let shortestKey: Int64 = 32 * 48

    public init() {}

    /// - Parameters:
    ///   - samples: 320 (20 ms); another count ends what was on.
    ///   - position: where they start on the media clock.
    public mutating func process(_ samples: UnsafeBufferPointer<Int16>, at position: MediaTime) -> InBandChange {
        guard samples.count == ToneSpectrum.frame, next == nil || next == position else {
            let change = finish()
            guard samples.count == ToneSpectrum.frame, change.isNothing else { return change }
            return process(samples, at: position)
        }
        next = position + 20
        var change = InBandChange()
        guard spectrum.take(samples) else {
            // Nothing loud enough: the windows that reach back hold no tone that counts.
            for index in 0..<4 { windowPassed(false, 0, blockStart: position.ticks &+ Int64(index) &* Self.block, &change) }
            return change
        }
        for index in 0..<4 {
            let start = position.ticks &+ Int64(index) &* Self.block
            let power = spectrum.tonePower(endingAt: index)
            windowPassed(power > 0, power, blockStart: start, &change)
            guard tonal >= Self.windowsToBegin, let key = spectrum.key(endingAt: index) else {
                agreeing = 0
                continue
            }
            agreeing = key == candidate ? agreeing + 1 : 1
            candidate = key
            keyHeard(key, power, blockStart: start, &change)
        }
        return change
    }

    /// A new stream, or the end: tells what was on, and forgets the rest.
    public mutating func finish() -> InBandChange {
        var change = InBandChange()
        if case .sounding(let tone) = state { end(tone, &change) }
        spectrum.reset()
        tonal = 0
        other = 0
        agreeing = 0
        next = nil
        return change
    }

    /// Counts runs, and ends a tone that is over.
    private mutating func windowPassed(_ isTonal: Bool, _ power: Float, blockStart: Int64, _ change: inout InBandChange) {
        guard isTonal else {
            tonal = 0
            other += 1
            if other >= Self.windowsToEnd, case .sounding(let tone) = state { end(tone, &change) }
            return
        }
        other = 0
        tonal += 1
        if tonal == 1 {
            runStart = MediaTime(ticks: blockStart &- Self.block)
            if case .silent = state, change.armed == nil { change.armed = MediaTime(ticks: runStart.ticks &- Self.block) }
        }
        if case .sounding(var tone) = state {
            tone.end = MediaTime(ticks: blockStart &+ Self.block)
            tone.power = max(tone.power, power)
            state = .sounding(tone)
        }
    }

    private mutating func keyHeard(_ key: UInt8, _ power: Float, blockStart: Int64, _ change: inout InBandChange) {
        let here = MediaTime(ticks: blockStart &+ Self.block)
        switch state {
        case .silent:
            guard change.ended == nil, spectrum.isWithoutHarmonics(key) else { return }
            // The tone may have begun anywhere in the block before the first window that shows it.
            change.began = MediaTime(ticks: runStart.ticks &- Self.block)
            state = .sounding(Tone(key: key, start: runStart, end: here, power: power))
        case .sounding(let tone):
            guard key != tone.key, agreeing >= Self.windowsToBegin, change.began == nil, change.ended == nil else { return }
            let start = MediaTime(ticks: blockStart &- 3 &* Self.block)
            var old = tone
            old.end = min(old.end, start)
            end(old, &change)
            change.began = start
            state = .sounding(Tone(key: key, start: start, end: here, power: power))
        }
    }

    private mutating func end(_ tone: Tone, _ change: inout InBandChange) {
        state = .silent
        change.ended = tone.end
        guard tone.end.ticks &- tone.start.ticks >= Self.shortestKey, let key = Key(event: tone.key) else { return }
        change.pressed = KeyPress(key: key, start: tone.start, end: tone.end, volume: ToneSpectrum.volume(tone.power))
    }
}
