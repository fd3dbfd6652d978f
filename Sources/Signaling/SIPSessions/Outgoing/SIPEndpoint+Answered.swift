import SIPMessages
import SottoBase

/// Final responses to calls of ours (RFC 3261 §13.2.2.2–§13.2.2.4).
extension SIPEndpoint {
    /// A final response to an attempt's INVITE: the first non-2xx, or any 2xx, also long after the attempt is over.
    mutating func attemptAnswered(_ key: ClientKey, _ id: AttemptID, _ response: SIPResponse) {
        if response.isSuccess { return attemptSucceeded(key, id, response) }
        guard let attempt = attempts[id], attempt.key == key else { return }
        removeAttempt(id)
        if attempt.phase == .calling { emit(.attemptEnded(id, .refused(response))) }
    }

    private mutating func attemptSucceeded(_ key: ClientKey, _ id: AttemptID, _ response: SIPResponse) {
        let tag = response.to.tag?.detached() ?? ""
        if let ack = clients[key]?.acks[tag] { return resend(ack, key) }  // a retransmission (§13.2.2.4)
        guard let entry = clients[key], let origin = entry.origin, entry.acks.count < configuration.maximumForks else { return }
        // Withdrawn, or another fork was faster: it gets its ACK, because its 2xx is repeated otherwise, and a BYE (RFC 5407 §3.1.1).
        let isWanted = attempts[id].map { $0.phase == .calling && $0.key == key } ?? false
        let attempt = attempts[id]
        let early = isWanted ? attempt?.dialogs[tag] : nil
        let dialog = early ?? open(origin, response, on: entry.connection ?? ConnectionID(0))
        dialogs[dialog]?.confirm(by: response, target: (response.contactURI ?? origin.template.requestURI).detached())
        dialogs[dialog]?.note(allowed: response.allow)
        if let account = attempt?.account { dialogs[dialog]?.account = account }
        if attempt?.key == key { removeAttempt(id, keeping: dialog) }

        guard var ack = dialogs[dialog]?.acknowledgement(cseq: origin.template.cseq.number, branch: names.branch()) else { return }
        ack.headers += origin.credentials
        clients[key]?.acks[tag] = ack
        resend(ack, key)
        guard isWanted else {
            // Nobody has heard of this dialog, and nobody will.
            dialogs[dialog]?.phase = .ending
            dialogs[dialog]?.deferredBye = []
            return sendDeferredBye(dialog)
        }
        dialogs[dialog]?.sessionRefreshed(SessionInterval(response), now: now)
        reschedule(dialog)
        emit(.attemptAnswered(id, dialog, response))
        if let bye = dialogs[dialog]?.earlyBye { end(dialog, .remoteBye(bye)) }
    }
}
