import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import Testing

@testable import Calls

/// Bridged calls on a real endpoint: what leaves and arrives are whole messages on both sides.
@Suite struct EndpointBridgeTests {
    /// The callee's response to our last INVITE, by its own rules.
    private func responds(_ board: inout Switchboard, _ status: UInt16, body: String = "") -> [String] {
        guard let invite = board.requests.last(where: { $0.method == .invite }) else { return ["no INVITE"] }
        var response = SIPResponse(status, to: invite, toTag: "callee")
        response.fields.contacts = [NameAddress("<sip:inner@10.9.8.7:5061;transport=tls>")]
        // Through the parser, which finds the keys.
        if !body.isEmpty { response.setBody(FarSide.response(200, body: body).body, type: .sdp) }
        return board.receive(.response(response), on: Switchboard.pbx)
    }

    private func inDialog(_ method: SIPMethod, _ board: Switchboard) -> SIPMessage {
        guard let invite = board.requests.last(where: { $0.method == .invite }) else { preconditionFailure("no INVITE was sent") }
        var request = SIPRequest(
            method, SIPURI("sip:sotto.example;transport=tls"),
            via: Via(transport: .tls, host: "10.9.8.7", port: 5_061, branch: "z9hG4bKcallee"), from: invite.to.withTag("callee"),
            to: invite.from, callID: invite.callID, cseq: 7)
        request.fields.headers = [SIPHeader(.reason, "Q.850;cause=16")]
        return .request(request)
    }

    private func answer(_ board: Switchboard) -> String {
        FarSide.answer(to: board.requests.last { $0.method == .invite }?.sdp)
    }

    @Test func callRunsFromInviteToByeOverBothDialogs() {
        var board = Switchboard(House.bridging())
        var caller = Caller()
        #expect(board.receive(caller.says("INVITE")).last == "→ INVITE")
        guard let invite = board.requests.last else { return }
        #expect(invite.vias.count == 1 && invite.callID.text.string != caller.callID && invite.maxForwards == 69)
        #expect(invite.contacts.first?.uri.host == "sotto.example")
        #expect(responds(&board, 180).contains("→ 180 INVITE"))
        let lines = responds(&board, 200, body: answer(board))
        #expect(lines.contains("→ ACK") && lines.contains("bridge") && lines.last == "→ 200 INVITE")
        caller.remoteTag = board.lastResponse?.to.tag?.string
        board.receive(caller.ack())
        #expect(board.state == "bridged")
        let end = board.receive(inDialog(.bye, board), on: Switchboard.pbx)
        #expect(end.first == "→ 200 BYE" && end.contains("→ BYE"))
        #expect(board.requests.last?.reasons.first?.q850Cause == 16)
        board.wait(.seconds(33))
        #expect(board.isIdle == true)
    }

    @Test func cancelledCallIsCancelledAtTheOtherSide() {
        var board = Switchboard(House.bridging())
        let caller = Caller()
        board.receive(caller.says("INVITE"))
        _ = responds(&board, 180)
        let lines = board.receive(caller.says("CANCEL"))
        #expect(lines.contains("→ 487 INVITE") && lines.contains("→ CANCEL") && lines.last == "gone")
        #expect(board.table.attemptCount == 0)
    }

    /// RFC 5407 §3.1.1
    @Test func answerThatCrossesOurCancelIsAcknowledgedAndEnded() {
        var board = Switchboard(House.bridging())
        let caller = Caller()
        board.receive(caller.says("INVITE"))
        _ = responds(&board, 180)
        let body = answer(board)
        board.receive(caller.says("CANCEL"))
        let lines = responds(&board, 200, body: body)
        #expect(lines.filter { $0 == "→ ACK" || $0 == "→ BYE" } == ["→ ACK", "→ BYE"])
        #expect(board.table.count == 0)
    }

    @Test func refusalOfTheCalleeIsTheCallersInOurWords() {
        var board = Switchboard(House.bridging())
        let caller = Caller()
        board.receive(caller.says("INVITE"))
        let lines = responds(&board, 486)
        #expect(lines.contains("→ ACK") && lines.contains("→ 486 INVITE") && lines.last == "gone")
    }
}
