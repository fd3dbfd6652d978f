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

    /// Callers being listened to now: a gauge that returns to zero.
    public var streams: Int { pump.count }

    public func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        guard grant.recipient == provider.name else { throw .failed("policy's grant names another recognizer") }
        guard pump.count < limits.streams else { throw .overloaded }
        guard health.mayStart else { throw .unavailable("\(provider.name) failed too often; it will be tried again") }
        let session = RecognizerSession(
            audio: audio, owner: owner, grant: grant, command: command, name: provider.name, limits: limits, events: events)
        let stream = ProcessRecognizerStream(session: session, health: health, pump: pump)
        pump.add(stream)
        return stream
    }
}

/// One caller's program. The pump's thread turns it; `stop` only sets a mark.
final class ProcessRecognizerStream: RecognizerStream, PumpedProcess {
    private let session: Mutex<RecognizerSession>
    private let stopped = Atomic<Bool>(false)
    private let health: ProviderHealth
    private weak let pump: ProcessPump?

    init(session: consuming sending RecognizerSession, health: ProviderHealth, pump: ProcessPump) {
        self.session = Mutex(session)
        self.health = health
        self.pump = pump
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        pump?.wakeUp()
    }

    func turn(now: Instant) -> PumpTurn {
        let isStopped = stopped.load(ordering: .acquiring)
        return session.withLock { session in
            let turn = session.turn(now: now, isStopped: isStopped)
            if turn == .over { health.ended(well: session.endedWell) }
            return turn
        }
    }

    func abandon() { session.withLock { $0.close() } }
}
