/// Bridges missing G.711 frames at 16 kHz: repeats the last pitch period, full for 10 ms, then fading to silence at 60 ms.
/// A simple relative of ITU-T G.711 Appendix I, without its delay.
struct PitchConcealer: ~Copyable {
    private static let history = 800
    private static let shortestPeriod = 80
    private static let longestPeriod = 240
    private static let template = 320
    /// Samples at full level, and the sample where silence begins.
    private static let full = 160
    private static let end = 960
    /// How long the first true frame is mixed with the made-up one, and a step at the seam is spread.
    private static let crossfade = 64

    private let past: UnsafeMutablePointer<Int16>
    private let period: UnsafeMutablePointer<Int16>
    private var periodCount = 0
    private var phase = 0
    /// Samples made up since the last true frame; 0 when nothing is missing.
    private var madeUp = 0
    private var step: Int32 = 0

    init() {
        past = .allocate(capacity: Self.history)
        past.initialize(repeating: 0, count: Self.history)
        period = .allocate(capacity: Self.longestPeriod)
        period.initialize(repeating: 0, count: Self.longestPeriod)
    }

    deinit {
        past.update(repeating: 0, count: Self.history)
        period.update(repeating: 0, count: Self.longestPeriod)
        past.deallocate()
        period.deallocate()
    }

    /// A true frame: mixes its beginning with what was made up before it, and remembers it.
    mutating func decoded(_ samples: UnsafeMutableBufferPointer<Int16>) {
        if madeUp > 0 {
            let count = min(Self.crossfade, samples.count)
            for index in 0..<count {
                let old = Int32(nextSample())
                let new = Int32(samples[index])
                samples[index] = HalfBand.clamp(old &+ (new &- old) &* Int32(index) / Int32(count))
            }
            madeUp = 0
        }
        remember(UnsafeBufferPointer(samples))
    }

    /// Fills `target` with made-up samples.
    mutating func conceal(into target: UnsafeMutableBufferPointer<Int16>) {
        if madeUp == 0 { start() }
        for index in 0..<target.count { target[index] = nextSample() }
        remember(UnsafeBufferPointer(target))
    }

    mutating func reset() {
        past.update(repeating: 0, count: Self.history)
        madeUp = 0
        periodCount = 0
    }

    private mutating func start() {
        periodCount = findPeriod()
        phase = 0
        let first = past + Self.history - periodCount
        period.update(from: first, count: periodCount)
        // The end of a period leads into its beginning: mix it with what came before the beginning.
        let overlap = periodCount / 4
        for index in 0..<overlap {
            let place = periodCount - overlap + index
            let own = Int32(period[place])
            let before = Int32(first[index - overlap])
            period[place] = Int16(truncatingIfNeeded: own &+ (before &- own) &* Int32(index + 1) / Int32(overlap))
        }
        step = Int32(past[Self.history - 1]) &- Int32(first[-1])
    }

    private mutating func nextSample() -> Int16 {
        guard madeUp < Self.end, periodCount > 0 else {
            madeUp = Self.end
            return 0
        }
        var value = Int32(period[phase])
        if madeUp < Self.crossfade { value &+= step &* Int32(Self.crossfade - madeUp) / Int32(Self.crossfade) }
        if madeUp > Self.full { value = value &* Int32(Self.end - madeUp) / Int32(Self.end - Self.full) }
        phase = phase + 1 == periodCount ? 0 : phase + 1
        madeUp += 1
        return HalfBand.clamp(value)
    }

    /// The lag at which the last 20 ms resemble what came before them most, at every second sample.
    private func findPeriod() -> Int {
        let recent = past + Self.history - Self.template
        var best = Self.longestPeriod
        var bestScore: Float = 0
        for lag in stride(from: Self.shortestPeriod, through: Self.longestPeriod, by: 2) {
            var correlation: Float = 0
            var energy: Float = 1
            for index in stride(from: 0, to: Self.template, by: 2) {
                let earlier = Float(recent[index - lag])
                correlation += Float(recent[index]) * earlier
                energy += earlier * earlier
            }
            guard correlation > 0 else { continue }
            let score = correlation / energy.squareRoot()
            if score > bestScore {
                bestScore = score
                best = lag
            }
        }
        return best
    }

    private mutating func remember(_ samples: UnsafeBufferPointer<Int16>) {
        guard let source = samples.baseAddress else { return }
        if samples.count >= Self.history {
            past.update(from: source + samples.count - Self.history, count: Self.history)
        } else {
            past.update(from: past + samples.count, count: Self.history - samples.count)
            (past + Self.history - samples.count).update(from: source, count: samples.count)
        }
    }
}
