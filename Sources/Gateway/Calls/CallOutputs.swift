public import Admission
public import Policy
public import SDP
public import SIPSessions
public import SottoBase

/// What a call wants of its media session. `SottoServer` turns it into the media plane's commands.
public enum MediaInstruction: Equatable, Sendable {
    /// Take a port pair of the range with this index. Answered by `.reserved`.
    case reserve(range: Int)
    /// Install keys and start. Answered by `.started`.
    case start(NegotiatedMedia, guardMilliseconds: Int?)
    /// What a re-INVITE agreed on. Answered by `.updated`.
    case update(NegotiatedMedia)
    /// Payment mode: recognizer and recorder get silence.
    case protect(isOn: Bool)
    /// Answered by `.closed`, always.
    case close
}

/// What a call hears of its media session. Keys that were pressed and prompts that were played go to the voice side directly.
public enum MediaReport: Equatable, Sendable {
    case reserved(port: UInt16)
    case started
    case updated
    /// The oldest instruction that has no answer yet failed; the text is harmless to log.
    case failed(String)
    case timedOut
    case keyExhausted
    case closed(CallMediaSummary?)
}

/// The figures of a call's media for its record.
public struct CallMediaSummary: Hashable, Sendable {
    public var packetsReceived: UInt64
    public var packetsSent: UInt64
    public var packetsLost: Int64
    public var unauthenticated: UInt64
    public var digits: UInt64
    public var jitterMicroseconds: UInt32
    public var roundTripMicroseconds: UInt32

    public init(
        packetsReceived: UInt64, packetsSent: UInt64, packetsLost: Int64, unauthenticated: UInt64, digits: UInt64,
        jitterMicroseconds: UInt32, roundTripMicroseconds: UInt32
    ) {
        self.packetsReceived = packetsReceived
        self.packetsSent = packetsSent
        self.packetsLost = packetsLost
        self.unauthenticated = unauthenticated
        self.digits = digits
        self.jitterMicroseconds = jitterMicroseconds
        self.roundTripMicroseconds = roundTripMicroseconds
    }
}

/// What a call wants of its voice side.
public enum VoiceInstruction: Equatable, Sendable {
    /// Media runs: begin to listen, under the policy that the call was born with.
    case begin(PolicySnapshot, TenantName)
    /// Speak this, then report `promptEnded` with its number. Numbers stay below 1,000.
    case say(prompt: UInt32, text: String)
    case stopSaying
    /// The next yes, no, 1 or 2 is an answer to the consent question.
    case expectConsent(Bool)
    case beginDialogue
    case end
}

/// What a call hears of its voice side.
public enum VoiceReport: Equatable, Sendable {
    case promptEnded(UInt32, isWhole: Bool)
    case answered(ConsentAnswer, by: ConsentVoiceOrKey)
    /// The caller takes its consent back later in the call: recording ends at once.
    case withdrawn(by: ConsentVoiceOrKey)
    case payment(isOn: Bool)
    /// The dialogue is over. `isFault`: the voice side could not go on.
    case hangUp(reason: String, isFault: Bool)
    case recognizerFailed(String)
}

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
    case recognizerFailed(String)
    case mediaChanged(direction: String)
    case ending(Termination)
}

/// What the table of calls wants done, in this order. An input that this gives rise to is fed after the last of them.
public enum CallOutput: Equatable, Sendable {
    case sip(SIPEndpointCommand)
    case media(CallID, MediaInstruction)
    case voice(CallID, VoiceInstruction)
    case record(CallID, RecordInstruction)
    case note(CallID?, CallNote)
    /// Nothing of the call is left; its id will not be named again.
    case gone(CallID)
}
