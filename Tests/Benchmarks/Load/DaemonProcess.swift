import Foundation
import Glibc
import SottoBase
import SottoTLS
import SottoTestCertificates
import SottoTestPeer

/// The daemon as a process of its own on one core, in a throw-away folder, and what the kernel says of it.
final class DaemonProcess {
    let folder: String
    let authority: TestAuthority
    let carrier: TLSCredentials
    private let process = Process()
    private(set) var port: UInt16 = 0
    private let core: Int?

    /// - Parameter core: the one that it may run on; nil: any.
    init(program: String, core: Int?, niceness: Int) throws {
        self.core = core
        folder = NSTemporaryDirectory() + "sotto-load-\(UInt32.random(in: 1...UInt32.max))"
        for name in ["", "/tenants", "/state", "/run"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: false)
        }
        authority = try TestAuthority()
        carrier = try authority.issue(.init(dnsNames: ["carrier.example"]))
        let gateway = try authority.issue(.init(dnsNames: ["sbc.example"]))
        try put("sbc.pem", gateway.certificateChain)
        try put("sbc.key", gateway.privateKey.withBytes { Array($0) })
        try put("carriers.pem", authority.certificate)
        try put("root.key", (0..<32).map { _ in UInt8.random(in: 0...255) })
        try put("sotto.toml", Array(Self.machine(ports: UInt16.random(in: 10_000...18_000) & ~1).utf8))
        try put("tenants/load.toml", Array(Self.tenant.utf8))
        try put("log", [])

        guard let log = FileHandle(forWritingAtPath: folder + "/log") else { throw PeerFault(description: "no log file") }
        let pinned = core.map { ["taskset", "-c", "\($0)"] } ?? []
        let nice = niceness == 0 ? [] : ["nice", "-n", "\(niceness)"]
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = pinned + nice + [program, folder, folder + "/run"]
        process.standardError = log
        process.standardOutput = log
        try process.run()
    }

    private func put(_ name: String, _ bytes: [UInt8]) throws {
        let isWritten = FileManager.default.createFile(
            atPath: folder + "/" + name, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw PeerFault(description: "\(name) cannot be written") }
    }

    var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    /// Waits for the listener's line in the log, which names its port.
    func waitUntilListening() async throws {
        port = try await wait("the daemon's listener", within: .seconds(60)) {
            guard process.isRunning else { throw PeerFault(description: "the daemon ended: \(log)") }
            guard let line = log.split(separator: "\n").first(where: { $0.contains("listener.open") }),
                let address = line.split(separator: " ").first(where: { $0.hasPrefix("address=") })
            else { return nil }
            return address.split(separator: ":").last.flatMap { UInt16($0) }
        }
    }

    /// Asks the daemon to drain, waits, and removes the folder.
    func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: - What the kernel says

    private var proc: String { "/proc/\(process.processIdentifier)" }
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// User and system time of all threads that ever ran, in seconds.
    var cpu: Double { Self.cpuTime(proc + "/stat") }

    private static func cpuTime(_ path: String) -> Double {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / ticksPerSecond
    }

    /// The same by thread's name, without its number.
    var cpuByThread: [String: Double] {
        var sums: [String: Double] = [:]
        for id in (try? FileManager.default.contentsOfDirectory(atPath: proc + "/task")) ?? [] {
            let name = (try? String(contentsOfFile: proc + "/task/\(id)/comm", encoding: .utf8)) ?? "?"
            let plain = name.trimmingCharacters(in: .whitespacesAndNewlines).trimmingCharacters(in: CharacterSet(charactersIn: "0123456789-#"))
            sums[plain, default: 0] += Self.cpuTime(proc + "/task/\(id)/stat")
        }
        return sums
    }

    /// Resident memory in kB.
    var memory: Int {
        let status = (try? String(contentsOfFile: proc + "/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }

    /// Seconds that the daemon's core was busy, with whatever.
    var coreBusy: Double {
        guard let core, let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu\(core) ") })
        else { return 0 }
        let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count >= 8 else { return 0 }
        // user, nice, system, idle, iowait, irq, softirq, steal
        return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7]) / Self.ticksPerSecond
    }

    // MARK: - Configuration

    private static func machine(ports: UInt16) -> String {
        """
        [machine]
        name = "load"
        region = "DE"

        [[sip.listener]]
        name = "main"
        bind = "127.0.0.1"
        port = 0
        certificate = "sbc.pem"
        key = "file:sbc.key"
        client-ca = "carriers.pem"
        client-certificates = "required"

        [media]
        bind = "127.0.0.1"
        port-range = "\(ports)-\(ports + 9_999)"

        [storage]
        records = "state/records"
        audit = "state/audit"
        index = "state/index.sqlite"

        [keys]
        root-key = "file:root.key"

        [admin]
        socket = "run/admin.sock"

        [log]
        level = "notice"
        format = "text"

        [limits]
        calls = 10000
        calls-per-second = 1000
        calls-per-source = 10000
        calls-per-second-per-source = 1000
        drain = "5s"
        """
    }

    private static let tenant = """
        [tenant]
        name = "load"
        region = "DE"

        [[trunk]]
        name = "carrier"
        certificate-identity = "carrier.example"
        limits = { calls = 10000, calls-per-second = 1000, burst = 10000 }

        [[route]]
        name = "reception"
        to-number = "+4930*"
        target = "agent:reception"

        [consent]
        record = "never"

        [[dialogue]]
        name = "reception"
        start = "welcome"
        silence = "60s"
        silence-limit = 10

        [[dialogue.state]]
        name = "welcome"
        ask = "How can I help you?"
        listen = [
            { words = ["goodbye"], next = "goodbye" },
        ]

        [[dialogue.state]]
        name = "goodbye"
        say = "Goodbye."
        hang-up = true
        """
}
