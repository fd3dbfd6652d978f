public import SottoBase

/// What Sotto says while consent is settled.
public enum ConsentPrompt: String, Hashable, Sendable, CaseIterable {
    case disclosure, announcement, question, readBack = "read-back", unclear, granted, refused, withdrawn
}

/// How an answer was given.
public enum ConsentVoiceOrKey: String, Hashable, Sendable {
    case voice, key
}

/// What an answer meant.
public enum ConsentAnswer: String, Hashable, Sendable {
    case yes, no, unclear
}

/// The record of how a call's consent came about: kept with the call, whatever the outcome. It holds no caller's word: an answer is
/// kept as what it meant.
public struct ConsentEvidence: Hashable, Sendable {
    /// A jurisdiction's row that was looked at.
    public struct Row: Hashable, Sendable {
        /// The region that was asked for: `DE`.
        public let region: String
        /// The row that answered, `EU` for a state without a row of its own, `unknown` for none.
        public let row: String
        /// `one`, `all` or `contested`.
        public let parties: String
        /// The law that the row rests on; nil when the table names none.
        public let basis: String?
        /// Whether the statute's own text was read for the table.
        public let isChecked: Bool
        /// Whose region it is: `caller`, `callee`, `tenant`, `gateway`.
        public let party: String
        /// Only guessed from a number's prefix.
        public let isHint: Bool

        public init(region: String, row: String, parties: String, basis: String?, isChecked: Bool, party: String, isHint: Bool) {
            self.region = region
            self.row = row
            self.parties = parties
            self.basis = basis
            self.isChecked = isChecked
            self.party = party
            self.isHint = isHint
        }
    }

    public enum Event: Hashable, Sendable {
        /// `text` is what Sotto said. `isWhole` is false when the caller spoke or hung up before its end.
        case played(ConsentPrompt, text: String, from: WallTime, to: WallTime, isWhole: Bool)
        case answered(ConsentAnswer, by: ConsentVoiceOrKey, at: WallTime)
        /// Nothing was answered in time.
        case silence(at: WallTime)
        case withdrawn(by: ConsentVoiceOrKey, at: WallTime)
    }

    public enum Outcome: Hashable, Sendable {
        case granted(at: WallTime)
        case refused(at: WallTime)
        /// Policy never records, so nobody was asked.
        case notRecorded
        /// The call ended before there was an answer.
        case unanswered
    }

    public let call: CallID
    public let tenant: TenantName
    public let policyVersion: String
    /// The tenant's rule.
    public let rule: RuleReference
    /// What the tenant's rule and the rows together ask for.
    public let mode: RecordMode
    public let factsDated: String
    public let rows: [Row]
    public var events: [Event]
    public var outcome: Outcome

    public init(
        call: CallID, tenant: TenantName, policyVersion: String, rule: RuleReference, mode: RecordMode, factsDated: String, rows: [Row],
        events: [Event] = [], outcome: Outcome = .unanswered
    ) {
        self.call = call
        self.tenant = tenant
        self.policyVersion = policyVersion
        self.rule = rule
        self.mode = mode
        self.factsDated = factsDated
        self.rows = rows
        self.events = events
        self.outcome = outcome
    }
}
