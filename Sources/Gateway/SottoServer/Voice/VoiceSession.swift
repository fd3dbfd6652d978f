internal import Dialogue
internal import NIOCore
internal import Policy
internal import Redaction
internal import Speech
internal import SottoBase

/// What a call's voice side tells its call.
enum VoiceEvent: Sendable {
    /// The prompt with this number was heard whole, or was cut or could not be spoken.
    case promptEnded(UInt32, isWhole: Bool)
    /// An answer to the consent question.
    case answered(ConsentAnswer, by: ConsentVoiceOrKey)
    /// The caller does not want to be recorded any more.
    case withdrawn(by: ConsentVoiceOrKey)
    /// The dialogue wants payment mode on or off.
    case payment(isOn: Bool)
    /// The dialogue gives the caller to a person, and waits for `handOverFailed` or the end.
    case handOver(to: String, trunk: TrunkName)
    /// The dialogue is over, or cannot go on.
    case hangUp(Conversation.Reason)
    /// The recognizer stopped: the call goes on, nothing more is understood, the recording is silent from here.
    case recognizerFailed(SpeechError)
}

/// What leaves a call's voice side for its recorder and for people who follow the call. All of it is masked.
enum VoiceTrace: Sendable {
    case redaction(RedactionSession.Output)
    /// A prompt begins to play.
    case said(Masked<String>, prompt: UInt32)
    /// It was heard to its end, or was cut.
    case played(prompt: UInt32)
    /// It is the caller's turn.
    case listening(KeyExpectation)
}

/// What a voice session is made of.
struct VoiceSetup: Sendable {
    var call: CallID
    var settings: RedactionSettings
    var model: any LanguageModel
    var recognizer: any SpeechRecognizer
    var synthesizer: any SpeechSynthesizer
    var voice: String?
    var heard: AudioRing
    var playout: AudioRing
}

/// One call's conversation: recognizer, redaction, dialogue, synthesis. It belongs to one event loop; providers' threads hop to it.
///
/// It decides nothing about the call: it reports, and does what it is told.
final class VoiceSession: @unchecked Sendable {  // proof: all state is touched on `loop` alone
    private let loop: any EventLoop
    private let setup: VoiceSetup
    private let report: @Sendable (VoiceEvent) -> Void
    private let trace: @Sendable (VoiceTrace) -> Void

    private var redaction: RedactionSession
    private var conversation: Conversation
    private var player: PromptPlayer
    private var model: (any ModelSession)?
    private var listening: (any RecognizerStream)?
    private var speaking: (any SynthesisStream)?

    private var began = NIODeadline.now()
    private var tick: RepeatedTask?
    private var isWaitingForConsent = false
    private var isConversing = false
    private var expectation = KeyExpectation.nothing
    private var isOver = false
    /// Audio up to here was understood. Behind a recognizer that failed it stands still.
    private var understood = MediaTime.zero
    private var hasFailed = false
    /// What was understood of the utterance that goes on: the dialogue hears it whole.
    private var pieces: [Masked<LiveLine>] = []
    private var isPiece = false
    private var order = PromptOrder()
    private var isWithdrawing = false
    /// The call answers a withdrawal in this time, or has nothing to say.
    private static let withholding = Duration.milliseconds(500)
    /// An utterance that withdraws consent is no answer to the dialogue's question, unless the call says nothing to it.
    private var withheld: (text: Masked<String>, kinds: Set<SensitiveKind>, until: Instant)?
    private var recent: [UInt32: [Int16]] = [:]

    /// - Parameters:
    ///   - report, trace: called on `loop`.
    init(
        loop: any EventLoop, setup: VoiceSetup, report: @escaping @Sendable (VoiceEvent) -> Void,
        trace: @escaping @Sendable (VoiceTrace) -> Void
    ) {
        self.loop = loop
        self.setup = setup
        self.report = report
        self.trace = trace
        redaction = RedactionSession(call: setup.call, settings: setup.settings)
        conversation = Conversation(settings: setup.settings)
        player = PromptPlayer(ring: setup.playout)
    }

    /// Media runs: listens from now on. Without a grant nothing is understood, and a recording stays silent.
    func begin(grant: consuming BoundaryGrant?) {
        loop.preconditionInEventLoop()
        began = .now()
        if let grant {
            do throws(SpeechError) {
                listening = try setup.recognizer.listen(to: setup.heard, owner: setup.call, grant: grant) { [weak self, loop] event in
                    loop.execute { [weak self] in
                        // What comes when nobody listens any more is wiped here: nobody else knows of it.
                        guard let self, !self.isOver else { return Self.discard(event) }
                        self.recognized(event)
                    }
                }
            } catch { fail(error) }
        } else {
            fail(.unavailable("policy grants no recognizer"))
        }
        tick = loop.scheduleRepeatedTask(initialDelay: .milliseconds(60), delay: .milliseconds(60)) { [weak self] _ in self?.ticked() }
    }

    private static func discard(_ event: RecognizerEvent) {
        switch event {
        case .partial(let words), .piece(let words, _, _, _), .final(let words, _, _, _): ClearArena.words.discard(words)
        case .speechStarted, .processed, .gap, .failed: break
        }
    }

    private func onLoop(_ body: @escaping @Sendable (VoiceSession) -> Void) {
        loop.execute { [weak self] in
            guard let self, !self.isOver else { return }
            body(self)
        }
    }

    private var mediaTime: MediaTime { MediaTime(milliseconds: (NIODeadline.now() - began).nanoseconds / 1_000_000) }
    private var now: Instant { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }

    // MARK: - From the call

    /// Speaks a prompt that the call chose (consent). Answered by `promptEnded`.
    func say(_ text: String, prompt: UInt32) {
        guard !isOver else { return }
        withheld = nil
        var gate = OutputGate(settings: setup.settings)
        speak(gate.check(text), as: prompt)
    }

    func stopSaying() {
        let (isCut, next) = order.stopCall()
        guard isCut else { return }
        speaking?.cancel()
        speaking = nil
        // Samples that are still on their way belong to the prompt that is not wanted.
        recent = [:]
        player.stop()
        if let next { start(next) }
    }

    func expectConsent(_ isExpected: Bool) {
        isWaitingForConsent = isExpected
        if isExpected { trace(.listening(.menu)) }
        apply(.keysExpected(isExpected ? .menu : .nothing))
    }

    func beginDialogue() {
        guard !isConversing, !isOver else { return }
        isWaitingForConsent = false
        isConversing = true
        do throws(SpeechError) {
            model = try setup.model.begin(call: setup.call) { [weak self] reply in
                self?.onLoop { $0.converse(.replied(reply)) }
            }
            converse(.begin)
        } catch {
            converse(.begin)
            converse(.replied(.failed(error)))
        }
    }

    /// Nobody took the caller: the dialogue goes on.
    func handOverFailed() {
        guard !isOver else { return }
        converse(.handOverFailed)
    }

    func keyPressed(_ key: Clear<DialledKey>) {
        guard !isOver else { return ClearArena.keys.discard(key) }
        apply(.keyPressed(.caller, key))
        if isConversing { converse(.keyPressed) }
    }

    func promptPlayed(_ prompt: UInt32) {
        guard !isOver else { return }
        trace(.played(prompt: prompt))
        promptEnded(prompt, isWhole: true)
    }

    /// The call chose the prompts with lower numbers, the dialogue the others.
    private func promptEnded(_ prompt: UInt32, isWhole: Bool) {
        let next = order.ended(prompt)
        if let next { start(next) }
        if prompt >= Conversation.firstPrompt {
            converse(.promptEnded(prompt))
        } else {
            report(.promptEnded(prompt, isWhole: isWhole))
            // The dialogue's question stands: its time to answer begins anew.
            if isConversing { converse(.callSpoke) }
        }
    }

    /// Ends everything and wipes what is left. `trace` gets the last lines before this returns.
    func end() {
        guard !isOver else { return }
        listening?.stop()
        speaking?.cancel()
        model?.end()
        tick?.cancel()
        if hasFailed { coverWhatWasNotHeard() }
        apply(.callEnded)
        _ = conversation.handle(.callEnded, now: now)
        isOver = true
        ClearArena.words.discard(ownedBy: setup.call)
        ClearArena.keys.discard(ownedBy: setup.call)
    }

    // MARK: - From providers

    private func recognized(_ event: RecognizerEvent) {
        switch event {
        case .speechStarted:
            hearPieces()
            if isConversing { converse(.speechStarted) }
        case .partial(let words):
            apply(.partial(.caller, Hypothesis(words: words, from: understood, to: mediaTime)))
        case .piece(let words, let from, let to, let isTruncated):
            isPiece = true
            apply(.final(.caller, Hypothesis(words: words, from: from, to: to, wordsDropped: isTruncated ? 1 : 0)))
            isPiece = false
        case .final(let words, let from, let to, let isTruncated):
            apply(.final(.caller, Hypothesis(words: words, from: from, to: to, wordsDropped: isTruncated ? 1 : 0)))
        case .processed(let position):
            understood = max(understood, position)
            apply(.recognized(.caller, upTo: understood))
        case .gap(let from, let to):
            apply(.gap(.caller, from: from, to: to))
            hearPieces()
        case .failed(let error):
            fail(error)
        }
    }

    private func fail(_ error: SpeechError) {
        guard !hasFailed else { return }
        hasFailed = true
        hearPieces()
        report(.recognizerFailed(error))
    }

    /// A recording fails closed: what nobody understood becomes silence.
    private func coverWhatWasNotHeard() {
        let now = mediaTime
        guard now > understood else { return }
        apply(.gap(.caller, from: understood, to: now))
        understood = now
        apply(.recognized(.caller, upTo: now))
    }

    // MARK: - Redaction and dialogue

    private func apply(_ input: RedactionSession.Input) {
        for output in redaction.handle(input, now: mediaTime) {
            trace(.redaction(output))
            switch output {
            case .live(let line) where line.content.speaker == .caller && line.content.isFinal: heard(line)
            case .keys(let keys): pressed(keys)
            case .live, .stored, .mask, .safePoint: break
            }
        }
    }

    private func heard(_ line: Masked<LiveLine>) {
        guard line.content.origin == .spoken else { return }
        if isConversing, AnswerReader.withdraws(line.text) {
            report(.withdrawn(by: .voice))
            isWithdrawing = true
        }
        pieces.append(line)
        // Fifteen seconds make an utterance: a recognizer that says otherwise is not waited for.
        if !isPiece || pieces.count >= 16 { hearPieces() }
    }

    /// The utterance is over: its pieces together are what the caller said.
    private func hearPieces() {
        guard !pieces.isEmpty else { return }
        let lines = pieces
        pieces = []
        let text = Masked<String>.joined(lines.map(\.text))
        let kinds = lines.reduce(into: Set<SensitiveKind>()) { $0.formUnion($1.maskedKinds) }
        if isWithdrawing {
            isWithdrawing = false
            withheld = (text, kinds, now + Self.withholding)
        } else if isConversing {
            converse(.heard(text, kinds: kinds))
        } else if isWaitingForConsent {
            switch AnswerReader.read(text) {
            case .yes: report(.answered(.yes, by: .voice))
            case .no: report(.answered(.no, by: .voice))
            case .unclear: report(.answered(.unclear, by: .voice))
            }
        }
    }

    private func pressed(_ keys: KeyReader.Output) {
        if isConversing {
            converse(.keys(keys))
        } else if isWaitingForConsent, case .menuKey(let key) = keys {
            switch key.content.byte {
            case UInt8(ascii: "1"): report(.answered(.yes, by: .key))
            case UInt8(ascii: "2"): report(.answered(.no, by: .key))
            default: report(.answered(.unclear, by: .key))
            }
            if isWaitingForConsent { apply(.keysExpected(.menu)) }
        }
    }

    private func converse(_ input: Conversation.Input) {
        for output in conversation.handle(input, now: now) {
            switch output {
            case .say(let prompt, let text): speak(text, as: prompt)
            case .tell(let input): model?.tell(input)
            case .expect(let expectation):
                apply(.keysExpected(expectation))
                self.expectation = expectation
            case .listening: trace(.listening(expectation))
            case .payment(let isOn): report(.payment(isOn: isOn))
            case .handOver(let to, let trunk): report(.handOver(to: to, trunk: trunk))
            case .hangUp(let reason): report(.hangUp(reason))
            }
        }
    }

    // MARK: - Speaking

    private func speak(_ text: Masked<String>, as prompt: UInt32) {
        if let prompt = order.add(PromptOrder.Prompt(number: prompt, text: text)) { start(prompt) }
    }

    private func start(_ spoken: PromptOrder.Prompt) {
        let (prompt, text) = (spoken.number, spoken.text)
        recent[prompt] = []
        speaking = setup.synthesizer.speak(text, voice: setup.voice) { [weak self] event in
            self?.onLoop { $0.synthesized(event, text, prompt) }
        }
    }

    private func synthesized(_ event: SynthesisEvent, _ text: Masked<String>, _ prompt: UInt32) {
        switch event {
        case .samples(let samples):
            // Ten minutes of speech is no prompt.
            if (recent[prompt]?.count ?? 0) < 600 * 16_000 { recent[prompt]? += samples }
        case .finished:
            guard let samples = recent.removeValue(forKey: prompt), !samples.isEmpty else {
                return promptEnded(prompt, isWhole: false)
            }
            let now = mediaTime
            apply(.said(text, from: now, to: now + PromptPlayer.milliseconds(samples)))
            trace(.said(text, prompt: prompt))
            player.play(samples, as: prompt)
        case .failed:
            recent[prompt] = nil
            promptEnded(prompt, isWhole: false)
        }
    }

    private var ticks = 0
    private func ticked() {
        guard !isOver else { return }
        ticks &+= 1
        player.feed()
        if ticks % 5 == 0 {
            if hasFailed { coverWhatWasNotHeard() }
            apply(.timeAdvanced)
        }
        if let heard = withheld, heard.until <= now {
            withheld = nil
            converse(.heard(heard.text, kinds: heard.kinds))
        }
        if let deadline = conversation.nextDeadline, deadline <= now { converse(.timerDue) }
    }
}
