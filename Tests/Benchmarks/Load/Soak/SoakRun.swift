import Audio
import Foundation
import NIOCore
import SRTP
import SottoTestPeer

/// The real daemon under calls of every kind for a long time. Nothing may grow, nothing may be left over, no audio may be lost.
enum SoakRun {
    /// Calls that run at the same time: bridged, echoed, and those that talk to the agent.
    private static let lanes: [Scene.Target] = [.bridge, .bridge, .bridge, .bridge, .bridge, .echo, .echo, .echo, .agent]
    private static let sampleEvery = Duration.seconds(5)
    private static let reloadEvery = 4

    static func run(_ arguments: Arguments) async throws {
        let minutes = try arguments.number("minutes", 10, in: 1...10_000)
        var setup = DaemonProcess.Setup(
            program: try arguments.required("daemon"), core: arguments.core, niceness: try arguments.number("niceness", 0, in: -20...19))
        setup.farSuites = ["AES_CM_128_HMAC_SHA1_80"]
        setup.records = true
        let control = SoakControl(program: try arguments.required("sotto"))
        let record = try await Scene.run(setup, hasServer: true) { try await soak($0, control, minutes: minutes) }
        say(record.summary)
        if let json = arguments.text("json") { try (record.json + "\n").write(toFile: json, atomically: true, encoding: .utf8) }
        if !record.failures.isEmpty { exit(1) }
    }

    private static func soak(_ scene: Scene, _ control: SoakControl, minutes: Int) async throws -> SoakRecord {
        let record = SoakRecord(minutes: minutes)
        let line = try await scene.line()
        // The first probe opens the connection to our server, which stays.
        try await waitUntil("the first OPTIONS", within: .seconds(30)) { scene.server?.isSeen == true }
        try await Task.sleep(for: .seconds(2))
        record.gaugesBefore = try control.gauges(scene.daemon)
        record.descriptorsBefore = scene.daemon.descriptors
        let started = ContinuousClock.now
        let deadline = started + .seconds(minutes * 60)
        let counter = SoakCounter()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (lane, target) in lanes.enumerated() {
                let caller = SoakCaller(scene: scene, line: line, target: target, record: record, counter: counter, seed: UInt64(lane + 1))
                tasks.addTask { while ContinuousClock.now < deadline { await caller.call() } }
            }
            var turn = 0
            while ContinuousClock.now < deadline {
                try await Task.sleep(for: sampleEvery)
                turn += 1
                record.sample(
                    .init(
                        minute: seconds(since: started) / 60, memory: scene.daemon.memory, descriptors: scene.daemon.descriptors,
                        ended: record.calls))
                guard scene.daemon.isRunning else { throw PeerFault(description: "the daemon ended") }
                if turn % reloadEvery == 0 {
                    try scene.daemon.touchTenant("reload \(turn)")
                    if let fault = control.reload(scene.daemon) { record.fail("reload: \(fault)") } else { record.reloaded() }
                }
                if turn % 12 == 0 { say(record.progress) }
            }
            try await tasks.waitForAll()
        }
        try await rest(scene, control, record)
        _ = try? await line.close().get()
        return record
    }

    /// After the last call everything returns to what it was.
    private static func rest(_ scene: Scene, _ control: SoakControl, _ record: SoakRecord) async throws {
        let clock = ContinuousClock()
        let limit = clock.now + .seconds(90)
        while clock.now < limit {
            record.gaugesAfter = try control.gauges(scene.daemon)
            record.descriptorsAfter = scene.daemon.descriptors
            if record.isAtRest { break }
            try await Task.sleep(for: .seconds(1))
        }
        record.memoryAfter = scene.daemon.memory
        record.judge()
    }
}

extension LoadServer {
    /// Somebody asked whether we are well.
    var isSeen: Bool { optionsSeen > 0 }
}

/// The operator's commands.
struct SoakControl {
    let program: String

    private func run(_ arguments: [String], _ daemon: DaemonProcess) throws -> (status: Int32, output: Data) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments + ["--socket", daemon.adminSocket, "--json"]
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    /// All gauges of `sotto status --json`.
    func gauges(_ daemon: DaemonProcess) throws -> [String: Int] {
        let (status, output) = try run(["status"], daemon)
        guard status == 0, let object = try JSONSerialization.jsonObject(with: output) as? [String: Any],
            let gauges = object["gauges"] as? [String: Any]
        else { throw PeerFault(description: "sotto status: \(status)") }
        return gauges.compactMapValues { ($0 as? NSNumber)?.intValue }
    }

    /// nil: done.
    func reload(_ daemon: DaemonProcess) -> String? {
        guard let (status, output) = try? run(["reload"], daemon) else { return "not started" }
        return status == 0 ? nil : "\(status) \(String(decoding: output, as: UTF8.self).prefix(300))"
    }
}
