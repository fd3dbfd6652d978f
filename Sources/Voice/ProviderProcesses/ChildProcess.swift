internal import CProviderProcess
internal import Glibc
internal import Synchronization

/// A provider's program while it runs: a pipe into its standard input, one out of its standard output, and nothing else between it and
/// this process. It gets no environment but `PATH` and `LANG`, no descriptor but these two and `/dev/null` for its errors, which could
/// say what it heard.
///
/// Letting go of it ends it and everything that it started.
public struct ChildProcess: ~Copyable, Sendable {
    /// What a read or write that never waits came to.
    public enum Transfer: Equatable, Sendable {
        case bytes(Int)
        /// Nothing now: the pipe is full, or empty.
        case later
        /// The other end is closed.
        case closed
    }

    private let pid: pid_t
    private var input: CInt?
    private let output: CInt

    /// Starts `command[0]`, an absolute path, with the rest as its arguments.
    public init(command: [String]) throws(ChildProcessFailure) {
        guard let program = command.first, program.hasPrefix("/") else { throw .notStarted(program: "", reason: "no absolute path") }
        guard command.allSatisfy({ !$0.utf8.contains(0) }) else { throw .notStarted(program: program, reason: "a zero byte") }
        var child = sotto_child()
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = Self.environment.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        let code = sotto_child_start(&arguments, &environment, &child)
        guard code == 0 else { throw .notStarted(program: program, reason: String(cString: strerror(code))) }
        pid = child.pid
        input = child.input
        output = child.output
        ChildReaper.shared.running.wrappingAdd(1, ordering: .relaxed)
    }

    static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]

    deinit {
        if let input { close(input) }
        close(output)
        sotto_child_kill(pid)
        ChildReaper.shared.running.wrappingSubtract(1, ordering: .relaxed)
        ChildReaper.shared.bury(pid)
    }

    /// What the pump waits on.
    var descriptors: (output: CInt, input: CInt?) { (output, input) }

    /// Writes what fits. Up to 4,096 bytes go as a whole or not at all (POSIX's PIPE_BUF).
    public func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard let input else { return .closed }
        guard let start = bytes.baseAddress, bytes.count > 0 else { return .bytes(0) }
        return Self.transfer(sotto_child_write(input, start, bytes.count))
    }

    /// Reads what is there. `bytes` must have room.
    public func read(into bytes: UnsafeMutableRawBufferPointer) -> Transfer {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return .later }
        let transfer = Self.transfer(sotto_child_read(output, start, bytes.count))
        return transfer == .bytes(0) ? .closed : transfer
    }

    private static func transfer(_ result: Int) -> Transfer {
        if result >= 0 { return .bytes(result) }
        return -result == Int(EAGAIN) || -result == Int(EINTR) ? .later : .closed
    }

    /// Tells the program that nothing more comes: it reads an end of file.
    public mutating func closeInput() {
        if let input { close(input) }
        input = nil
    }
}

/// Why a program could not be started. It names the program as the configuration does.
public enum ChildProcessFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case notStarted(program: String, reason: String)

    public var description: String {
        switch self {
        case .notStarted(let program, let reason): "cannot start \(program): \(reason)"
        }
    }
}

/// Collects ended children without waiting for them.
public final class ChildReaper: Sendable {
    public static let shared = ChildReaper()

    let running = Atomic<Int>(0)
    private let ended = Mutex<[pid_t]>([])

    /// Programs that run now, or have ended and are not collected yet: a gauge that returns to zero.
    public var count: Int { running.load(ordering: .relaxed) + ended.withLock { $0.count } }

    func bury(_ pid: pid_t) {
        ended.withLock { $0.append(pid) }
        collect()
    }

    /// False when somebody still has to be collected.
    @discardableResult
    func collect() -> Bool {
        ended.withLock { pids in
            pids.removeAll { sotto_child_collect($0) != 0 }
            return pids.isEmpty
        }
    }
}
