/// Why a provider's program cannot serve. Harmless to log: it names the program and what it did, never what it read or wrote.
public enum ProgramFailure: Error, Equatable, Sendable {
    /// All places are taken.
    case full
    /// It cannot be started, or failed too often lately.
    case unavailable(String)
    /// It ran, and broke a rule or ended.
    case failed(String)
}

/// A provider's programs: how they are started, how many may run, and how they have fared.
public final class ProviderPrograms: Sendable {
    public let name: String
    public let command: [String]
    private let limit: Int
    private let pump: ProcessPump
    private let health = ProviderHealth()

    /// Starts nothing yet.
    ///
    /// - Parameters:
    ///   - command: the program's absolute path, then its arguments.
    ///   - limit: programs at the same time.
    public init(name: String, command: [String], limit: Int) {
        self.name = name
        self.command = command
        self.limit = limit
        pump = ProcessPump(name: String("provider-\(name)".prefix(15)))
    }

    /// Programs being served now: a gauge that returns to zero.
    public var count: Int { pump.count }

    /// Says why no further program may be started now.
    public func admit() throws(ProgramFailure) {
        guard pump.count < limit else { throw .full }
        guard health.mayStart else { throw .unavailable("\(name) failed too often; it will be tried again") }
    }

    public func serve(_ process: any PumpedProcess) { pump.add(process) }
    /// Something is to be written, or to be stopped.
    public func wakeUp() { pump.wakeUp() }
    /// A program ended: one that ended badly too often is not started for a while.
    public func ended(well: Bool) { health.ended(well: well) }
}
