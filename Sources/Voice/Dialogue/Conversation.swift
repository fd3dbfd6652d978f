public import Redaction
public import SottoBase

/// Turn-taking of one call: whose turn it is, what is being said, what is waited for, and for how long.
///
///     idle ─begin─▶ thinking ─actions─▶ acting ──say──▶ speaking ─played─▶ acting …
///                      ▲                  │ listen ─▶ listening ─heard/key/silence─┐
///                      ├──────────────────┼ collect ▶ collecting ─row/silence──────┤
///                      └──────────────────┴ hand over ▶ handingOver ─failed────────┘
///
/// It sees masked text alone, and a count where digits were keyed. It asks its model one thing at a time, and ends by itself: every
/// wait has a deadline and every call a limit of turns.
public struct Conversation: Sendable {
    public enum Input: Equatable, Sendable {
        case begin
        /// The caller finished an utterance.
        case heard(Masked<String>, kinds: Set<SensitiveKind>)
        /// The caller is speaking: silence does not count meanwhile.
        case speechStarted
        case keys(KeyReader.Output)
        /// A key arrived, whatever it was: silence does not count meanwhile, and the last wanted digit ends a row. Comes after the
        /// `keys` that it led to.
        case keyPressed
        case replied(ModelReply)
        /// The call itself said something: what the caller is to answer stands, and silence counts from now.
        case callSpoke
        /// The prompt with this number was played, or could not be spoken.
        case promptEnded(UInt32)
        case timerDue
        /// Nobody took the caller: the conversation goes on.
        case handOverFailed
        case callEnded
    }

    public enum Output: Equatable, Sendable {
        /// Speak this; answer with `promptEnded`.
        case say(prompt: UInt32, Masked<String>)
        case tell(ModelInput)
        /// What the caller's next keys are for. Said only when it changes.
        case expect(KeyExpectation)
        /// Everything was said: it is the caller's turn.
        case listening
        case payment(isOn: Bool)
        /// Give the caller to a person, and answer with `handOverFailed`, or with `callEnded` when they have them.
        case handOver(to: String, trunk: TrunkName)
        case hangUp(Reason)
    }

    /// Why the voice side ends the call.
    public enum Reason: String, Hashable, Sendable {
        case finished
        case modelFailed = "model failed"
        case tooManyTurns = "too many turns"
        case modelSilent = "model did not answer"
    }

    public struct Limits: Hashable, Sendable {
        /// Questions to the model in one call.
        public var turns = 200
        /// How long a model may think.
        public var thinking: Duration = .seconds(20)
        /// A prompt that was not played in this time will not be.
        public var prompt: Duration = .seconds(120)
        /// The longest utterance and the time that a recognizer takes over it.
        public var utterance: Duration = .seconds(20)
        /// How long a person is called for. The call has limits of its own; this one is for a call that forgot.
        public var handOver: Duration = .seconds(180)
        /// Actions in one reply; what is beyond is a fault of the model.
        public var actions = 64
        /// What is said when the model fails.
        public var apology = "I am sorry, I cannot help you right now. Goodbye."
        public init() {}
    }

    private enum State: Equatable {
        case idle
        case thinking
        case acting
        case speaking(prompt: UInt32)
        case listening
        case collecting(SensitiveKind, digits: ClosedRange<Int>, pressed: Int)
        case handingOver
        case ended
    }

    private enum Timer: Hashable, Sendable {
        case silence, thinking, prompt, handOver
    }

    private let limits: Limits
    private var gate: OutputGate
    private var state = State.idle
    private var timers = TimerTable<Timer>()
    private var queue: [ModelAction] = []
    private var silence: Duration = .seconds(8)
    private var turns = 0
    private var prompts: UInt32
    private var isPayment = false
    /// What the caller said while it was not their turn: the latest utterance counts as the answer to what is asked next.
    private var early: ModelInput?
    /// What the caller's keys are for now. While a prompt plays, they are already for the question behind it: people do not wait for its
    /// end.
    private var expected = KeyExpectation.nothing
    /// Digits of the row behind the prompt that plays.
    private var earlyDigits = 0
    private var closing: Reason?

    /// A conversation's prompts have this number or a higher one; the call's own (consent) have lower ones.
    public static let firstPrompt: UInt32 = 1_000

    /// - Parameter firstPrompt: prompts are numbered from here, so that they never meet those of the consent question.
    public init(settings: RedactionSettings, limits: Limits = Limits(), firstPrompt: UInt32 = Self.firstPrompt) {
        self.limits = limits
        gate = OutputGate(settings: settings)
        prompts = firstPrompt
    }

    public var nextDeadline: Instant? { timers.next }
    public var isOver: Bool { state == .ended }

    public mutating func handle(_ input: Input, now: Instant) -> [Output] {
        if state == .ended { return [] }
        switch input {
        case .begin:
            guard state == .idle else { return [] }
            return ask(.callStarted, now)
        case .heard(let text, let kinds):
            return answer(.heard(text, kinds: kinds), now)
        case .keyPressed:
            return keyPressed(now)
        case .speechStarted:
            // Its words come when it has ended; nobody is silent who speaks.
            if timers.isRunning(.silence) { timers.start(.silence, at: now + silence + limits.utterance) }
            return []
        case .callSpoke:
            if timers.isRunning(.silence) { timers.start(.silence, at: now + silence) }
            return []
        case .keys(.menuKey(let key)):
            return answer(.key(key.content.byte), now)
        case .keys(.run(let kind, let count)):
            if case .collecting(let wanted, _, _) = state { return ask(.collected(kind == .number ? wanted : kind, count: count), now) }
            // A whole row while its prompt plays.
            if case .value(let wanted) = expected { early = .collected(wanted, count: count) }
            return []
        case .replied(let reply):
            return replied(reply, now)
        case .promptEnded(let prompt):
            guard state == .speaking(prompt: prompt) else { return [] }
            timers.stop(.prompt)
            state = .acting
            return act(now)
        case .timerDue:
            return timersFired(now)
        case .handOverFailed:
            guard state == .handingOver else { return [] }
            timers.stop(.handOver)
            return ask(.handOverFailed, now)
        case .callEnded:
            state = .ended
            timers.stopAll()
            queue = []
            early = nil
            return []
        }
    }

    // MARK: - The caller's turn

    private mutating func answer(_ input: ModelInput, _ now: Instant) -> [Output] {
        switch state {
        case .listening:
            return ask(input, now)
        case .thinking, .acting, .speaking:
            early = input
            return []
        case .collecting:
            // Words while digits are wanted do not end the row, but somebody is there.
            if timers.isRunning(.silence) { timers.start(.silence, at: now + silence) }
            return []
        case .idle, .handingOver, .ended:
            return []
        }
    }

    private mutating func keyPressed(_ now: Instant) -> [Output] {
        if timers.isRunning(.silence) { timers.start(.silence, at: now + silence) }
        guard case .collecting(let kind, let digits, let pressed) = state else {
            if case .value = expected { earlyDigits += 1 }
            return []
        }
        guard pressed + 1 < digits.upperBound else { return ask(.collected(kind, count: pressed + 1), now) }
        state = .collecting(kind, digits: digits, pressed: pressed + 1)
        return []
    }

    private mutating func ask(_ input: ModelInput, _ now: Instant) -> [Output] {
        timers.stop(.silence)
        turns += 1
        guard turns <= limits.turns else { return close(.tooManyTurns, now) }
        state = .thinking
        timers.start(.thinking, at: now + limits.thinking)
        early = nil
        earlyDigits = 0
        return expect(.nothing) + [.tell(input)]
    }

    private mutating func expect(_ expectation: KeyExpectation) -> [Output] {
        guard expectation != expected else { return [] }
        expected = expectation
        return [.expect(expectation)]
    }

    /// What keys are for once the prompts that are to come have been said.
    private var expectationAhead: KeyExpectation {
        for action in queue {
            switch action {
            case .say, .payment: continue
            case .listen: return .menu
            case .collect(let kind, _, _, _): return .value(kind)
            case .hangUp, .handOver: return .nothing
            }
        }
        return closing == nil ? .menu : .nothing
    }

    private mutating func timersFired(_ now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let timer = timers.popExpired(now: now) {
            switch (timer, state) {
            case (.silence, .listening), (.silence, .collecting): outputs += ask(.silence, now)
            case (.thinking, .thinking): outputs += close(.modelSilent, now)
            case (.prompt, .speaking):
                state = .acting
                outputs += act(now)
            case (.handOver, .handingOver): outputs += ask(.handOverFailed, now)
            case (.silence, _), (.thinking, _), (.prompt, _), (.handOver, _): break
            }
        }
        return outputs
    }

    // MARK: - Our turn

    private mutating func replied(_ reply: ModelReply, _ now: Instant) -> [Output] {
        guard state == .thinking else { return [] }
        timers.stop(.thinking)
        switch reply {
        case .failed:
            return close(.modelFailed, now)
        case .actions(let actions):
            queue = Array(actions.prefix(limits.actions))
            state = .acting
            return act(now)
        }
    }

    /// Carries out actions until one of them has to be waited for.
    private mutating func act(_ now: Instant) -> [Output] {
        var outputs: [Output] = []
        while state == .acting {
            guard !queue.isEmpty else {
                if let closing { return outputs + end(closing) }
                // A model that only spoke gets the caller's next words.
                queue = [.listen(silence: silence)]
                continue
            }
            switch queue.removeFirst() {
            case .say(let text):
                let masked = gate.check(text)
                guard !masked.content.isEmpty else { continue }
                prompts &+= 1
                state = .speaking(prompt: prompts)
                timers.start(.prompt, at: now + limits.prompt)
                outputs += expect(expectationAhead)
                outputs.append(.say(prompt: prompts, masked))
            case .listen(let silence):
                self.silence = silence
                if let input = early { return outputs + ask(input, now) }
                state = .listening
                timers.start(.silence, at: now + silence)
                outputs += expect(.menu)
                outputs.append(.listening)
            case .collect(let kind, let digits, _, let silence):
                self.silence = silence
                if case .collected? = early, let row = early { return outputs + ask(row, now) }
                early = nil
                guard earlyDigits < digits.upperBound else { return outputs + ask(.collected(kind, count: earlyDigits), now) }
                state = .collecting(kind, digits: digits, pressed: earlyDigits)
                timers.start(.silence, at: now + silence)
                outputs += expect(.value(kind))
                outputs.append(.listening)
            case .payment(let isOn):
                guard isOn != isPayment else { continue }
                isPayment = isOn
                outputs.append(.payment(isOn: isOn))
            case .handOver(let to, let trunk):
                // What comes behind it in one reply would be for somebody who is gone.
                queue = []
                early = nil
                state = .handingOver
                timers.start(.handOver, at: now + limits.handOver)
                outputs += expect(.nothing)
                outputs.append(.handOver(to: to, trunk: trunk))
            case .hangUp:
                return outputs + end(closing ?? .finished)
            }
        }
        return outputs
    }

    private mutating func close(_ reason: Reason, _ now: Instant) -> [Output] {
        timers.stopAll()
        closing = reason
        queue = [.say(limits.apology)]
        state = .acting
        return act(now)
    }

    private mutating func end(_ reason: Reason) -> [Output] {
        state = .ended
        timers.stopAll()
        queue = []
        var outputs: [Output] = []
        if isPayment {
            isPayment = false
            outputs.append(.payment(isOn: false))
        }
        return outputs + [.hangUp(reason)]
    }
}
