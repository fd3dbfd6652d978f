public import SottoBase

/// What is done with each kind of sensitive value. A kind without a line is masked.
public struct RedactionPolicy: Hashable, Sendable {
    private let actions: [SensitiveKind: RedactionAction]
    public let location: SourceLocation

    /// Kinds that may never be kept, not even in part: card verification codes are never stored (PCI DSS 3.3.1), and a `number` may
    /// turn out to be one. A kind that is not weighed here is only masked.
    public static func allows(_ action: RedactionAction, for kind: SensitiveKind) -> Bool {
        if kind == .card { return true }
        if kind == .cardExpiry { return action != .keepLastFour }
        return action == .mask
    }

    /// Actions that `allows` forbids become `mask`: this value cannot hold a forbidden one.
    public init(actions: [SensitiveKind: RedactionAction] = [:], location: SourceLocation = .builtIn) {
        self.actions = actions.filter { Self.allows($0.value, for: $0.key) }
        self.location = location
    }

    public func action(for kind: SensitiveKind) -> RedactionAction { actions[kind] ?? .mask }

    /// Every kind with its action: what Redaction's settings are made of.
    public var all: [SensitiveKind: RedactionAction] {
        Dictionary(uniqueKeysWithValues: SensitiveKind.allCases.map { ($0, action(for: $0)) })
    }
}

/// How long a class of objects is kept.
public struct RetentionPolicy: Hashable, Sendable {
    public let audio: Duration
    public let transcript: Duration
    /// Call records: who, when, which decisions; no content.
    public let record: Duration
    public let location: SourceLocation

    public init(audio: Duration, transcript: Duration, record: Duration, location: SourceLocation = .builtIn) {
        self.audio = audio
        self.transcript = transcript
        self.record = record
        self.location = location
    }

    /// 30 days of audio, 90 of transcripts, a year of records.
    public static let standard = RetentionPolicy(
        audio: .seconds(30 * 86_400), transcript: .seconds(90 * 86_400), record: .seconds(365 * 86_400))
}
