public import Policy
public import SottoBase

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
    /// The person could not be reached; the dialogue goes on from where it asked.
    case handOverFailed(HandOverFailure)
    case end
}

/// Why a hand-over came to nothing.
public enum HandOverFailure: String, Hashable, Sendable, CaseIterable {
    /// Nobody answered in time.
    case noAnswer = "no-answer"
    case busy
    case refused
    /// No server of the trunk could be reached, or media failed.
    case unreachable
    /// Policy or admission does not let the call out.
    case forbidden
}

/// A dialogue's wish to give its caller to a person.
public struct HandOverRequest: Hashable, Sendable {
    /// Said first; nil: nothing.
    public var say: String?
    /// A trunk of the call's tenant with an outbound side.
    public var trunk: TrunkName
    /// As it is to be dialled.
    public var number: DialledNumber
    /// What the caller hears meanwhile.
    public var fill: CallMediaFill

    /// Where the trunk's policy says REFER: the person is called first, and the caller's side is asked to replace that call (an attended
    /// transfer). Otherwise it is asked to call the person itself.
    public var consults: Bool

    public init(say: String? = nil, trunk: TrunkName, number: DialledNumber, fill: CallMediaFill = .ringBack, consults: Bool = false) {
        self.say = say
        self.trunk = trunk
        self.number = number
        self.fill = fill
        self.consults = consults
    }
}

/// What a call hears of its voice side.
public enum VoiceReport: Equatable, Sendable {
    case promptEnded(UInt32, isWhole: Bool)
    case answered(ConsentAnswer, by: ConsentVoiceOrKey)
    /// The caller takes its consent back later in the call: recording ends at once.
    case withdrawn(by: ConsentVoiceOrKey)
    case payment(isOn: Bool)
    /// The dialogue gives the caller to a person, and waits for `handOverFailed` or `end`.
    case handOver(HandOverRequest)
    /// The dialogue is over. `isFault`: the voice side could not go on.
    case hangUp(reason: String, isFault: Bool)
    case recognizerFailed(String)
}
