public import SottoBase

/// One program of a provider, from its start to its end: bytes in, lines of JSON out. It knows no protocol; its owner does.
///
///     not started ─start─▶ running ──close──▶ over
public struct ProviderProgram: ~Copyable, Sendable {
    /// What came of waiting for the program's next line.
    public enum Output<Line> {
        case line(Line)
        /// Nothing more for this turn.
        case nothing
        /// It closed its output: nothing more will come.
        case ended
    }

    /// The longest line that a program may write, in bytes.
    public static let longestLine = 64 * 1024
    /// Reads in a turn: one program does not keep the pump from the others.
    public static let readsPerTurn = 8

    public let name: String
    private let command: [String]
    private var child: ChildProcess?
    private var lines = LineBuffer(limit: longestLine)
    private var startedAt = Instant(nanoseconds: 0)

    public init(name: String, command: [String]) {
        self.name = name
        self.command = command
    }

    public var isRunning: Bool {
        switch child {
        case .none: false
        case .some: true
        }
    }

    /// Bytes of a line without its end.
    public var unfinishedBytes: Int { lines.waiting }

    public func failure(_ why: String) -> ProgramFailure { .failed("\(name) \(why)") }

    /// Starts the program if it does not run yet.
    public mutating func start(_ now: Instant) throws(ProgramFailure) {
        guard !isRunning else { return }
        do throws(ChildProcessFailure) { child = try ChildProcess(command: command) } catch { throw .unavailable("\(error)") }
        startedAt = now
    }

    public func runsLonger(than limit: Duration, now: Instant) -> Bool { now - startedAt > limit }

    /// Writes what fits. Up to 4,096 bytes go as a whole or not at all.
    public func write(_ bytes: UnsafeRawBufferPointer) -> ChildProcess.Transfer {
        switch child {
        case .none: .closed
        case .some(let child): child.write(bytes)
        }
    }

    /// Nothing more is written: the program reads an end of file.
    public mutating func closeInput() { child?.closeInput() }

    /// The next line, read where it lies and wiped afterwards.
    ///
    /// - Parameter reads: how many times the pipe may still be read in this turn.
    public mutating func next<Line>(
        reads: inout Int, _ read: (UnsafeMutableRawBufferPointer) throws(LineFault) -> Line
    ) throws(ProgramFailure) -> Output<Line> {
        while true {
            var line: Line?
            let next: LineBuffer.Next
            do throws(LineFault) {
                next = try lines.nextLine { (bytes) throws(LineFault) in line = try read(bytes) }
            } catch {
                throw failure("wrote a line that is no answer: \(error)")
            }
            switch next {
            case .line: if let line { return .line(line) }
            case .tooLong: throw failure("wrote a line over \(lines.limit) bytes")
            case .none:
                guard reads > 0 else { return .nothing }
                reads -= 1
                switch fill() {
                case .bytes: continue
                case .later: return .nothing
                case .closed: return .ended
                }
            }
        }
    }

    private mutating func fill() -> ChildProcess.Transfer {
        switch child {
        case .none: .later
        case .some(let child): lines.fill(from: child)
        }
    }

    /// What the pump shall do next: over when the program is.
    public func wait(wantsToWrite: Bool, milliseconds: Int) -> PumpTurn {
        switch child {
        case .none: .over
        case .some(let child): .wait(PumpWait(for: child, wantsToWrite: wantsToWrite, milliseconds: milliseconds))
        }
    }

    /// Ends the program; what it wrote and nobody read is wiped.
    public mutating func close() {
        child = nil
        lines = LineBuffer(limit: 1)
    }
}
