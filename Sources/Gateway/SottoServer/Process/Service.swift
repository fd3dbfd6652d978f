internal import AdministrationAPI
internal import AuditLog
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Logging
internal import MediaPlane
internal import Policy
internal import SottoBase
internal import SottoConfiguration

/// The daemon's life as a service: start, ready, signals, watchdog, drain.
public enum Service {
    /// Runs until a signal ends it, and returns the exit code.
    public static func run(_ options: Daemon.Options) async -> ExitCode {
        let missing = Hardening.protectMemory()
        // Before anything is started, and before the service manager hears that we are ready: a signal that comes earlier than its source
        // would be lost.
        let signals = SignalStream([SIGTERM, SIGINT, SIGHUP])
        await signals.waitUntilListening()
        let daemon: Daemon
        do {
            daemon = try await Daemon.start(options)
        } catch {
            let failure = error
            FileHandle.standardError.write(Data("sottod: \(failure.description)\n".utf8))
            return failure.code
        }
        for alert in missing {
            daemon.state.raise(alert)
            daemon.events.note(.warning, "daemon.unprotected", [("what", alert)])
        }
        if !ClearArena.words.isLocked || !ClearArena.keys.isLocked {
            daemon.state.raise("the arenas of clear content are not locked in memory: raise RLIMIT_MEMLOCK")
        }
        let watchdog = Watchdog(daemon)
        let space = DiskSpace(daemon)
        daemon.manager.ready(status: "running, policy \(daemon.state.loaded.policy.version)")
        daemon.events.note(.notice, "daemon.ready", [("version", SottoVersion.daemon), ("policy", daemon.state.loaded.policy.version)])
        let stopping = Task {
            for await _ in daemon.stopRequests { signals.raise(SIGTERM) }
        }
        defer { stopping.cancel() }
        for await signal in signals.stream {
            if signal == SIGHUP {
                let report = await daemon.reload(by: .daemon)
                for diagnostic in report.diagnostics { daemon.events.note(.warning, "reload.diagnostic", [("what", diagnostic)]) }
                continue
            }
            break
        }
        await daemon.drainAndStop()
        watchdog.stop()
        space.stop()
        return .ok
    }
}

/// Unix signals as a stream.
private final class SignalStream: Sendable {
    let stream: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]  // proof: never changed after init, only kept alive
    private let unregistered = DispatchGroup()

    init(_ signals: [Int32]) {
        let unregistered = unregistered
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(8))
        self.stream = stream
        self.continuation = continuation
        sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            unregistered.enter()
            source.setRegistrationHandler { unregistered.leave() }
            source.resume()
            return source
        }
    }

    /// Returns when every signal finds its source. Sources are registered some time after they were resumed.
    func waitUntilListening() async {
        await withCheckedContinuation { continuation in
            unregistered.notify(queue: .global()) { continuation.resume() }
        }
    }

    /// As if the signal had come.
    func raise(_ signal: Int32) { continuation.yield(signal) }
}

/// Tells the service manager that all is well, only when every media thread and the call loop have moved on, and the audit writer is not
/// stuck.
final class Watchdog: Sendable {
    private let task: Task<Void, Never>?

    init(_ daemon: Daemon) {
        guard let interval = daemon.manager.watchdogInterval else {
            task = nil
            return
        }
        task = Task {
            var media = daemon.media.turns
            var loop = daemon.callLoop.turnCount
            var stall = AuditStall(now: SystemClock.now)
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                let mediaNow = daemon.media.turns
                let loopNow = daemon.callLoop.turnCount
                let mediaMoved = zip(media, mediaNow).allSatisfy { $0 != $1 }
                let auditMoved = !stall.isStuck(daemon.auditLog.progress, now: SystemClock.now)
                if mediaMoved, loopNow != loop, auditMoved {
                    daemon.manager.alive()
                } else {
                    daemon.events.note(
                        .error, "watchdog.missed",
                        [("media", String(mediaMoved)), ("loop", String(loopNow != loop)), ("audit", String(auditMoved))])
                }
                media = mediaNow
                loop = loopNow
            }
        }
    }

    func stop() { task?.cancel() }
}
