public import SottoBase

/// What a tenant wants to do about recording. The law of the parties' regions may ask for more, never for less.
public enum RecordMode: String, Hashable, Sendable, CaseIterable, Comparable {
    case never
    /// Tell the caller; staying on the line is the answer.
    case announce
    /// Ask, and record only after a yes.
    case ask

    private var strictness: Int {
        switch self {
        case .announce: 0
        case .ask: 1
        case .never: 2
        }
    }

    /// Less strict first.
    public static func < (a: RecordMode, b: RecordMode) -> Bool { a.strictness < b.strictness }
}

/// What happens to a call whose caller refused.
public enum RefusedAction: String, Hashable, Sendable, CaseIterable {
    /// The call goes on without audio and transcript.
    case `continue`
    case hangUp = "hang-up"
    /// To a person. The loader refuses it in this version (nobody has said to whom).
    case transfer
}

/// What Sotto says about recording, in the tenant's words.
public struct ConsentPrompts: Hashable, Sendable {
    /// Told when `record = "announce"`, and again at the start of a recording whose law wants the announcement on it.
    public var announcement: String
    public var question: String
    /// After a spoken yes: what was understood, and how to withdraw it. An answer by key needs no read-back.
    public var readBack: String
    /// When the answer was not understood, before the question is asked again.
    public var unclear: String
    public var granted: String?
    public var refused: String?
    /// When a caller takes the yes back in the middle of the conversation; nil: nothing. Where `refused` hangs up nothing is said.
    public var withdrawn: String?
    /// Said first where a law asks for it (AI Act Art. 50(1)).
    public var disclosure: String

    public init(
        announcement: String = "This call is recorded. If you do not agree, please hang up.",
        question: String = "May we record this call? Say yes or press 1. Say no or press 2.",
        readBack: String = "You said yes, so this call is recorded. To withdraw, press 2 or say no.",
        unclear: String = "Sorry, I did not understand.",
        granted: String? = "Thank you.", refused: String? = "All right. This call is not recorded.",
        withdrawn: String? = "All right. The recording has stopped.",
        disclosure: String = "You are talking to an automated assistant."
    ) {
        self.announcement = announcement
        self.question = question
        self.readBack = readBack
        self.unclear = unclear
        self.granted = granted
        self.refused = refused
        self.withdrawn = withdrawn
        self.disclosure = disclosure
    }
}

/// The `[consent]` table of a tenant.
public struct ConsentPolicy: Hashable, Sendable {
    public let record: RecordMode
    /// What the question (or announcement) covers.
    public let uses: ConsentUses
    public let refused: RefusedAction
    public let prompts: ConsentPrompts
    /// How often the question is asked before silence or unclear answers count as a refusal, 1 to 5.
    public let attempts: Int
    /// How long an answer is waited for after a prompt, 2 to 30 s.
    public let answerTime: Duration
    /// How long a caller may withdraw after the read-back, 1 to 15 s.
    public let withdrawalTime: Duration
    public let location: SourceLocation

    public init(
        record: RecordMode = .ask, uses: ConsentUses = [.recording, .transcription], refused: RefusedAction = .continue,
        prompts: ConsentPrompts = ConsentPrompts(), attempts: Int = 3, answerTime: Duration = .seconds(6),
        withdrawalTime: Duration = .seconds(3), location: SourceLocation = .builtIn
    ) {
        self.record = record
        self.uses = uses
        self.refused = refused
        self.prompts = prompts
        self.attempts = attempts
        self.answerTime = answerTime
        self.withdrawalTime = withdrawalTime
        self.location = location
    }

    public var rule: RuleReference { RuleReference("[consent] record = \"\(record.rawValue)\"", at: location) }
}
