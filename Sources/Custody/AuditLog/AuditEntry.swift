public import SottoBase

/// Something that happened and must be provable: an act of a person or of the daemon, never content.
public struct AuditEntry: Equatable, Sendable {
    public var act: AuditAct
    public var actor: AuditActor
    public var outcome: AuditOutcome
    public var tenant: TenantName?
    public var call: CallID?
    /// The rule that decided or the purpose that was given: `tenants/acme.toml:31 [consent] record = "ask"`.
    public var reason: String?
    /// Our own words and numbers, by name; sorted when written. Never something that was heard, and no clear number or name of a subject.
    public var facts: [String: String]
    /// Fields about a subject (a caller's number, a name), as commitments.
    public var subjects: [AuditSubject]

    public init(
        act: AuditAct, actor: AuditActor, outcome: AuditOutcome = .done, tenant: TenantName? = nil, call: CallID? = nil,
        reason: String? = nil, facts: [String: String] = [:], subjects: [AuditSubject] = []
    ) {
        self.act = act
        self.actor = actor
        self.outcome = outcome
        self.tenant = tenant
        self.call = call
        self.reason = reason
        self.facts = facts
        self.subjects = subjects
    }
}

/// The catalogue of acts. A name is never given another meaning.
public struct AuditAct: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Written by the log itself.
    public static let logStarted = AuditAct(rawValue: "log.started")
    public static let logStopped = AuditAct(rawValue: "log.stopped")
    public static let policyLoaded = AuditAct(rawValue: "policy.loaded")
    public static let policyRefused = AuditAct(rawValue: "policy.refused")
    public static let callStarted = AuditAct(rawValue: "call.started")
    public static let callRefused = AuditAct(rawValue: "call.refused")
    public static let callEnded = AuditAct(rawValue: "call.ended")
    public static let consentDecided = AuditAct(rawValue: "consent.decided")
    public static let recordingStarted = AuditAct(rawValue: "recording.started")
    public static let recordingRefused = AuditAct(rawValue: "recording.refused")
    /// The audit leaf of a sealed object: its segments and last commitment are facts.
    public static let objectClosed = AuditAct(rawValue: "object.closed")
    public static let recordsListed = AuditAct(rawValue: "records.listed")
    public static let recordShown = AuditAct(rawValue: "record.shown")
    public static let recordExported = AuditAct(rawValue: "record.exported")
    public static let auditListed = AuditAct(rawValue: "audit.listed")
    public static let paymentEntered = AuditAct(rawValue: "payment.entered")
    public static let paymentLeft = AuditAct(rawValue: "payment.left")
    public static let peerRefused = AuditAct(rawValue: "peer.refused")
    public static let accessRefused = AuditAct(rawValue: "access.refused")
    public static let boundaryOpened = AuditAct(rawValue: "boundary.opened")
    public static let alert = AuditAct(rawValue: "alert")
}

/// Who acted. Readable for ever, so that nobody can erase who did it.
public enum AuditActor: Equatable, Sendable {
    case daemon
    /// A local user over the admin socket.
    case user(id: UInt32, name: String?, role: String)
    case trunk(TrunkName)
}

public enum AuditOutcome: String, Equatable, Sendable {
    case done, refused, failed
}

/// A subject's field as a commitment: HMAC-SHA-256(salt, field ‖ 00 ‖ value). Without the salt it tells nothing; erasing the opening
/// erases the value and leaves the tree whole.
public struct AuditSubject: Equatable, Sendable {
    public var field: String
    /// 32 bytes.
    public var commitment: [UInt8]

    public init(field: String, commitment: [UInt8]) {
        self.field = field
        self.commitment = commitment
    }
}
