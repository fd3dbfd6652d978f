import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Anything in any order: messages of a few calls, right and wrong ones, answers, hang-ups, closed connections, late timers.
@Suite struct RandomWalkTests {
    @Test(arguments: 0..<40) func nothingTrapsLeaksOrEndsTwice(seed: UInt64) {
        var chance = Chance(seed)
        var rig = Rig(isReliable: seed % 2 == 0) {
            $0.maximumDialogs = 6
            $0.maximumTransactions = 12
        }
        rig.open(Rig.second, peer: PeerID(8), isReliable: seed % 2 == 0)
        var tags: [String] = ["nobody"]
        for _ in 0..<600 {
            step(&rig, &chance, tags)
            if let tag = rig.lastResponse?.to.tag?.string, tags.last != tag { tags = tags.suffix(5) + [tag] }
            #expect(rig.endpoint.dialogCount <= 12)
            #expect(rig.endpoint.transactionCount <= 36)
        }
        _ = rig.wait(.seconds(400))
        // A confirmed dialog whose peer is silent lives until the application or the peer ends it.
        for event in rig.events {
            switch event {
            case .inviteArrived(let arrived): rig.command(.hangUp(arrived.dialog, refusal: SIPAnswer(480), headers: []))
            case .attemptAnswered(_, let dialog, _): rig.command(.hangUp(dialog, refusal: SIPAnswer(480), headers: []))
            default: break
            }
        }
        _ = rig.wait(.seconds(400))
        #expect(rig.isIdle)
        checkEvents(rig)
    }

    /// One end for each beginning, and silence afterwards.
    private func checkEvents(_ rig: Rig) {
        var open: Set<DialogID> = []
        // Early dialogs of our own calls have no end of their own.
        var early: Set<DialogID> = []
        for event in rig.events {
            switch event {
            case .inviteArrived(let arrived): open.insert(arrived.dialog)
            case .attemptProgressed(_, let dialog, _): early.insert(dialog)
            case .attemptAnswered(_, let dialog, _): open.insert(dialog)
            case .dialogEnded(let id, _): #expect(open.remove(id) != nil)
            case .reinviteArrived(let arrived): #expect(open.contains(arrived.dialog))
            case .updateArrived(let arrived): #expect(open.contains(arrived.dialog))
            case .acknowledged(let id, _, _), .reinviteWithdrawn(let id, _), .reofferEnded(let id, _), .dialogProbed(let id, _),
                .connectionLost(let id), .connectionMoved(let id, _):
                #expect(open.contains(id) || early.contains(id))
            case .updateEnded(let id, _), .refreshDue(let id), .referralProgressed(let id, _), .digitArrived(let id, _):
                #expect(open.contains(id) || early.contains(id))
            case .referArrived(let arrived): #expect(open.contains(arrived.dialog))
            case .attemptEnded, .registered, .registrationFailed, .unregistered: break
            case .probed, .turnedAway: break
            }
        }
        #expect(open.isEmpty)
    }

    private func step(_ rig: inout Rig, _ chance: inout Chance, _ tags: [String]) {
        func pick<T>(_ list: [T]) -> T { list[Int(chance.next() % UInt64(list.count))] }
        let connection = pick([Rig.first, Rig.first, Rig.first, Rig.second, ConnectionID(9)])
        switch chance.next() % 20 {
        case 0...7:
            let caller = Caller().with {
                $0.callID = pick(["a", "b", "c"])
                $0.cseq = Int(1 + chance.next() % 5)
                $0.branch = "z9hG4bK" + pick(["1", "2", "3", "4", "5", "6"])
                $0.remoteTag = pick([nil, nil, pick(tags), tags.last])
                $0.body = pick(["", Caller.offer])
                $0.headers = pick([[], [], [], ["Require: x"], ["Expires: 5"], ["Supported: timer", "Session-Expires: 90"],
                    ["Require: 100rel", "RAck: 1 1 INVITE"], ["Refer-To: <sip:a@b>", "Replaces: a;to-tag=1;from-tag=2"],
                    ["Event: refer", "Subscription-State: active", "Session-Expires: 100"]])
            }
            let method = pick([
                "INVITE", "INVITE", "INVITE", "ACK", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY",
            ])
            rig.receive(caller.with { if !["INVITE", "UPDATE", "ACK"].contains(method) { $0.body = "" } }.says(method), on: connection)
        case 8, 9:
            guard let arrived = rig.arrived else { return }
            rig.command(.answer(arrived.invite, SIPAnswer(pick([180, 200, 200, 200, 486, 9])).reliably))
        case 10:
            guard let arrived = rig.rearrived else { return }
            rig.command(.answer(arrived.invite, SIPAnswer(pick([200, 488]))))
        case 11:
            guard let arrived = rig.arrived else { return }
            rig.command(
                pick([
                    .hangUp(arrived.dialog, refusal: SIPAnswer(480), headers: []), .reoffer(arrived.dialog, SIPBody([1])),
                    .probeDialog(arrived.dialog), .update(arrived.dialog, SIPBody([1])),
                    .refer(arrived.dialog, to: NameAddress("<sip:a@b>"), replaces: nil, headers: []),
                    .probe(ProbeID(1), uri: SIPURI("sip:x"), on: connection),
                ]))
        case 16:
            rig.command(.invite(Rig.outgoing { $0.attempt = AttemptID(chance.next() % 4) }))
        case 17:
            rig.command(.cancel(AttemptID(chance.next() % 4), headers: []))
        case 18:
            guard let invite = rig.request(0, of: .invite), let last = rig.sent.last, case .request(let request) = last else { return }
            let callee = Callee(invite: request.method == .invite ? request : invite, tag: pick(["x", "y", "z"]))
            rig.receive(callee.answers(pick([180, 183, 200, 401, 422, 486]), pick([[], ["Require: 100rel", "RSeq: 1"], ["Min-SE: 9999"]])))
        case 19:
            for event in rig.events.suffix(20) {
                if case .referArrived(let arrived) = event { rig.command(.answerRefer(arrived.refer, SIPAnswer(pick([202, 603, 9])))) }
                if case .updateArrived(let arrived) = event { rig.command(.answerUpdate(arrived.update, SIPAnswer(pick([200, 488])))) }
            }
        case 12:
            guard let request = rig.lastRequest, request.method != .ack else { return }
            rig.receive(.response(answer(request, pick([100, 200, 200, 404, 481, 491]))), on: connection)
        case 13:
            rig.feed(.connectionClosed(connection))
            if connection == Rig.first { rig.open(Rig.first, isReliable: chance.next() % 2 == 0) }
        case 14:
            guard let message = rig.sent.last else { return }
            rig.feed(.sendFailed(message))
        default:
            _ = rig.wait(.milliseconds(Int64(chance.next() % 20_000)))
        }
    }
}
