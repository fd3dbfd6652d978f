import Audio
import Foundation
import Redaction
import SottoBase
import SottoTestPeer
import Speech
import Synchronization

@testable import SottoServer

/// A voice without a voice: what callers "say" are tones, each of which stands for a phrase, and what they hear are short tones.
///
/// The recognizer works on the audio that it gets, as a real one does, so words have the times at which they were spoken, and what is cut
/// on the way (keys, payment mode) is not heard.
final class NullVoice: Sendable {
    /// Phrases that every caller may use.
    enum Tone {
        static let yes = 500.0
        static let no = 600.0
        static let hours = 700.0
        static let pay = 800.0
        static let goodbye = 900.0
        static let stopRecording = 1_000.0
        /// Card numbers: a tone of its own for each call, from here in steps of 100.
        static let firstCard = 1_200.0
    }

    let recognizer = ToneRecognizer()
    let synthesizer = ToneSynthesizer()

    init() {
        recognizer.teach(Tone.yes, "yes")
        recognizer.teach(Tone.no, "no")
        recognizer.teach(Tone.hours, "opening hours")
        recognizer.teach(Tone.pay, "pay my bill")
        recognizer.teach(Tone.goodbye, "goodbye")
        recognizer.teach(Tone.stopRecording, "please stop recording")
    }

    /// Under the names that policies know.
    var providers: SpeechProviders {
        SpeechProviders(recognizers: ["pocketsphinx": recognizer], synthesizers: ["flite": synthesizer])
    }
}

/// Hears tones, reports the words that they stand for.
final class ToneRecognizer: SpeechRecognizer {
    let provider = ProviderDescription(name: "pocketsphinx", boundary: .inProcess)

    private struct State {
        var phrases: [Double: [String]] = [:]
        var failing = false
        var streams = 0
    }

    private let state = Mutex(State())

    func teach(_ frequency: Double, _ phrase: String) {
        state.withLock { $0.phrases[frequency] = phrase.split(separator: " ").map(String.init) }
    }

    /// Every stream fails at its next frame; new ones as well.
    func breakDown() { state.withLock { $0.failing = true } }
    /// Streams that run: a gauge that returns to zero.
    var streams: Int { state.withLock { $0.streams } }

    fileprivate var isFailing: Bool { state.withLock { $0.failing } }
    /// The phrase of the tone that is heard best in any 40 ms.
    fileprivate func words(for samples: [Int16]) -> [String]? {
        let phrases = state.withLock { $0.phrases }
        let windows = stride(from: 0, to: max(1, samples.count - 640), by: 1_600).map { samples[$0...].prefix(640) }
        let shares = phrases.keys.map { tone in (tone, windows.map { share(of: tone, in: $0) }.max() ?? 0) }
        guard let best = shares.max(by: { $0.1 < $1.1 }), best.1 > 0.3 else { return nil }
        return phrases[best.0]
    }
    fileprivate func streamEnded() { state.withLock { $0.streams -= 1 } }

    func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        state.withLock { $0.streams += 1 }
        let stream = ToneStream(self, audio, owner, grant, events)
        Thread.detachNewThread { stream.run() }
        return stream
    }
}

private final class ToneStream: RecognizerStream, @unchecked Sendable {  // proof: `stop` touches the atomic alone, the rest is one thread's
    private let recognizer: ToneRecognizer
    private let audio: AudioRing
    private let owner: CallID
    private let grant: BoundaryGrant
    private let events: @Sendable (RecognizerEvent) -> Void
    private let stopped = Atomic<Bool>(false)

    private var start: MediaTime?
    private var end = MediaTime.zero
    private var quietFrames = 0
    private var samples: [Int16] = []
    private var hasGuessed = false
    private var frames = 0

    init(
        _ recognizer: ToneRecognizer, _ audio: AudioRing, _ owner: CallID, _ grant: consuming BoundaryGrant,
        _ events: @escaping @Sendable (RecognizerEvent) -> Void
    ) {
        self.recognizer = recognizer
        self.audio = audio
        self.owner = owner
        self.grant = grant
        self.events = events
    }

    func stop() { stopped.store(true, ordering: .releasing) }

    func run() {
        defer { recognizer.streamEnded() }
        while !stopped.load(ordering: .acquiring) {
            if recognizer.isFailing { return events(.failed(.failed("pulled out by the test"))) }
            if audio.readClear(grant, take) == nil {
                if audio.isClosed { return }
                usleep(5_000)
            }
        }
    }

    private func take(_ header: AudioFrameHeader, _ frame: UnsafeBufferPointer<Int16>) {
        frames += 1
        let after = MediaTime(ticks: header.position.ticks + Int64(frame.count) * 3)
        if energy(of: frame) > 10_000 {
            if start == nil {
                start = header.position
                events(.speechStarted(header.position))
            }
            quietFrames = 0
            end = after
            samples += frame
            // A guess in mid-speech, as streaming recognizers make them.
            if !hasGuessed, samples.count >= 320 * 10, let start, let words = recognizer.words(for: samples) {
                hasGuessed = true
                if let clear = write(Array(words.prefix(words.count / 2)), from: start, to: end) { events(.partial(clear)) }
            }
        } else if let start {
            quietFrames += 1
            // A machine that is busy with other things tears holes into a caller's sound: they are no end of speech.
            if quietFrames >= 12 {
                finish(from: start)
                return events(.processed(after))
            }
        }
        if frames % 5 == 0 { events(.processed(start ?? after)) }
    }

    private func finish(from start: MediaTime) {
        if samples.count >= 320 * 3, let words = recognizer.words(for: samples) {
            if let clear = write(words, from: start, to: end) {
                events(.final(clear, from: start, to: end, isTruncated: false))
            } else {
                events(.gap(from: start, to: end))
            }
        }
        self.start = nil
        samples = []
        hasGuessed = false
    }

    /// The words, spread evenly over the time of the tone.
    private func write(_ words: [String], from start: MediaTime, to end: MediaTime) -> Clear<SpokenWords>? {
        guard !words.isEmpty, var writer = SpokenWordsWriter(owner: owner) else { return nil }
        let length = (end.milliseconds - start.milliseconds) / Int64(words.count)
        for (index, word) in words.enumerated() {
            var bytes = Array(word.utf8)
            bytes.withUnsafeBytes { _ = writer.append($0, from: start + Int64(index) * length, to: start + Int64(index + 1) * length) }
            wipe(&bytes)
        }
        return writer.finish()
    }
}

/// Says everything as a short tone.
final class ToneSynthesizer: SpeechSynthesizer {
    let provider = ProviderDescription(name: "flite", boundary: .inProcess)
    /// Milliseconds of each prompt.
    let length = Mutex(160)
    private let queue = DispatchQueue(label: "tone-synthesizer")

    private final class Stream: SynthesisStream {
        func cancel() {}
    }

    func speak(_ text: Masked<String>, voice: String?, events: @escaping @Sendable (SynthesisEvent) -> Void) -> any SynthesisStream {
        let count = length.withLock { $0 } * 16
        queue.async {
            var samples = [Int16](repeating: 0, count: count)
            var tone = ToneGenerator(400)
            samples.withUnsafeMutableBufferPointer { tone.fill($0) }
            events(.samples(samples))
            events(.finished)
        }
        return Stream()
    }
}

/// The share of a signal's power that lies at `frequency` (Goertzel), 0 to 1; 16 kHz.
func share(of frequency: Double, in samples: some Collection<Int16>) -> Double {
    let coefficient = 2 * cos(2 * Double.pi * frequency / 16_000)
    var (first, second, power) = (0.0, 0.0, 0.0)
    for sample in samples {
        let next = Double(sample) + coefficient * first - second
        (second, first) = (first, next)
        power += Double(sample) * Double(sample)
    }
    guard power > 0 else { return 0 }
    return (first * first + second * second - coefficient * first * second) * 2 / (power * Double(samples.count))
}
