import Dispatch
import Foundation
import Glibc

/// The built `sottod` as a process, watched as a service manager watches it. It is killed when the test lets go of it.
final class RunningDaemon {
    enum Event: Sendable {
        /// One datagram to NOTIFY_SOCKET.
        case notice([String: String])
        /// The exit code, or a signal's number negated.
        case ended(Int32)
    }

    private let process = Process()
    private let socket: NotifySocket
    private let source: any DispatchSourceRead
    private var events: AsyncStream<Event>.Iterator
    private let logPath: String

    struct Failure: Error { let step: String }

    static var executable: String { BuiltProgram.path("sottod") }

    /// - Parameter mayLeaveCores: the shell that starts it allows core dumps into its folder, so that it is the daemon that forbids them.
    init(
        _ folder: ServiceFolder, arguments: [String]? = nil, environment: [String: String] = [:], mayLeaveCores: Bool = false
    ) throws {
        let socketPath = "\(folder.path)/notify-\(UInt32.random(in: 0...UInt32.max))"
        guard let socket = NotifySocket(path: socketPath) else { throw Failure(step: "NOTIFY_SOCKET") }
        self.socket = socket
        logPath = "\(folder.path)/stderr"
        guard FileManager.default.createFile(atPath: logPath, contents: nil), let log = FileHandle(forWritingAtPath: logPath) else {
            throw Failure(step: "stderr")
        }
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        events = stream.makeAsyncIterator()
        let queue = DispatchQueue(label: "notify")
        source = socket.source(on: queue)
        let deliver: @Sendable () -> Void = { for notice in socket.receiveAll() { continuation.yield(.notice(notice)) } }
        source.setEventHandler(handler: deliver)
        source.resume()

        let arguments = arguments ?? ["--config", folder.path, "--runtime", "\(folder.path)/run"]
        process.executableURL = URL(fileURLWithPath: mayLeaveCores ? "/bin/sh" : Self.executable)
        process.arguments = mayLeaveCores ? BuiltProgram.allowingCores(Self.executable, arguments) : arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.environment = [
            "PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": socketPath, "CREDENTIALS_DIRECTORY": "\(folder.path)/credentials",
        ].merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardError = log
        process.terminationHandler = { process in
            let code = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
            queue.async {
                // What was sent before the end comes before it.
                deliver()
                continuation.yield(.ended(code))
                continuation.finish()
            }
        }
        try process.run()
    }

    deinit {
        source.cancel()
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// The next notice that has all of these names. nil when the daemon ended first.
    func notice(_ names: String...) async -> [String: String]? {
        while let event = await events.next(isolation: nil) {
            if case .notice(let notice) = event, names.allSatisfy({ notice[$0] != nil }) { return notice }
        }
        return nil
    }

    /// Notices until the end, and the exit code.
    func end() async -> (notices: [[String: String]], code: Int32?) {
        var notices: [[String: String]] = []
        while let event = await events.next(isolation: nil) {
            switch event {
            case .notice(let notice): notices.append(notice)
            case .ended(let code): return (notices, code)
            }
        }
        return (notices, nil)
    }

    /// The port of the first listener, as the log says.
    var port: Int? {
        for line in log.split(separator: "\n") where line.contains(" listener.open ") {
            guard let address = line.split(separator: " ").first(where: { $0.hasPrefix("address=") }) else { continue }
            return address.split(separator: ":").last.flatMap { Int($0) }
        }
        return nil
    }
}
