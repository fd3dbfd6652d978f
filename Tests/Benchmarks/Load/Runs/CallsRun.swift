import Foundation
import NIOCore
import SRTP
import SottoTestPeer

/// N calls at once.
enum CallsRun {
    struct Options {
        var calls: Int
        var seconds: Int
        var shape: LoadCall.Shape
        var target: Scene.Target
        var impairment: CallMedia.Impairment
        var setup: DaemonProcess.Setup
        /// Calls that are set up and ended, eight at a time, before the measurement: they warm the daemon.
        var setups: Int

        init(_ arguments: Arguments) throws {
            calls = try arguments.number("calls", 100, in: 1...4_000)
            seconds = try arguments.number("seconds", 30, in: 5...3_600)
            shape = LoadCall.Shape(profile: try arguments.profile(), codec: try arguments.codec(), wraps: arguments.text("wraps") == "yes")
            guard let target = Scene.Target(rawValue: arguments.text("target") ?? "agent") else {
                throw PeerFault(description: "no such --target")
            }
            self.target = target
            impairment = CallMedia.Impairment(
                loss: try arguments.percent("loss"), delay: try arguments.number("delay", 0, in: 0...2_000),
                jitter: try arguments.number("jitter", 0, in: 0...500))
            setup = DaemonProcess.Setup(
                program: try arguments.required("daemon"), core: arguments.core, niceness: try arguments.number("niceness", 0, in: -20...19)
            )
            setup.farSuites = ["AES_CM_128_HMAC_SHA1_80"]
            setups = try arguments.number("setups", 200, in: 8...100_000)
        }
    }

    static func run(_ arguments: Arguments) async throws {
        let options = try Options(arguments)
        let report = try await Scene.run(options.setup, hasServer: options.target == .bridge) { try await measure(options, $0) }
        print(report.table)
        if let json = arguments.text("json") { try (report.json + "\n").write(toFile: json, atomically: true, encoding: .utf8) }
        if report.lostAudio { exit(1) }
    }

    private static func measure(_ options: Options, _ scene: Scene) async throws -> LoadReport {
        let daemon = scene.daemon
        let line = try await scene.line()
        var report = LoadReport(options)

        let setupCPU = daemon.cpu
        let setupClock = ContinuousClock.now
        try await setUpAndEnd(options.setups, options, scene, line)
        report.setupCPU = (daemon.cpu - setupCPU) / Double(options.setups)
        report.setupSeconds = seconds(since: setupClock)
        // Ended calls hold their rings until their records are on disk.
        report.settleSeconds = try await scene.settle()

        // Memory: what one call more costs shows between none and all.
        let memoryBefore = daemon.memory
        var calls: [LoadCall] = []
        for index in 0..<options.calls {
            calls.append(
                try await scene.place(
                    options.target, on: line, number: index, shape: options.shape, impairment: options.impairment,
                    expectedPackets: (options.seconds + 30) * 50
                ).get())
        }
        // What waited while the calls were set up says nothing about the daemon: the first seconds are not timed.
        try await Task.sleep(for: .seconds(3))
        scene.generator.beginTiming()
        let before = (cpu: daemon.cpu, threads: daemon.cpuByThread, busy: daemon.coreBusy, clock: ContinuousClock.now)
        try await Task.sleep(for: .seconds(options.seconds))
        let elapsed = seconds(since: before.clock)
        report.cpu = (daemon.cpu - before.cpu) / elapsed
        for (name, time) in daemon.cpuByThread { report.cpuByThread[name] = (time - (before.threads[name] ?? 0)) / elapsed }
        report.othersOnCore = options.setup.core == nil ? 0 : (daemon.coreBusy - before.busy) / elapsed - report.cpu
        report.memoryPerCall = Double(daemon.memory - memoryBefore) / Double(options.calls)

        // The daemon's own word on what it received comes by RTCP, within 7.5 s.
        for media in await scene.generator.ask({ $0.all }) { scene.generator.order { _ in media.expect(nil) } }
        scene.generator.stopSending()
        try? await waitUntil("reports of all calls", within: .seconds(12)) { scene.generator.isReported }
        report.take(await scene.generator.ask { $0.all })
        for call in calls { try await call.bye().get() }
        _ = try await scene.settle()
        report.memoryLeft = daemon.memory - memoryBefore
        try await scene.generator.stop()
        report.take(ownLateness: scene.generator.ownLateness)
        return report
    }

    /// Calls one after the other, eight at a time, over one connection.
    static func setUpAndEnd(_ count: Int, _ options: Options, _ scene: Scene, _ line: LoadLine) async throws {
        let (target, shape) = (options.target, options.shape)
        let place = { @Sendable [generator = scene.generator] (index: Int) in
            LoadCall.place(on: line, generator, shape, from: "+1212\(1_000_000 + index)", to: target.number(index)).flatMap { $0.bye() }
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lane in 0..<8 {
                tasks.addTask { for index in stride(from: lane, to: count, by: 8) { try await place(index).get() } }
            }
            try await tasks.waitForAll()
        }
    }
}
