import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// How long our keys and the peer's stay: run in a process of their own (Scripts/test), so that its gauge tells.
@Suite(.serialized) struct SecretTests {
    private static let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    private static let offer = Caller.offer + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\(key)\r\n"

    private func answer() -> (SIPAnswer, Witness) {
        var bytes = Array(Self.key.utf8)
        let secret = SecretBytes(moving: &bytes)
        let body = SIPBody(chunks: [.bytes(Array("a=crypto:1 X inline:".utf8)), .secret(secret)])
        return (SIPAnswer(200, body: body), Witness(secret))
    }

    private final class Witness {
        weak var secret: SecretBytes?
        init(_ secret: SecretBytes) { self.secret = secret }
    }

    /// A rig in which an INVITE with keys was answered with keys, and which has kept no output.
    private func accepted(reliable: Bool) -> (Rig, Caller, Witness) {
        var rig = Rig(isReliable: reliable)
        var caller = Caller()
        rig.ringing(caller.with { $0.body = Self.offer })
        let (answer, witness) = answer()
        rig.command(.answer(rig.arrived?.invite ?? InviteID(value: 0), answer))
        caller.remoteTag = rig.lastResponse?.to.tag?.string
        rig.outputs = []
        return (rig, caller, witness)
    }

    @Test(arguments: [true, false]) func keysGoWithTheAck(reliable: Bool) {
        let before = SecretBytes.bytesInUse
        var (rig, caller, witness) = accepted(reliable: reliable)
        #expect(witness.secret != nil)  // the 2xx may have to be repeated
        #expect(SecretBytes.bytesInUse > before)
        rig.receive(caller.next(sameNumber: true).says("ACK"))
        rig.outputs = []
        #expect(rig.endpoint.transactionCount == 1 && rig.endpoint.dialogCount == 1)
        #expect(witness.secret == nil)
        #expect(SecretBytes.bytesInUse == before)
    }

    @Test func keysGoWithAByeBeforeTheAck() {
        let before = SecretBytes.bytesInUse
        var (rig, caller, witness) = accepted(reliable: true)
        rig.receive(caller.next().says("BYE"))
        rig.outputs = []
        #expect(witness.secret == nil)
        #expect(SecretBytes.bytesInUse == before)
    }

    @Test func keysGoWhenNoAckComes() {
        let before = SecretBytes.bytesInUse
        var (rig, _, witness) = accepted(reliable: true)
        _ = rig.wait(.seconds(32))
        rig.outputs = []
        #expect(witness.secret == nil)
        #expect(SecretBytes.bytesInUse == before)
    }

    /// The peer's keys and credentials leave with the event: the endpoint keeps only what responses copy.
    @Test func theOffersKeysAreNotKept() {
        let before = SecretBytes.bytesInUse
        var rig = Rig()
        rig.ringing(
            Caller().with {
                $0.body = Self.offer
                $0.headers = ["Authorization: Digest username=\"a\", response=\"0123456789abcdef\""]
            })
        #expect(SecretBytes.bytesInUse > before)
        rig.outputs = []
        #expect(rig.endpoint.dialogCount == 1)
        #expect(SecretBytes.bytesInUse == before)
    }

    /// A re-INVITE of ours on a stream is never sent again, so its keys are not kept at all.
    @Test func aReoffersKeysAreNotKept() {
        var rig = Rig()
        _ = rig.talking()
        let before = SecretBytes.bytesInUse
        let (answer, witness) = answer()
        rig.command(.reoffer(rig.dialog, answer.body ?? .empty))
        rig.outputs = []
        withExtendedLifetime(answer) {}
        _ = consume answer
        #expect(rig.endpoint.transactionCount == 2)
        #expect(witness.secret == nil)
        #expect(SecretBytes.bytesInUse == before)
    }

    /// An INVITE of ours is kept for a challenge or a 422 only until its answer; 2xx or refusal, its keys are gone.
    @Test(arguments: [UInt16(200), 486]) func anAnsweredCallsKeysAreNotKept(status: UInt16) {
        var rig = Rig()
        let before = SecretBytes.bytesInUse
        let (answer, witness) = answer()
        let template = rig.calling { $0.body = answer.body ?? .empty }.invite.template
        rig.outputs = []
        withExtendedLifetime(answer) {}
        _ = consume answer
        #expect(witness.secret != nil)
        rig.receive(Callee(invite: template).answers(status))
        rig.outputs = []
        #expect(witness.secret == nil)
        #expect(SecretBytes.bytesInUse == before)
    }

    /// Nor are they when nobody waits for it any more.
    @Test func aCancelledCallsKeysAreNotKept() {
        var rig = Rig()
        let (answer, witness) = answer()
        _ = rig.calling { $0.body = answer.body ?? .empty }
        rig.command(.cancel(Rig.attempt, headers: []))
        rig.outputs = []
        withExtendedLifetime(answer) {}
        _ = consume answer
        #expect(witness.secret == nil)
        #expect(rig.endpoint.attemptCount == 1)
    }

    /// What is printed of an event or an output shows no byte of the peer's and no key.
    @Test func descriptionsTellNothing() {
        var rig = Rig()
        rig.ringing(Caller().with { $0.body = Self.offer })
        var text = ""
        for output in rig.outputs {
            print(output, terminator: "", to: &text)
            dump(output, to: &text)
        }
        for word in ["49170", "192.0.2.9", "carrier", "inline", Self.key, "a84b4c76e66710"] {
            #expect(!text.contains(word), "\(word)")
        }
    }
}
