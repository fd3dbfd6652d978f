/// Tells speech from silence by energy above an adaptive noise floor and by its share of low-frequency change (zero crossings).
///
/// It works on frames of up to 20 ms at 16 kHz, keeps no audio, and errs towards speech: a missed word cannot be masked.
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
    private var noiseFloor: Float = 60
    private var loudRun = 0
    private var quietRun = 0

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

        // The floor follows quiet frames quickly downwards and slowly upwards; digital silence must not drag it to zero.
        if level < noiseFloor {
            noiseFloor = max(20, noiseFloor * 0.9 + level * 0.1)
        } else if !isSpeaking {
            noiseFloor = min(600, noiseFloor * 0.995 + level * 0.005)
        }
        let isLoud = level > max(noiseFloor * 2.8, isSpeaking ? 90 : 130)

        if isLoud {
            loudRun += milliseconds
            quietRun = 0
        } else {
            quietRun += milliseconds
            if !isSpeaking { loudRun = 0 }
        }
        if !isSpeaking, loudRun >= onset {
            isSpeaking = true
            quietRun = 0
            return .speechStarted
        }
        if isSpeaking, quietRun >= hangover {
            isSpeaking = false
            loudRun = 0
            return .speechEnded
        }
        return .none
    }

    /// Ends an utterance that grew too long, so that the next one begins at once.
    mutating func split() { quietRun = 0 }
}
