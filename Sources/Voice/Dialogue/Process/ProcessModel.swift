internal import ProviderProcesses
public import SottoBase
public import Speech
internal import Synchronization

/// A model in a program that the operator names (`[[speech.provider]]` with `service = "model"`): one process for each call.
///
/// It is told masked text and counts, and what it wants said passes the output gate like any other text: it never needs a grant, and it
/// is never the boundary. The article <doc:ModelProtocol> tells how to write such a program.
public final class ProcessModel: LanguageModel {
    public struct Limits: Hashable, Sendable {
        /// Programs at the same time.
        public var sessions = 64
        /// A program's first line comes within this time.
        public var start: Duration = .seconds(10)
        /// A program answers an input within this time: less than a conversation waits (20 s), so that the failure has a name.
        public var answer: Duration = .seconds(15)
        public init() {}
    }

    public let provider: ProviderDescription
    private let limits: Limits
    private let programs: ProviderPrograms

    /// Starts nothing yet.
    ///
    /// - Parameter command: the program's absolute path, then its arguments.
    public init(name: String, boundary: ProviderBoundary, region: String? = nil, command: [String], limits: Limits = Limits()) {
        provider = ProviderDescription(name: name, boundary: boundary, region: region)
        self.limits = limits
        programs = ProviderPrograms(name: name, command: command, limit: limits.sessions)
    }

    /// Calls that it serves now: a gauge that returns to zero.
    public var sessions: Int { programs.count }

    public func begin(call: CallID, replies: @escaping @Sendable (ModelReply) -> Void) throws(SpeechError) -> any ModelSession {
        do throws(ProgramFailure) { try programs.admit() } catch { throw SpeechError(error) }
        let program = ProviderProgram(name: provider.name, command: programs.command)
        let session = ProcessModelSession(
            core: ModelProcess(program: program, limits: limits, replies: replies), programs: programs, replies: replies)
        programs.serve(session)
        return session
    }
}

/// One call's program. The pump's thread turns it.
final class ProcessModelSession: ModelSession, PumpedProcess {
    private enum Inbox {
        case open([ModelInput])
        case failed(SpeechError)
    }

    private let core: Mutex<ModelProcess>
    private let inbox = Mutex(Inbox.open([]))
    private let ended = Atomic<Bool>(false)
    private let replies: @Sendable (ModelReply) -> Void
    private weak let programs: ProviderPrograms?

    init(core: consuming sending ModelProcess, programs: ProviderPrograms, replies: @escaping @Sendable (ModelReply) -> Void) {
        self.core = Mutex(core)
        self.programs = programs
        self.replies = replies
    }

    func tell(_ input: ModelInput) {
        let failure: SpeechError? = inbox.withLock { inbox in
            switch inbox {
            case .failed(let error): return error
            case .open(let inputs):
                inbox = .open(inputs + [input])
                return nil
            }
        }
        if let failure { replies(.failed(failure)) } else { programs?.wakeUp() }
    }

    func end() {
        ended.store(true, ordering: .releasing)
        programs?.wakeUp()
    }

    func turn(now: Instant) -> PumpTurn {
        let told: [ModelInput] = inbox.withLock { inbox in
            guard case .open(let inputs) = inbox else { return [] }
            inbox = .open([])
            return inputs
        }
        let hasEnded = ended.load(ordering: .acquiring)
        let (turn, failure) = core.withLock { core in
            let turn = core.turn(told, now: now, hasEnded: hasEnded)
            if turn == .over { programs?.ended(well: core.failure == nil) }
            return (turn, core.failure)
        }
        if let failure { fail(failure) }
        return turn
    }

    /// What was asked while the program failed, and whatever is asked later, is answered with the failure.
    private func fail(_ error: SpeechError) {
        let missed: Int = inbox.withLock { inbox in
            defer { inbox = .failed(error) }
            guard case .open(let inputs) = inbox else { return 0 }
            return inputs.count
        }
        for _ in 0..<missed { replies(.failed(error)) }
    }

    func abandon() { core.withLock { $0.close() } }
}

/// What passes between a conversation and one program: a line in for each input, a line out for each reply.
struct ModelProcess: ~Copyable, Sendable {
    private let limits: ProcessModel.Limits
    private let replies: @Sendable (ModelReply) -> Void

    private var program: ProviderProgram
    private(set) var failure: SpeechError?
    private var isOver = false
    private var isReady = false
    private var unsent: [UInt8] = []
    /// Inputs without a reply; more than one is a fault of the caller and is answered in turn.
    private var outstanding = 0
    private var askedAt = Instant(nanoseconds: 0)

    init(program: consuming ProviderProgram, limits: ProcessModel.Limits, replies: @escaping @Sendable (ModelReply) -> Void) {
        self.program = program
        self.limits = limits
        self.replies = replies
    }

    mutating func turn(_ inputs: [ModelInput], now: Instant, hasEnded: Bool) -> PumpTurn {
        guard !isOver else { return .over }
        if hasEnded {
            close()
            return .over
        }
        do throws(ProgramFailure) {
            for input in inputs {
                if outstanding == 0 { askedAt = now }
                outstanding += 1
                unsent += ModelInputLine.bytes(of: input)
            }
            try program.start(now)
            try receive(now)
            try send()
            if !isReady, program.runsLonger(than: limits.start, now: now) { throw program.failure("was not ready in time") }
            if outstanding > 0, now - askedAt > limits.answer { throw program.failure("did not answer in time") }
        } catch {
            return fail(SpeechError(error))
        }
        return program.wait(wantsToWrite: !unsent.isEmpty, milliseconds: outstanding > 0 || !isReady ? 100 : 5_000)
    }

    /// Each question that is open gets the failure.
    private mutating func fail(_ error: SpeechError) -> PumpTurn {
        failure = error
        let open = outstanding
        outstanding = 0
        close()
        for _ in 0..<open { replies(.failed(error)) }
        return .over
    }

    private mutating func send() throws(ProgramFailure) {
        while !unsent.isEmpty {
            switch unsent.withUnsafeBytes({ bytes in program.write(bytes) }) {
            case .bytes(let count): unsent.removeFirst(count)
            case .later: return
            case .closed: throw program.failure("closed its input")
            }
        }
    }

    private mutating func receive(_ now: Instant) throws(ProgramFailure) {
        var reads = ProviderProgram.readsPerTurn
        while true {
            switch try program.next(reads: &reads, { (bytes) throws(LineFault) in try ModelReplyLine.read(bytes) }) {
            case .line(let line): try take(line, now)
            case .nothing: return
            case .ended: throw program.failure("ended by itself")
            }
        }
    }

    private mutating func take(_ line: ModelReplyLine, _ now: Instant) throws(ProgramFailure) {
        switch line {
        case .ready(let version):
            guard !isReady else { throw program.failure("was ready twice") }
            guard version == 1 else { throw program.failure("speaks another version of the protocol") }
            isReady = true
        case .actions(let actions):
            guard isReady else { throw program.failure("spoke before it was ready") }
            guard outstanding > 0 else { throw program.failure("spoke without being asked") }
            outstanding -= 1
            askedAt = now
            replies(.actions(actions))
        case .failed:
            throw program.failure("gave up")
        }
    }

    mutating func close() {
        isOver = true
        program.close()
        unsent = []
    }
}
