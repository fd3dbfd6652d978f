public import Admission
public import Policy
public import SIPSessions
public import SottoBase

/// What a call wants of its recorder.
public enum RecordInstruction: Equatable, Sendable {
    /// From now on audio and transcript are kept, under this grant.
    case start(ConsentGrant)
    /// Stop, keep what was recorded under the grant that was withdrawn.
    case stop
    /// The call is over: the record, the evidence. Answered by nothing; the recorder closes its objects.
    case finish(CallRecord)
}

/// Everything that happened to a call and that somebody may want to read: the log, the audit trail, the console. No content, and
/// nobody's number.
public enum CallNote: Equatable, Sendable {
    case arrived(trunk: TrunkReference, policyVersion: String)
    /// Refused before it began.
    case refused(trunk: TrunkReference?, status: Int, reason: DecisionReason)
    case observed(FraudFinding)
    case routed(reason: DecisionReason, to: String)
    case offerRefused(status: Int, detail: String)
    case mediaAgreed(codec: String, suite: String)
    case answered
    case consentPlanned(mode: RecordMode, because: [String])
    case consentGranted(ConsentGrant)
    case consentRefused(RefusedAction)
    case consentWithdrawn
    case payment(isOn: Bool)
    case recordingFailed(String)
    /// What the caller agreed to does not cover what comes now.
    case recordingStopped(String)
    case recognizerFailed(String)
    case mediaChanged(direction: String)
    /// What happened to another leg than the caller's.
    case leg(CallLeg, LegNote)
    /// The dialogue wants a person.
    case handOver(trunk: TrunkReference, HandOverProgress)
    /// A peer asked us to call somebody else (RFC 3515), or to take its place (RFC 3891).
    case transferAsked(by: CallLeg, TransferVerdict)
    case ending(Termination)
}

public enum LegNote: Equatable, Sendable {
    /// Looking for a server of the trunk.
    case dialling(TrunkReference)
    /// The INVITE went to this hop.
    case invited(hop: String)
    case hopFailed(HopOutcome)
    case ringing(status: Int)
    case earlyMedia
    case mediaAgreed(codec: String, suite: String)
    case answered
    case redirected(isFollowed: Bool)
    case mediaChanged(direction: String)
    /// It never came to a call: what the peer said (nil: nothing), and what the caller is told.
    case failed(peerStatus: Int?, status: Int)
    case ended(cause: Int?, reason: String)
}

public enum HandOverProgress: Hashable, Sendable {
    case dialled
    /// By REFER: the caller's own side dials.
    case referred
    case reached
    case failed(HandOverFailure)
}

public enum TransferVerdict: Hashable, Sendable {
    case obeyed(DecisionReason)
    case refused(DecisionReason)
}

/// What the table of calls wants done, in this order. An input that this gives rise to is fed after the last of them.
public enum CallOutput: Equatable, Sendable {
    case sip(SIPEndpointCommand)
    case media(CallID, CallLeg, MediaInstruction)
    case voice(CallID, VoiceInstruction)
    case record(CallID, RecordInstruction)
    case dial(CallID, DialInstruction)
    case note(CallID?, CallNote)
    /// Nothing of the call is left; its id will not be named again.
    case gone(CallID)
}
