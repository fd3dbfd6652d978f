import Audio
import AuditLog
import SRTP
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    @Suite struct WholeCalls {
        struct Pair: Sendable {
            let index: Int
            let profile: SRTPProfile
            let codec: AudioCodec
            var tenant: String { index % 2 == 0 ? "acme" : "globex" }
            var consentsByVoice: Bool { index % 3 == 0 }
            var cardTone: Double { NullVoice.Tone.firstCard + Double(index) * 100 }
        }

        static let pairs: [Pair] = [SRTPProfile.aeadAES256GCM, .aeadAES128GCM, .aes128CMSHA1_80].enumerated().flatMap { outer, profile in
            AudioCodec.allCases.enumerated().map { inner, codec in Pair(index: outer * AudioCodec.allCases.count + inner, profile: profile, codec: codec) }
        }

        /// What a call leaves for its check.
        struct Outcome: Sendable {
            let pair: Pair
            let call: CallID
            let card: String
            let keys: [[UInt8]]
        }

        /// Every suite with every codec, all calls at once, by carriers of two tenants.
        @Test func everySuiteAndCodecTakesAWholeCall() async throws {
            try await inWorld { world in
                let connections = ["acme": try await world.connect(as: "acme"), "globex": try await world.connect(as: "globex")]
                var outcomes: [Outcome] = []
                try await withThrowingTaskGroup(of: Outcome.self) { group in
                    for pair in Self.pairs {
                        guard let connection = connections[pair.tenant] else { continue }
                        let peer = try world.caller(on: connection, offer: PeerOffer([pair.profile], codec: pair.codec))
                        let card = SpokenDigits.randomCard()
                        world.voice.recognizer.teach(pair.cardTone, SpokenDigits.words(card))
                        let caller = Caller(world: world, peer: peer, pair: pair, card: card)
                        group.addTask { try await caller.call() }
                    }
                    for try await outcome in group { outcomes.append(outcome) }
                }
                #expect(outcomes.count == Self.pairs.count)
                for outcome in outcomes { try await world.recorded(outcome.call) }
                let audit = try world.audit()
                for outcome in outcomes { try await Self.check(outcome, audit, world) }
                try await world.expectIdle()
                for outcome in outcomes {
                    #expect(Canary(number: outcome.card).forms(in: world.events.text) == [])
                    #expect(Canary(number: outcome.card).traces(below: world.folder) == [])
                    for key in outcome.keys {
                        #expect(Canary(key: key).forms(in: world.events.text) == [])
                        #expect(Canary(key: key).traces(below: world.folder) == [])
                    }
                }
                let verification = try await world.verifyAudit()
                #expect(verification.isSound, "\(verification.findings)")
            }
        }

        /// One caller's part. Its peer is used by one task alone.
        final class Caller: @unchecked Sendable {  // proof: handed to one task, never used by two
            let world: World
            let peer: PeerCall
            let pair: Pair
            let card: String

            init(world: World, peer: PeerCall, pair: Pair, card: String) {
                (self.world, self.peer, self.pair, self.card) = (world, peer, pair, card)
            }

            func call() async throws -> Outcome {
                let response = try await peer.invite()
                #expect(response.status == 200)
                #expect(peer.answer?.profile == pair.profile)
                let name =
                    switch pair.codec {
                    case .opus: "opus"
                    case .pcmu: "PCMU"
                    case .pcma: "PCMA"
                    case .g722: "G722"
                    }
                let call = try await wait("the call of \(name) and \(pair.profile.wireName)") { [pair] in
                    world.events.all("call.media-agreed").first {
                        $0["suite"] == pair.profile.wireName && $0["codec"]?.lowercased() == name.lowercased()
                    }?.call
                }
                try await world.asked(in: call)
                try await waitUntil("the prompt's sound") { try await peer.media.heard().loudFrames > 3 }
                if pair.consentsByVoice { try await world.consentByVoice(peer, call) } else { try await world.consentByKey(peer, call) }

                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await world.said("nine to five", in: call)
                #expect(try await world.say(pair.cardTone, 640, asPrompted: 2, peer, call) == "[CARD]")
                try await world.said("Please do not tell me", in: call)

                try await world.prompted(3, in: call)
                peer.media.press("2")
                try await world.events.next("payment.entered", of: call)
                try await world.said("Please key in", in: call)
                // Payment mode hears nobody: not this either.
                peer.media.say(pair.cardTone, milliseconds: 400)
                peer.media.press(card + "#")
                try await world.events.next("payment.left", of: call)
                try await world.said("That was a card number", in: call)
                try await world.said("How can I help", 4, in: call)
                let heard = try await peer.media.heard()
                #expect(heard.foreign == 0)
                #expect(heard.packets > 100)
                #expect(try await peer.bye().status == 200)
                return Outcome(pair: pair, call: call, card: card, keys: peer.keys)
            }
        }

        static func check(_ outcome: Outcome, _ audit: [AuditRecord], _ world: World) async throws {
            let kept = try await world.kept(outcome.call, outcome.pair.tenant)
            #expect(
                kept.objects == [
                    "audio.caller.0", "audio.agent.0", "transcript.0", "events.0", "record.0", "consent.0",
                ])
            try await kept.expectClosed(audit: audit)
            let other = outcome.pair.tenant == "acme" ? "globex" : "acme"
            await #expect(throws: StorageError.notFound) { try await world.kept(outcome.call, other) }

            let lines = try await kept.lines()
            let caller = lines.filter { $0.speaker == .caller }.map(\.text)
            #expect(caller.contains("opening hours"))
            #expect(caller.contains("[CARD]"))
            #expect(lines.contains { $0.speaker == .agent && $0.text.contains("nine to five") })
            #expect(Canary(number: outcome.card).forms(in: lines.map(\.text).joined(separator: "\n")) == [])

            let frames = try await kept.frames(.caller)
            #expect(Kept.milliseconds(of: NullVoice.Tone.hours, in: frames) >= 300, "what is no secret is there to be heard")
            #expect(Kept.milliseconds(of: outcome.pair.cardTone, in: frames) == 0, "the card number is not")
            #expect(frames.contains { $0.isSilenced })
            let agent = try await kept.frames(.agent)
            #expect(Kept.milliseconds(of: 400, in: agent) >= 300)

            let record = try await kept.json(.record)
            #expect(record["termination"] as? String == "completed")
            #expect(record["suite"] as? String == outcome.pair.profile.wireName)
            #expect(record["recorded"] as? Bool == true)
            #expect(record["called"] as? String == "+49302222222")
            let consent = try await kept.json(.consent)
            #expect(consent["outcome"] as? String == "granted")
            #expect((consent["events"] as? [[String: Any]])?.contains { $0["by"] as? String == (outcome.pair.consentsByVoice ? "voice" : "key") } == true)

            let acts = audit.filter { $0.call == outcome.call.description }.map(\.act)
            for act in ["call.started", "boundary.opened", "consent.decided", "recording.started", "payment.entered", "payment.left", "call.ended"] {
                #expect(acts.count { $0 == act } == 1, "\(act)")
            }
        }
    }
}
