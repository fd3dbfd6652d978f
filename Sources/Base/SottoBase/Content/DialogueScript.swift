/// A scripted dialogue as a tenant's policy file spells it (`[[dialogue]]`): a value that the Dialogue room interprets.
///
/// The loader has checked it: `start` and every `next` name a state, and every state ends in exactly one step.
public struct DialogueScript: Hashable, Sendable {
    /// The name that a route's target uses: `agent:NAME`.
    public let name: String
    /// Name of the first state.
    public let start: String
    public let states: [State]
    public let limits: Limits

    public init(name: String, start: String, states: [State], limits: Limits) {
        self.name = name
        self.start = start
        self.states = states
        self.limits = limits
    }

    public func state(named name: String) -> State? { states.first { $0.name == name } }

    /// Every text that the script may say, in order: what a language model for the recognizer is generated from.
    public var prompts: [String] {
        states.flatMap { state -> [String] in
            var texts = state.say.map { [$0] } ?? []
            switch state.step {
            case .listen(let listen): texts.append(contentsOf: listen.ask.map { [$0] } ?? [])
            case .collect(let collect): texts.append(contentsOf: collect.ask.map { [$0] } ?? [])
            case .handOver(let handOver): texts.append(contentsOf: handOver.say.map { [$0] } ?? [])
            case .next, .hangUp: break
            }
            return texts
        } + [limits.silencePrompt, limits.noMatchPrompt, limits.farewell].compactMap { $0 }
    }

    /// Every word or phrase that the script listens for.
    public var keywords: [String] {
        states.flatMap { state -> [String] in
            if case .listen(let listen) = state.step { listen.choices.flatMap(\.words) } else { [] }
        }
    }

    /// What happens when the caller says nothing or nothing that matches. They count within one state.
    public struct Limits: Hashable, Sendable {
        /// Silence after a prompt until it counts, 1 to 60 s.
        public var silence: Duration
        /// After so many silences the call ends with `farewell`, 1 to 10.
        public var silences: Int
        /// Said after a silence, before the question is asked again; nil: only the question.
        public var silencePrompt: String?
        /// After so many answers without a match the call ends with `farewell`, 1 to 10.
        public var noMatches: Int
        public var noMatchPrompt: String?
        /// Said before hanging up because a limit was reached.
        public var farewell: String?

        public init(
            silence: Duration = .seconds(8), silences: Int = 3, silencePrompt: String? = nil, noMatches: Int = 3,
            noMatchPrompt: String? = "Sorry, I did not understand that.", farewell: String? = "Goodbye."
        ) {
            self.silence = silence
            self.silences = silences
            self.silencePrompt = silencePrompt
            self.noMatches = noMatches
            self.noMatchPrompt = noMatchPrompt
            self.farewell = farewell
        }
    }

    public struct State: Hashable, Sendable {
        public let name: String
        /// Said when the state is entered.
        public let say: String?
        /// Payment mode is on while this state lasts: recognizer and recorder get silence, keys go to `step`'s collector alone.
        public let isPayment: Bool
        public let step: Step

        public init(name: String, say: String?, isPayment: Bool = false, step: Step) {
            self.name = name
            self.say = say
            self.isPayment = isPayment
            self.step = step
        }
    }

    /// How a state ends.
    public enum Step: Hashable, Sendable {
        case listen(Listen)
        case collect(Collect)
        /// Goes on to the named state at once.
        case next(String)
        case hangUp
        /// Hands the caller to a person; the conversation is over when that succeeds.
        case handOver(HandOver)
    }

    /// Calls somebody by a trunk and joins the caller to them.
    public struct HandOver: Hashable, Sendable {
        /// Who is called: a number in E.164 (`+4930…`), or a name that the trunk knows.
        public let to: String
        /// A trunk of the tenant that has an outbound part.
        public let trunk: TrunkName
        /// Said before, after the state's own `say`.
        public let say: String?
        /// The state that follows when nobody could be reached.
        public let failed: String

        public init(to: String, trunk: TrunkName, say: String? = nil, failed: String) {
            self.to = to
            self.trunk = trunk
            self.say = say
            self.failed = failed
        }
    }

    /// Waits for an answer by voice or key. The first choice that matches wins.
    public struct Listen: Hashable, Sendable {
        /// Said before listening; said again after silence or no match.
        public let ask: String?
        public let choices: [Choice]
        /// The state for an answer that no choice matches; nil: it counts as no match.
        public let otherwise: String?

        public init(ask: String?, choices: [Choice], otherwise: String? = nil) {
            self.ask = ask
            self.choices = choices
            self.otherwise = otherwise
        }
    }

    public struct Choice: Hashable, Sendable {
        /// Words or phrases, lower case, single spaces; one is enough.
        public let words: [String]
        /// A key out of `0-9*#` that chooses this as well.
        public let key: UInt8?
        /// Chosen when the (masked) answer held a value of one of these kinds.
        public let hears: Set<SensitiveKind>
        public let next: String

        public init(words: [String], key: UInt8? = nil, hears: Set<SensitiveKind> = [], next: String) {
            self.words = words
            self.key = key
            self.hears = hears
            self.next = next
        }
    }

    /// Takes a row of keys. The digits go to the collector as clear content and never to the model, the log or a recording.
    public struct Collect: Hashable, Sendable {
        public let ask: String?
        /// What the digits are: decides how they are masked.
        public let kind: SensitiveKind
        /// How many digits are wanted, 1 to 32. Reaching the maximum ends the row.
        public let digits: ClosedRange<Int>
        /// The key that ends the row early: `#` or `*`; nil: only the count or a silence ends it.
        public let terminator: UInt8?
        public let next: String
        /// The state for a row of a wrong length; nil: it counts as no match.
        public let invalid: String?

        public init(
            ask: String?, kind: SensitiveKind, digits: ClosedRange<Int>, terminator: UInt8?, next: String, invalid: String? = nil
        ) {
            self.ask = ask
            self.kind = kind
            self.digits = digits
            self.terminator = terminator
            self.next = next
            self.invalid = invalid
        }
    }
}
