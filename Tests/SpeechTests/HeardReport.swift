import SottoBase
import Synchronization
import Testing

@testable import Speech

/// What a stream reported, gathered from its thread.
final class HeardReport: Sendable {
    struct Heard: Sendable {
        var words: [String] = []
        var times: [(MediaTime, MediaTime)] = []
        var utterances = 0
        var partials = 0
        var pieces = 0
        /// The longest stretch between audio that was taken and what was called processed then, in milliseconds.
        var longestWait: Int64 = 0
        var starts: [MediaTime] = []
        var gaps: [(MediaTime, MediaTime)] = []
        var processed: [MediaTime] = []
        var failures: [SpeechError] = []
        /// Events that came after a failure.
        var late = 0
        /// Utterances that spoke of audio that was reported as processed before, and steps back of `processed`.
        var disorder = 0
    }

    private let state = Mutex(Heard())
    let owner: CallID

    init(owner: CallID) { self.owner = owner }

    var heard: Heard { state.withLock { $0 } }

    func take(_ event: RecognizerEvent) {
        state.withLock { heard in
            if !heard.failures.isEmpty { heard.late += 1 }
            switch event {
            case .final(let clear, let from, let to, _), .piece(let clear, let from, let to, _):
                if case .piece = event { heard.pieces += 1 } else { heard.utterances += 1 }
                heard.longestWait = max(heard.longestWait, to.milliseconds - (heard.processed.last ?? .zero).milliseconds)
                if from < heard.processed.last ?? .zero || to < from { heard.disorder += 1 }
                ClearArena.words.open(clear) { bytes in
                    var reader = SpokenWordsReader(bytes)
                    while let word = reader.next() {
                        heard.words.append(String(decoding: word.text, as: UTF8.self))
                        heard.times.append((word.start, word.end))
                        if word.start < from || word.end > to || word.end < word.start { heard.disorder += 1 }
                    }
                }
                ClearArena.words.discard(clear)
            case .partial(let clear):
                heard.partials += 1
                ClearArena.words.discard(clear)
            case .gap(let from, let to): heard.gaps.append((from, to))
            case .processed(let position):
                if let last = heard.processed.last, position < last { heard.disorder += 1 }
                heard.processed.append(position)
            case .failed(let error): heard.failures.append(error)
            case .speechStarted(let position): heard.starts.append(position)
            }
        }
    }

    /// Words of this call that nobody discarded.
    var leftInArena: Int { ClearArena.words.discard(ownedBy: owner) }

    static func uniqueOwner() -> CallID { CallID(high: .random(in: 1...UInt64.max), low: 9) }
}

/// A caller's ring and its feeding, as fast as the listener takes it.
struct Caller {
    let ring: AudioRing
    private var position = 0

    init(capacity: Int = 512) { ring = AudioRing(content: .clear, capacity: capacity) }

    /// Waits for room in the ring, unless the listener is gone.
    mutating func say(_ samples: [Int16], while isListening: () -> Bool = { true }) async {
        for start in stride(from: 0, to: samples.count, by: AudioRing.samplesPerFrame) {
            let frame = Array(samples[start..<min(start + AudioRing.samplesPerFrame, samples.count)])
            while ring.count >= ring.capacity, isListening() { await Task.yield() }
            frame.withUnsafeBufferPointer { _ = ring.push(AudioFrameHeader(position: MediaTime(samplesAt16kHz: Int64(position))), $0) }
            position += frame.count
        }
    }

    /// Audio that never reaches the listener.
    mutating func lose(_ count: Int) { position += count }

    mutating func hangUp() { ring.close() }
}

func silence(milliseconds: Int) -> [Int16] { [Int16](repeating: 0, count: milliseconds * 16) }

func tone(_ frequency: Double, milliseconds: Int, amplitude: Double = 8_000) -> [Int16] {
    (0..<milliseconds * 16).map { Int16(amplitude * _sine(2 * .pi * frequency * Double($0) / 16_000)) }
}

/// Sine without Foundation: a Taylor polynomial after reduction, exact to 1e-6.
private func _sine(_ x: Double) -> Double {
    var r = x.truncatingRemainder(dividingBy: 2 * .pi)
    if r > .pi { r -= 2 * .pi }
    if r > .pi / 2 { r = .pi - r } else if r < -.pi / 2 { r = -.pi - r }
    let s = r * r
    return r * (1 - s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110)))))
}
