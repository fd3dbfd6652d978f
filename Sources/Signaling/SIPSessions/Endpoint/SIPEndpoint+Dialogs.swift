import SIPMessages
import SottoBase

/// How dialogs are refreshed and how they end.
extension SIPEndpoint {
    // MARK: - BYE received

    /// §15.1.2: 200, and 487 to whatever is still open.
    mutating func byeReceived(_ arrival: Arrival, in id: DialogID) {
        answerAtOnce(arrival, 200)
        guard let dialog = dialogs[id] else { return }
        if dialog.phase == .early, dialog.attempt != nil {
            // It has overtaken the callee's 2xx (RFC 5407 §3.1.2): that one is still acknowledged, and then the call is over.
            if dialog.earlyBye == nil { dialogs[id]?.earlyBye = arrival.request }
            return
        }
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
        for update in dialog.openReferrals.sorted() + [dialog.openUpdate].compactMap({ $0 }) {
            guard let entry = requests[update] else { continue }
            let response = SIPResponse.answer(to: entry.template, 487, tag: dialog.key.localTag)
            if let outputs = requests[update]?.machine.final(response, now: now) { apply(outputs, to: update) }
        }
    }

    // MARK: - Ending

    mutating func hangUp(_ id: DialogID, refusal: SIPAnswer, headers: [SIPHeader]) {
        guard let dialog = dialogs[id] else { return }
        switch dialog.phase {
        case .early:
            // A callee must not send BYE here (§15): it refuses the INVITE. A caller cancels its attempt.
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
        // Deviation: they would outlive the BYE (RFC 5057 §4.1), but nobody is left who could say how it went on.
        for referral in dialog.subscriptions.keys { endSubscription(referral, in: id) }
        dialogs[id]?.referral = nil
        dialogs[id]?.stop(.referral)
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
        for referral in dialog.subscriptions.keys { subscriptions[referral] = nil }
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
            case .refresh:
                refreshSession(id)
            case .subscription(let referral):
                subscriptionExpired(referral, in: id)
            case .referral:
                referralOver(id, .ended(status: nil))
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
            case .attempt(let id):
                attemptTimersFired(id)
            case .registration(let id):
                registrationTimerFired(id)
            }
        }
    }
}
