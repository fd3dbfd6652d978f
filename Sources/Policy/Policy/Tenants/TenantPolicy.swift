public import SottoBase

/// Everything that one tenant decides. Nothing of it is shared with another tenant.
public struct TenantPolicy: Hashable, Sendable {
    public let name: TenantName
    /// Where the tenant is: counts for consent.
    public let region: Region
    public let trunks: [TrunkPolicy]
    public let routes: [RoutePolicy]
    public let consent: ConsentPolicy
    public let redaction: RedactionPolicy
    public let retention: RetentionPolicy
    public let speech: SpeechPolicy
    public let dialogues: [String: DialogueScript]
    /// First match wins; the last one matches everything.
    public let fraudRules: [FraudRule]
    public let location: SourceLocation

    public init(
        name: TenantName, region: Region, trunks: [TrunkPolicy] = [], routes: [RoutePolicy] = [], consent: ConsentPolicy = ConsentPolicy(),
        redaction: RedactionPolicy = RedactionPolicy(), retention: RetentionPolicy = .standard, speech: SpeechPolicy = SpeechPolicy(),
        dialogues: [String: DialogueScript] = [:], fraudRules: [FraudRule] = [], location: SourceLocation = .builtIn
    ) {
        self.name = name
        self.region = region
        self.trunks = trunks
        self.routes = routes
        self.consent = consent
        self.redaction = redaction
        self.retention = retention
        self.speech = speech
        self.dialogues = dialogues
        self.fraudRules = fraudRules
        self.location = location
    }

    public func trunk(named name: TrunkName) -> TrunkPolicy? { trunks.first { $0.name == name } }
}
