import Foundation
import Glibc
import NIOCore
import NIOPosix
import SRTP
import SottoBase
import SottoTLS
import SottoTestCertificates
import SottoTestPeer

// N real calls at once: SIP over TLS, SRTP with PCMU, against the real daemon with a null voice, in a process of its own on one core.
//
//     sotto-load --daemon PROGRAM [--calls N] [--seconds S] [--suite NAME] [--core N|any] [--niceness N] [--setups N] [--json FILE]
@main
struct SottoLoad {
    struct Options {
        var daemon = ""
        var calls = 100
        var seconds = 30
        var profile = SRTPProfile.aeadAES256GCM
        var core: Int? = 0
        var niceness = 0
        /// Calls that are set up and ended one after the other, eight at a time, before the measurement: they warm the daemon.
        var setups = 200
        var json: String?

        init(_ arguments: ArraySlice<String>) throws {
            var arguments = arguments
            while let argument = arguments.popFirst() {
                guard let value = arguments.popFirst() else { throw PeerFault(description: "\(argument) needs a value") }
                switch argument {
                case "--daemon": daemon = value
                case "--calls": calls = min(max(Int(value) ?? calls, 1), 4_000)
                case "--seconds": seconds = min(max(Int(value) ?? seconds, 5), 3_600)
                case "--suite":
                    guard let profile = SRTPProfile.allCases.first(where: { $0.wireName == value }) else {
                        throw PeerFault(description: "no suite \(value)")
                    }
                    self.profile = profile
                case "--core": core = value == "any" ? nil : Int(value)
                case "--niceness": niceness = Int(value) ?? 0
                case "--setups": setups = min(max(Int(value) ?? setups, 8), 100_000)
                case "--json": json = value
                default: throw PeerFault(description: "unknown argument \(argument)")
                }
            }
            guard !daemon.isEmpty else { throw PeerFault(description: "--daemon is missing") }
        }
    }

    static func main() async throws {
        let options = try Options(CommandLine.arguments.dropFirst())
        // Sockets: one a call here, and one more of the signaling peer's that stays unused.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

        let daemon = try DaemonProcess(program: options.daemon, core: options.core, niceness: options.niceness)
        do {
            try await daemon.waitUntilListening()
            let report = try await run(options, daemon)
            daemon.stop()
            print(report.table)
            if let json = options.json { try (report.json + "\n").write(toFile: json, atomically: true, encoding: .utf8) }
        } catch {
            FileHandle.standardError.write(Data("sotto-load: \(error)\n\(daemon.log.suffix(4_000))\n".utf8))
            daemon.stop()
            exit(1)
        }
    }

    // MARK: - The run

    private static func run(_ options: Options, _ daemon: DaemonProcess) async throws -> LoadReport {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let context = try TLSContext.client(daemon.carrier, trust: daemon.authority.trust, now: .systemNow)
        let connection = try await PeerConnection.open(to: daemon.port, as: context, group: group)
        var report = LoadReport(options)

        let setupCPU = daemon.cpu
        let setupClock = ContinuousClock.now
        try await setUpAndEnd(options, connection, group)
        report.setupCPU = (daemon.cpu - setupCPU) / Double(options.setups)
        report.setupSeconds = seconds(since: setupClock)
        // Ended calls hold their rings until their records are on disk.
        report.settleSeconds = try await settle(daemon)

        // Memory first: what one call more costs shows between none and all.
        let memoryBefore = daemon.memory
        let generator = MediaGenerator()
        var calls: [PeerCall] = []
        for index in 0..<options.calls {
            let (call, media) = try await place(options, connection, group, number: index)
            calls.append(call)
            generator.calls.append(media)
        }
        let thread = Thread { generator.run() }
        thread.stackSize = 1 << 20
        thread.start()
        try await Task.sleep(for: .seconds(3))

        let before = (cpu: daemon.cpu, threads: daemon.cpuByThread, busy: daemon.coreBusy, clock: ContinuousClock.now)
        try await Task.sleep(for: .seconds(options.seconds))
        let elapsed = seconds(since: before.clock)
        report.cpu = (daemon.cpu - before.cpu) / elapsed
        for (name, time) in daemon.cpuByThread { report.cpuByThread[name] = (time - (before.threads[name] ?? 0)) / elapsed }
        report.othersOnCore = options.core == nil ? 0 : (daemon.coreBusy - before.busy) / elapsed - report.cpu
        report.memoryPerCall = Double(daemon.memory - memoryBefore) / Double(options.calls)

        // The daemon's own word on what it received comes by RTCP, within 7.5 s.
        generator.stopSending()
        try? await waitUntil("reports of all calls", within: .seconds(12)) { generator.isReported }
        generator.stop()
        while !thread.isFinished { try await Task.sleep(for: .milliseconds(5)) }
        for call in calls { _ = try await call.bye() }
        _ = try await settle(daemon)
        report.memoryLeft = daemon.memory - memoryBefore
        report.take(generator)
        await connection.close()
        try? await group.shutdownGracefully()
        return report
    }

    /// Waits until the daemon's memory stands still for four seconds, a minute at most; returns how long it moved.
    private static func settle(_ daemon: DaemonProcess) async throws -> Double {
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

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let time = (ContinuousClock.now - start).components
        return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }

    /// Calls one after the other, eight at a time, over one connection.
    private static func setUpAndEnd(_ options: Options, _ connection: PeerConnection, _ group: MultiThreadedEventLoopGroup) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lane in 0..<8 {
                tasks.addTask {
                    for index in stride(from: lane, to: options.setups, by: 8) {
                        let (call, _) = try await place(options, connection, group, number: index)
                        _ = try await call.bye()
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    private static func place(
        _ options: Options, _ connection: PeerConnection, _ group: MultiThreadedEventLoopGroup, number: Int
    ) async throws -> (PeerCall, CallMedia) {
        let offer = PeerOffer([options.profile])
        let media = try CallMedia()
        let call = try PeerCall(
            on: connection, from: "+4930\(1_000_000 + number)", to: "+49302222222", offer: offer, loop: group.next())
        let response = try await call.invite(acknowledges: false, body: description(offer, port: media.port), within: .seconds(30))
        guard response.status == 200, let answer = call.answer else { throw PeerFault(description: "refused: \(response.startLine)") }
        call.acknowledge()
        try media.start(
            profile: answer.profile, localKey: offer.suites[0].key, remoteKey: answer.key, remotePort: answer.port,
            expected: (options.seconds + 30) * 50)
        return (call, media)
    }

    private static func description(_ offer: PeerOffer, port: UInt16) -> String {
        [
            "v=0", "o=- 4711 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio \(port) RTP/SAVP 0 101",
            "a=crypto:1 \(offer.suites[0].profile.wireName) inline:\(Data(offer.suites[0].key).base64EncodedString())",
            "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=rtcp-mux", "a=sendrecv", "",
        ].joined(separator: "\r\n")
    }
}
