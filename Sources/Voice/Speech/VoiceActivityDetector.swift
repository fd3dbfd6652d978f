/// Tells speech from silence by its energy above a noise floor that follows the line.
///
/// It works on frames of up to 20 ms at 16 kHz, keeps no audio, and errs towards speech: a missed word cannot be masked. What goes on
/// without a dip for some seconds is no speech, however loud it is: the floor then rises to it, so that a noisy line neither keeps an
/// utterance open for ever nor hides a voice that is louder.
struct VoiceActivityDetector {
    enum Change: Equatable {
        case none
        case speechStarted
        case speechEnded
    }

    /// Silence that ends an utterance, in milliseconds.
    let hangover: Int
    /// Speech that begins one, in milliseconds: clicks are shorter.
    let onset: Int

    private(set) var isSpeaking = false
    /// Whether the last frame was no louder than the line's noise.
    private(set) var isQuiet = true

    /// How long it has been quiet; 0 while somebody speaks.
    var quietMilliseconds: Int { quietRun }

    /// RMS of the line's noise. Full scale is 32,768: 30 is -61 dBov.
    private var noiseFloor: Float = 30
    private var loudRun = 0
    private var quietRun = 0

    /// The least level in each of the last pieces of `pieceLength` milliseconds, 3 s in all, the current one last.
    private var least = [Float](repeating: 0, count: 12)
    private var pieceRun = 0
    private static let pieceLength = 250

    /// Speech is this much louder than the floor: 9 dB.
    private static let margin: Float = 2.8
    /// Nothing below is speech: -56 dBov to begin, -59 dBov to go on. G.711's own noise is a tenth of that.
    private static let threshold: (toBegin: Float, toGoOn: Float) = (52, 37)
    private static let lowestFloor: Float = 12
    private static let highestFloor: Float = 6_000

    init(hangover: Int = 640, onset: Int = 40) {
        self.hangover = hangover
        self.onset = onset
    }

    mutating func process(_ samples: UnsafeBufferPointer<Int16>) -> Change {
        guard !samples.isEmpty else { return .none }
        let milliseconds = max(1, samples.count / 16)
        var sum: Float = 0
        for sample in samples { sum += Float(sample) * Float(sample) }
        let level = (sum / Float(samples.count)).squareRoot()
        followNoise(level, milliseconds)

        isQuiet = level <= max(noiseFloor * Self.margin, isSpeaking ? Self.threshold.toGoOn : Self.threshold.toBegin)
        loudRun = isQuiet ? 0 : loudRun + milliseconds
        // A click in a pause does not make it shorter.
        quietRun = loudRun >= onset ? 0 : quietRun + milliseconds
        if !isSpeaking, loudRun >= onset {
            isSpeaking = true
            return .speechStarted
        }
        if isSpeaking, quietRun >= hangover {
            isSpeaking = false
            return .speechEnded
        }
        return .none
    }

    /// Downwards the floor follows quickly, upwards slowly while nobody speaks. Speech dips at least once in 3 s; what does not is noise.
    private mutating func followNoise(_ level: Float, _ milliseconds: Int) {
        pieceRun += milliseconds
        if pieceRun >= Self.pieceLength {
            pieceRun = 0
            least.removeFirst()
            least.append(level)
        } else {
            least[least.count - 1] = min(least[least.count - 1], level)
        }
        if level < noiseFloor {
            noiseFloor = noiseFloor * 0.9 + level * 0.1
        } else if !isSpeaking {
            noiseFloor = noiseFloor * 0.995 + level * 0.005
        }
        if let steady = least.min(), steady > noiseFloor { noiseFloor = noiseFloor * 0.9 + steady * 0.1 }
        noiseFloor = min(Self.highestFloor, max(Self.lowestFloor, noiseFloor))
    }

    /// Ends an utterance that grew too long, so that the next one begins at once.
    mutating func split() { quietRun = 0 }
}
