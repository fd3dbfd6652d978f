public import SottoBase

/// What a recognizer thinks was said in one utterance. A partial hypothesis is replaced by the next one of the same speaker.
public struct Hypothesis: Equatable, Sendable {
    /// The redaction session takes ownership and discards it in the arena.
    public var words: Clear<SpokenWords>
    /// The utterance's extent in the audio, as the recognizer's voice activity detector saw it.
    public var from: MediaTime
    public var to: MediaTime
    /// Words that did not fit the arena's slot (`SpokenWordsWriter.dropped`). More than zero masks the utterance whole.
    public var wordsDropped: Int

    public init(words: Clear<SpokenWords>, from: MediaTime, to: MediaTime, wordsDropped: Int = 0) {
        self.words = words
        self.from = from
        self.to = to
        self.wordsDropped = wordsDropped
    }
}

/// A stretch of one speaker's audio that must become silence before it is sealed. Padding is included.
public struct AudioWindow: Equatable, Sendable {
    public enum Cause: Equatable, Sendable {
        case kind(SensitiveKind)
        /// A value was found but could not be placed in time: its whole utterance is masked.
        case unlocated(SensitiveKind)
        /// Nobody knows what was said: the recognizer lost the audio, failed, or its words were lost.
        case unheard
    }

    public var speaker: Speaker
    public var from: MediaTime
    public var to: MediaTime
    public var cause: Cause

    public init(speaker: Speaker, from: MediaTime, to: MediaTime, cause: Cause) {
        self.speaker = speaker
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// How a line came into the conversation.
public enum UtteranceOrigin: String, Hashable, Sendable {
    /// Heard by a recognizer.
    case spoken
    /// Sotto's own words, synthesized.
    case said
    /// Text that a person typed.
    case typed
    /// Keys that were pressed. The text is a label and a count.
    case keyed
}

/// A line for models and for people who follow the call.
public struct LiveLine: Equatable, Sendable {
    /// Counts up within a call, over both speakers. Partial lines of an utterance carry the same number as its final one.
    public var number: Int
    public var speaker: Speaker
    public var origin: UtteranceOrigin
    /// Masked text. A partial line holds the words up to the safe point, and replaces the partial line before it.
    public var text: String
    /// Kinds of values that were found in it, each once, in order; what a dialogue may know of them.
    public var kinds: [SensitiveKind]
    public var isFinal: Bool

    public init(number: Int, speaker: Speaker, origin: UtteranceOrigin, text: String, kinds: [SensitiveKind], isFinal: Bool) {
        self.number = number
        self.speaker = speaker
        self.origin = origin
        self.text = text
        self.kinds = kinds
        self.isFinal = isFinal
    }
}

/// A line for the transcript: nothing that follows can change it any more.
public struct StoredUtterance: Equatable, Sendable {
    /// A masked value in `text`.
    public struct Span: Equatable, Sendable {
        public var kind: SensitiveKind
        /// Word indexes of the original utterance: first and past-last.
        public var words: Range<Int>
        /// Unpadded times; nil for text, or when the recognizer gave none.
        public var from: MediaTime?
        public var to: MediaTime?
        /// Which rule found it, for `explain`.
        public var rule: String

        public init(kind: SensitiveKind, words: Range<Int>, from: MediaTime?, to: MediaTime?, rule: String) {
            self.kind = kind
            self.words = words
            self.from = from
            self.to = to
            self.rule = rule
        }
    }

    public var number: Int
    public var speaker: Speaker
    public var origin: UtteranceOrigin
    public var from: MediaTime
    public var to: MediaTime
    public var text: String
    public var spans: [Span]

    public init(
        number: Int, speaker: Speaker, origin: UtteranceOrigin, from: MediaTime, to: MediaTime, text: String, spans: [Span]
    ) {
        self.number = number
        self.speaker = speaker
        self.origin = origin
        self.from = from
        self.to = to
        self.text = text
        self.spans = spans
    }
}

extension RedactionSession {
    public enum Input: Equatable, Sendable {
        /// What the recognizer thinks so far of the utterance that goes on. Shown live up to its safe point; changes nothing else.
        case partial(Speaker, Hypothesis)
        /// The utterance is over and this is what was said.
        case final(Speaker, Hypothesis)
        /// The recognizer found nothing in the utterance that its partial results were about.
        case partialWithdrawn(Speaker)
        /// Words that the recognizer has yet to report start at this position or later. While an utterance goes on, that is the
        /// utterance's start; in silence, the position up to which audio was processed. Moves forward only.
        case recognized(Speaker, upTo: MediaTime)
        /// The recognizer never heard this stretch (too slow, failed, restarted): it becomes silence in the recording.
        case gap(Speaker, from: MediaTime, to: MediaTime)
        /// Sotto's own words, as the output gate let them pass; given before their audio is played, with the expected extent.
        case said(Masked<String>, from: MediaTime, to: MediaTime)
        /// Text that a person typed. The session discards it in the arena.
        case typed(Speaker, Clear<PlainText>)
        /// A key was pressed. The session discards it in the arena.
        case keyPressed(Speaker, Clear<DialledKey>)
        /// The dialogue says what the caller's next keys are for.
        case keysExpected(KeyExpectation)
        /// Nothing happened but time. Give it at least twice a second.
        case timeAdvanced
        case callEnded
    }

    public enum Output: Equatable, Sendable {
        case live(Masked<LiveLine>)
        case stored(Masked<StoredUtterance>)
        /// Comes before any safe point that passes it.
        case mask(AudioWindow)
        /// Audio of this speaker that ends at or before this position will not be masked any more. Moves forward only.
        case safePoint(Speaker, MediaTime)
        case keys(KeyReader.Output)
    }
}
