import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls

/// How long keys stay in a call: those of the session while it runs, all others no longer than the step that needs them.
@Suite struct SecretTests {
    private final class Witness {
        weak var secret: SecretBytes?
        init(_ secret: SecretBytes?) { self.secret = secret }
    }

    @Test func keysGoWithTheCallsEndNotWithItsRecord() {
        var board = Switchboard()
        var caller = board.talking()
        let local = Witness(board.started?.localKey)
        let remote = Witness(board.started?.remoteKey)
        board.forgetMessages()
        #expect(local.secret != nil && remote.secret != nil)
        // Media has not closed: the call is still there, its keys are not.
        board.mediaAnswers = false
        board.receive(caller.next().says("BYE"))
        board.forgetMessages()
        #expect(board.table.count == 1)
        #expect(local.secret == nil && remote.secret == nil)
    }

    @Test func offerlessCallKeepsTheChosenKeyAlone() {
        var board = Switchboard()
        let caller = board.answered(Caller().with { $0.body = "" })
        // In the body they are base64; each parse makes keys of its own.
        let secrets = (board.lastResponse?.body.chunks ?? []).compactMap { chunk -> Witness? in
            if case .secret(let secret) = chunk { Witness(secret) } else { nil }
        }
        #expect(secrets.count == MediaPolicy.standard.suites.count)
        board.receive(caller.ack(body: Caller.sdp(crypto: [Caller.gcm])))
        #expect(board.started?.local.media.first?.cryptos.map(\.key) == board.started.map { [$0.localKey] })
        board.forgetMessages()
        #expect(secrets.allSatisfy { $0.secret == nil })
    }

    @Test func refusedCallLeavesNoKey() {
        var board = Switchboard()
        board.mediaAnswers = false
        board.receive(Caller().says("INVITE"))
        board.media(.reserved(port: 20_000))
        let local = Witness(board.started?.localKey)
        let remote = Witness(board.started?.remoteKey)
        board.forgetMessages()
        #expect(local.secret != nil && remote.secret != nil)
        board.media(.failed("no cipher"))
        board.forgetMessages()
        #expect(local.secret == nil && remote.secret == nil)
    }

    @Test func changedKeyReplacesTheOldOne() {
        var board = Switchboard()
        var caller = board.talking()
        let old = Witness(board.started?.localKey)
        board.receive(caller.next(body: Caller.sdp(version: 2, crypto: [Caller.otherGCM])).says("INVITE"))
        board.receive(caller.ack())
        let new = Witness(board.updatedTo?.localKey)
        board.forgetMessages()
        #expect(old.secret == nil)
        #expect(new.secret != nil)
    }

    @Test func refusedChangeLeavesNoKey() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, crypto: [Caller.otherGCM])).says("INVITE"))
        let new = Witness(board.updatedTo?.localKey)
        #expect(new.secret != nil)
        board.media(.failed("no cipher"))
        board.forgetMessages()
        #expect(new.secret == nil)
    }

    @Test func nothingThatIsPrintedShowsANumberOrAKey() {
        var board = Switchboard()
        _ = board.talking()
        var text = ""
        dump(board.table, to: &text)
        dump(board.started, to: &text)
        #expect(text.isEmpty == false)
        #expect(text.contains("4940999") == false)
        #expect(text.contains("WVNfX19zZW1jdGwg") == false)
    }
}
