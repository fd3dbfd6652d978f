import Consent
import Policy
import SIPMessages
import SottoBase
import SottoTestKit
import Testing

@testable import Calls

/// Consent, payment, and the faults of voice and recorder.
@Suite struct ConversationTests {
    @Test func spokenYesIsReadBackBeforeAnythingIsRecorded() {
        var board = Switchboard()
        board.voiceAnswers = false
        _ = board.acknowledged()
        board.heard()
        #expect(board.heard() == ["expect on"])
        #expect(board.voice(.answered(.yes, by: .voice)) == ["say You said yes"])
        #expect(board.heard() == [])
        #expect(board.wait(.milliseconds(2_999)) == [])
        #expect(board.wait(.milliseconds(1)) == ["record start", "granted", "say Thank you."])
        #expect(board.grants.first?.basis == "voice, read back")
        #expect(board.grants.first?.call == board.call)
        #expect(board.heard() == ["expect off", "dialogue"])
    }

    @Test func refusalGoesOnWithoutARecord() {
        var board = Switchboard()
        var caller = board.acknowledged()
        #expect(board.voice(.answered(.no, by: .key)) == ["consent refused continue", "say All right. T", "expect off", "dialogue"])
        #expect(board.table.summaries.first?.consent == "refused")
        board.receive(caller.next().says("BYE"))
        #expect(board.records.first?.wasRecorded == false)
        #expect(board.records.first?.consent?.outcome == .refused(at: board.wall))
    }

    @Test func refusalHangsUpWherePolicySaysSo() {
        var board = Switchboard(House(refused: .hangUp))
        _ = board.acknowledged()
        #expect(
            board.voice(.answered(.no, by: .key)) == [
                "consent refused hang-up", "say All right. T", "ending refused-by-policy: the caller refused consent", "voice end",
                "media close", "→ BYE", "record finish", "gone",
            ])
        #expect(board.requests.last?.reasons.first?.q850Cause == 21)
    }

    @Test func silenceIsARefusal() {
        var board = Switchboard()
        _ = board.acknowledged()
        let lines = board.wait(.seconds(30))
        #expect(lines.filter { $0.hasPrefix("say May we") }.count == 2)
        #expect(lines.suffix(3) == ["say All right. T", "expect off", "dialogue"])
        #expect(lines.contains("record start") == false)
    }

    @Test func tenantThatNeverRecordsAsksNobody() {
        var board = Switchboard(House(record: .never))
        let caller = board.answered()
        #expect(board.receive(caller.ack()).suffix(2) == ["expect off", "dialogue"])
        #expect(board.table.summaries.first?.consent == "none")
    }

    @Test func withdrawalStopsTheRecorder() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.voice(.withdrawn(by: .voice)) == ["record stop", "withdrawn", "say All right. T"])
        #expect(board.voice(.withdrawn(by: .voice)) == [])
        #expect(board.table.summaries.first?.consent == "refused")
        board.receive(caller.next().says("BYE"))
        // What was recorded under the grant stays.
        #expect(board.records.first?.wasRecorded == true)
    }

    @Test func withdrawalHangsUpWherePolicySaysSo() {
        var board = Switchboard(House(refused: .hangUp))
        _ = board.talking()
        board.voiceAnswers = false
        // First the recorder, then the caller is told, then the call ends.
        #expect(board.voice(.withdrawn(by: .key)) == ["record stop", "withdrawn", "say All right. T"])
        #expect(board.state == "talking")
        #expect(board.heard().first == "ending refused-by-policy: the caller withdrew consent")
    }

    @Test func withdrawalWhileAPersonIsCalledHangsUpAtOnce() {
        var house = House.agency()
        house.refused = .hangUp
        var desk = Desk(house)
        desk.calls()
        desk.acks()
        desk.voice(.answered(.yes, by: .key))
        let person = HandOverRequest(trunk: House.name("pbx"), number: DialledNumber(user: "+49305550"))
        desk.voice(.handOver(person))
        let lines = desk.voice(.withdrawn(by: .key))
        #expect(lines.contains("ending refused-by-policy: the caller withdrew consent") && lines.contains("CANCEL"))
        #expect(desk.isIdle)
        // And who is leaving is handed to nobody.
        var leaving = Desk(house)
        leaving.calls()
        leaving.acks()
        leaving.voice(.answered(.yes, by: .key))
        leaving.voiceAnswers = false
        leaving.voice(.withdrawn(by: .key))
        #expect(leaving.voice(.handOver(person)) == ["dialogue: hand-over failed forbidden"])
    }

    @Test func callThatEndsDuringTheQuestionIsUnanswered() {
        var board = Switchboard()
        board.voiceAnswers = false
        var caller = board.acknowledged()
        board.receive(caller.next().says("BYE"))
        #expect(board.records.first?.consent?.outcome == .unanswered)
        #expect(board.records.first?.consent?.events.count == 1)
        #expect(board.isIdle)
    }

    @Test func unknownPromptMeansNothing() {
        var board = Switchboard()
        board.voiceAnswers = false
        _ = board.acknowledged()
        #expect(board.voice(.promptEnded(999, isWhole: true)) == [])
        #expect(board.heard() == ["expect on", "say May we recor"])
    }

    // MARK: - Payment

    @Test func paymentProtectsAndIsLeftAtTheEnd() {
        var board = Switchboard()
        var caller = board.talking()
        #expect(board.voice(.payment(isOn: true)) == ["media protect on", "payment on"])
        #expect(board.voice(.payment(isOn: true)) == [])
        #expect(board.state == "payment")
        #expect(board.voice(.payment(isOn: false)) == ["media protect off", "payment off"])
        board.voice(.payment(isOn: true))
        let lines = board.receive(caller.next().says("BYE"))
        #expect(lines.contains("payment off"))
        #expect(lines.contains("media protect off") == false)
    }

    @Test func protectionThatFailsEndsTheCall() {
        var board = Switchboard()
        _ = board.talking()
        board.voice(.payment(isOn: true))
        #expect(board.media(.failed("the mailbox is full")).contains("→ BYE"))
    }

    @Test func protectionThatFailsDuringAChangeEndsTheCall() {
        var board = Switchboard()
        var caller = board.talking()
        board.mediaAnswers = false
        board.receive(caller.next(body: Caller.sdp(version: 2, port: 4_444)).says("INVITE"))
        board.voice(.payment(isOn: true))
        #expect(board.media(.failed("the mailbox is full")).contains("→ BYE"))
    }

    // MARK: - Faults

    @Test func recognizerThatFailsIsNotedAndTheCallGoesOn() {
        var board = Switchboard()
        _ = board.talking()
        #expect(board.voice(.recognizerFailed("it died")) == ["recognizer failed"])
        #expect(board.state == "talking")
    }

    @Test func recordingFailureIsToldOnceAndKept() {
        var board = Switchboard()
        var caller = board.talking()
        guard let call = board.call else { return }
        #expect(board.tell(.recordingFailed(call, "disk full", began: true)) == ["recording failed"])
        #expect(board.tell(.recordingFailed(call, "again", began: false)) == [])
        #expect(board.state == "talking")
        board.receive(caller.next().says("BYE"))
        #expect(board.records.first?.recordingFailure == "disk full")
        // What was kept before the failure stays, whatever fails later.
        #expect(board.records.first?.wasRecorded == true)
    }

    @Test func recorderThatCannotBeginLeavesNothingRecorded() {
        var board = Switchboard()
        var caller = board.talking()
        guard let call = board.call else { return }
        #expect(board.tell(.recordingFailed(call, "no room", began: false)) == ["recording failed"])
        board.receive(caller.next().says("BYE"))
        #expect(board.records.first?.wasRecorded == false)
    }

    @Test func recorderThatFailedBeforeTheGrantRecordsNothing() {
        var board = Switchboard()
        var caller = board.acknowledged()
        guard let call = board.call else { return }
        #expect(board.tell(.recordingFailed(call, "no room", began: false)) == ["recording failed"])
        board.voice(.answered(.yes, by: .key))
        board.receive(caller.next().says("BYE"))
        #expect(board.records.first?.consent?.outcome == .granted(at: board.wall))
        #expect(board.records.first?.wasRecorded == false)
    }

    @Test func voiceThatCannotGoOnEndsTheCall() {
        var board = Switchboard()
        _ = board.talking()
        #expect(board.voice(.hangUp(reason: "no synthesizer", isFault: true)).first == "ending our-fault: no synthesizer")
        #expect(board.requests.last?.reasons.first?.q850Cause == 41)
    }
}
