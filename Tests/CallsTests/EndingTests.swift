import Admission
import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import SottoTestKit
import Testing

@testable import Calls

/// How calls end, from every state, and what is left of them.
@Suite struct EndingTests {
    @Test func callerHangsUp() {
        var board = Switchboard()
        var caller = board.talking()
        let bye = caller.next().with { $0.headers = ["Reason: Q.850;cause=16;text=\"bye\""] }
        #expect(
            board.receive(bye.says("BYE")) == [
                "→ 200 BYE", "ending completed: the caller hung up", "voice end", "media close", "record finish", "gone",
            ])
        #expect(board.isIdle)
        let record = board.records.first
        #expect(record?.peerCause == 16)
        #expect(record?.media == Switchboard.figures)
        #expect(record?.wasRecorded == true)
        #expect(record?.codec == "PCMU" && record?.suite == "AEAD_AES_256_GCM")
        #expect(record?.consent?.outcome == .granted(at: board.wall))
    }

    /// RFC 3261 §9.2; the Reason of a CANCEL counts as well (RFC 3326).
    @Test func callerGivesUpWhileMediaIsReserved() {
        var board = Switchboard()
        board.mediaAnswers = false
        let caller = Caller()
        board.receive(caller.says("INVITE"))
        let cancel = caller.with { $0.headers = ["Reason: Q.850;cause=127"] }
        #expect(
            board.receive(cancel.says("CANCEL")) == [
                "→ 200 CANCEL", "→ 487 INVITE", "ending completed: the caller gave up before the answer", "voice end", "media close",
            ])
        #expect(board.media(.reserved(port: 20_000)) == [])
        #expect(board.media(.closed(nil)) == ["record finish", "gone"])
        #expect(board.records.first?.peerCause == 127)
    }

    @Test func callerGivesUpWhileMediaStarts() {
        var board = Switchboard()
        board.mediaAnswers = false
        let caller = Caller()
        board.receive(caller.says("INVITE"))
        board.media(.reserved(port: 20_000))
        board.receive(caller.says("CANCEL"))
        #expect(board.media(.started) == [])
        #expect(board.media(.closed(nil)) == ["record finish", "gone"])
    }

    /// RFC 3261 §9.2: too late; the caller has to hang up.
    @Test func cancelAfterTheAnswerHasNoEffect() {
        var board = Switchboard()
        let caller = board.answered()
        #expect(board.receive(caller.says("CANCEL")) == ["→ 200 CANCEL"])
        #expect(board.receive(caller.ack()).first == "consent ask")
    }

    @Test func callOutlivesItsConnection() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.feed(.connectionClosed(Switchboard.acme)) == [])
        #expect(board.state == "talking")
        board.feed(.connectionOpened(ConnectionID(9), board.profile(PeerID(7))))
        #expect(board.receive(caller.next().says("BYE"), on: ConnectionID(9)).last == "gone")
    }

    @Test func byeInEveryStateEndsTheCall() {
        for held in [0, 1, 2, 3] {
            var board = Switchboard()
            board.mediaAnswers = held > 1
            board.voiceAnswers = false
            var caller = Caller()
            board.receive(caller.says("INVITE"))
            caller.remoteTag = board.responses.first { $0.status == 180 }?.to.tag?.string
            if held == 1 { board.media(.reserved(port: 20_000)) }
            if held == 3 { board.receive(caller.ack()) }
            let lines = board.receive(caller.next().says("BYE"))
            #expect(lines.first == "→ 200 BYE")
            #expect(lines.contains("ending completed: the caller hung up"))
            if held < 2 {
                #expect(lines.contains("→ 487 INVITE"))
                #expect(board.media(.closed(nil)) == ["record finish", "gone"])
            }
            #expect(board.isIdle, "state \(held)")
        }
    }

    @Test func weHangUpWithACause() {
        var board = Switchboard()
        let caller = board.talking()
        #expect(
            board.voice(.hangUp(reason: "finished", isFault: false)) == [
                "ending completed: finished", "voice end", "media close", "→ BYE", "record finish", "gone",
            ])
        #expect(board.requests.last?.reasons.first?.q850Cause == 16)
        _ = caller
    }

    @Test func silentPeerIsHungUpOn() {
        var board = Switchboard()
        _ = board.talking()
        #expect(board.media(.timedOut).prefix(1) == ["ending caller-fault: no media from the peer"])
        #expect(board.requests.last?.method == .bye)
        #expect(board.requests.last?.reasons.first?.q850Cause == 31)
    }

    /// RFC 3261 §13.3.1.4.
    @Test func missingAckEndsTheCall() {
        var board = Switchboard()
        _ = board.answered()
        let lines = board.wait(.seconds(33))
        #expect(lines.contains("ending caller-fault: the 200 was never acknowledged"))
        #expect(lines.suffix(2) == ["record finish", "gone"])
    }

    @Test func longestCallEnds() {
        var board = Switchboard { $0.longestCall = .seconds(100) }
        _ = board.talking()
        #expect(board.wait(.milliseconds(99_999)).contains { $0.hasPrefix("ending") } == false)
        #expect(board.wait(.milliseconds(1)).first == "ending completed: the longest call")
    }

    @Test func policysLongestCallCounts() {
        var house = House()
        house.limits.callDuration = .seconds(50)
        var board = Switchboard(house)
        _ = board.talking()
        board.tell(.policyChanged(House(version: "v2").policy))
        #expect(board.wait(.seconds(50)).contains("ending completed: the longest call"))
    }

    @Test func administratorEndsACall() {
        var board = Switchboard()
        _ = board.talking()
        guard let call = board.call else { return }
        #expect(board.tell(.end(call)).first == "ending completed: ended by an administrator")
        #expect(board.tell(.end(call)) == [])
    }

    @Test func stopEndsEveryCallWhateverItsState() {
        var board = Switchboard()
        _ = board.talking(Caller("a"))
        _ = board.answered(Caller("b"))
        board.mediaAnswers = false
        board.receive(Caller("c").says("INVITE"))
        board.mediaAnswers = true
        let lines = board.tell(.endAll)
        #expect(lines.filter { $0 == "ending our-fault: the gateway is stopping" }.count == 3)
        #expect(lines.contains("→ 503 INVITE"))
        #expect(board.records.count == 3)
        #expect(board.table.count == 0)
    }

    @Test func mediaThatClosesByItselfEndsTheCall() {
        var board = Switchboard()
        _ = board.talking()
        #expect(board.media(.closed(Switchboard.figures)) == ["ending our-fault: media ended", "voice end", "→ BYE", "record finish", "gone"])
        #expect(board.records.first?.media == Switchboard.figures)
    }

    @Test func recordWaitsForMediaAndIsWrittenOnce() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        #expect(board.receive(caller.next().says("BYE")).last == "media close")
        #expect(board.table.count == 1 && board.table.dialogCount == 0)
        #expect(board.table.summaries.first?.state == "ending")
        #expect(board.media(.closed(Switchboard.figures)) == ["record finish", "gone"])
        #expect(board.media(.closed(Switchboard.figures)) == [])
        #expect(board.records.count == 1)
    }

    @Test func recordWaitsForTheDialog() {
        var board = Switchboard()
        _ = board.talking()
        guard let call = board.call else { return }
        // The table alone, whose hang-up nobody carries out.
        var table = board.table
        let outputs = table.handle(.end(call), now: board.clock.now, wall: board.wall, entropy: &board.chance)
        #expect(outputs.last.map { if case .sip(.hangUp) = $0 { true } else { false } } == true)
        for summary in [Switchboard.figures, nil] {
            #expect(table.handle(.media(call, .closed(summary)), now: board.clock.now, wall: board.wall, entropy: &board.chance) == [])
        }
        #expect(table.count == 1)
        #expect(table.record(of: call)?.media == Switchboard.figures)  // a second closing has none and takes none away
        // A lost dialog is given up like lost media.
        var lines: [CallOutput] = []
        var now = board.clock.now
        var turns = 0
        while let deadline = table.nextDeadline, turns < 10 {
            turns += 1
            now = deadline
            lines += table.handle(.timerDue, now: now, wall: board.wall, entropy: &board.chance)
        }
        #expect(now - board.clock.now == .seconds(10))
        #expect(lines.last == .gone(call))
        #expect(table.count == 0 && table.dialogCount == 0 && table.admission.calls == 0)
    }

    /// A media thread that is dead must not keep the call.
    @Test func mediaThatNeverClosesIsGivenUp() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next().says("BYE"))
        #expect(board.wait(.milliseconds(4_999)) == [])
        #expect(board.wait(.milliseconds(1)) == ["media close"])
        #expect(board.wait(.milliseconds(4_999)) == [])
        #expect(board.wait(.milliseconds(1)) == ["ending our-fault: media never confirmed the end", "record finish", "gone"])
        #expect(board.isIdle)
        #expect(board.records.first?.termination == Termination(.completed, "the caller hung up"))
        #expect(board.records.first?.media == nil)
        #expect(board.media(.closed(nil)) == [])
    }

    @Test func nothingIsHeardOfACallThatEnds() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next().says("BYE"))
        #expect(board.voice(.payment(isOn: true)) == [])
        #expect(board.voice(.answered(.yes, by: .key)) == [])
        #expect(board.voice(.hangUp(reason: "finished", isFault: false)) == [])
        #expect(board.media(.timedOut) == [])
        #expect(board.media(.failed("no")) == [])
        // But a recorder's failure is still for the record.
        guard let call = board.call else { return }
        #expect(board.tell(.recordingFailed(call, "disk full", began: true)) == ["recording failed"])
        board.media(.closed(nil))
        #expect(board.records.first?.recordingFailure == "disk full")
    }

    // MARK: - The wake-up

    @Test func nextDeadlineIsTheEarliestOfAllCalls() {
        var board = Switchboard()
        func seconds() -> Duration? { board.table.nextDeadline.map { $0 - Instant(nanoseconds: 0) } }
        #expect(seconds() == nil)
        board.mediaAnswers = false
        board.receive(Caller("a").says("INVITE"))
        let first = board.call
        #expect(seconds() == .seconds(8))
        board.wait(.seconds(3))
        board.receive(Caller("b").says("INVITE"))
        #expect(seconds() == .seconds(8))
        if let first { board.tell(.media(first, .failed("no"))) }
        // The end's own limit.
        #expect(seconds() == .seconds(8))
        if let first { board.tell(.media(first, .closed(nil))) }
        #expect(seconds() == .seconds(11))
        board.media(.reserved(port: 20_000))
        board.media(.started)
        #expect(seconds() == .seconds(3 + 4 * 3_600))
    }
}
