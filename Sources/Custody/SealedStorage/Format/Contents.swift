public import SottoBase

/// A line of a transcript: masked words of one speaker.
public struct TranscriptLine: Equatable, Sendable {
    public var speaker: Speaker
    public var from: MediaTime
    public var to: MediaTime
    /// At most 16 KiB of UTF-8.
    public var text: Masked<String>

    public init(speaker: Speaker, from: MediaTime, to: MediaTime, text: Masked<String>) {
        self.speaker = speaker
        self.from = from
        self.to = to
        self.text = text
    }
}

/// A line as it is read back.
public struct StoredTranscriptLine: Equatable, Sendable {
    public var speaker: Speaker
    public var from: MediaTime
    public var to: MediaTime
    public var text: String
}

/// A value in a document or an event.
public enum RecordValue: Equatable, Sendable {
    /// Our own word: a state, a rule, a codec, a version. Never something that was heard or read from a peer.
    case code(String)
    case number(Int64)
    case yes(Bool)
    case time(WallTime)
    /// A peer's number or address. It may lie here because the document is sealed; it is never indexed clear.
    case identifier(String)
    /// Words that passed redaction.
    case text(Masked<String>)
    case list([RecordValue])
    case fields(RecordFields)
}

/// Named values in order: one call record, one event, one consent evidence. Stored as a JSON object.
public struct RecordFields: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    public private(set) var fields: [(name: String, value: RecordValue)]

    public init(dictionaryLiteral elements: (String, RecordValue)...) { fields = elements.map { ($0.0, $0.1) } }
    public init() { fields = [] }

    public mutating func append(_ name: String, _ value: RecordValue) { fields.append((name, value)) }

    public static func == (a: RecordFields, b: RecordFields) -> Bool {
        a.fields.count == b.fields.count && zip(a.fields, b.fields).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    }
}

/// How a body's bytes were coded, for its header.
public struct RecordedCodec: Hashable, Sendable {
    /// `opus`, `pcmu`, `pcma`.
    public var name: String
    public var clockRate: UInt32

    public init(name: String, clockRate: UInt32) {
        self.name = name
        self.clockRate = clockRate
    }
}

/// What a closed body came to: the contents of its audit leaf. A body with fewer segments than its leaf says was truncated; one
/// without a leaf was never finished.
public struct SealedClosing: Equatable, Sendable {
    public var place: CallPlace
    public var object: SealedObjectName
    /// Content segments, without the index segment.
    public var segments: UInt64
    /// The commitment of the last segment (the index), 32 bytes.
    public var lastCommitment: [UInt8]
    public var bytes: UInt64
    /// Entries (frames, lines) that were lost on the way: the disk was full or too slow.
    public var lost: UInt64

    public init(place: CallPlace, object: SealedObjectName, segments: UInt64, lastCommitment: [UInt8], bytes: UInt64, lost: UInt64) {
        self.place = place
        self.object = object
        self.segments = segments
        self.lastCommitment = lastCommitment
        self.bytes = bytes
        self.lost = lost
    }
}
