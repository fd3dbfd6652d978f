import SIPMessages
import SottoBase

/// INVITE, re-INVITE, CANCEL and ACK as UAS, and the application's answers to them.
extension SIPEndpoint {
    // MARK: - Arriving

    mutating func inviteReceived(_ arrival: Arrival) {
        let request = arrival.request
        guard dialogs.count < configuration.maximumDialogs else {
            return refuse(arrival, 503, [retryAfter(configuration.overloadRetryAfter)])
        }
        guard let target = request.contactURI else {
            return refuse(arrival, SIPAnswer(400, reason: "Bad Request (no Contact)"))  // §8.1.1.8: an INVITE must have one
        }
        let session = SessionInterval(request)
        guard session != .tooSmall else { return refuse(arrival, 422, [SessionInterval.minimumHeader]) }

        let replaced: DialogID?
        switch replacement(arrival) {
        case .none: replaced = nil
        case .dialog(let id): replaced = id
        case .refused(let status): return refuse(arrival, status)
        }

        let dialog = DialogID(value: identifier())
        let tag = names.tag()
        dialogs[dialog] = Dialog(
            acceptingFrom: request, target: target.detached(), id: dialog, localTag: tag,
            contact: .contact(of: arrival.profile, for: request), connection: arrival.connection, profile: arrival.profile)
        if let key = dialogs[dialog]?.key { dialogIndex[key] = dialog }
        dialogs[dialog]?.note(allowed: request.allow)
        let invite = register(
            arrival, dialog: dialog, merged: MergedRequestKey(request, peer: arrival.peer), localTag: tag, session: session)
        dialogs[dialog]?.openInvite = invite
        startWaiting(invite, expires: request.seconds(.expires))
        try100(invite)
        emit(
            .inviteArrived(
                InviteArrived(invite: invite, dialog: dialog, connection: arrival.connection, peer: arrival.peer, request: request,
                    replaces: replaced)))
    }

    mutating func reinviteReceived(_ arrival: Arrival, in id: DialogID) {
        guard let dialog = dialogs[id] else { return }
        if dialog.openInvite != nil || dialog.openUpdate != nil || dialog.unacknowledged.count >= 2 {
            return refuseWithin(id, arrival, 500, [retryAfter(Int(names.pause(below: 11)))])  // §14.2: 0 to 10 s by chance
        }
        if dialog.sentInvite != nil || dialog.sentUpdate {
            return refuseWithin(id, arrival, 491)  // §14.2: glare
        }
        if dialog.unacknowledged.contains(where: { !$0.hadOffer }) {
            return refuseWithin(id, arrival, 491)  // the answer to our offer is still on its way in an ACK (RFC 5407 §3.1.5)
        }
        let session = SessionInterval(arrival.request, current: dialog.session)
        guard session != .tooSmall else { return refuseWithin(id, arrival, 422, [SessionInterval.minimumHeader]) }
        let invite = register(arrival, dialog: id, merged: nil, localTag: dialog.key.localTag, session: session)
        dialogs[id]?.openInvite = invite
        startWaiting(invite, expires: arrival.request.seconds(.expires))
        try100(invite)
        emit(
            .reinviteArrived(ReinviteArrived(invite: invite, dialog: id, connection: arrival.connection, request: arrival.request)))
    }

    mutating func register(
        _ arrival: Arrival, dialog: DialogID, merged: MergedRequestKey?, localTag: WireText, session: SessionInterval
    ) -> InviteID {
        let id = InviteID(value: identifier())
        invites[id] = ReceivedInvite(
            key: arrival.key, merged: merged, dialog: dialog, template: arrival.request.template, localTag: localTag,
            connection: arrival.connection, peer: arrival.peer, hadOffer: !arrival.request.body.isEmpty,
            target: arrival.request.contactURI?.detached(), session: session, proposal: SessionInterval.Proposal(arrival.request),
            machine: ServerInviteTransaction(timings: configuration.timings, isReliable: arrival.profile.isReliable),
            reliability: ReliableProvisionals(arrival.request, timings: configuration.timings))
        inviteIndex[arrival.key] = id
        if let merged { mergedIndex[merged] = id }
        return id
    }

    private mutating func startWaiting(_ id: InviteID, expires: UInt32?) {
        invites[id]?.waits.start(.unanswered, at: now + configuration.answerDeadline)
        if let expires { invites[id]?.waits.start(.expires, at: now + .seconds(Int64(expires))) }
    }

    /// At once, so that the peer stops retransmitting; no tag, so that it opens no dialog (§17.2.1, §8.2.6.1).
    private mutating func try100(_ id: InviteID) {
        guard let entry = invites[id] else { return }
        let response = SIPResponse.answer(to: entry.template, 100, tag: nil)
        guard let outputs = invites[id]?.machine.provisional(response) else { return }
        apply(outputs, to: id)
    }

    // MARK: - ACK

    mutating func ackReceived(_ arrival: Arrival) {
        let request = arrival.request
        if let id = inviteIndex[arrival.key], let outputs = invites[id]?.machine.ackReceived(now: now) {
            let isForSuccess = outputs.contains(.acknowledgedSuccess)
            apply(outputs, to: id)
            if !isForSuccess { return }
        }
        let key = DialogKey(callID: request.callID, localTag: request.to.tag ?? "", remoteTag: request.from.tag ?? "")
        guard let id = dialogIndex[key], let dialog = dialogs[id], dialog.peer == arrival.peer else {
            // The ACK of a stateless refusal is expected and means nothing.
            let isOwn = request.to.tag == names.statelessTag(for: request)
            return isOwn ? () : emit(.turnedAway(.stray, on: arrival.connection))
        }
        guard let accepted = dialogs[id]?.acknowledged(cseq: request.cseq.number) else { return }  // the ACK of a retransmitted 2xx
        if dialog.phase != .ending { emit(.acknowledged(id, accepted.invite, ack: request)) }
        sendDeferredBye(id)
        reschedule(id)
    }

    // MARK: - CANCEL

    /// §9.2: 200 to the CANCEL; 487 to the INVITE unless that has its final response.
    mutating func cancelReceived(_ arrival: Arrival) {
        guard let key = ServerTransactionKey.invite(cancelledBy: arrival.request, peer: arrival.peer), let id = inviteIndex[key],
            let entry = invites[id]
        else { return refuse(arrival, 481) }
        answerAtOnce(arrival, 200, tag: entry.localTag)
        guard entry.machine.isProceeding else { return }
        respond(to: id, SIPAnswer(487))
        if entry.isInitial {
            end(entry.dialog, .cancelled(arrival.request))
        } else {
            withdrawn(id)
        }
    }

    /// A re-INVITE is over without the application.
    private mutating func withdrawn(_ id: InviteID) {
        guard let entry = invites[id], dialogs[entry.dialog]?.openInvite == id else { return }
        dialogs[entry.dialog]?.openInvite = nil
        emit(.reinviteWithdrawn(entry.dialog, id))
    }

    // MARK: - Answers

    mutating func answer(_ id: InviteID, _ answer: SIPAnswer) {
        guard let entry = invites[id], entry.machine.isProceeding, dialogs[entry.dialog]?.openInvite == id else { return }
        switch answer.status {
        case 101...199: progress(id, entry, answer)
        case 200...299: accept(id, entry, answer)
        default: decline(id, entry, answer)
        }
    }

    private mutating func progress(_ id: InviteID, _ entry: ReceivedInvite, _ answer: SIPAnswer) {
        if progressReliably(id, entry, answer) { return }
        let response = response(to: entry, answer, headers: [])
        sendProvisional(id, response)
    }

    mutating func sendProvisional(_ id: InviteID, _ response: SIPResponse) {
        guard let outputs = invites[id]?.machine.provisional(response) else { return }
        invites[id]?.waits.start(.refresh, at: now + configuration.provisionalRefresh)
        apply(outputs, to: id)
    }

    private mutating func accept(_ id: InviteID, _ entry: ReceivedInvite, _ answer: SIPAnswer) {
        guard var dialog = dialogs[entry.dialog] else { return }
        if entry.reliability.holdsBackSuccess {
            // RFC 3262 §3: not before the PRACK of the answer in the provisional response.
            invites[id]?.reliability.wait(answer)
            return
        }
        var entry = entry
        if case .none = entry.session, let seconds = answer.sessionExpires { entry.session = .proposed(seconds, entry.proposal) }
        invites[id]?.reliability.stop()
        dialog.isEarlyOfferAnswered = false
        let response = response(to: entry, answer, headers: [allowHeader, supportedHeader] + entry.session.headers)
        dialog.phase = .confirmed
        dialog.openInvite = nil
        // The target moves only now: a refused re-INVITE changes nothing (RFC 6141 §4.1).
        if let target = entry.target { dialog.remoteTarget = target }
        dialog.sessionRefreshed(entry.session, now: now)
        dialog.unacknowledged.append(
            AcceptedInvite(
                invite: id, cseq: entry.template.cseq.number, hadOffer: entry.hadOffer, response: response, timings: configuration.timings,
                now: now))
        dialogs[entry.dialog] = dialog
        reschedule(entry.dialog)
        invites[id]?.waits.stopAll()
        guard let outputs = invites[id]?.machine.success(response, now: now) else { return }
        apply(outputs, to: id)
    }

    private mutating func decline(_ id: InviteID, _ entry: ReceivedInvite, _ answer: SIPAnswer) {
        var answer = answer
        if !(300...699).contains(answer.status) { answer.status = 500 }  // no status at all: the application's fault, not the peer's
        respond(to: id, answer)
        if entry.isInitial {
            end(entry.dialog, .refused(status: answer.status))
        } else {
            dialogs[entry.dialog]?.openInvite = nil
        }
    }

    /// A final response other than 2xx. What becomes of the dialog is the caller's business.
    mutating func respond(to id: InviteID, _ answer: SIPAnswer) {
        guard let entry = invites[id] else { return }
        if dialogs[entry.dialog]?.openInvite == id || entry.isInitial {
            dialogs[entry.dialog]?.reliableInvite = nil
            dialogs[entry.dialog]?.isEarlyOfferAnswered = false
        }
        let response = SIPResponse.answer(to: entry.template, answer, tag: entry.localTag)
        invites[id]?.waits.stopAll()
        invites[id]?.reliability.stop()
        guard let outputs = invites[id]?.machine.failure(response, now: now) else { return }
        apply(outputs, to: id)
    }

    /// A response that belongs to the dialog: with Contact (§12.1.1).
    private func response(to entry: ReceivedInvite, _ answer: SIPAnswer, headers: [SIPHeader]) -> SIPResponse {
        .answer(to: entry.template, answer, tag: entry.localTag, contact: dialogs[entry.dialog]?.contact, headers: headers)
    }

    /// Ends an INVITE without the application.
    mutating func giveUp(_ id: InviteID, _ status: UInt16, _ ending: DialogEnding) {
        guard let entry = invites[id], entry.machine.isProceeding else { return }
        respond(to: id, SIPAnswer(status))
        if entry.isInitial { end(entry.dialog, ending) } else { withdrawn(id) }
    }

    // MARK: - The transaction's outputs

    mutating func apply(_ outputs: [ServerInviteTransaction.Output], to id: InviteID) {
        guard let entry = invites[id] else { return }
        for output in outputs {
            switch output {
            case .send(let response):
                send(response, to: entry.peer, preferring: entry.connection)
            case .acknowledgedSuccess:
                break  // `ackReceived` takes it to the dialog
            case .ended:
                invites[id] = nil
                inviteIndex[entry.key] = nil
                if let merged = entry.merged, mergedIndex[merged] == id { mergedIndex[merged] = nil }
            }
        }
        deadlines.set(.invite(id), to: invites[id]?.nextDeadline)
    }

    mutating func inviteTimersFired(_ id: InviteID) {
        guard let outputs = invites[id]?.machine.timersFired(now: now) else { return }
        apply(outputs, to: id)
        reliabilityTimersFired(id)
        while let wait = invites[id]?.waits.popExpired(now: now) {
            switch wait {
            case .refresh:
                invites[id]?.waits.start(.refresh, at: now + configuration.provisionalRefresh)
                if let outputs = invites[id]?.machine.retransmissionReceived() { apply(outputs, to: id) }
            case .expires, .unanswered:
                giveUp(id, wait == .expires ? 487 : 480, wait == .expires ? .expired : .unanswered)
            }
        }
        deadlines.set(.invite(id), to: invites[id]?.nextDeadline)
    }
}
