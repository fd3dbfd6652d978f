internal import ProviderProcesses
public import SottoBase
internal import Synchronization

/// Recognition by a program that the operator names (`[[speech.provider]]` with `service = "recognizer"`): one process for each caller.
///
/// A process per caller keeps callers and tenants apart, ends with the call and takes everything it heard with it. What it hears is
/// clear: `listen` takes policy's grant for this very provider, and nothing is started without one. The article <doc:ProviderProtocol>
/// tells how to write such a program.
public final class ProcessRecognizer: SpeechRecognizer {
    public struct Limits: Hashable, Sendable {
        /// Programs at the same time.
        public var streams = 64
        /// A program's first line comes within this time.
        public var start: Duration = .seconds(10)
        /// Audio that a program may be behind with its `processed`. Recordings wait in memory for it.
        public var lag: Duration = .seconds(20)
        /// A program that takes no audio for so long has stopped.
        public var stall: Duration = .seconds(5)
        /// From the end of the audio to the end of the program.
        public var finish: Duration = .seconds(2)
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
        programs = ProviderPrograms(name: name, command: command, limit: limits.streams)
    }

    /// Callers being listened to now: a gauge that returns to zero.
    public var streams: Int { programs.count }

    public func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        guard grant.recipient == provider.name else { throw .failed("policy's grant names another recognizer") }
        do throws(ProgramFailure) { try programs.admit() } catch { throw SpeechError(error) }
        let session = RecognizerSession(
            audio: audio, owner: owner, grant: grant, program: ProviderProgram(name: provider.name, command: programs.command),
            limits: limits, events: events)
        let stream = ProcessRecognizerStream(session: session, programs: programs)
        programs.serve(stream)
        return stream
    }
}

/// One caller's program. The pump's thread turns it; `stop` only sets a mark.
final class ProcessRecognizerStream: RecognizerStream, PumpedProcess {
    private let session: Mutex<RecognizerSession>
    private let stopped = Atomic<Bool>(false)
    private weak let programs: ProviderPrograms?

    init(session: consuming sending RecognizerSession, programs: ProviderPrograms) {
        self.session = Mutex(session)
        self.programs = programs
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        programs?.wakeUp()
    }

    func turn(now: Instant) -> PumpTurn {
        let isStopped = stopped.load(ordering: .acquiring)
        return session.withLock { session in
            let turn = session.turn(now: now, isStopped: isStopped)
            if turn == .over { programs?.ended(well: session.endedWell) }
            return turn
        }
    }

    func abandon() { session.withLock { $0.close() } }
}
