import Foundation
import Glibc
import SottoTestPeer
import Testing

extension ServiceTests {
    /// The daemon dies in a call: by a trap, by the machine.
    @Suite struct SuddenEnds {
        /// What the Swift runtime's traps raise.
        private static var trap: Int32 {
            #if arch(arm64)
                SIGTRAP
            #else
                SIGILL
            #endif
        }

        private static func cores(in folder: ServiceFolder) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("core") }
        }

        /// True when a dump of a process that allows it lands in the process's folder.
        private static var machineLeavesCores: Bool {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0, limit.rlim_max == .max else { return false }
            let pattern = (try? String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)) ?? "|"
            return pattern.hasPrefix("core")
        }

        @Test func aTrapInTheMiddleOfACardNumberLeavesNothingOfIt() async throws {
            let folder = try ServiceFolder()
            try folder.change("level = \"info\"", to: "level = \"debug\"")

            // The same death leaves a core when a process does not forbid it.
            let shell = BuiltProgram.allowingCores("/bin/sh", ["-c", "kill -\(Self.trap) $$"])
            #expect(try await BuiltProgram.run("/bin/sh", shell, in: folder).code == -Self.trap)
            let control = try Self.cores(in: folder)
            #expect(control.isEmpty != Self.machineLeavesCores)
            for name in control { unlink("\(folder.path)/\(name)") }

            let daemon = try RunningDaemon(folder, mayLeaveCores: true)
            #expect(await daemon.notice("READY") != nil, "\(daemon.log)")
            let call = try await ServiceCall(daemon, in: folder)
            try await call.consent()
            try await call.prompted()
            call.peer.media.press("2")
            try await call.logged("payment.entered")
            try await call.logged("voice.said", "Please enter your card number")
            // All but the last digit: the row has neither its length nor its end.
            let pressed = String(SpokenDigits.randomCard().dropLast())
            call.peer.media.press(pressed)
            try await waitUntil("the keys to be pressed") { try await call.peer.media.heard().isDone }
            let sent = UInt64(try await call.peer.media.heard().sent)
            try await waitUntil("the keys to arrive") {
                let counters = try await BuiltProgram.ask(["status"], in: folder)["counters"] as? [String: Any]
                return (counters?["media-packets-received"] as? NSNumber)?.uint64Value ?? 0 >= sent
            }
            daemon.send(Self.trap)
            let (_, code) = await daemon.end()
            await call.abandon()

            #expect(code == -Self.trap, "\(daemon.log)")
            let log = daemon.log
            #expect(log.contains(" debug "), "it spoke at level debug")
            #expect(!log.contains("keys.collected"), "the row was complete before the trap")
            let canary = Canary(number: pressed)
            #expect(canary.forms(in: log) == [])
            let cores = try Self.cores(in: folder)
            #expect(cores == [])
            for name in cores { unlink("\(folder.path)/\(name)") }
            #expect(canary.traces(below: folder.path) == [])

            // The search finds what it looks for, whole or in part, in the log and in the records.
            #expect(canary.forms(in: log + "text=\"\(pressed)\"\n") != [])
            #expect(canary.forms(in: log + "rax 0x\(pressed.utf8.prefix(8).map { String($0, radix: 16) }.joined())\n") != [])
            try folder.write(SpokenDigits.words(pressed), to: "state/planted")
            #expect(canary.traces(below: folder.path).contains { $0.hasPrefix("state/planted") })
        }

        @Test func aKillInACallLosesTwoSecondsAtMost() async throws {
            let folder = try ServiceFolder()
            try folder.change("level = \"info\"", to: "level = \"debug\"")
            let first = try RunningDaemon(folder)
            #expect(await first.notice("READY") != nil, "\(first.log)")
            let call = try await ServiceCall(first, in: folder)
            let answered = ContinuousClock.now
            try await call.consent()
            call.peer.media.say(440, milliseconds: 2_000)
            try await call.prompted()
            // Three segments of the caller's leg, and a line: the disk has them.
            let show = ["records", "show", call.name, "--tenant", "example"]
            let before = try await wait("audio and transcript to be written", within: .seconds(60)) { () -> KeptCall? in
                let kept = KeptCall(try await BuiltProgram.ask(show, in: folder))
                return kept.segments("audio.caller.0") >= 3 && kept.lines.contains { $0.contains("Welcome") } ? kept : nil
            }
            let heard = try await call.peer.media.heard()
            first.send(SIGKILL)
            let killed = ContinuousClock.now
            #expect(await first.end().code == -SIGKILL)
            await call.abandon()
            #expect(heard.sent >= 250, "five seconds of packets")

            let second = try RunningDaemon(folder)
            #expect(await second.notice("READY") != nil, "\(second.log)")
            let after = KeptCall(try await BuiltProgram.ask(show, in: folder))
            #expect(after.ended == nil)
            for object in ["audio.caller.0", "audio.agent.0", "transcript.0", "events.0"] {
                #expect(after.state(object) == "unfinished", "\(object)")
                #expect(after.segments(object) >= before.segments(object), "\(object)")
            }
            #expect(Array(after.lines.prefix(before.lines.count)) == before.lines)

            // A segment is two seconds; what redaction has not passed yet is in none.
            let wav = "\(folder.path)/call.wav"
            _ = try await BuiltProgram.ask(["records", "export", call.name, "--tenant", "example", "--output", wav], in: folder)
            let recording = try #require(FileManager.default.contents(atPath: wav).flatMap { StereoRecording($0) })
            let length = Duration.milliseconds(recording.caller.count / 16)
            #expect(length >= killed - answered - .milliseconds(2_000) - Self.delay, "\(length) of \(killed - answered)")
            #expect(length <= killed - answered + .seconds(2))
            #expect(recording.loudMilliseconds(recording.caller) >= 1_000, "the caller's tone")
            #expect(recording.loudMilliseconds(recording.agent) >= 1_000, "the daemon's voice")

            let verdict = try await BuiltProgram.ask(["audit", "verify"], in: folder)
            #expect(verdict["isSound"] as? Bool == true, "\(verdict)")
            let findings = verdict["findings"] as? [[String: String]] ?? []
            #expect(findings.contains { $0["severity"] == "notice" && $0["what"]?.contains("was killed") == true }, "\(findings)")
            #expect(!findings.contains { $0["severity"] == "fault" }, "\(findings)")

            // Life goes on.
            let next = try await ServiceCall(second, in: folder)
            try await next.consent()
            try await next.prompted()
            try await next.bye()
            let whole = try await wait("the next call to be kept") { () -> KeptCall? in
                let kept = KeptCall(try await BuiltProgram.ask(["records", "show", next.name, "--tenant", "example"], in: folder))
                return kept.ended != nil ? kept : nil
            }
            for object in ["audio.caller.0", "audio.agent.0", "transcript.0", "record.0", "consent.0"] {
                #expect(whole.state(object) == "closed", "\(object)")
            }
            second.send(SIGTERM)
            #expect(await second.end().code == 0, "\(second.log)")
        }

        /// From hearing to the recorder: redaction's padding, a recorder's turn, and a machine that is busy with other tests.
        private static let delay = Duration.milliseconds(1_000)
    }
}

/// What `sotto records show` tells.
private struct KeptCall: Sendable {
    var ended: String?
    var lines: [String] = []
    private var objects: [String: (state: String, segments: Int)] = [:]

    init(_ json: [String: Any]) {
        let record = json["record"] as? [String: Any] ?? [:]
        ended = record["endedAt"] as? String
        for object in record["objects"] as? [[String: Any]] ?? [] {
            guard let name = object["name"] as? String, let state = object["state"] as? String else { continue }
            objects[name] = (state, (object["segments"] as? NSNumber)?.intValue ?? 0)
        }
        lines = (json["transcript"] as? [[String: Any]] ?? []).map { line in
            "\(line["speaker"] ?? "") \(line["from"] ?? "") \(line["text"] ?? "")"
        }
    }

    func state(_ object: String) -> String? { objects[object]?.state }
    func segments(_ object: String) -> Int { objects[object]?.segments ?? 0 }
}

/// An export: 16 kHz, caller left, agent right.
private struct StereoRecording {
    var caller: [Int16] = []
    var agent: [Int16] = []

    init?(_ wav: Data) {
        guard wav.count > 44, wav.prefix(4) == Data("RIFF".utf8) else { return nil }
        let samples = stride(from: 44, to: wav.count - 1, by: 2).map { Int16(bitPattern: UInt16(wav[$0]) | UInt16(wav[$0 + 1]) << 8) }
        caller = stride(from: 0, to: samples.count, by: 2).map { samples[$0] }
        agent = stride(from: 1, to: samples.count, by: 2).map { samples[$0] }
    }

    func loudMilliseconds(_ samples: [Int16]) -> Int {
        stride(from: 0, to: samples.count - 319, by: 320).count { energy(of: samples[$0..<$0 + 320]) > 10_000 } * 20
    }
}
