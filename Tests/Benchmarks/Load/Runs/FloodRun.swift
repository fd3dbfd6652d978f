import CEpoll
import Foundation
import Glibc
import NIOCore
import NIOPosix
import SottoTLS
import SottoTestCertificates
import SottoTestPeer
import Synchronization

/// How long others' calls take to be set up while strangers from many addresses open connections that say nothing, and hand-shake.
enum FloodRun {
    private static let perSecond = 40

    private final class Times: Sendable {
        let state = Mutex<(values: [Double], count: Int)>(([], 0))
    }

    static func measure(_ scene: Scene, seconds: Int, into table: inout FigureTable) async throws {
        let line = try await scene.line()
        _ = try await setups(scene, line, seconds: 3, from: 0)
        let quiet = try await setups(scene, line, seconds: seconds, from: 10_000)
        let flood = Flood(port: scene.daemon.port, open: 10_000)
        flood.start()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let context = try TLSContext.client(nil, trust: scene.daemon.authority.trust, now: .now())
        let port = scene.daemon.port
        let loop = group.next()
        let done = Times()
        // 500 a second: five each 10 ms.
        let task = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(10)) { _ in
            for _ in 0..<5 {
                LoadLine.open(to: port, as: context, loop: loop, from: UInt32.random(in: 0x02_0001...0x02_FFFE)).whenSuccess { line in
                    done.state.withLock { $0.count += 1 }
                    _ = line.close()
                }
            }
        }
        try await Task.sleep(for: .seconds(6))
        let before = done.state.withLock { $0.count }
        let clock = ContinuousClock.now
        let under = try await setups(scene, line, seconds: seconds, from: 20_000)
        let rate = Double(done.state.withLock { $0.count } - before) / elapsed(since: clock)
        let held = flood.held
        task.cancel()
        flood.stop()
        try? await group.shutdownGracefully()
        table.add(
            Figure(
                "others' call set-up, p99, under \(Int(rate)) handshakes/s and \(held) half-open connections", under.p99, unit: "ms",
                reference: ("quiet", quiet.p99), floor: 2 * quiet.p99 + 5, goal: 1.2 * quiet.p99 + 2,
                values: [
                    ("handshakes_per_second", rate), ("half_open", Double(held)), ("p50", under.p50), ("quiet_p50", quiet.p50),
                    ("failed", Double(under.failed)),
                ]))
    }

    /// ms from INVITE to 200.
    private static func setups(
        _ scene: Scene, _ line: LoadLine, seconds: Int, from first: Int
    ) async throws -> (p50: Double, p99: Double, failed: Int) {
        let times = Times()
        let generator = scene.generator
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for index in 0..<(seconds * perSecond) {
                tasks.addTask {
                    let begin = ContinuousClock.now
                    do {
                        let call = try await LoadCall.place(
                            on: line, generator, .init(), from: "+12125550100", to: Scene.Target.agent.number(first + index)
                        ).get()
                        let time = elapsed(since: begin) * 1_000
                        times.state.withLock { $0.values.append(time) }
                        try await call.bye().get()
                    } catch {
                        times.state.withLock { $0.count += 1 }
                    }
                }
                try await Task.sleep(for: .milliseconds(1_000 / perSecond))
            }
            try await tasks.waitForAll()
        }
        let (values, failed) = times.state.withLock { ($0.values.sorted(), $0.count) }
        guard !values.isEmpty else { throw PeerFault(description: "no call was set up") }
        return (values[values.count / 2], values[values.count * 99 / 100], failed)
    }
}

/// Connections that say nothing, from many addresses; one that is closed is opened again.
private final class Flood: Sendable {
    private let port: UInt16
    private let wanted: Int
    private let count = Atomic<Int>(0)
    private let running = Atomic<Bool>(true)

    init(port: UInt16, open: Int) {
        self.port = port
        wanted = open
    }

    var held: Int { count.load(ordering: .relaxed) }
    func stop() { running.store(false, ordering: .relaxed) }

    func start() {
        Thread.detachNewThread { [self] in
            var open: [Int32] = []
            var byte: UInt8 = 0
            while running.load(ordering: .relaxed) {
                open.removeAll { socket in
                    guard recv(socket, &byte, 1, Int32(MSG_DONTWAIT)) == 0 || (errno != EAGAIN && errno != EINTR) else { return false }
                    close(socket)
                    return true
                }
                for _ in 0..<min(500, wanted - open.count) { if let socket = connection() { open.append(socket) } }
                count.store(open.count, ordering: .relaxed)
                usleep(100_000)
            }
            for socket in open { close(socket) }
        }
    }

    private func connection() -> Int32? {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard made >= 0 else { return nil }
        func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = host.bigEndian
            address.sin_port = port.bigEndian
            return address
        }
        var from = address(0x7F01_0001 + UInt32.random(in: 0..<0xFFF0), 0)
        var target = address(0x7F00_0001, port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = withUnsafePointer(to: &from) { raw in
            raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(made, $0, size) == 0 }
        } && withUnsafePointer(to: &target) { raw in
            raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(made, $0, size) == 0 }
        }
        if isOpen { return made }
        close(made)
        return nil
    }
}
