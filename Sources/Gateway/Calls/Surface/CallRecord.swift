public import Policy
public import SottoBase

/// How a call ended, in one word and a reason.
public struct Termination: Hashable, Sendable {
    public enum Cause: String, Hashable, Sendable, CaseIterable {
        case completed
        case refusedByPolicy = "refused-by-policy"
        case callerFault = "caller-fault"
        case calleeFault = "callee-fault"
        case carrierFault = "carrier-fault"
        case ourFault = "our-fault"
        case indeterminate
    }

    public let cause: Cause
    /// Harmless to log.
    public let reason: String

    public init(_ cause: Cause, _ reason: String) {
        self.cause = cause
        self.reason = reason
    }
}

/// The record of a call (CDR): who, when, under which rules, how it went. No content.
///
/// The two numbers are personal data: storage keeps them as digests and sealed copies, and nothing prints them.
public struct CallRecord: Hashable, Sendable {
    public let call: CallID
    public let trunk: TrunkReference
    public let policyVersion: String
    public let called: DialledNumber
    /// nil: withheld.
    public let caller: DialledNumber?
    public let arrivedAt: WallTime
    public internal(set) var answeredAt: WallTime?
    public internal(set) var endedAt: WallTime
    public internal(set) var route: String
    public internal(set) var routeRule: RuleReference
    public internal(set) var codec: String?
    public internal(set) var suite: String?
    public internal(set) var consent: ConsentEvidence?
    /// The caller's content was kept, or began to be.
    public internal(set) var wasRecorded: Bool
    public internal(set) var recordingFailure: String?
    public internal(set) var termination: Termination
    /// Q.850 cause and text that the peer gave (RFC 3326), as far as it is a number.
    public internal(set) var peerCause: Int?
    public internal(set) var media: CallMediaSummary?
    /// Legs that we called, in the order they were tried.
    public internal(set) var farLegs: [FarLegRecord] = []
    /// Who ended the call; nil: neither side, we did.
    public internal(set) var hungUpBy: CallLeg?
}

/// What is kept of a leg that we called. No content.
public struct FarLegRecord: Hashable, Sendable {
    public let leg: CallLeg
    public let trunk: TrunkReference
    public let dialled: DialledNumber
    public internal(set) var startedAt: WallTime
    public internal(set) var answeredAt: WallTime?
    public internal(set) var endedAt: WallTime?
    public internal(set) var codec: String?
    public internal(set) var suite: String?
    /// The last final status of the peer, when it did not answer.
    public internal(set) var peerStatus: Int?
    /// Q.850 cause that the peer gave (RFC 3326).
    public internal(set) var peerCause: Int?
    public internal(set) var media: CallMediaSummary?

    init(leg: CallLeg, trunk: TrunkReference, dialled: DialledNumber, startedAt: WallTime) {
        self.leg = leg
        self.trunk = trunk
        self.dialled = dialled
        self.startedAt = startedAt
    }
}
