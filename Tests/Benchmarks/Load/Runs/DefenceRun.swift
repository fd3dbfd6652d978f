import Foundation
import NIOCore
import SottoTestPeer

/// Call set-up under floods, and what a call and a connection cost in memory. The other rows of the design's table that belong here say that they were not measured.
enum DefenceRun {
    static func run(_ arguments: Arguments) async throws {
        let program = try arguments.required("daemon")
        let calls = try arguments.number("calls", 100, in: 10...2_000)
        var table = FigureTable()
        let only = arguments.text("only")
        if only != "memory" {
            let seconds = try arguments.number("seconds", 20, in: 5...600)
            table = try await Scene.run(.init(program: program, core: arguments.core, demandsCertificates: false)) { scene in
                var table = table
                try await FloodRun.measure(scene, seconds: seconds, into: &table)
                return table
            }
        }
        for (records, floor, goal) in only == "flood" ? [] : [(false, 400.0, 250.0), (true, 900.0, 600.0)] {
            var setup = DaemonProcess.Setup(program: program, core: arguments.core)
            setup.records = records
            let memory = try await Scene.run(setup) { try await memoryPerCall($0, calls, records) }
            guard let memory else {
                table.add(Figure(unmeasured: "memory of a recorded call", because: "no recording began"))
                continue
            }
            table.add(Figure("memory of a call, \(records ? "recorded" : "not recorded")", memory, unit: "kB", floor: floor, goal: goal))
        }
        if only != "flood" {
            let idle = try await Scene.run(.init(program: program, core: arguments.core)) { try await memoryPerConnection($0, 1_000) }
            table.add(Figure("memory of an idle TLS connection", idle, unit: "kB", floor: 65, goal: 30))
        }
        table.add(Figure(unmeasured: "goodput at twice the capacity, and at 10 × junk", because: "no generator yet"))
        table.add(Figure(unmeasured: "added delay, kernel's receive time to the consumer's ring", because: "no probe yet"))
        say("\n" + table.text)
        if let json = arguments.text("json") { try table.json.write(toFile: json, atomically: true, encoding: .utf8) }
    }

    /// Calls that talk for a while, so that rings have been filled; the first ones, which are not counted, fill what all share.
    private static func memoryPerCall(_ scene: Scene, _ count: Int, _ records: Bool) async throws -> Double? {
        let line = try await scene.line()
        for index in 0..<10 { _ = try await scene.place(.agent, on: line, number: index).get() }
        _ = try await scene.settle()
        let before = scene.daemon.memory
        for index in 10..<(10 + count) { _ = try await scene.place(.agent, on: line, number: index).get() }
        // A recorder's ring holds 30 s.
        try await Task.sleep(for: .seconds(35))
        // Sealed audio grows while it is recorded.
        let folder = scene.daemon.folder + "/state/records"
        let bodies = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }.filter { $0.contains("audio") } ?? []
        if records, bodies.isEmpty { return nil }
        return Double(scene.daemon.memory - before) / Double(count)
    }

    private static func memoryPerConnection(_ scene: Scene, _ count: Int) async throws -> Double {
        var lines: [LoadLine] = []
        for _ in 0..<20 { lines.append(try await scene.line()) }
        _ = try await scene.settle()
        let before = scene.daemon.memory
        for _ in 0..<count { lines.append(try await scene.line()) }
        _ = try await scene.settle()
        let used = Double(scene.daemon.memory - before) / Double(count)
        for line in lines { try await line.close().get() }
        return used
    }
}
