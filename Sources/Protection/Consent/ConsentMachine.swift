public import Policy
public import SottoBase

/// Settles one call's consent and keeps the evidence.
///
///     idle ─start─▶ telling ─played─▶ listening ─yes by key──────────────────▶ settled (granted)
///                     ▲                │  │  └──yes by voice─▶ readingBack ─▶ withdrawable ─time─▶ settled (granted)
///                     └─unclear,silence┘  └─no, too often unclear or silent─▶ settled (refused)
///
/// A grant that is withdrawn in the middle of the conversation is confirmed, and the conversation goes on; where a refusal ends the call,
/// so does the withdrawal, once it was confirmed.
///
/// It never grants by itself: Policy mints the grant from the evidence, and a refusal there is a refusal here. It fails closed: a
/// prompt that is not played in time, an unclear answer too often, silence, a call's end, all mean no.
public struct ConsentMachine: Sendable {
    public enum Input: Hashable, Sendable {
        /// Media flows and prompts can be heard.
        case started
        /// The prompt that was last said has been heard whole (true) or was cut (false).
        case promptPlayed(ConsentPrompt, isWhole: Bool)
        /// What the caller answered. Also while a prompt plays: barge-in.
        case answered(ConsentAnswer, by: ConsentVoiceOrKey)
        /// `nextDeadline` has come.
        case timerDue
        /// The caller changes its mind later in the call.
        case withdrawn(by: ConsentVoiceOrKey)
        case callEnded
    }

    public enum Output: Hashable, Sendable {
        /// Say this, then report `promptPlayed`.
        case say(ConsentPrompt, text: String)
        /// The prompt that plays is not needed any more.
        case stopSaying(ConsentPrompt)
        /// A yes or no is expected from now on, by voice or the keys 1 and 2.
        case listen
        /// Recording may start.
        case granted(ConsentGrant)
        /// No audio and no transcript of this call.
        case refused(RefusedAction)
        /// A grant ends: stop recording now. What was recorded before stays under it.
        case revoked
        /// Consent is settled and its last prompt was heard: the conversation begins.
        case proceed
        /// As `proceed`, but policy ends a call whose caller refused, or has withdrawn.
        case hangUp
    }

    private enum State: Hashable, Sendable {
        case idle
        /// Prompts play, then it listens (or, for an announcement, is granted).
        case telling(attempt: Int)
        case listening(attempt: Int)
        case readingBack
        case withdrawable
        /// Decided; the last prompts may still play.
        case settled(isGranted: Bool, isDone: Bool)
        /// Withdrawn in the middle of the conversation; the confirmation may still play, and then the call may have to end.
        case withdrawn(endsCall: Bool)
        case ended
    }

    private enum Timer: Hashable, Sendable {
        case answer, prompt, withdrawal
    }

    /// A prompt that was not heard in this time will not be heard: the media is broken.
    static let promptTime: Duration = .seconds(60)

    public let plan: ConsentPlan
    /// What happened so far. Final after `callEnded`.
    public private(set) var evidence: ConsentEvidence

    private let tenant: TenantPolicy
    private var state = State.idle
    private var timers = TimerTable<Timer>()
    private var queue: [ConsentPrompt] = []
    private var playing: (prompt: ConsentPrompt, from: WallTime)?

    public init(call: CallID, tenant: TenantPolicy, policyVersion: String, plan: ConsentPlan) {
        self.plan = plan
        self.tenant = tenant
        evidence = ConsentEvidence(
            call: call, tenant: tenant.name, policyVersion: policyVersion, rule: tenant.consent.rule, mode: plan.mode,
            factsDated: plan.factsDated, rows: plan.rows)
    }

    public var nextDeadline: Instant? { timers.next }
    /// A yes or no is expected: keys 1 and 2 are answers.
    public var isListening: Bool {
        switch state {
        case .listening, .telling, .readingBack, .withdrawable: true
        case .idle, .settled, .withdrawn, .ended: false
        }
    }
    public var isGranted: Bool { if case .settled(isGranted: true, _) = state { true } else { false } }
    /// Withdrawn, and policy ends the call for it as soon as the confirmation was heard.
    public var isLeaving: Bool { state == .withdrawn(endsCall: true) }
    /// True once the conversation may begin.
    public var isDone: Bool {
        switch state {
        case .settled(_, let isDone): isDone
        case .withdrawn, .ended: true
        case .idle, .telling, .listening, .readingBack, .withdrawable: false
        }
    }

    /// - Parameters:
    ///   - now: for timers. - wall: for the evidence.
    public mutating func handle(_ input: Input, now: Instant, wall: WallTime) -> [Output] {
        switch input {
        case .started: start(now, wall)
        case .promptPlayed(let prompt, let isWhole): promptPlayed(prompt, isWhole: isWhole, now, wall)
        case .answered(let answer, let by): answered(answer, by: by, now, wall)
        case .timerDue: timerDue(now, wall)
        case .withdrawn(let by): withdrawn(by: by, now, wall)
        case .callEnded: callEnded(wall)
        }
    }

    // MARK: - Steps

    private mutating func start(_ now: Instant, _ wall: WallTime) -> [Output] {
        guard state == .idle else { return [] }
        if plan.disclosesAI { queue.append(.disclosure) }
        switch plan.mode {
        case .never:
            evidence.outcome = .notRecorded
            state = .settled(isGranted: false, isDone: false)
        case .announce:
            queue.append(.announcement)
            state = .telling(attempt: 1)
        case .ask:
            queue.append(.question)
            state = .telling(attempt: 1)
        }
        return advance(now, wall)
    }

    /// Says the next prompt, or does what the state wants when all are said.
    private mutating func advance(_ now: Instant, _ wall: WallTime) -> [Output] {
        if !queue.isEmpty {
            let prompt = queue.removeFirst()
            playing = (prompt, wall)
            timers.start(.prompt, at: now + Self.promptTime)
            return [.say(prompt, text: text(of: prompt))]
        }
        switch state {
        case .idle, .listening, .withdrawable, .withdrawn(endsCall: false), .ended:
            return []
        case .withdrawn(endsCall: true):
            state = .withdrawn(endsCall: false)
            return [.hangUp]
        case .telling(let attempt):
            if plan.mode == .announce { return grant(now, wall) }
            state = .listening(attempt: attempt)
            timers.start(.answer, at: now + tenant.consent.answerTime)
            return [.listen]
        case .readingBack:
            state = .withdrawable
            timers.start(.withdrawal, at: now + tenant.consent.withdrawalTime)
            return []
        case .settled(let isGranted, let isDone):
            guard !isDone else { return [] }
            state = .settled(isGranted: isGranted, isDone: true)
            let wasRefused = if case .refused = evidence.outcome { true } else { false }
            return [wasRefused && tenant.consent.refused == .hangUp ? .hangUp : .proceed]
        }
    }

    private mutating func promptPlayed(_ prompt: ConsentPrompt, isWhole: Bool, _ now: Instant, _ wall: WallTime) -> [Output] {
        guard let current = playing, current.prompt == prompt else { return [] }
        finishPlaying(isWhole: isWhole, wall)
        switch (prompt, state) {
        case (.announcement, .telling) where !isWhole, (.readBack, .readingBack) where !isWhole:
            // What must be heard and was not is no basis for anything.
            return refuse(now, wall)
        default:
            return advance(now, wall)
        }
    }

    private mutating func answered(_ answer: ConsentAnswer, by: ConsentVoiceOrKey, _ now: Instant, _ wall: WallTime) -> [Output] {
        switch state {
        case .idle, .settled, .withdrawn, .ended:
            return []
        case .telling(let attempt):
            // Before the question was begun there is nothing to answer, save a no.
            let isAsked = playing?.prompt == .question
            guard isAsked || answer == .no, answer != .unclear else { return [] }
            return stopSaying(wall) + settle(answer, by: by, attempt: attempt, now, wall)
        case .listening(let attempt):
            return settle(answer, by: by, attempt: attempt, now, wall)
        case .readingBack:
            // A repeated yes does not cut the read-back short unless it is a key: that is an answer of its own.
            guard answer == .no || (answer == .yes && by == .key) else { return [] }
            return stopSaying(wall) + settle(answer, by: by, attempt: 1, now, wall)
        case .withdrawable:
            guard answer != .unclear else { return [] }
            if answer == .yes {
                evidence.append(.answered(.yes, by: by, at: wall))
                return grant(now, wall)
            }
            return settle(answer, by: by, attempt: 1, now, wall)
        }
    }

    private mutating func settle(
        _ answer: ConsentAnswer, by: ConsentVoiceOrKey, attempt: Int, _ now: Instant, _ wall: WallTime
    ) -> [Output] {
        timers.stopAll()
        evidence.append(.answered(answer, by: by, at: wall))
        switch (answer, by) {
        case (.yes, .key):
            return grant(now, wall)
        case (.yes, .voice):
            // A recognizer that is asked for yes or no hears one of them in anything: a spoken yes is read back.
            state = .readingBack
            queue = [.readBack]
            return advance(now, wall)
        case (.no, _):
            return refuse(now, wall)
        case (.unclear, _):
            return askAgain(after: attempt, saying: [.unclear, .question], now, wall)
        }
    }

    private mutating func askAgain(after attempt: Int, saying prompts: [ConsentPrompt], _ now: Instant, _ wall: WallTime) -> [Output] {
        guard attempt < tenant.consent.attempts else { return refuse(now, wall) }
        state = .telling(attempt: attempt + 1)
        queue = prompts
        return advance(now, wall)
    }

    private mutating func timerDue(_ now: Instant, _ wall: WallTime) -> [Output] {
        guard let timer = timers.popExpired(now: now) else { return [] }
        switch (timer, state) {
        case (.answer, .listening(let attempt)):
            evidence.append(.silence(at: wall))
            return askAgain(after: attempt, saying: [.question], now, wall)
        case (.withdrawal, .withdrawable):
            return grant(now, wall)
        case (.prompt, .settled), (.prompt, .withdrawn):
            // The decision stands; nobody waits longer for its last words.
            let stopped = stopSaying(wall)
            queue = []
            return stopped + advance(now, wall)
        case (.prompt, _):
            let stopped = stopSaying(wall)
            return stopped + refuse(now, wall)
        case (.answer, _), (.withdrawal, _):
            return []
        }
    }

    private mutating func withdrawn(by: ConsentVoiceOrKey, _ now: Instant, _ wall: WallTime) -> [Output] {
        switch state {
        case .settled(isGranted: true, let isDone):
            evidence.append(.withdrawn(by: by, at: wall))
            evidence.outcome = .refused(at: wall)
            timers.stopAll()
            let stopped = stopSaying(wall)
            queue = tenant.consent.prompts.withdrawn == nil ? [] : [.withdrawn]
            state =
                isDone ? .withdrawn(endsCall: tenant.consent.refused == .hangUp) : .settled(isGranted: false, isDone: false)
            return stopped + [.revoked] + advance(now, wall)
        case .telling, .listening, .readingBack, .withdrawable:
            return answered(.no, by: by, now, wall)
        case .idle, .settled, .withdrawn, .ended:
            return []
        }
    }

    private mutating func callEnded(_ wall: WallTime) -> [Output] {
        finishPlaying(isWhole: false, wall)
        timers.stopAll()
        queue = []
        state = .ended
        return []
    }

    // MARK: - Ends

    private mutating func grant(_ now: Instant, _ wall: WallTime) -> [Output] {
        timers.stopAll()
        evidence.outcome = .granted(at: wall)
        guard case .success(let grant) = tenant.grantConsent(evidence: evidence, uses: tenant.consent.uses) else {
            return refuse(now, wall)
        }
        state = .settled(isGranted: true, isDone: false)
        queue = []
        if plan.mode == .ask, tenant.consent.prompts.granted != nil { queue.append(.granted) }
        // RCW 9.73.030(3) and its like: the announcement must itself be on the recording, which runs from here.
        if plan.notices.contains(.announcementRecorded) { queue.append(.announcement) }
        return [.granted(grant)] + advance(now, wall)
    }

    private mutating func refuse(_ now: Instant, _ wall: WallTime) -> [Output] {
        timers.stopAll()
        evidence.outcome = .refused(at: wall)
        state = .settled(isGranted: false, isDone: false)
        queue = tenant.consent.prompts.refused == nil ? [] : [.refused]
        return [.refused(tenant.consent.refused)] + advance(now, wall)
    }

    // MARK: - Prompts

    private mutating func stopSaying(_ wall: WallTime) -> [Output] {
        guard let prompt = playing?.prompt else { return [] }
        finishPlaying(isWhole: false, wall)
        return [.stopSaying(prompt)]
    }

    private mutating func finishPlaying(isWhole: Bool, _ wall: WallTime) {
        guard let current = playing else { return }
        playing = nil
        timers.stop(.prompt)
        evidence.append(.played(current.prompt, text: text(of: current.prompt), from: current.from, to: wall, isWhole: isWhole))
    }

    private func text(of prompt: ConsentPrompt) -> String {
        let prompts = tenant.consent.prompts
        return switch prompt {
        case .disclosure: prompts.disclosure
        case .announcement: prompts.announcement
        case .question: prompts.question
        case .readBack: prompts.readBack
        case .unclear: prompts.unclear
        case .granted: prompts.granted ?? ""
        case .refused: prompts.refused ?? ""
        case .withdrawn: prompts.withdrawn ?? ""
        }
    }
}

extension ConsentEvidence {
    /// Bounded: a call cannot make more events than attempts allow, but a later caller of this might.
    fileprivate mutating func append(_ event: Event) {
        if events.count < 256 { events.append(event) }
    }
}
