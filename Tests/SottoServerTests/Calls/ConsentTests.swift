import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    /// What is kept, and what is not, by what the caller answered.
    @Suite struct Consents {
        /// Record and evidence are kept, and no word or sound.
        static func expectNothingHeardIsKept(
            _ call: CallID, _ world: World, tenant: String = "acme", outcome: String, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            try await world.recorded(call)
            let kept = try await world.kept(call, tenant)
            #expect(kept.objects.subtracting(["events.0"]) == ["record.0", "consent.0"], sourceLocation: sourceLocation)
            for event in try await kept.call.events() {
                #expect(!String(decoding: event, as: UTF8.self).contains("opening hours"), sourceLocation: sourceLocation)
            }
            #expect(try await kept.json(.consent)["outcome"] as? String == outcome, sourceLocation: sourceLocation)
            #expect(try await kept.json(.record)["recorded"] as? Bool == false, sourceLocation: sourceLocation)
            #expect(try await kept.lines().isEmpty, sourceLocation: sourceLocation)
            let audit = try world.audit().filter { $0.call == call.description }
            #expect(!audit.contains { $0.act == "recording.started" }, sourceLocation: sourceLocation)
            #expect(audit.last?.facts["recorded"] == "no", sourceLocation: sourceLocation)
            try await kept.expectClosed(audit: world.audit(), sourceLocation: sourceLocation)
        }

        @Test func afterARefusalTheCallGoesOnAndNothingHeardIsKept() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let byKey = try world.caller(on: connection)
                let first = try await world.place(byKey)
                try await world.asked(in: first)
                byKey.media.press("2")
                try await world.events.next("consent.refused", of: first)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, byKey, first) == "opening hours")
                try await world.said("nine to five", in: first)
                try await byKey.bye()
                try await Self.expectNothingHeardIsKept(first, world, outcome: "refused")

                let byVoice = try world.caller(on: connection)
                let second = try await world.place(byVoice)
                try await world.asked(in: second)
                byVoice.media.say(NullVoice.Tone.no, milliseconds: 300)
                try await world.events.next("consent.refused", of: second)
                try await world.prompted(1, in: second)
                try await byVoice.bye()
                try await Self.expectNothingHeardIsKept(second, world, outcome: "refused")
                try await world.expectIdle()
            }
        }

        @Test func aYesThatIsTakenBackInTheReadBackCountsAsANo() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                try await world.asked(in: call)
                peer.media.say(NullVoice.Tone.yes, milliseconds: 300)
                try await world.said("You said yes", in: call)
                peer.media.press("2")
                try await world.events.next("consent.refused", of: call)
                #expect(world.events.all("consent.granted", of: call).isEmpty)
                try await world.prompted(1, in: call)
                try await peer.bye()
                try await Self.expectNothingHeardIsKept(call, world, outcome: "refused")
            }
        }

        @Test func aYesMayBeTakenBackInTheMiddleOfTheCall() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await world.prompted(2, in: call)
                peer.media.say(NullVoice.Tone.stopRecording, milliseconds: 400)
                try await world.events.next("consent.withdrawn", of: call)
                let before = world.events.all("voice.heard", of: call).count
                peer.media.say(NullVoice.Tone.hours, milliseconds: 400)
                try await waitUntil("the caller to be understood all the same") {
                    world.events.all("voice.heard", of: call).dropFirst(before).contains { $0["text"] == "opening hours" }
                }
                try await peer.bye()
                try await world.recorded(call)
                let kept = try await world.kept(call)
                #expect((300...440).contains(Kept.milliseconds(of: NullVoice.Tone.hours, in: try await kept.frames(.caller))))
                #expect(try await kept.lines().count { $0.text == "opening hours" } == 1)
                let consent = try await kept.json(.consent)
                #expect(consent["outcome"] as? String == "refused")
                #expect((consent["events"] as? [[String: Any]])?.contains { $0["event"] as? String == "withdrawn" } == true)
                #expect(try world.audit().count { $0.act == "consent.decided" && $0.call == call.description } == 2)
                try await kept.expectClosed(audit: world.audit())
                try await world.expectIdle()
            }
        }

        @Test func aTenantMayEndCallsWhoseCallersRefuse() async throws {
            var globex = TenantText("globex")
            globex.refused = "hang-up"
            let text = globex.text
            try await inWorld({ $0.tenants["globex"] = text }) { world in
                let peer = try world.caller(on: try await world.connect(as: "globex"))
                let call = try await world.place(peer, tenant: "globex")
                try await world.asked(in: call)
                peer.media.press("2")
                let bye = try await peer.awaitBye()
                #expect(bye.header("Reason")?.contains("Q.850") == true)
                try await Self.expectNothingHeardIsKept(call, world, tenant: "globex", outcome: "refused")
                let kept = try await world.kept(call, "globex")
                #expect(try await kept.json(.record)["termination"] as? String == "refused-by-policy")
                await #expect(throws: StorageError.notFound) { try await world.kept(call, "acme") }
            }
        }

        @Test func aCallerWhoHangsUpBeforeTheAnswerLeavesARecordOnly() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                try await world.asked(in: call)
                try await peer.bye()
                try await Self.expectNothingHeardIsKept(call, world, outcome: "unanswered")

                // Before anything was asked at all.
                let hasty = try world.caller(on: try await world.connect())
                let other = try await world.place(hasty)
                try await hasty.bye()
                try await Self.expectNothingHeardIsKept(other, world, outcome: "unanswered")
                try await world.expectIdle()
            }
        }

        @Test func whereNothingIsRecordedNothingIsAsked() async throws {
            var acme = TenantText("acme")
            acme.record = "never"
            let text = acme.text
            try await inWorld({ $0.tenants["acme"] = text }) { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await peer.bye()
                try await Self.expectNothingHeardIsKept(call, world, outcome: "not-recorded")
                #expect(!world.events.text.contains("May we record"))

                // The other tenant asks, as it did.
                let other = try world.caller(on: try await world.connect(as: "globex"))
                let asked = try await world.place(other, tenant: "globex")
                try await world.consentByKey(other, asked)
                try await world.prompted(1, in: asked)
                try await other.bye()
                try await world.recorded(asked)
                #expect(try await world.kept(asked, "globex").objects.contains("audio.caller.0"))
            }
        }
    }
}
