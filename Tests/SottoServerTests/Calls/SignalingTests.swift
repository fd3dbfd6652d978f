import AdministrationAPI
import Audio
import SRTP
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

extension EndToEnd {
    /// What the daemon answers, and to whom.
    @Suite struct Signaling {
        @Test func aStrangerIsClosedWithoutASIPByte() async throws {
            try await inWorld { world in
                for credentials in [nil, world.identities.stranger] {
                    let connection = try await world.connect(as: nil, credentials)
                    let peer = try world.caller(on: connection)
                    peer.sendInvite()
                    try await waitUntil("the end of the connection") { connection.isClosed }
                    #expect(connection.byteCount == 0)
                    await peer.media.stop()
                }
                #expect(world.events.all("call.arrived").isEmpty)
                try await world.events.next("peer.refused")
                try await waitUntil("the entry") { try world.audit().contains { $0.act == "peer.refused" && $0.outcome == "refused" } }
            }
        }

        struct BadOffer: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let status: Int
            let offer: PeerOffer
            var body: String?
        }

        static let badOffers: [BadOffer] = {
            var plain = PeerOffer([], codec: .pcmu)
            plain.transport = "RTP/AVP"
            var plainWithKeys = PeerOffer()
            plainWithKeys.transport = "RTP/AVP"
            var unknownSuite = PeerOffer([], codec: .pcmu)
            unknownSuite.extraLines = ["a=crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"]
            var unknownCodec = PeerOffer()
            unknownCodec.payloadType = 18
            return [
                BadOffer(testDescription: "RTP/AVP", status: 488, offer: plain),
                BadOffer(testDescription: "RTP/AVP with a=crypto", status: 488, offer: plainWithKeys),
                BadOffer(testDescription: "RTP/SAVP without a=crypto", status: 488, offer: PeerOffer([], codec: .pcmu)),
                BadOffer(testDescription: "a suite that nobody named", status: 488, offer: PeerOffer([.aes128CMSHA1_32])),
                BadOffer(testDescription: "a suite that nobody knows", status: 488, offer: unknownSuite),
                BadOffer(testDescription: "no session description", status: 400, offer: PeerOffer(), body: "hello\r\n"),
            ]
        }()

        @Test func anOfferThatCannotBeTakenIsRefusedWithAWarning() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                for bad in Self.badOffers {
                    let peer = try world.caller(on: connection, offer: bad.offer)
                    let response = try await peer.invite(body: bad.body)
                    #expect(response.status == bad.status, "\(bad.testDescription)")
                    #expect(response.header("Warning")?.contains("test-gateway") == true, "\(bad.testDescription): \(response.headers)")
                    #expect(response.tag("To") != nil)
                }
                // The connection is as good as before.
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await peer.bye()
                try await world.recorded(call)
                try await world.expectIdle()
                #expect(try world.audit().count { $0.act == "call.refused" } == Self.badOffers.count)
            }
        }

        @Test func whatIsNoSIPIsAnsweredWith400OrClosed() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                connection.send(
                    "INVITE sip:+49302222222@sbc.example;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKbad\r\n"
                        + "Max-Forwards: 70\r\nFrom: <sip:a@b.example>;tag=1\r\nTo: <sip:c@d.example>\r\nCall-ID: bad@b.example\r\n"
                        + "CSeq: many INVITE\r\nContent-Length: 0\r\n\r\n")
                let response = try await wait("the 400") { connection.take { $0.callID == "bad@b.example" } }
                #expect(response.status == 400)

                connection.send("this is no SIP at all\r\n\r\n")
                let other = try await world.connect()
                let peer = try world.caller(on: other)
                let call = try await world.place(peer)
                try await peer.bye()
                try await world.recorded(call)
            }
        }

        @Test func numbersAreRoutedOrRefused() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                #expect(try await world.caller(on: connection, to: "+49309000000").invite().status == 480)
                #expect(try await world.caller(on: connection, to: "+44207000000").invite().status == 404)
                #expect(try world.audit().count { $0.act == "call.refused" } == 2)
                try await world.expectIdle()
            }
        }

        @Test func aCancelledCallLeavesNothing() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                connection.inOnePiece {
                    peer.sendInvite()
                    peer.cancel()
                }
                let response = try await peer.finalResponse()
                #expect(response.status == 487)
                let cancelled = try await wait("the answer to CANCEL") { connection.take { $0.answeredMethod == "CANCEL" } }
                #expect(cancelled.status == 200)
                try await world.events.next("call.ending")
                try await world.expectIdle()
                await peer.media.stop()
            }
        }

        /// RFC 3261 §13.3.1.4: the 200 is sent again, also over TLS, until its ACK comes; then the dialog is ended.
        @Test func a200ThatIsNeverAcknowledgedIsRepeatedAndEndsInBye() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                try await peer.invite(acknowledges: false)
                try await peer.awaitBye()
                #expect(connection.waiting.count { $0.status == 200 && $0.callID == peer.callID } >= 4)
                let call = try await wait("the call") { world.events.all("call.arrived").first?.call }
                try await world.recorded(call)
                #expect(try await world.kept(call).json(.record)["termination"] as? String == "caller-fault")
                try await world.expectIdle()
            }
        }

        @Test func twoCallsOfOneConnectionAreTwoCalls() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let (one, two) = (try world.caller(on: connection), try world.caller(on: connection, offer: PeerOffer(codec: .opus)))
                let first = try await world.place(one)
                let second = try await world.place(two)
                try await world.consentByKey(one, first)
                try await one.bye()
                try await world.recorded(first)
                // The other one neither ends nor consents by it.
                #expect(world.events.all("consent.granted", of: second).isEmpty)
                try await world.consentByKey(two, second)
                #expect(try await world.say(NullVoice.Tone.goodbye, asPrompted: 1, two, second) == "goodbye")
                try await two.awaitBye()
                try await world.recorded(second)
                #expect(try await world.kept(second).json(.record)["reason"] as? String == "finished")
                try await world.expectIdle()
            }
        }

        @Test func aCallOutlivesItsConnection() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                try await world.asked(in: call)
                await connection.close()
                // Media goes on, and so does the call.
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                peer.move(to: try await world.connect())
                #expect(try await peer.bye().status == 200)
                try await world.recorded(call)
                #expect(try await world.kept(call).json(.record)["termination"] as? String == "completed")
                try await world.expectIdle()
            }
        }

        @Test func aDialogIsNobodyElses() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect())
                let call = try await world.place(peer)
                // Another tenant's carrier knows every tag, and gets no call by it.
                let own = peer.connection
                peer.move(to: try await world.connect(as: "globex"))
                #expect(try await peer.request("BYE").status == 481)
                #expect(world.events.all("call.ending", of: call).isEmpty)
                peer.move(to: own)
                try await peer.bye()
                try await world.recorded(call)
            }
        }

        @Test func anOfferMayComeFromTheDaemon() async throws {
            try await inWorld { world in
                let peer = try world.caller(on: try await world.connect(), offer: PeerOffer(codec: .opus))
                #expect(try await peer.inviteWithoutOffer().status == 200)
                let call = try await wait("the call") { world.events.all("call.arrived").first?.call }
                try await world.consentByKey(peer, call)
                #expect(try await world.say(NullVoice.Tone.hours, asPrompted: 1, peer, call) == "opening hours")
                #expect(try await peer.media.heard().loudFrames > 3)
                try await peer.bye()
                try await world.recorded(call)
                try await world.kept(call).expectClosed(audit: world.audit())
                try await world.expectIdle()
            }
        }

        @Test func optionsAreAnsweredInsideAndOutsideOfCalls() async throws {
            try await inWorld { world in
                let connection = try await world.connect()
                let prober = try world.caller(on: connection)
                #expect(try await prober.request("OPTIONS").status == 200)
                let peer = try world.caller(on: connection)
                let call = try await world.place(peer)
                #expect(try await peer.request("OPTIONS").status == 200)
                #expect(try await peer.request("MESSAGE").status == 405)
                try await peer.bye()
                #expect(try await peer.request("OPTIONS").status == 481)
                try await world.recorded(call)
            }
        }
    }
}
