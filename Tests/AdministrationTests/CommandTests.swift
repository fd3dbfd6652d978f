import AdministrationAPI
import AuditLog
import DurableFiles
import Foundation
import Glibc
import SottoBase
import SottoCrypto
import Testing

@testable import sotto

/// The built `sotto`, run as a person or a script runs it.
struct Run: Sendable {
    let code: Int32
    let out: String
    let err: String

    fileprivate static func blocking(_ arguments: [String], input: String) throws -> Run {
        let process = Process()
        let tests = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        process.executableURL = tests.deletingLastPathComponent().appending(path: "sotto")
        process.arguments = arguments
        let (given, out, err) = (Pipe(), Pipe(), Pipe())
        process.standardInput = given
        process.standardOutput = out
        process.standardError = err
        try process.run()
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
        // Less than a pipe's buffer is ever written to standard error.
        let printed = try out.fileHandleForReading.readToEnd() ?? Data()
        let said = try err.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Run(
            code: process.terminationStatus, out: String(decoding: printed, as: UTF8.self), err: String(decoding: said, as: UTF8.self))
    }
}

func command(_ arguments: [String], input: String = "") async throws -> Run {
    try await onThread { try Run.blocking(arguments, input: input) }
}

@Suite struct CommandTests {
    private static let call = FakeService.call.description

    @Test func reportsAreShown() async throws {
        try await Bench.run { bench async throws in
            let socket = ["--socket", bench.path]
            let status = try await command(["status"] + socket)
            #expect(status.code == 0)
            #expect(status.out.contains("sottod 9.9  running") && status.out.contains("disk \u{FFFD}[31mfull"))
            #expect(status.out.contains("calls-limit  1000"))
            let calls = try await command(["calls"] + socket)
            #expect(calls.out.contains("\(Self.call)  acme    carrier-a  talking"))
            let json = try await command(["calls", "--json"] + socket)
            #expect(AdministrationJSON.decode([CallReport].self, from: Array(json.out.utf8))?.first?.call == Self.call)
            let record = try await command(["records", "show", Self.call, "--tenant", "acme"] + socket)
            #expect(record.out.contains("1:02.345  caller  my card is [card]") && record.out.contains("legs[0].codec  opus"))
            let entries = try await command(["audit", "list", "--from", "5"] + socket)
            #expect(entries.out.contains("facts.policy=p1"))
            #expect(try await command(["audit", "key"] + socket).out == "sotto.test+00000000+AAAA\n")
            #expect(try await command(["audit", "head"] + socket).out == "head\n")
        }
    }

    @Test func oneCallIsShownOrEnded() async throws {
        try await Bench.run { bench async throws in
            #expect(try await command(["call", Self.call, "--socket", bench.path]).out.contains("route     agent:reception"))
            let other = CallID(high: 9, low: 9).description
            #expect(try await command(["call", other, "--socket", bench.path]).code == 1)
            #expect(try await command(["call", "end", Self.call, "--socket", bench.path]).code == 0)
            #expect(bench.service.asked.last?.request == .endCall(FakeService.call))
        }
    }

    @Test func ladderIsShownWholeOrBrief() async throws {
        try await Bench.run { bench async throws in
            let whole = try await command(["call", Self.call, "--trace", "--socket", bench.path])
            #expect(whole.code == 0)
            #expect(bench.service.asked.last?.request == .trace(FakeService.call))
            #expect(whole.out.contains("caller ──▶ gateway  INVITE sip:+4930xxxxx42@sbc.example\n    INVITE sip:"))
            #expect(!whole.out.contains("\u{1B}"))
            #expect(whole.out.contains("3 further messages were not kept"))
            let brief = try await command(["call", Self.call, "--trace", "--brief", "--socket", bench.path])
            #expect(!brief.out.contains("CSeq"))
            let json = try await command(["call", Self.call, "--trace", "--json", "--socket", bench.path])
            #expect(json.out.contains("\"leg\""))
        }
    }

    @Test func absentDaemonIsUnavailable() async throws {
        let run = try await command(["status", "--socket", "/nonexistent/admin.sock"])
        #expect(run.code == 69)
        #expect(run.err.contains("hint: is it running?"))
        let json = try await command(["status", "--json", "--socket", "/nonexistent/admin.sock"])
        #expect(json.err.hasPrefix("{\"problem\":{\"code\":69"))
        #expect(json.out.isEmpty)
    }

    @Test func refusedRoleIsAPermission() async throws {
        try await Bench.run(FakeService { $0.problem = AdministrationProblem(.forbidden, "uid 7 has not the role viewer") }) {
            bench async throws in
            let run = try await command(["status", "--socket", bench.path])
            #expect(run.code == 77)
            #expect(run.err.contains("[[admin.role]]"))
        }
    }

    @Test func refusedReloadIsAConfigurationFault() async throws {
        let report = ReloadReport(
            isAccepted: false, policyVersion: "p1", diagnostics: ["sotto.toml:1:1: error: no\n   | ^"], needsRestart: [])
        try await Bench.run(FakeService { $0.reload = report }) { bench async throws in
            let run = try await command(["reload", "--wait", "--socket", bench.path])
            #expect(run.code == 78)
            #expect(run.out == "sotto.toml:1:1: error: no\n   | ^\nrefused: policy p1 stays in force\n")
        }
    }

    @Test func numberComesFromStandardInputAlone() async throws {
        try await Bench.run { bench async throws in
            let list = ["records", "list", "--tenant", "acme", "--socket", bench.path, "--number"]
            let refused = try await command(list + ["4930123456"])
            #expect(refused.code == 64)
            #expect(!refused.err.contains("4930123456"))
            let found = try await command(list + ["-"], input: "+49 30 123456\n")
            #expect(found.code == 0)
            let tenant = try #require(FakeService.tenant)
            #expect(bench.service.asked.map(\.request) == [.searchRecords(tenant, number: "+4930123456", limit: 100)])
            #expect(try await command(list + ["-"], input: "\n").code == 65)
        }
    }

    @Test func exportMakesAClosedFileAndReplacesNone() async throws {
        try await Bench.run { bench async throws in
            let file = bench.folder + "/call.wav"
            let export = ["records", "export", Self.call, "--tenant", "acme", "--output", file, "--socket", bench.path]
            #expect(try await command(export).code == 0)
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o7777 == 0o600 && status.st_size == 200_004)
            let again = try await command(export)
            #expect(again.code == 73)
            // It is not even asked for: an export that cannot be kept is none.
            #expect(bench.service.asked.count == 1)
        }
    }

    @Test func brokenExportLeavesNothing() async throws {
        try await Bench.run(FakeService { $0.breaks = FakeService.Broken() }) { bench async throws in
            let file = bench.folder + "/call.wav"
            let run = try await command(["records", "export", Self.call, "--tenant", "acme", "-o", file, "--socket", bench.path])
            #expect(run.code == 69)
            #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder) == ["run"])
        }
    }

    @Test func eventsAreFollowedUntilOneHappens() async throws {
        try await Bench.run { bench async throws in
            async let run = command(["events", "--follow", "--json", "--until", "call.ended", "--socket", bench.path])
            await eventually("it follows") { bench.service.followers == 1 }
            bench.service.happened("call.arrived", call: FakeService.call)
            bench.service.happened("call.ended", fields: ["cause": "bye"])
            let result = try await run
            #expect(result.code == 0)
            let events = result.out.split(separator: "\n").map { AdministrationJSON.decode(EventReport.self, from: Array($0.utf8))?.event }
            #expect(events == ["call.arrived", "call.ended"])
        }
    }

    @Test func keyIsMadeOnce() async throws {
        let folder = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try await command(["keys", "create", folder + "/root.key"]).code == 0)
        var status = stat()
        #expect(stat(folder + "/root.key", &status) == 0 && status.st_mode & 0o7777 == 0o600)
        #expect(try await command(["keys", "create", folder + "/root.key"]).code == 73)
        #expect(try await command(["keys", "create", folder + "/none/root.key"]).code == 73)
    }

    @Test func wrongConfigurationIsShownWithItsPlace() async throws {
        let folder = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("[machine]\nregoin = \"DE\"\n".utf8).write(to: URL(filePath: folder + "/sotto.toml"))
        let run = try await command(["check", "--config", folder])
        #expect(run.code == 78)
        #expect(run.out.contains("sotto.toml:2:1: error:") && run.out.contains("did you mean 'region'?"))
        let json = try await command(["check", "--config", folder, "--json"])
        #expect(json.code == 78 && json.out.contains("\"isGood\" : false"))
    }

    @Test func referenceIsPrinted() async throws {
        #expect(try await command(["config", "reference"]).out.contains("[[sip.listener]]"))
        #expect(try await command(["config", "reference", "--markdown"]).out.hasPrefix("## sotto.toml"))
        #expect(try await command(["config", "reference", "no-such-table"]).code == 1)
    }
}

@Suite struct AuditVerifyTests {
    private struct Log {
        var folder: String
        var key: String
        var head: [UInt8]
    }

    private func log(_ folder: String) async throws -> Log {
        let signer = try #require(CheckpointSigner(origin: "sotto.test", key: try Ed25519SigningKey()))
        let log = try AuditWriter(folder: folder, signer: signer, wallTime: { WallTime(milliseconds: 1_700_000_000_000) })
        try await log.append(AuditEntry(act: .policyLoaded, actor: .daemon))
        let head = log.signedHead
        try await log.close()
        return Log(folder: folder, key: try signer.verifierKey, head: head)
    }

    @Test func soundLogIsSoundWithoutTheDaemon() async throws {
        let root = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let log = try await log(root + "/audit")
        try Data((log.key + "\n").utf8).write(to: URL(filePath: root + "/audit.key"))
        try Data(log.head).write(to: URL(filePath: root + "/early.head"))
        let verify = ["audit", "verify", "--folder", log.folder, "--socket", "/nonexistent/admin.sock"]
        let run = try await command(verify + ["--key", log.key, "--head", root + "/early.head"])
        #expect(run.code == 0)
        #expect(run.out.contains("3 checked") && run.out.hasSuffix("\nsound\n"))
        #expect(try await command(verify + ["--key-file", root + "/audit.key"]).code == 0)
        #expect(try await command(verify + ["--key", "nonsense"]).code == 65)
        // Without a key the daemon would have to be asked.
        #expect(try await command(verify).code == 69)
    }

    @Test func changedLogIsNotSound() async throws {
        let root = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let log = try await log(root + "/audit")
        var changed = 0
        for name in try #require(FileManager.default.enumerator(atPath: log.folder)).compactMap({ $0 as? String }) {
            let url = URL(filePath: log.folder + "/" + name)
            guard var data = try? Data(contentsOf: url), let place = data.range(of: Data("policy.loaded".utf8)) else { continue }
            data.replaceSubrange(place, with: Data("policy.looted".utf8))
            try data.write(to: url)
            changed += 1
        }
        #expect(changed > 0)
        let run = try await command(["audit", "verify", "--folder", log.folder, "--key", log.key, "--json"])
        #expect(run.code == 1)
        #expect(run.out.contains("\"isSound\" : false") && run.out.contains("\"severity\" : \"fault\""))
    }

    @Test func keyFromTheDaemonIsNamedAsSuch() async throws {
        let root = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let log = try await log(root + "/audit")
        let report = AuditKeyReport(verifierKey: log.key, folder: log.folder, head: String(decoding: log.head, as: UTF8.self))
        try await Bench.run(FakeService { $0.auditKey = report }) { bench async throws in
            let run = try await command(["audit", "verify", "--socket", bench.path])
            #expect(run.code == 0)
            #expect(run.out.contains("the daemon told its key itself"))
        }
    }

    @Test func olderCopyIsARollBack() async throws {
        let root = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let signer = try #require(CheckpointSigner(origin: "sotto.test", key: try Ed25519SigningKey()))
        let log = try AuditWriter(folder: root + "/audit", signer: signer, wallTime: { WallTime(milliseconds: 1_700_000_000_000) })
        try await log.append(AuditEntry(act: .policyLoaded, actor: .daemon))
        try FileManager.default.copyItem(atPath: root + "/audit", toPath: root + "/old")
        try await log.append(AuditEntry(act: .policyLoaded, actor: .daemon))
        try Data(log.signedHead).write(to: URL(filePath: root + "/new.head"))
        try await log.close()
        let run = try await command([
            "audit", "verify", "--folder", root + "/old", "--key", signer.verifierKey, "--head", root + "/new.head",
        ])
        #expect(run.code == 1)
        #expect(run.out.contains("rolled back"))
    }
}
