import CEpoll
import Foundation
import Glibc
import SottoTestPeer

/// A server under measurement: a process in a throw-away folder, on a core of its own, and what the kernel says of it and its children.
class MeasuredProcess {
    let folder: String
    let core: Int?
    private let process = Process()
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// - Parameter core: the one that it may run on; nil: any.
    init(core: Int?) throws {
        self.core = core
        folder = NSTemporaryDirectory() + "sotto-load-\(UInt32.random(in: 1...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    }

    /// Writes a file of the folder, which only we may read.
    func put(_ name: String, _ bytes: [UInt8]) throws {
        let isWritten = FileManager.default.createFile(
            atPath: folder + "/" + name, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw PeerFault(description: "\(name) cannot be written") }
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: false)
    }

    /// Starts it with its output in the file `log`.
    func launch(_ command: [String], niceness: Int = 0) throws {
        try put("log", [])
        guard let log = FileHandle(forWritingAtPath: folder + "/log") else { throw PeerFault(description: "no log file") }
        let pinned = core.map { ["taskset", "-c", "\($0)"] } ?? []
        let nice = niceness == 0 ? [] : ["nice", "-n", "\(niceness)"]
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // This runtime may block signals in its threads, which a child would inherit.
        process.arguments = ["--default-signal=TERM"] + pinned + nice + command
        process.standardInput = FileHandle.nullDevice
        process.standardError = log
        process.standardOutput = log
        try process.run()
    }

    var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }
    var isRunning: Bool { process.isRunning }

    /// Asks it to end, waits, and removes the folder. Who does not listen within ten seconds is ended, and what it forked.
    func stop() {
        let family = family
        process.terminate()
        for _ in 0..<100 where process.isRunning { usleep(100_000) }
        if process.isRunning { for identifier in family { kill(identifier, SIGKILL) } }
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: - What the kernel says

    private var identifier: Int32 { process.processIdentifier }

    /// It and what it forked.
    private var family: [Int32] {
        guard let children = try? String(contentsOfFile: "/proc/\(identifier)/task/\(identifier)/children", encoding: .utf8) else {
            return [identifier]
        }
        return [identifier] + children.split(separator: " ").compactMap { Int32($0) }
    }

    /// User and system time of all threads that ever ran, in seconds: fields 14 and 15 of /proc/PID/stat.
    var cpu: Double { family.reduce(0) { $0 + Self.cpuTime("/proc/\($1)/stat") } }

    private static func cpuTime(_ path: String) -> Double {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / ticksPerSecond
    }

    /// The same by thread's name, without its number.
    var cpuByThread: [String: Double] {
        var sums: [String: Double] = [:]
        let tasks = "/proc/\(identifier)/task/"
        for id in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
            let name = (try? String(contentsOfFile: tasks + "\(id)/comm", encoding: .utf8)) ?? "?"
            let plain = name.trimmingCharacters(in: .whitespacesAndNewlines).trimmingCharacters(
                in: CharacterSet(charactersIn: "0123456789-#"))
            sums[plain, default: 0] += Self.cpuTime(tasks + "\(id)/stat")
        }
        return sums
    }

    /// Resident memory in kB.
    var memory: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }

    /// Open file descriptors.
    var descriptors: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd").count) ?? 0 }

    /// Seconds that the process's core was busy, with whatever.
    var coreBusy: Double {
        guard let core, let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu\(core) ") })
        else { return 0 }
        let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count >= 8 else { return 0 }
        // user, nice, system, idle, iowait, irq, softirq, steal
        return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7]) / Self.ticksPerSecond
    }
}

/// Seconds since `start`.
func seconds(since start: ContinuousClock.Instant) -> Double { seconds(ContinuousClock.now - start) }

/// The same, where `seconds` is something else.
func elapsed(since start: ContinuousClock.Instant) -> Double { seconds(ContinuousClock.now - start) }

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// A TCP port that nobody listens on, as far as one can know.
func freePort() throws -> UInt16 {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard probe >= 0 else { throw PeerFault(description: "no socket") }
    defer { close(probe) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
            bind(probe, raw, length) == 0 && getsockname(probe, raw, &length) == 0
        }
    }
    guard isBound else { throw PeerFault(description: "no free port") }
    return UInt16(bigEndian: address.sin_port)
}

/// Prints at once, also into a file.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Somebody listens on this TCP port of any address.
func isListening(_ port: UInt16) -> Bool {
    let table = (try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)) ?? ""
    let mark = String(format: ":%04X", port)
    return table.split(separator: "\n").contains { line in
        let fields = line.split(separator: " ")
        return fields.count > 3 && fields[1].hasSuffix(mark) && fields[3] == "0A"
    }
}
