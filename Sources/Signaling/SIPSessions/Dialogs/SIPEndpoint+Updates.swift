import SIPMessages
import SottoBase

/// UPDATE both ways (RFC 3311), and the session timer that it refreshes (RFC 4028).
extension SIPEndpoint {
    // MARK: - Received

    /// RFC 3311 §5.2. Without a body it refreshes target and session only, and is answered here.
    mutating func updateReceived(_ arrival: Arrival, in id: DialogID) {
        guard let dialog = dialogs[id] else { return }
        let request = arrival.request
        let session = SessionInterval(request, current: dialog.session)
        guard session != .tooSmall else {
            return refuseWithin(id, arrival, 422, [SessionInterval.minimumHeader])
        }
        if dialog.openUpdate != nil { return refuseWithin(id, arrival, 500, [retryAfter(Int(names.pause(below: 11)))]) }
        if !request.body.isEmpty {
            // Ours is under way: an UPDATE, a re-INVITE, or the INVITE that opens this dialog and has no reliable answer yet.
            if dialog.sentUpdate || (dialog.sentInvite != nil && !(dialog.attempt != nil && dialog.isEarlyOfferAnswered)) {
                return refuseWithin(id, arrival, 491)
            }
            // The offer of an INVITE still waits for its answer.
            if dialog.openInvite != nil, !dialog.isEarlyOfferAnswered {
                return refuseWithin(id, arrival, 500, [retryAfter(Int(names.pause(below: 11)))])
            }
            if dialog.unacknowledged.contains(where: { !$0.hadOffer }) { return refuseWithin(id, arrival, 491) }
        }
        let update = register(arrival, dialog: id, target: request.contactURI?.detached(), session: session)
        dialogs[id]?.note(allowed: request.allow)
        guard !request.body.isEmpty else { return answerUpdate(update, SIPAnswer(200)) }
        dialogs[id]?.openUpdate = update
        deadlines.set(.request(update), to: requests[update]?.machine.nextDeadline)
        emit(.updateArrived(UpdateArrived(update: update, dialog: id, connection: arrival.connection, request: request)))
    }

    mutating func answerUpdate(_ id: RequestID, _ answer: SIPAnswer) {
        guard let entry = requests[id], entry.method == .update, entry.machine.isOpen, let dialogID = entry.dialog,
            let dialog = dialogs[dialogID]
        else { return }
        var answer = answer
        if !(200...699).contains(answer.status) { answer.status = 500 }
        let isAccepted = answer.status / 100 == 2
        let response = SIPResponse.answer(
            to: entry.template, answer, tag: dialog.key.localTag, contact: isAccepted ? dialog.contact : nil,
            headers: isAccepted ? [allowHeader, supportedHeader] + entry.session.headers : [])
        if isAccepted {
            if let target = entry.target { dialogs[dialogID]?.remoteTarget = target }
            // Before the 2xx to the INVITE there is no session to time (RFC 4028 §7.4).
            if dialog.phase == .confirmed { dialogs[dialogID]?.sessionRefreshed(entry.session, now: now) }
            reschedule(dialogID)
        }
        guard let outputs = requests[id]?.machine.final(response, now: now) else { return }
        apply(outputs, to: id)
        if dialogs[dialogID]?.openUpdate == id { dialogs[dialogID]?.openUpdate = nil }
    }

    // MARK: - Sent

    /// RFC 3311 §5.1: only when no offer waits for its answer in either direction.
    mutating func update(_ id: DialogID, _ body: SIPBody) {
        guard var dialog = dialogs[id], dialog.phase != .ending else { return }
        let isInviteOpen = dialog.openInvite != nil || dialog.sentInvite != nil
        guard !dialog.sentUpdate, dialog.openUpdate == nil, dialog.earlyBye == nil, !isInviteOpen || dialog.isEarlyOfferAnswered,
            !dialog.unacknowledged.contains(where: { !$0.hadOffer }), dialog.reliableInvite == nil
        else { return emit(.updateEnded(id, .notNow)) }
        let timer = dialog.phase == .confirmed ? dialog.session.requestHeaders : []
        let update = dialog.request(
            .update, branch: names.branch(), headers: [allowHeader, supportedInsideHeader] + timer, body: body)
        dialog.sentUpdate = true
        dialogs[id] = dialog
        start(update, for: .update(id), in: dialog)
    }

    mutating func updateAnswered(_ id: DialogID, _ response: SIPResponse) {
        dialogs[id]?.sentUpdate = false
        guard isLive(id) else { return }
        guard response.isSuccess else {
            emit(.updateEnded(id, .refused(response)))
            if dialogs[id]?.phase == .confirmed { endIfLost(id, response.status) }
            return
        }
        refreshed(id, by: response)
        emit(.updateEnded(id, .accepted(response)))
    }

    private mutating func refreshed(_ id: DialogID, by response: SIPResponse) {
        if let target = response.contactURI { dialogs[id]?.remoteTarget = target.detached() }
        if dialogs[id]?.phase == .confirmed { dialogs[id]?.sessionRefreshed(SessionInterval(response), now: now) }
        reschedule(id)
    }

    // MARK: - Session timer

    /// Half of the interval is over, and it is for us to refresh (RFC 4028 §7.4, §10).
    mutating func refreshSession(_ id: DialogID) {
        guard var dialog = dialogs[id], dialog.phase == .confirmed else { return }
        guard dialog.openInvite == nil, dialog.sentInvite == nil, dialog.openUpdate == nil, !dialog.sentUpdate,
            dialog.unacknowledged.isEmpty
        else { return refreshLater(id) }
        guard dialog.allowsUpdate else {
            // Only a re-INVITE is left, and only the application knows the session that it must describe.
            dialogs[id]?.refreshLater(Self.refreshRetry * 3, now: now)
            return emit(.refreshDue(id))
        }
        let update = dialog.request(
            .update, branch: names.branch(), headers: [allowHeader, supportedInsideHeader] + dialog.session.requestHeaders)
        dialogs[id] = dialog
        start(update, for: .refresh(id), in: dialog)
    }

    mutating func refreshAnswered(_ id: DialogID, _ response: SIPResponse) {
        guard isLive(id) else { return }
        switch response.status {
        case 200...299:
            refreshed(id, by: response)
        case 408, 481:
            terminate(id, .lost(status: response.status))
        case 405, 501:
            dialogs[id]?.allowsUpdate = false
            refreshLater(id)
        default:
            refreshLater(id)
        }
    }

    private static let refreshRetry = Duration.seconds(10)

    /// The session's end does not move by it.
    mutating func refreshLater(_ id: DialogID) {
        dialogs[id]?.refreshLater(Self.refreshRetry / 2 + .milliseconds(Int64(names.pause(below: 5_000))), now: now)
        reschedule(id)
    }
}
