import Foundation
import NIOCore
import NIOPosix
import SRTP
import SottoTLS
import SottoTestCertificates
import SottoTestPeer

/// The daemon beside other products: the same generator, one after the other, on the same core.
enum PeersRun {
    static func run(_ arguments: Arguments) async throws {
        let only = arguments.text("only")
        let seconds = try arguments.number("seconds", 8, in: 2...600)
        let calls = try arguments.number("calls", 100, in: 1...1_000)
        let daemon = try arguments.required("daemon")
        var table = FigureTable()
        if only == nil || only == "options" || only == "handshakes" {
            try await signaling(&table, daemon, core: arguments.core, seconds: seconds, only: only)
        }
        if only == nil || only == "bridge" { try await bridge(&table, daemon, core: arguments.core, seconds: seconds, calls: calls) }
        say("\n" + table.text)
        if let json = arguments.text("json") { try table.json.write(toFile: json, atomically: true, encoding: .utf8) }
    }

    // MARK: - Signaling

    private static func signaling(_ table: inout FigureTable, _ program: String, core: Int?, seconds: Int, only: String?) async throws {
        let setup = DaemonProcess.Setup(program: program, core: core, demandsCertificates: false)
        let measured = try await Scene.run(setup) { scene in
            try await SignalingLoad.measure(
                scene.daemon, port: scene.daemon.port, trust: scene.daemon.authority.trust, seconds: seconds, only: only)
        }
        let authority = try TestAuthority()
        let certificate = try authority.issue(.init(dnsNames: ["sbc.example"]))
        let kamailio = try await KamailioProcess(core: core, certificate: certificate)
        defer { kamailio.stop() }
        let peers = try await SignalingLoad.measure(kamailio, port: kamailio.port, trust: authority.trust, seconds: seconds, only: only)
        if let ours = measured.options, let theirs = peers.options {
            table.add(
                Figure(
                    "OPTIONS over TLS, CPU each", ours, unit: "µs", reference: ("kamailio", theirs), floor: 3 * theirs, goal: theirs))
        }
        guard let ours = measured.handshake, let theirs = peers.handshake else { return }
        let server = try await OpenSSLServer(core: core, certificate: certificate)
        defer { server.stop() }
        let plain = try await SignalingLoad.measure(server, port: server.port, trust: authority.trust, seconds: seconds, only: "handshakes")
        let bare = try BareHandshake.measure(certificate, count: 2_000)
        table.add(
            Figure(
                "full TLS 1.3 handshake, CPU each", ours, unit: "µs", reference: ("bare OpenSSL in memory", bare), floor: 2 * bare,
                goal: 1.5 * bare))
        table.add(
            Figure(
                "  the same, with its connection, beside s_server", ours, unit: "µs",
                reference: ("openssl s_server", plain.handshake ?? .nan), floor: 2 * (plain.handshake ?? 0),
                goal: 1.5 * (plain.handshake ?? 0)))
        table.add(
            Figure("  the same, beside kamailio", ours, unit: "µs", reference: ("kamailio", theirs), floor: theirs, goal: theirs / 2))
    }

    // MARK: - Media

    private static let near = SRTPProfile.aeadAES256GCM
    private static let far = SRTPProfile.aes128CMSHA1_80

    private static func bridge(_ table: inout FigureTable, _ program: String, core: Int?, seconds: Int, calls: Int) async throws {
        var setup = DaemonProcess.Setup(program: program, core: core, mediaThreads: 1)
        (setup.nearSuites, setup.farSuites, setup.codecs) = ([near.wireName], [far.wireName], ["PCMU"])
        let ours = try await Scene.run(setup, hasServer: true) { scene in
            let line = try await scene.line()
            var placed: [LoadCall] = []
            for index in 0..<calls {
                placed.append(try await scene.place(.bridge, on: line, number: index, shape: .init(profile: near)).get())
            }
            let result = try await passed(scene.generator, scene.daemon, seconds: seconds)
            for call in placed { try await call.bye().get() }
            return result
        }
        // One cipher a packet, the other, and none: what two cost is the sum less the empty one.
        let first = try await besides(near, core: core, seconds: seconds, calls: calls)
        let second = try await besides(far, core: core, seconds: seconds, calls: calls)
        let plain = try await besides(nil, core: core, seconds: seconds, calls: calls)
        let theirs = first.cpu + second.cpu - plain.cpu
        let parts = String(format: "%.1f + %.1f - %.1f", first.cpu, second.cpu, plain.cpu)
        table.add(
            Figure(
                "SRTP bridge, GCM-256 ↔ CM-128, PCMU, \(calls) calls: CPU a packet", ours.cpu, unit: "µs",
                reference: ("rtpengine \(parts) =", theirs), floor: theirs, goal: theirs / 2,
                values: [
                    ("packets", Double(ours.packets)), ("lost", Double(ours.lost)), ("right", ours.right), ("rtpengine_gcm_rtp", first.cpu),
                    ("rtpengine_cm_rtp", second.cpu), ("rtpengine_rtp_rtp", plain.cpu),
                ]))
        say(
            "    lost: ours \(ours.lost) of \(ours.packets), rtpengine \(first.lost) of \(first.packets); frames right: \(ours.right), \(first.right)"
        )
    }

    /// rtpengine between SRTP by `profile` (nil: RTP) and RTP.
    private static func besides(_ profile: SRTPProfile?, core: Int?, seconds: Int, calls: Int) async throws -> Passed {
        let rtpengine = try await RTPEngineProcess(on: core)
        defer { rtpengine.stop() }
        let generator = MediaGenerator()
        generator.start()
        for index in 0..<calls {
            let sides = (try CallMedia(), try CallMedia())
            try await rtpengine.bridge(sides.0, profile, sides.1, number: index)
            (sides.0.tone, sides.1.tone) = (index % 16, (index + 5) % 16)
            generator.order { [sides] in
                $0.add(sides.0)
                $0.add(sides.1)
                sides.0.expect(sides.1.tone)
                sides.1.expect(sides.0.tone)
            }
        }
        let passed = try await passed(generator, rtpengine, seconds: seconds)
        try await generator.stop()
        return passed
    }

    struct Passed {
        /// µs a packet that came out.
        var cpu: Double
        var packets: Int
        var lost: Int
        /// Share of judged frames with the right tone.
        var right: Double
    }

    /// Lets calls run and counts what comes out on both sides.
    private static func passed(_ generator: MediaGenerator, _ process: MeasuredProcess, seconds: Int) async throws -> Passed {
        try await Task.sleep(for: .seconds(3))
        func count() async -> (received: Int, cpu: Double) {
            (await generator.ask { $0.all.reduce(0) { $0 + $1.received } }, process.cpu)
        }
        let before = await count()
        try await Task.sleep(for: .seconds(seconds))
        let after = await count()
        let sums = await generator.ask { generator in
            generator.all.reduce(into: (lost: 0, judged: 0, right: 0)) {
                $0.lost += $1.lost
                $0.judged += $1.judged
                $0.right += $1.right
            }
        }
        let packets = after.received - before.received
        guard packets > 0 else { throw PeerFault(description: "nothing came out: \(process.log.suffix(2_000))") }
        return Passed(
            cpu: (after.cpu - before.cpu) / Double(packets) * 1e6, packets: packets, lost: sums.lost,
            right: Double(sums.right) / Double(max(1, sums.judged)))
    }
}
