public import SottoBase

/// The whole policy as one immutable value. A reload makes a new one; a running call keeps the one that it was born with, and its
/// records name `version`.
///
/// It decides from facts that it is given and never reads a clock, a file or a peer. Every decision names its rule.
public struct PolicySnapshot: Hashable, Sendable {
    /// A stable hash of the files that it was made of: the same text for the same files.
    public let version: String
    public let tenants: [TenantPolicy]
    /// Where the machine stands: counts for consent.
    public let gatewayRegion: Region
    public let limits: AdmissionLimits
    /// Rules of the machine, before any tenant's. They do not end with a rule for everything.
    public let fraudRules: [FraudRule]
    /// All providers that the machine has, the embedded ones among them.
    public let providers: [SpeechProvider]
    public let administrators: [AdministrationRule]
    /// The machine's file: what a decision points at when no rule was found.
    public let location: SourceLocation

    public init(
        version: String, tenants: [TenantPolicy], gatewayRegion: Region, limits: AdmissionLimits = AdmissionLimits(),
        fraudRules: [FraudRule] = [], providers: [SpeechProvider] = SpeechProvider.embedded, administrators: [AdministrationRule] = [],
        location: SourceLocation = .builtIn
    ) {
        self.version = version
        self.tenants = tenants
        self.gatewayRegion = gatewayRegion
        self.limits = limits
        self.fraudRules = fraudRules
        self.providers = providers
        self.administrators = administrators
        self.location = location
    }

    public func tenant(_ name: TenantName) -> TenantPolicy? { tenants.first { $0.name == name } }
}
