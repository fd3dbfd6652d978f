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
    private let command: [String]
    private let limits: Limits
    private let pump: ProcessPump
    private let health: ProviderHealth

    /// Starts nothing yet.
    ///
    /// - Parameter command: the program's absolute path, then its arguments.
    public init(name: String, boundary: ProviderBoundary, region: String? = nil, command: [String], limits: Limits = Limits()) {
        provider = ProviderDescription(name: name, boundary: boundary, region: region)
        self.command = command
        self.limits = limits
        pump = ProcessPump(name: String("provider-\(name)".prefix(15)))
        health = ProviderHealth()
    }

    /// Calls that it serves now: a gauge that returns to zero.
    public var sessions: Int { pump.count }

    public func begin(call: CallID, replies: @escaping @Sendable (ModelReply) -> Void) throws(SpeechError) -> any ModelSession {
        guard pump.count < limits.sessions else { throw .overloaded }
        guard health.mayStart else { throw .unavailable("\(provider.name) failed too often; it will be tried again") }
        let session = ProcessModelSession(
            core: ModelProcess(command: command, name: provider.name, limits: limits, replies: replies), health: health, pump: pump,
            replies: replies)
        pump.add(session)
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
    private let health: ProviderHealth
    private let replies: @Sendable (ModelReply) -> Void
    private weak let pump: ProcessPump?

    init(
        core: consuming sending ModelProcess, health: ProviderHealth, pump: ProcessPump, replies: @escaping @Sendable (ModelReply) -> Void
    ) {
        self.core = Mutex(core)
        self.health = health
        self.pump = pump
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
        if let failure { replies(.failed(failure)) } else { pump?.wakeUp() }
    }

    func end() {
        ended.store(true, ordering: .releasing)
        pump?.wakeUp()
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
            if turn == .over { health.ended(well: core.failure == nil) }
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
    private let command: [String]
    private let name: String
    private let limits: ProcessModel.Limits
    private let replies: @Sendable (ModelReply) -> Void

    private var child: ChildProcess?
    private(set) var failure: SpeechError?
    private var isOver = false
    private var isReady = false
    private var lines = LineBuffer(limit: 64 * 1024)
    private var unsent: [UInt8] = []
    /// Inputs without a reply; more than one is a fault of the caller and is answered in turn.
    private var outstanding = 0
    private var askedAt = Instant(nanoseconds: 0)
    private var startedAt = Instant(nanoseconds: 0)

    init(command: [String], name: String, limits: ProcessModel.Limits, replies: @escaping @Sendable (ModelReply) -> Void) {
        self.command = command
        self.name = name
        self.limits = limits
        self.replies = replies
    }

    mutating func turn(_ inputs: [ModelInput], now: Instant, hasEnded: Bool) -> PumpTurn {
        guard !isOver else { return .over }
        if hasEnded {
            close()
            return .over
        }
        do throws(SpeechError) {
            for input in inputs {
                if outstanding == 0 { askedAt = now }
                outstanding += 1
                unsent += ModelInputLine.bytes(of: input)
            }
            try start(now)
            try receive(now)
            try send()
            if !isReady, now - startedAt > limits.start { throw .failed("\(name) was not ready in time") }
            if outstanding > 0, now - askedAt > limits.answer { throw .failed("\(name) did not answer in time") }
        } catch {
            return fail(error)
        }
        switch child {
        case .none: return .over
        case .some(let child):
            let wait = outstanding > 0 || !isReady ? 100 : 5_000
            return .wait(PumpWait(for: child, wantsToWrite: !unsent.isEmpty, milliseconds: wait))
        }
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

    private mutating func start(_ now: Instant) throws(SpeechError) {
        guard child == nil else { return }
        do throws(ChildProcessFailure) { child = try ChildProcess(command: command) } catch { throw .unavailable("\(error)") }
        startedAt = now
    }

    private mutating func send() throws(SpeechError) {
        while !unsent.isEmpty {
            switch unsent.withUnsafeBytes({ bytes in child?.write(bytes) }) {
            case .bytes(let count): unsent.removeFirst(count)
            case .later: return
            case .closed, nil: throw .failed("\(name) closed its input")
            }
        }
    }

    private mutating func receive(_ now: Instant) throws(SpeechError) {
        for _ in 0..<8 {
            try takeLines(now)
            let transfer: ChildProcess.Transfer
            switch child {
            case .none: return
            case .some(let child): transfer = lines.fill(from: child)
            }
            switch transfer {
            case .bytes: continue
            case .later: return
            case .closed: throw .failed("\(name) ended by itself")
            }
        }
    }

    private mutating func takeLines(_ now: Instant) throws(SpeechError) {
        while true {
            var line: ModelReplyLine?
            let next: LineBuffer.Next
            do throws(ModelReplyLine.Fault) {
                next = try lines.nextLine { (bytes) throws(ModelReplyLine.Fault) in line = try ModelReplyLine.read(bytes) }
            } catch {
                throw .failed("\(name) wrote a line that is no answer: \(error)")
            }
            switch next {
            case .none: return
            case .tooLong: throw .failed("\(name) wrote a line over \(lines.limit) bytes")
            case .line: if let line { try take(line, now) }
            }
        }
    }

    private mutating func take(_ line: ModelReplyLine, _ now: Instant) throws(SpeechError) {
        switch line {
        case .ready(let version):
            guard !isReady else { throw .failed("\(name) was ready twice") }
            guard version == 1 else { throw .failed("\(name) speaks another version of the protocol") }
            isReady = true
        case .actions(let actions):
            guard isReady else { throw .failed("\(name) spoke before it was ready") }
            guard outstanding > 0 else { throw .failed("\(name) spoke without being asked") }
            outstanding -= 1
            askedAt = now
            replies(.actions(actions))
        case .failed:
            throw .failed("\(name) gave up")
        }
    }

    mutating func close() {
        isOver = true
        child = nil
        unsent = []
        lines = LineBuffer(limit: 1)
    }
}
