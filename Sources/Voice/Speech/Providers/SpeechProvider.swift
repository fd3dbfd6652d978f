public import ProviderProcesses
public import SottoBase

/// How far clear audio or text travels to reach a provider. Policy allows a set of these per tenant.
public enum ProviderBoundary: String, Hashable, Sendable, CaseIterable {
    /// In this process: nothing leaves the daemon's memory.
    case inProcess = "in-process"
    /// Another process or host that the operator runs.
    case onPremises = "on-premises"
    /// Somebody else's service.
    case external
}

/// What a provider says of itself; policy and the records name it.
public struct ProviderDescription: Hashable, Sendable {
    /// The name that the configuration and the audit trail use.
    public var name: String
    public var boundary: ProviderBoundary
    /// Where it processes, for residency: nil means on this host.
    public var region: String?

    public init(name: String, boundary: ProviderBoundary, region: String? = nil) {
        self.name = name
        self.boundary = boundary
        self.region = region
    }
}

/// Why a provider cannot work. Harmless to log: it never holds what was heard or said.
public enum SpeechError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A model, dictionary or voice is missing; the text names the file or package.
    case unavailable(String)
    /// All places are taken: the call goes on without this service.
    case overloaded
    /// The provider stopped working in mid-stream.
    case failed(String)

    public var description: String {
        switch self {
        case .unavailable(let what): "speech provider unavailable: \(what)"
        case .overloaded: "speech provider has no place left"
        case .failed(let what): "speech provider failed: \(what)"
        }
    }
}

extension SpeechError {
    /// As a provider's program failed.
    public init(_ failure: ProgramFailure) {
        self =
            switch failure {
            case .full: .overloaded
            case .unavailable(let what): .unavailable(what)
            case .failed(let what): .failed(what)
            }
    }
}

/// What a recognizer reports. Words are clear content: the event holds a handle, not the words.
public enum RecognizerEvent: Hashable, Sendable {
    /// Somebody began to speak at this position.
    case speechStarted(MediaTime)
    /// A guess that may still change. It replaces the previous partial of the same utterance.
    case partial(Clear<SpokenWords>)
    /// The first words of an utterance that goes on: they will not change any more, and what follows them comes as further pieces or as
    /// its `final`. So audio becomes safe before a long utterance ends. A provider need not report any.
    case piece(Clear<SpokenWords>, from: MediaTime, to: MediaTime, isTruncated: Bool)
    /// What an utterance finally was, without the pieces that were reported of it. `isTruncated`: words did not fit, so the utterance must
    /// be masked whole.
    case final(Clear<SpokenWords>, from: MediaTime, to: MediaTime, isTruncated: Bool)
    /// Everything before this position has been understood and reported: no later event speaks of it.
    case processed(MediaTime)
    /// The recognizer missed audio in this range: nobody knows what was said in it.
    case gap(from: MediaTime, to: MediaTime)
    /// The stream is over; nothing after `processed` was understood.
    case failed(SpeechError)
}

/// Turns a caller's voice into words with times. Implementations stream, never block their caller and bound their queues.
public protocol SpeechRecognizer: Sendable {
    var provider: ProviderDescription { get }

    /// Listens to `audio` until the stream is stopped or the ring is closed.
    ///
    /// - Parameters:
    ///   - grant: policy's leave to hear this caller; it lives as long as the stream.
    ///   - events: called on the recognizer's own thread; it must not block.
    func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream
}

/// One caller being listened to.
public protocol RecognizerStream: AnyObject, Sendable {
    /// Stops at once. What is unfinished is reported as `final` where possible; no event comes after `stop` has taken effect.
    func stop()
}

/// A piece of speech on its way to the caller: 16 kHz mono.
public enum SynthesisEvent: Equatable, Sendable {
    case samples([Int16])
    case finished
    case failed(SpeechError)
}

/// Turns text into speech. It only ever sees text that passed the output gate.
public protocol SpeechSynthesizer: Sendable {
    var provider: ProviderDescription { get }

    /// Speaks `text`; events come in order on the synthesizer's own thread and end with `finished` or `failed`.
    func speak(_ text: Masked<String>, voice: String?, events: @escaping @Sendable (SynthesisEvent) -> Void) -> any SynthesisStream
}

public protocol SynthesisStream: AnyObject, Sendable {
    /// No further samples come; `finished` may still.
    func cancel()
}
