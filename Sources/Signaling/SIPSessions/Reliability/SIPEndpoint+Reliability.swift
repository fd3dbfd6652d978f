import SIPMessages
import SottoBase

/// Reliable provisional responses both ways, and PRACK (RFC 3262).
extension SIPEndpoint {
    // MARK: - As UAS

    /// Sends a provisional response reliably, or lets it wait for the PRACK of the one before. False when it is to go out as any other.
    mutating func progressReliably(_ id: InviteID, _ entry: ReceivedInvite, _ answer: SIPAnswer) -> Bool {
        // Required but impossible (the INVITE has no offer): the 2xx is the first reliable response (§5), nothing else may go out (§3).
        if entry.reliability.isRequired, !entry.reliability.isPossible { return true }
        guard entry.reliability.isPossible, entry.reliability.isRequired || answer.reliable, var dialog = dialogs[entry.dialog] else {
            return false
        }
        if entry.reliability.isOutstanding || !entry.reliability.waiting.isEmpty {
            invites[id]?.reliability.wait(answer)
            return true
        }
        let first = UInt32(truncatingIfNeeded: names.pause(below: 0x4000_0000))
        guard let number = invites[id]?.reliability.nextNumber(first: first) else { return true }
        let headers = [allowHeader, SIPHeader(.require, "100rel"), SIPHeader(.rseq, WireText("\(number)"))]
        let response = SIPResponse.answer(
            to: entry.template, answer, tag: entry.localTag, contact: dialog.contact, headers: headers)
        dialog.reliableInvite = id
        dialogs[entry.dialog] = dialog
        invites[id]?.reliability.sent(response, now: now)
        sendProvisional(id, response)
        return true
    }

    mutating func prackReceived(_ arrival: Arrival, in id: DialogID) {
        // §3: Call-ID and tags by the dialog, then all three parts of RAck.
        guard let rack = arrival.request.rack, let invite = dialogs[id]?.reliableInvite, let entry = invites[invite],
            rack.cseq == CSeq(entry.template.cseq.number, .invite),
            let response = invites[invite]?.reliability.acknowledged(rack.responseNumber)
        else { return refuseWithin(id, arrival, 481) }
        dialogs[id]?.reliableInvite = nil
        if !response.body.isEmpty { dialogs[id]?.isEarlyOfferAnswered = true }
        if arrival.request.body.isEmpty {
            answerAtOnce(arrival, 200, tag: entry.localTag)
        } else {
            // A new offer, for we send no offers of our own reliably (§5). It is refused, the response is acknowledged all the same.
            refuseWithin(id, arrival, 488)
        }
        sendWaiting(invite)
        deadlines.set(.invite(invite), to: invites[invite]?.nextDeadline)
    }

    /// What waited for the PRACK, until one waits for the next.
    private mutating func sendWaiting(_ id: InviteID) {
        while let next = invites[id]?.reliability.nextWaiting() { answer(id, next) }
    }

    mutating func reliabilityTimersFired(_ id: InviteID) {
        guard let outputs = invites[id]?.reliability.timersFired(now: now) else { return }
        for output in outputs {
            guard let entry = invites[id] else { return }
            switch output {
            case .send(let response):
                send(response, to: entry.peer, preferring: entry.connection)
            case .unacknowledged:
                // §3: a 5xx, since the caller cannot hear us.
                dialogs[entry.dialog]?.reliableInvite = nil
                giveUp(id, 504, .unacknowledged)
            }
        }
    }

    // MARK: - As UAC

    /// Sends the PRACK of a reliable provisional response; false when the response must not be processed: it is a retransmission, or one
    /// before it is missing (§4).
    mutating func acknowledgeProvisional(_ response: SIPResponse, in id: DialogID) -> Bool {
        guard var dialog = dialogs[id], let number = response.responseNumber else { return false }
        if let last = dialog.lastRSeq, number != last &+ 1 { return false }
        dialog.lastRSeq = number
        if !response.body.isEmpty { dialog.isEarlyOfferAnswered = true }
        let rack = SIPRAck(responseNumber: number, cseq: response.cseq)
        let prack = dialog.request(.prack, branch: names.branch(), headers: [rack.header])
        dialogs[id] = dialog
        start(prack, for: .prack(id), in: dialog)
        return true
    }
}
