import SIPMessages
import SottoBase

/// How dialogs are refreshed and how they end.
extension SIPEndpoint {
    // MARK: - BYE received

    /// §15.1.2: 200, and 487 to whatever is still open.
    mutating func byeReceived(_ arrival: Arrival, in id: DialogID) {
        answerAtOnce(arrival, 200)
        guard let dialog = dialogs[id] else { return }
        refuseOpenRequests(of: dialog)
        if dialog.phase == .ending {
            // Our BYEs cross (RFC 5407 §3.2.3): each side answers the other's. Ours still waits for its answer, unless it was not sent
            // yet; then there is nothing left to say.
            if dialog.deferredBye != nil { discard(id) }
        } else {
            end(id, .remoteBye(arrival.request))
        }
    }

    private mutating func refuseOpenRequests(of dialog: Dialog) {
        if let invite = dialog.openInvite {
            dialogs[dialog.id]?.openInvite = nil
            respond(to: invite, SIPAnswer(487))
        }
        if let update = dialog.openUpdate, let entry = requests[update] {
            let response = SIPResponse.answer(to: entry.template, 487, tag: dialog.key.localTag)
            if let outputs = requests[update]?.machine.final(response, now: now) { apply(outputs, to: update) }
        }
    }

    // MARK: - UPDATE received

    /// RFC 3311 §5.2. Without a body it refreshes target and session only, and is answered here.
    mutating func updateReceived(_ arrival: Arrival, in id: DialogID) {
        guard let dialog = dialogs[id] else { return }
        let request = arrival.request
        let session = SessionInterval(request)
        guard session != .tooSmall else {
            return refuseWithin(id, arrival, 422, [SessionInterval.minimumHeader])
        }
        if dialog.openUpdate != nil { return refuseWithin(id, arrival, 500, [retryAfter(Int(names.random() % 11))]) }
        if !request.body.isEmpty {
            if dialog.sentInvite != nil { return refuseWithin(id, arrival, 491) }
            // The offer of an INVITE still waits for its answer.
            if dialog.openInvite != nil { return refuseWithin(id, arrival, 500, [retryAfter(Int(names.random() % 11))]) }
            if dialog.unacknowledged.contains(where: { !$0.hadOffer }) { return refuseWithin(id, arrival, 491) }
        }
        let update = register(arrival, dialog: id, target: request.contactURI?.detached(), session: session)
        guard !request.body.isEmpty else { return answerUpdate(update, SIPAnswer(200)) }
        dialogs[id]?.openUpdate = update
        deadlines.set(.request(update), to: requests[update]?.machine.nextDeadline)
        emit(.updateArrived(UpdateArrived(update: update, dialog: id, connection: arrival.connection, request: request)))
    }

    mutating func answerUpdate(_ id: RequestID, _ answer: SIPAnswer) {
        guard let entry = requests[id], entry.machine.isOpen, let dialogID = entry.dialog, let dialog = dialogs[dialogID] else { return }
        var answer = answer
        if !(200...699).contains(answer.status) { answer.status = 500 }
        let isAccepted = answer.status / 100 == 2
        let response = SIPResponse.answer(
            to: entry.template, answer, tag: dialog.key.localTag, contact: isAccepted ? dialog.contact : nil,
            headers: isAccepted ? [allowHeader, supportedHeader] + entry.session.headers : [])
        if isAccepted {
            if let target = entry.target { dialogs[dialogID]?.remoteTarget = target }
            dialogs[dialogID]?.sessionRefreshed(entry.session, now: now)
            reschedule(dialogID)
        }
        guard let outputs = requests[id]?.machine.final(response, now: now) else { return }
        apply(outputs, to: id)
        if dialogs[dialogID]?.openUpdate == id { dialogs[dialogID]?.openUpdate = nil }
    }

    // MARK: - Ending

    mutating func hangUp(_ id: DialogID, refusal: SIPAnswer, headers: [SIPHeader]) {
        guard let dialog = dialogs[id] else { return }
        switch dialog.phase {
        case .early:
            // A callee must not send BYE here (§15): it refuses the INVITE.
            guard let invite = dialog.openInvite else { return }
            var refusal = refusal
            if !(300...699).contains(refusal.status) { refusal.status = 480 }
            refusal.headers += headers
            answer(invite, refusal)
        case .confirmed:
            terminate(id, .localBye, headers: headers)
        case .ending:
            break
        }
    }

    /// Ends a confirmed dialog from our side: the application hears of it at once, the BYE goes out when it may.
    mutating func terminate(_ id: DialogID, _ ending: DialogEnding, headers: [SIPHeader] = []) {
        guard let dialog = dialogs[id], dialog.phase != .ending else { return }
        refuseOpenRequests(of: dialog)
        emit(.dialogEnded(id, ending))
        dialogs[id]?.phase = .ending
        dialogs[id]?.stopSessionTimer()
        dialogs[id]?.deferredBye = headers
        sendDeferredBye(id)
        reschedule(id)
    }

    /// Sends the BYE that was put off, once no 2xx of ours waits for its ACK any more (§15).
    mutating func sendDeferredBye(_ id: DialogID) {
        guard var dialog = dialogs[id], let headers = dialog.deferredBye, dialog.unacknowledged.isEmpty else { return }
        dialog.deferredBye = nil
        let bye = dialog.request(.bye, branch: names.branch(), headers: headers)
        dialogs[id] = dialog
        start(bye, for: .bye(id), in: dialog)
    }

    /// The dialog is over and nothing of ours is under way.
    mutating func end(_ id: DialogID, _ ending: DialogEnding) {
        guard dialogs[id] != nil else { return }
        discard(id)
        emit(.dialogEnded(id, ending))
    }

    mutating func discard(_ id: DialogID) {
        guard let dialog = dialogs.removeValue(forKey: id) else { return }
        dialogIndex[dialog.key] = nil
        deadlines.set(.dialog(id), to: nil)
    }

    // MARK: - Time

    mutating func reschedule(_ id: DialogID) { deadlines.set(.dialog(id), to: dialogs[id]?.nextDeadline) }

    mutating func dialogTimersFired(_ id: DialogID) {
        guard let expired = dialogs[id]?.timersFired(now: now) else { return }
        for expiry in expired {
            guard let dialog = dialogs[id] else { return }
            switch expiry {
            case .resend(let response):
                send(response, to: dialog.peer, preferring: dialog.connection)
            case .unacknowledged:
                // §13.3.1.4. What it held is let go of first, so that nothing defers the BYE.
                dialogs[id]?.unacknowledged = []
                if dialog.phase == .ending { sendDeferredBye(id) } else { terminate(id, .unacknowledged) }
            case .session:
                terminate(id, .sessionExpired)
            }
        }
        reschedule(id)
    }

    mutating func timersFired() {
        // Each owner is set again to a later instant or not at all, so that the loop ends.
        while let owner = deadlines.popDue(now: now) {
            switch owner {
            case .invite(let id):
                inviteTimersFired(id)
            case .request(let id):
                if let outputs = requests[id]?.machine.timersFired(now: now) { apply(outputs, to: id) }
            case .client(let branch):
                clientTimersFired(branch)
            case .dialog(let id):
                dialogTimersFired(id)
            }
        }
    }
}
