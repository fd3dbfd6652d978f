import SIPMessages
import SottoBase

/// REFER both ways with its implicit subscription (RFC 3515, RFC 6665).
extension SIPEndpoint {
    // MARK: - Received

    mutating func referReceived(_ arrival: Arrival, in id: DialogID) {
        let request = arrival.request
        guard let dialog = dialogs[id] else { return }
        // §2.4.2: exactly one.
        guard let target = request.referTo, target.text.count <= 4_096 else { return refuseWithin(id, arrival, 400) }
        guard dialog.phase == .confirmed, dialog.subscriptions.count + dialog.openReferrals.count < configuration.maximumReferrals else {
            return refuseWithin(id, arrival, 500, [retryAfter(Int(names.pause(below: 11)))])
        }
        let refer = register(arrival, dialog: id, target: nil, session: .none)
        dialogs[id]?.openReferrals.insert(refer)
        deadlines.set(.request(refer), to: requests[refer]?.machine.nextDeadline)
        let replaced = SIPReplaces(in: target.uri).flatMap { self.replaced($0, peer: arrival.peer) }
        emit(
            .referArrived(
                ReferArrived(
                    refer: refer, dialog: id, connection: arrival.connection, referTo: target, replaces: replaced, request: request)))
    }

    /// A dialog of ours that a Refer-To names: written for its far end, whose own tag is our remote one.
    private func replaced(_ value: SIPReplaces, peer: PeerID) -> DialogID? {
        let own = SIPReplaces(callID: value.callID, toTag: value.fromTag, fromTag: value.toTag)
        guard let dialog = dialog(own), dialog.peer == peer, dialog.phase != .ending else { return nil }
        return dialog.id
    }

    mutating func answerRefer(_ id: RequestID, _ answer: SIPAnswer) {
        guard let entry = requests[id], entry.method == .refer, entry.machine.isOpen, let dialogID = entry.dialog,
            let dialog = dialogs[dialogID]
        else { return }
        var answer = answer
        if !(200...699).contains(answer.status) { answer.status = 500 }
        let isAccepted = answer.status / 100 == 2
        let isSilent = !entry.template.wantsReferSubscription
        if isAccepted {
            answer.status = 202  // §2.4.2; 200 means the same since RFC 7647, and older peers know this one
            // RFC 4488 §4: who wants to hear no more of it hears no more.
            if isSilent { answer.headers.append(SIPRequest.noSubscription) }
        }
        let response = SIPResponse.answer(to: entry.template, answer, tag: dialog.key.localTag, contact: isAccepted ? dialog.contact : nil)
        dialogs[dialogID]?.openReferrals.remove(id)
        guard let outputs = requests[id]?.machine.final(response, now: now) else { return }
        apply(outputs, to: id)
        guard isAccepted, !isSilent, isLive(dialogID) else { return }
        dialogs[dialogID]?.subscriptions[id] = entry.template.cseq.number
        dialogs[dialogID]?.start(.subscription(id), at: now + configuration.referralDeadline)
        subscriptions[id] = dialogID
        reschedule(dialogID)
        // §2.4.4: at once, even if there is nothing to say yet.
        let seconds = UInt32(clamping: configuration.referralDeadline.wholeMilliseconds / 1_000)
        notify(id, in: dialogID, status: 100, state: SIPSubscriptionState(.active, expires: seconds))
    }

    mutating func notifyReferral(_ id: RequestID, status: UInt16) {
        guard let dialog = subscriptions[id] else { return }
        let status = (100...699).contains(status) ? status : 500
        if status < 200 { return notify(id, in: dialog, status: status, state: SIPSubscriptionState(.active)) }
        notify(id, in: dialog, status: status, state: SIPSubscriptionState(.terminated, reason: "noresource"))
        endSubscription(id, in: dialog)
    }

    private mutating func notify(_ id: RequestID, in dialogID: DialogID, status: UInt16, state: SIPSubscriptionState) {
        guard var dialog = dialogs[dialogID], dialog.phase == .confirmed, let number = dialog.subscriptions[id] else { return }
        // §2.4.6: the id is always there; only the first REFER's could be left out.
        let headers = [SIPEventPackage("refer", id: WireText("\(number)")).header, state.header]
        let fragment = SIPFragment(status: status, reasonPhrase: WireText(SIPResponse.reasonPhrase(status).description))
        let notify = dialog.request(
            .notify, branch: names.branch(), headers: headers, body: fragment.body, type: .sipfrag)
        dialogs[dialogID] = dialog
        start(notify, for: .notify(dialogID, id), in: dialog)
    }

    mutating func endSubscription(_ id: RequestID, in dialog: DialogID) {
        subscriptions[id] = nil
        dialogs[dialog]?.subscriptions[id] = nil
        dialogs[dialog]?.stop(.subscription(id))
        reschedule(dialog)
    }

    /// The application said nothing for too long.
    mutating func subscriptionExpired(_ id: RequestID, in dialog: DialogID) {
        notify(id, in: dialog, status: 408, state: SIPSubscriptionState(.terminated, reason: "timeout"))
        endSubscription(id, in: dialog)
    }

    // MARK: - Sent

    mutating func refer(_ id: DialogID, to target: NameAddress, replaces: DialogID?, headers: [SIPHeader]) {
        guard var dialog = dialogs[id], dialog.phase != .ending else { return }
        guard dialog.phase == .confirmed, dialog.referral == nil else { return emit(.referralProgressed(id, .notNow)) }
        var uri = target.uri
        if let replaces {
            guard let replaced = dialogs[replaces], replaced.phase != .ending else { return emit(.referralProgressed(id, .notNow)) }
            // Written for the far end: its own tag is to-tag (RFC 3891 §3).
            let value = SIPReplaces(callID: replaced.key.callID, toTag: replaced.key.remoteTag, fromTag: replaced.key.localTag)
            let before: [UInt8] = uri.headers.map { $0.bytes + [0x26] } ?? []
            uri = uri.withHeaders(WireText(before + Array(value.embedded.bytes)))
        }
        let referTo = SIPHeader(.referTo, NameAddress(uri, displayName: target.displayName).text)
        let refer = dialog.request(.refer, branch: names.branch(), headers: [referTo, supportedInsideHeader] + headers)
        dialog.referral = refer.cseq.number
        dialog.start(.referral, at: now + configuration.referralDeadline + configuration.timings.transactionTimeout)
        dialogs[id] = dialog
        reschedule(id)
        start(refer, for: .refer(id), in: dialog)
    }

    mutating func referAnswered(_ id: DialogID, _ response: SIPResponse) {
        guard isLive(id), dialogs[id]?.referral != nil else { return }  // a NOTIFY may have ended it before
        if response.isSuccess {
            emit(.referralProgressed(id, .accepted))
            // RFC 4488 §4: the peer grants no subscription, nothing more will be heard.
            if !response.wantsReferSubscription { referralOver(id, .ended(status: nil)) }
        } else {
            referralOver(id, .refused(response))
            endIfLost(id, response.status)
        }
    }

    mutating func referralOver(_ id: DialogID, _ progress: ReferralProgress) {
        guard isLive(id), dialogs[id]?.referral != nil else { return }
        dialogs[id]?.referral = nil
        dialogs[id]?.stop(.referral)
        reschedule(id)
        emit(.referralProgressed(id, progress))
    }

    // MARK: - NOTIFY received

    /// RFC 6665 §4.1.3 and RFC 3515 §2.4.5, for the one package that we subscribe to.
    mutating func notifyReceived(_ arrival: Arrival, in id: DialogID) {
        let request = arrival.request
        guard let event = request.event, event.isRefer, let subscription = request.subscriptionState else {
            return refuseWithin(id, arrival, 489, [SIPHeader(.allowEvents, "refer")])
        }
        guard let referral = dialogs[id]?.referral, event.id.map({ $0.string == "\(referral)" }) ?? true else {
            return refuseWithin(id, arrival, 481)
        }
        guard request.contentType?.isSipfrag ?? false, let status = SIPFragment(request.body)?.status else {
            return refuseWithin(id, arrival, 400)
        }
        answerAtOnce(arrival, 200, tag: dialogs[id]?.key.localTag)
        if status >= 200 {
            referralOver(id, .ended(status: status))
        } else if subscription.state == .terminated {
            referralOver(id, .ended(status: nil))
        } else {
            emit(.referralProgressed(id, .progressed(status: status)))
        }
    }
}
