import AdministrationAPI
import AuditLog
import SottoBase
import SottoConfiguration
import Testing

@testable import SottoServer

extension EndToEnd {
    /// What a reload cannot take over.
    @Suite struct Reload {
        @Test func aPathThatWaitsForARestartIsNamedUntilThenAndNotReadFrom() async throws {
            let configuration = TestConfiguration()
            try await inWorld({ $0 = configuration }) { world in
                let daemon = try world.daemon
                let auditor = AdministrationPeer(user: 1_004, groups: [])
                let service = DaemonAdministration(daemon: daemon)
                let before = try await service.auditKey(for: auditor).folder
                let moved = configuration.machine.replacing("\"state/audit\"", with: "\"state/elsewhere\"")
                try world.rewrite("sotto.toml", moved)
                for round in 1...2 {
                    let report = await daemon.reload(by: .daemon)
                    #expect(report.isAccepted)
                    #expect(report.needsRestart == ["[storage] paths"], "reload \(round)")
                }
                #expect(try await service.auditKey(for: auditor).folder == before)
                #expect(try await service.audit(from: 0, limit: 1_000, for: auditor).contains { $0.entry.contains("policy.loaded") })
            }
        }

        @Test func newWordsWaitForARestartAndFewerDoNot() async throws {
            try await inWorld { world in
                let started = try Daemon.load(world.folder, .system())
                func restart(_ tenant: String) throws -> [String] {
                    try world.rewrite("tenants/acme.toml", tenant)
                    return Daemon.needsRestart(
                        try Daemon.load(world.folder, .system()), comparedTo: started, hasEmbeddedSpeech: true)
                }
                let text = TenantText("acme").text
                #expect(Daemon.recognizedPhrases(started.policy).contains("opening hours"))
                #expect(try restart(text) == [])
                #expect(try restart(text.replacing("Welcome.", with: "Good day.")) == [])
                #expect(try restart(text.replacing("opening hours", with: "business hours")) == ["words for the embedded recognizer"])
                #expect(try restart(text.replacing("words = [\"pay\"], key", with: "key")) == [])
            }
        }
    }
}
