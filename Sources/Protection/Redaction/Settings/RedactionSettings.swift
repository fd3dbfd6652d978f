public import SottoBase

/// A redaction policy that cannot be accepted.
public enum RedactionSettingsError: Error, Equatable, CustomStringConvertible {
    /// Verification codes are never kept, not even in part.
    case actionNotAllowed(SensitiveKind, RedactionAction)

    public var description: String {
        switch self {
        case .actionNotAllowed(let kind, let action):
            "'\(action.rawValue)' is not allowed for \(kind.rawValue): a verification code is always masked"
        }
    }
}

/// A tenant's redaction policy: what happens to each kind, and how long things may be held back. Immutable for a call's life.
public struct RedactionSettings: Equatable, Sendable {
    private let actions: [SensitiveKind: RedactionAction]
    public let timing: RedactionTiming

    /// - Parameter actions: kinds that are not named are masked.
    public init(
        actions: [SensitiveKind: RedactionAction] = [:], timing: RedactionTiming = RedactionTiming()
    ) throws(RedactionSettingsError) {
        if let action = actions[.cardVerification], action != .mask {
            throw .actionNotAllowed(.cardVerification, action)
        }
        self.actions = actions
        self.timing = timing
    }

    /// Every kind is masked.
    public static let maskEverything = RedactionSettings()

    private init() {
        actions = [:]
        timing = RedactionTiming()
    }

    public func action(for kind: SensitiveKind) -> RedactionAction { actions[kind] ?? .mask }
}

/// How long content may be held, and how far masks reach. All in milliseconds.
public struct RedactionTiming: Equatable, Sendable {
    /// Audio masked before a value's first word. Default 150: recognizers report word starts late.
    public var padBefore: Int64 = 150
    /// Audio masked after a value's last word. Default 200.
    public var padAfter: Int64 = 200
    /// Windows of one utterance that are nearer than this become one. Default 300: a sliver of speech between two masks helps nobody.
    public var mergeGap: Int64 = 300
    /// How long an utterance that ends in the middle of what may be a number is held for the rest of it. Default 25,000, so that
    /// nothing stored waits longer than 30 s; at most 29,000.
    public var continuationHold: Int64 = 25_000
    /// How long a question for a value is remembered. Default 60,000.
    public var expectationLife: Int64 = 60_000
    /// Pause after which a run of pressed keys is complete. Default 5,000.
    public var keyPause: Int64 = 5_000

    public init() {}
}
