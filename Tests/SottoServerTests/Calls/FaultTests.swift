import AdministrationAPI
import AuditLog
import Foundation
import Policy
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    /// What breaks around a call, and what the call does then.
    @Suite struct Faults {
        @Test func withoutARecognizerTheCallGoesOnAndTheRecordingIsSilent() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await world.prompted(2, in: call)
                world.voice.recognizer.breakDown()
                try await world.events.next("recognizer.failed", of: call)
                #expect(try await world.daemon.status().alerts.contains { $0.hasPrefix("a caller is not heard: ") })
                // Keys are still understood, and what is spoken now nobody has checked.
                peer.media.say(NullVoice.Tone.hours, milliseconds: 800)
                try await waitUntil("the words to be over") { try await peer.media.heard().isDone }
                peer.media.press("2")
                try await world.events.next("payment.entered", of: call)
                try await peer.bye()
                try await world.recorded(call)
                let kept = try await world.kept(call)
                let frames = try await kept.frames(.caller)
                let heard = Kept.milliseconds(of: NullVoice.Tone.hours, in: frames)
                #expect((300...440).contains(heard), "only what was said while somebody listened: \(heard) ms")
                #expect(frames.last?.isSilenced == true)
                #expect(try await kept.lines().count { $0.text == "opening hours" } == 1)
                #expect(world.events.all("redaction.masked", of: call).contains { $0["kind"] == "unheard" }, "the gap is noted")
                #expect(try world.audit().contains { $0.act == "alert" && $0.call == call.description })
                try await kept.expectClosed(audit: world.audit())
                try await world.expectIdle()
            }
        }

        @Test func withoutAKeyServiceNothingIsRecordedAndTheCallGoesOn() async throws {
            try await inWorld { world in
                let keys = world.folder + "/state/records/keys"
                try FileManager.default.moveItem(atPath: keys, toPath: keys + ".away")
                #expect(FileManager.default.createFile(atPath: keys, contents: Data()))
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.events.next("recording.failed", of: call)
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await world.said("nine to five", in: call)
                try await peer.bye()
                try await world.recorded(call)
                let acts = try world.audit().filter { $0.call == call.description }
                #expect(acts.contains { $0.act == "recording.refused" && $0.outcome == "failed" })
                #expect(!acts.contains { $0.act == "recording.started" })
                #expect(acts.last?.facts["recorded"] == "no")
                #expect(FileManager.default.fileExists(atPath: world.folder + "/state/records/records") == false)

                // It is back: so are recordings.
                try FileManager.default.removeItem(atPath: keys)
                try FileManager.default.moveItem(atPath: keys + ".away", toPath: keys)
                let next = try world.caller(on: connection)
                let second = try await world.place(next)
                try await world.consentByKey(next, second)
                try await world.prompted(1, in: second)
                try await next.bye()
                try await world.recorded(second)
                #expect(try await world.kept(second).objects.contains("audio.caller.0"))
                try await world.expectIdle()
            }
        }

        @Test func withoutAnAuditLogPrivilegedActsAreRefusedAndCallsGoOn() async throws {
            try await inWorld { world in
                let daemon = try world.daemon
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                try await world.prompted(1, in: call)
                try await peer.bye()
                try await world.recorded(call)

                let service = DaemonAdministration(daemon: daemon)
                let archivist = AdministrationPeer(user: 1003, groups: [])
                let acme = try #require(TenantName("acme"))
                #expect(try await service.records(tenant: acme, number: nil, limit: 10, for: archivist).count == 1)
                _ = try await daemon.auditLog.close()
                await #expect(throws: AdministrationProblem.self) {
                    try await service.records(tenant: acme, number: nil, limit: 10, for: archivist)
                }
                await #expect(throws: AdministrationProblem.self) { try await service.record(call, tenant: acme, for: archivist) }
                await #expect(throws: AdministrationProblem.self) { try await service.export(call, tenant: acme, for: archivist) }
                let version = daemon.directory.policy.version
                try world.rewrite("tenants/acme.toml", TenantText("acme").text + "\n# changed\n")
                #expect(await daemon.reload(by: .daemon).isAccepted == false)
                #expect(daemon.directory.policy.version == version)

                let next = try world.caller(on: connection)
                let second = try await world.place(next)
                try await world.consentByKey(next, second)
                try await world.prompted(1, in: second)
                try await next.bye()
                try await world.recorded(second)
            }
        }

        @Test func onAFullDiskCallsGoOnAndWhatCannotBeLoggedIsNotDone() async throws {
            try await inWorld { world in
                let daemon = try world.daemon
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                world.disk.isFull.set(true)
                try await world.events.next("recording.failed", of: call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 2, peer, call) == "opening hours")

                // A second caller finds the disk full from the start.
                let second = try world.caller(on: connection)
                let other = try await world.place(second)
                try await world.events.next("recording.failed", of: other)
                try await world.consentByKey(second, other)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, second, other) == "opening hours")
                try await second.bye()
                try await world.recorded(other)

                let service = DaemonAdministration(daemon: daemon)
                let archivist = AdministrationPeer(user: 1003, groups: [])
                let acme = try #require(TenantName("acme"))
                // Down to the last byte: the largest entry that still fits, then smaller ones.
                for size in [60_000, 2_000, 100, 1] {
                    let filler = AuditEntry(act: .alert, actor: .daemon, facts: ["filler": String(repeating: "x", count: size)])
                    try await waitUntil("the log's reserve to be used up") {
                        do { _ = try await daemon.auditLog.append([filler]) } catch { return true }
                        return false
                    }
                }
                await #expect(throws: AdministrationProblem.self) {
                    try await service.records(tenant: acme, number: nil, limit: 10, for: archivist)
                }
                #expect(await daemon.status().alerts.contains { $0.contains("audit log") })

                // There is room again, and nothing is lost that was whole.
                world.disk.isFull.set(false)
                try await peer.bye()
                try await world.recorded(call)
                #expect(try await service.records(tenant: acme, number: nil, limit: 10, for: archivist).contains { $0.call == "\(call)" })
                let kept = try await world.kept(call)
                for object in kept.call.summary.objects.map(\.object) {
                    let state = try await kept.call.inspect(object).state
                    #expect([.closed, .unfinished].contains(state), "\(object): \(state)")
                }
                #expect(Kept.milliseconds(of: NullVoice.Tone.hours, in: try await kept.frames(.caller)) <= 440)
                let third = try world.caller(on: connection)
                let last = try await world.place(third)
                try await world.consentByKey(third, last)
                try await world.prompted(1, in: last)
                try await third.bye()
                try await world.recorded(last)
                try await world.kept(last).expectClosed(audit: world.audit())
                #expect(try await world.kept(last).objects.contains("audio.caller.0"))
                #expect(try await world.verifyAudit().isSound)
                try await world.expectIdle()
            }
        }

        @Test func eachTenantsRecordsAreItsOwn() async throws {
            try await inWorld { world in
                let daemon = try world.daemon
                var calls: [String: CallID] = [:]
                for tenant in ["acme", "globex"] {
                    let peer = try world.caller(on: try await world.connect(as: tenant))
                    let call = try await world.place(peer, tenant: tenant)
                    try await world.consentByKey(peer, call)
                    try await world.prompted(1, in: call)
                    try await peer.bye()
                    try await world.recorded(call)
                    calls[tenant] = call
                }
                let service = DaemonAdministration(daemon: daemon)
                let archivist = AdministrationPeer(user: 1003, groups: [])
                for (own, other) in [("acme", "globex"), ("globex", "acme")] {
                    let tenant = try #require(TenantName(own))
                    let mine = try #require(calls[own])
                    let theirs = try #require(calls[other])
                    // Both were called by the same number at the same number.
                    for number in [String?.none, "+49301111111", "+49302222222"] {
                        let listed = try await service.records(tenant: tenant, number: number, limit: 10, for: archivist)
                        #expect(listed.map(\.call) == ["\(mine)"])
                    }
                    await #expect(throws: AdministrationProblem.self) { try await service.record(theirs, tenant: tenant, for: archivist) }
                    await #expect(throws: AdministrationProblem.self) { try await service.export(theirs, tenant: tenant, for: archivist) }
                    #expect(try await service.record(mine, tenant: tenant, for: archivist).record.call == "\(mine)")
                }
                // Whoever has no role for it gets nothing, and the attempt is on the log.
                let nobody = AdministrationPeer(user: 0, groups: [0])
                let acme = try #require(TenantName("acme"))
                await #expect(throws: AdministrationProblem.self) { try await service.records(tenant: acme, number: nil, limit: 1, for: nobody) }
                #expect(try world.audit().contains { $0.act == "access.refused" })
                #expect(try world.audit().contains { $0.act == "records.listed" })
            }
        }

        @Test func aBrokenFileLeavesTheOldPolicyAndAGoodOneCountsForNewCalls() async throws {
            try await inWorld { world in
                let daemon = try world.daemon
                let connection = try await world.connect()
                let old = try world.caller(on: connection)
                let first = try await world.place(old)
                try await world.consentByKey(old, first)
                try await world.prompted(1, in: first)
                let version = daemon.directory.policy.version

                try world.rewrite("tenants/acme.toml", TenantText("acme").text.replacing("record = \"ask\"", with: "record = \"perhaps\""))
                let refused = await daemon.reload(by: .daemon)
                #expect(!refused.isAccepted)
                #expect(refused.diagnostics.joined().contains("tenants/acme.toml:"))
                #expect(daemon.directory.policy.version == version)
                #expect(try world.audit().contains { $0.act == "policy.refused" && $0.outcome == "refused" })

                var changed = TenantText("acme")
                changed.welcome = "Good day."
                changed.record = "never"
                try world.rewrite("tenants/acme.toml", changed.text)
                let accepted = await daemon.reload(by: .daemon)
                #expect(accepted.isAccepted)
                #expect(accepted.policyVersion != version)

                // The running call says what it was born with, and is recorded by its consent.
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, old, first) == "opening hours")
                try await world.prompted(2, in: first)
                #expect(world.events.all("voice.said", of: first).count { $0["text"] == "Welcome." } == 2)
                #expect(world.events.all("voice.said", of: first).allSatisfy { $0["text"] != "Good day." })
                let new = try world.caller(on: connection)
                let second = try await world.place(new)
                try await world.prompted(1, in: second)
                #expect(world.events.all("voice.said", of: second).contains { $0["text"] == "Good day." })
                try await new.bye()
                try await old.bye()
                try await world.recorded(first)
                try await world.recorded(second)
                #expect(try await world.kept(first).call.summary.policyVersion == version)
                #expect(try await world.kept(first).objects.contains("audio.caller.0"))
                #expect(try await world.kept(second).call.summary.policyVersion == accepted.policyVersion)
                #expect(try await !world.kept(second).objects.contains("audio.caller.0"))
                #expect(try world.audit().count { $0.act == "policy.loaded" } == 2)
            }
        }
    }

    @Suite struct Draining {
        @Test func newCallsAreRefusedWhileTheLastOnesEndByThemselves() async throws {
            try await inWorld({ $0.drain = "20s" }) { world in
                let daemon = try world.daemon
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                try await world.prompted(1, in: call)
                let drain = Task { await daemon.drainAndStop() }
                try await world.events.next("daemon.draining")
                let late = try await world.caller(on: connection).invite()
                #expect(late.status == 503)
                #expect(late.header("Retry-After").flatMap { Int($0) } ?? 0 > 0)
                // The last one is in no hurry.
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await peer.bye()
                await drain.value
                #expect(world.events.all("call.recorded", of: call).count == 1)
                #expect(try world.audit().last?.act == "log.stopped")
            }
        }

        @Test func aCallThatWasNeverAcknowledgedDoesNotHoldUpTheEnd() async throws {
            try await inWorld({ $0.drain = "1s" }) { world in
                let daemon = try world.daemon
                let peer = try world.caller(on: try await world.connect())
                try await peer.invite(acknowledges: false)
                let drain = Task { await daemon.drainAndStop() }
                try await waitUntil("the end", within: .seconds(8)) { world.events.all("daemon.stopped").count == 1 }
                await drain.value
                #expect(world.events.all("call.recorded").count == 1)
                await peer.media.stop()
            }
        }

        @Test func whoDoesNotHangUpInTimeIsHungUp() async throws {
            try await inWorld({ $0.drain = "1s" }) { world in
                let daemon = try world.daemon
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                let drain = Task { await daemon.drainAndStop() }
                try await peer.awaitBye()
                await drain.value
                #expect(world.events.all("call.recorded", of: call).count == 1)
                let audit = try world.audit()
                #expect(audit.contains { $0.act == "call.ended" && $0.facts["cause"] == "our-fault" })
            }
        }
    }
}
