internal import CFlite
internal import Foundation
internal import Synchronization
public import SottoBase

/// Speech inside this process with flite. Voices are singletons in flite, so one thread renders whole sentences in turn.
public final class FliteSynthesizer: SpeechSynthesizer {
    public let provider = ProviderDescription(name: "flite", boundary: .inProcess)

    private let engine = Engine()
    /// Texts that wait; a text over the limit fails at once.
    private static let limit = 256

    public init() {}

    /// flite's own 16 kHz voices. `kal` is kal16's 8 kHz sister and speaks through it.
    public static let voices = ["slt", "kal", "kal16", "awb", "rms"]

    public func speak(
        _ text: Masked<String>, voice: String?, events: @escaping @Sendable (SynthesisEvent) -> Void
    ) -> any SynthesisStream {
        let stream = Stream()
        engine.render(Self.sentences(of: text.content), voice: voice ?? "slt", limit: Self.limit, stream: stream, events: events)
        return stream
    }

    /// Texts being rendered or waiting: a gauge that returns to zero.
    public var waiting: Int { engine.waiting.load(ordering: .relaxed) }

    /// Splits at ends of sentences, so that the first one is heard while the next is rendered.
    static func sentences(of text: String) -> [String] {
        var sentences: [String] = []
        var current = ""
        for character in text {
            current.append(character)
            if ".!?".contains(character), current.count > 12 {
                sentences.append(current)
                current = ""
            }
        }
        if current.contains(where: { $0.isLetter || $0.isNumber }) { sentences.append(current) }
        return sentences
    }

    final class Stream: SynthesisStream {
        let cancelled = Atomic<Bool>(false)
        func cancel() { cancelled.store(true, ordering: .releasing) }
    }
}

/// flite's one thread.
private final class Engine: @unchecked Sendable {  // proof: `voices` is used on `queue` alone
    let waiting = Atomic<Int>(0)
    private let queue = DispatchQueue(label: "flite")
    private var voices: [String: UnsafeMutablePointer<cst_voice>] = [:]

    func render(
        _ sentences: [String], voice: String, limit: Int, stream: FliteSynthesizer.Stream,
        events: @escaping @Sendable (SynthesisEvent) -> Void
    ) {
        guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
            waiting.subtract(1, ordering: .relaxed)
            return events(.failed(.overloaded))
        }
        queue.async { [self] in
            defer { waiting.subtract(1, ordering: .relaxed) }
            guard let voice = load(voice) else { return events(.failed(.unavailable("flite voice '\(voice)'"))) }
            for sentence in sentences where !stream.cancelled.load(ordering: .acquiring) {
                guard let wave = flite_text_to_wave(sentence, voice) else {
                    return events(.failed(.failed("flite rendered nothing")))
                }
                defer { delete_wave(wave) }
                guard wave.pointee.num_samples > 0, wave.pointee.num_channels == 1, let samples = wave.pointee.samples else { continue }
                guard wave.pointee.sample_rate == 16_000 else { return events(.failed(.failed("flite voice is not 16 kHz"))) }
                events(.samples(Array(UnsafeBufferPointer(start: samples, count: Int(wave.pointee.num_samples)))))
            }
            events(.finished)
        }
    }

    private func load(_ name: String) -> UnsafeMutablePointer<cst_voice>? {
        if let voice = voices[name] { return voice }
        if voices.isEmpty { flite_init() }
        let voice: UnsafeMutablePointer<cst_voice>? =
            switch name {
            case "slt": register_cmu_us_slt(nil)
            case "kal", "kal16": register_cmu_us_kal16(nil)
            case "awb": register_cmu_us_awb(nil)
            case "rms": register_cmu_us_rms(nil)
            default: nil
            }
        voices[name] = voice
        return voice
    }
}
