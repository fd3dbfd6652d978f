import Foundation
import NIOCore
import NIOPosix
import SRTP
import SottoBase
import SottoTLS
import SottoTestPeer

/// A daemon, who calls it, and whom it calls.
final class Scene {
    /// Where a call goes.
    enum Target: String {
        /// A dialogue with a null voice.
        case agent
        /// The caller hears itself.
        case echo
        /// To our own server, by another suite.
        case bridge

        func number(_ index: Int) -> String {
            let digits = String(repeating: "0", count: max(0, 6 - "\(index)".count)) + "\(index)"
            return switch self {
            case .agent: "+4930\(digits)"
            case .bridge: "+4940\(digits)"
            case .echo: "+4950\(digits)"
            }
        }
    }

    let daemon: DaemonProcess
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var loop: any EventLoop { group.next() }
    let generator = MediaGenerator()
    private(set) var server: LoadServer?

    init(_ setup: DaemonProcess.Setup, hasServer: Bool = false) async throws {
        var setup = setup
        if hasServer { setup.farPort = try freePort() }
        daemon = try DaemonProcess(setup)
        do {
            try await daemon.waitUntilListening()
            generator.start()
            if let port = setup.farPort {
                let context = try TLSContext.server(daemon.far, now: .now())
                server = try await LoadServer.start(context, port: port, generator: generator, loop: loop)
            }
        } catch {
            Self.explain(error, daemon)
            daemon.stop()
            throw error
        }
    }

    static func explain(_ error: any Error, _ daemon: MeasuredProcess) {
        FileHandle.standardError.write(Data("sotto-load: \(error)\n\(daemon.log.suffix(4_000))\n".utf8))
    }

    /// Runs `body` and takes everything down, whatever happens; the daemon's last words are told where it fails.
    static func run<Result>(
        _ setup: DaemonProcess.Setup, hasServer: Bool = false, _ body: (Scene) async throws -> Result
    ) async throws -> Result {
        let scene = try await Scene(setup, hasServer: hasServer)
        do {
            let result = try await body(scene)
            await scene.end()
            return result
        } catch {
            Self.explain(error, scene.daemon)
            await scene.end()
            throw error
        }
    }

    private func end() async {
        try? await generator.stop()
        await server?.stop()
        daemon.stop()
        try? await group.shutdownGracefully()
    }

    func line() async throws -> LoadLine { try await LoadLine.open(to: daemon.port, as: daemon.callerContext(), loop: loop).get() }

    /// A call that was answered and talks. Its audio is checked where something comes back.
    func place(
        _ target: Target, on line: LoadLine, number index: Int, shape: LoadCall.Shape = .init(), impairment: CallMedia.Impairment = .init(),
        expectedPackets: Int = 0
    ) -> EventLoopFuture<LoadCall> {
        let number = target.number(index)
        let tones = LoadServer.tones(of: number)
        let expects: Int? =
            switch target {
            case .agent: nil
            case .echo: tones.caller
            case .bridge: tones.called
            }
        return LoadCall.place(
            on: line, generator, shape, from: "+1212\(1_000_000 + index)", to: number, tone: tones.caller, expects: expects,
            expectedPackets: expectedPackets, impairment: impairment)
    }

    /// Waits until the daemon's memory stands still for four seconds, a minute at most; returns how long it moved.
    func settle() async throws -> Double {
        var last = daemon.memory
        var still = 0
        for second in 1...60 {
            try await Task.sleep(for: .seconds(1))
            let now = daemon.memory
            still = abs(now - last) < 500 ? still + 1 : 0
            last = now
            if still == 4 { return Double(second - 4) }
        }
        return 60
    }
}

extension WallTime {
    static func now() -> WallTime { WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
