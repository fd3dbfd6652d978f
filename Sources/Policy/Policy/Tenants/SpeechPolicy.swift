public import SottoBase

/// How far a provider is from the daemon: who hears what it is given.
public enum Boundary: String, Hashable, Sendable, CaseIterable {
    /// In this process: nothing leaves it.
    case inProcess = "in-process"
    /// Another process or machine that the operator runs.
    case onPremises = "on-premises"
    /// Somebody else's.
    case external
}

/// A provider of recognition, speech or language, as the machine's file names it.
public struct SpeechProvider: Hashable, Sendable {
    public enum Service: String, Hashable, Sendable, CaseIterable {
        case recognizer, synthesizer, model
    }

    public let name: String
    public let service: Service
    public let boundary: Boundary
    public let location: SourceLocation

    public init(name: String, service: Service, boundary: Boundary, location: SourceLocation = .builtIn) {
        self.name = name
        self.service = service
        self.boundary = boundary
        self.location = location
    }

    /// Named by no file, always there.
    public static let embedded: [SpeechProvider] = [
        SpeechProvider(name: "pocketsphinx", service: .recognizer, boundary: .inProcess),
        SpeechProvider(name: "flite", service: .synthesizer, boundary: .inProcess),
        SpeechProvider(name: "script", service: .model, boundary: .inProcess),
    ]
}

/// Which providers a tenant uses, and how far its callers' voices may travel.
public struct SpeechPolicy: Hashable, Sendable {
    public let recognizer: String
    public let synthesizer: String
    public let model: String
    /// Where clear audio may be heard.
    public let allowedBoundaries: Set<Boundary>
    public let location: SourceLocation

    public init(
        recognizer: String = "pocketsphinx", synthesizer: String = "flite", model: String = "script",
        allowedBoundaries: Set<Boundary> = [.inProcess], location: SourceLocation = .builtIn
    ) {
        self.recognizer = recognizer
        self.synthesizer = synthesizer
        self.model = model
        self.allowedBoundaries = allowedBoundaries
        self.location = location
    }

    public func provider(for service: SpeechProvider.Service) -> String {
        switch service {
        case .recognizer: recognizer
        case .synthesizer: synthesizer
        case .model: model
        }
    }
}

/// Whether a provider may hear clear content. Not copyable, because the grant in it is not.
public enum BoundaryDecision: ~Copyable, Sendable {
    case granted(BoundaryGrant)
    case refused(DecisionReason)
}

extension PolicySnapshot {
    /// The tenant's provider for `service`; nil when the tenant or the provider is unknown.
    public func provider(for service: SpeechProvider.Service, tenant name: TenantName) -> SpeechProvider? {
        guard let tenant = tenant(name) else { return nil }
        let wanted = tenant.speech.provider(for: service)
        return providers.first { $0.service == service && $0.name == wanted }
    }

    /// Leave for a tenant's recognizer to hear its callers: the only place where such a grant is made.
    ///
    /// Refused when the provider is not the one that the tenant chose, or when its boundary is not among those that the tenant allows.
    /// The model and the synthesizer get masked text and never need a grant.
    public func grantBoundary(recognizer: SpeechProvider, tenant name: TenantName) -> BoundaryDecision {
        guard let tenant = tenant(name) else {
            return .refused(DecisionReason(RuleReference("tenant is gone", at: location), "unknown tenant"))
        }
        let rule = RuleReference("[speech] of tenant \(name)", at: tenant.speech.location)
        guard provider(for: .recognizer, tenant: name) == recognizer else {
            return .refused(DecisionReason(rule, "\(recognizer.name) is not the tenant's recognizer"))
        }
        guard tenant.speech.allowedBoundaries.contains(recognizer.boundary) else {
            return .refused(DecisionReason(rule, "boundary \(recognizer.boundary.rawValue) is not allowed"))
        }
        return .granted(BoundaryGrant(recipient: recognizer.name, rule: rule.description))
    }
}
