public import SottoBase
public import Speech

/// What a model learns of a call. Words are masked; values it never sees.
public enum ModelInput: Equatable, Sendable {
    case callStarted
    /// The caller's whole utterance, masked, and the kinds of values that were in it. Untrusted: it may try to instruct the model.
    case heard(Masked<String>, kinds: Set<SensitiveKind>)
    /// A key out of `0-9*#A-D`, pressed while a single key was an answer.
    case key(UInt8)
    /// A row of digits was keyed: how many and of which kind, never which.
    case collected(SensitiveKind, count: Int)
    /// The caller said nothing for as long as `listen` or `collect` allowed.
    case silence
    /// The person whom `handOver` called could not be reached.
    case handOverFailed
}

/// What a model wants done, in this order.
public enum ModelAction: Equatable, Sendable {
    /// Passes the output gate before it is spoken.
    case say(String)
    /// Waits for the caller; `silence` after so long a quiet.
    case listen(silence: Duration)
    /// Waits for a row of digits by key. They go to the collector, not to the model.
    case collect(SensitiveKind, digits: ClosedRange<Int>, terminator: UInt8?, silence: Duration)
    /// Payment mode: recognizer and recorder hear silence of the same length until it is turned off.
    case payment(isOn: Bool)
    /// Gives the caller to a person, after everything before it was said: the conversation waits, and is over when that succeeds. Whom
    /// comes from the tenant's policy, never from what was heard.
    case handOver(to: String, trunk: TrunkName)
    /// After everything before it was said.
    case hangUp
}

/// What a model answers to one input.
public enum ModelReply: Equatable, Sendable {
    case actions([ModelAction])
    /// The model cannot go on; the conversation ends by its farewell.
    case failed(SpeechError)
}

/// The mind behind the voice: scripted, or a language model somewhere. Each call has a session of its own.
public protocol LanguageModel: Sendable {
    var provider: ProviderDescription { get }

    /// - Parameter replies: one reply per input, in order, on any thread; it must not block.
    func begin(call: CallID, replies: @escaping @Sendable (ModelReply) -> Void) throws(SpeechError) -> any ModelSession
}

public protocol ModelSession: AnyObject, Sendable {
    /// At most one input is outstanding: the next one comes after the reply.
    func tell(_ input: ModelInput)
    /// The call is over; replies that come later are ignored.
    func end()
}
