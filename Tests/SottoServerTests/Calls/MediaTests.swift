import Audio
import SRTP
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    /// What happens to a call's media, and to the call by it.
    @Suite struct Media {
        @Test func packetsThatNobodySealedAreCountedAndNothingElse() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                peer.media.sendForged(60)
                try await world.consentByKey(peer, call)
                peer.media.sendForged(60)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await peer.bye()
                try await world.recorded(call)
                let kept = try await world.kept(call)
                let media = try await kept.json(.record)["media"] as? [String: Any]
                #expect((media?["unauthenticated"] as? Int ?? 0) >= 110)
                #expect(Kept.milliseconds(of: NullVoice.Tone.hours, in: try await kept.frames(.caller)) >= 300)
                #expect(world.events.all("media.source-moved").isEmpty)
            }
        }

        /// Who put us on hold has every right to be silent for as long as it likes.
        @Test func aCallerWhoVanishesIsMissedAfterTheMediaTimeoutAndOneOnHoldIsNot() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let held = try world.caller(on: connection)
                let other = try await world.place(held)
                try await world.consentByKey(held, other)
                try await world.prompted(1, in: other)
                held.offer.direction = "inactive"
                #expect(try await held.reinvite().status == 200)

                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                peer.media.fallSilent()
                let bye = try await peer.awaitBye(within: .seconds(9))
                #expect(bye.header("Reason") != nil)
                try await world.recorded(call)
                let kept = try await world.kept(call)
                #expect(try await kept.json(.record)["termination"] as? String == "caller-fault")
                try await kept.expectClosed(audit: world.audit())

                #expect(world.events.all("call.ending", of: other).isEmpty)
                held.offer.direction = "sendrecv"
                #expect(try await held.reinvite().status == 200)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, held, other) == "opening hours")
                try await held.bye()
                try await world.recorded(other)
                try await world.expectIdle()
            }
        }

        /// RFC 3264 §8.4, RFC 4568 §7.1.1: hold, then go on under new keys.
        @Test func aCallIsHeldAndGoesOnUnderNewKeys() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect(), offer: PeerOffer([.aes128CMSHA1_80], codec: .pcma))
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                try await world.prompted(1, in: call)
                let firstKey = peer.answer?.key

                peer.offer.direction = "sendonly"
                #expect(try await peer.reinvite().status == 200)
                #expect(peer.answer?.direction == "recvonly")
                peer.offer.direction = "inactive"
                #expect(try await peer.reinvite().status == 200)
                #expect(peer.answer?.direction == "inactive")
                try await waitUntil("quiet") {
                    let before = try await peer.media.heard().packets
                    try await Task.sleep(for: .milliseconds(100))
                    return try await peer.media.heard().packets == before
                }

                peer.offer.direction = "sendrecv"
                peer.offer.suites = [PeerOffer.Suite(.aeadAES256GCM)]
                #expect(try await peer.reinvite().status == 200)
                #expect(peer.answer?.direction == "sendrecv")
                #expect(peer.answer?.profile == .aeadAES256GCM)
                #expect(peer.answer?.key != firstKey)
                let before = try await peer.media.heard().packets
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await waitUntil("sound under the new key") { try await peer.media.heard().packets > before + 10 }
                try await peer.bye()
                try await world.recorded(call)
                let kept = try await world.kept(call)
                #expect(try await kept.json(.record)["suite"] as? String == "AEAD_AES_256_GCM")
                #expect(Kept.milliseconds(of: NullVoice.Tone.hours, in: try await kept.frames(.caller)) >= 300)
                for key in peer.keys {
                    #expect(Canary(key: key).forms(in: world.events.text) == [])
                    #expect(Canary(key: key).traces(below: world.folder) == [])
                }
                try await world.expectIdle()
            }
        }

        /// A change that cannot be taken leaves the call as it was (RFC 6141 §3.1).
        @Test func aChangeThatIsRefusedChangesNothing() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                try await world.prompted(1, in: call)
                let good = peer.offer
                peer.offer.transport = "RTP/AVP"
                #expect(try await peer.reinvite().status == 488)
                peer.offer = good
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                try await peer.bye()
                try await world.recorded(call)
            }
        }

        @Test func aCodecMayChangeInTheCall() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect(), offer: PeerOffer(codec: .pcmu))
                let call = try await world.place(peer)
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                // In the middle of a word: what was said before lies unread in the ring, and is of another codec than what follows.
                try await world.prompted(2, in: call)
                peer.media.say(NullVoice.Tone.hours, milliseconds: 1_200)
                let sent = try await peer.media.heard().sent
                try await waitUntil("half of it to be said") { try await peer.media.heard().sent > sent + 25 }
                let suites = peer.offer.suites
                peer.offer = PeerOffer(codec: .opus)
                peer.offer.suites = suites
                #expect(try await peer.reinvite().status == 200)
                try await world.prompted(3, in: call)
                try await peer.bye()
                try await world.recorded(call)
                let kept = try await world.kept(call)
                #expect(kept.objects.isSuperset(of: ["audio.caller.0", "audio.caller.1", "audio.agent.0", "audio.agent.1"]))
                let frames = try await kept.frames(.caller)
                #expect(Kept.milliseconds(of: NullVoice.Tone.hours, in: frames) >= 1_300)
                let noise = frames.filter { $0.isLoud && share(of: NullVoice.Tone.hours, in: $0.samples) < 0.1 }
                #expect(noise.count <= 3, "frames of one codec were kept as another's")
                try await kept.expectClosed(audit: world.audit())
            }
        }
    }
}
