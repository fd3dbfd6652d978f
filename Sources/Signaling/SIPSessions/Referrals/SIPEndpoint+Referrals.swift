import SIPMessages
import SottoBase

/// REFER both ways with its implicit subscription (RFC 3515, RFC 6665).
extension SIPEndpoint {
    // MARK: - Received

    mutating func referReceived(_ arrival: Arrival, in id: DialogID) {
        let request = arrival.request
        guard let dialog = dialogs[id] else { return }
        let values = request.headers.filter { $0.name == .referTo }.compactMap(\.text)
        // §2.4.2: exactly one.
        guard values.count == 1, let value = values.first, value.count <= 4_096 else { return refuseWithin(id, arrival, 400) }
        let target = NameAddress(value)
        guard target.isWellFormed else { return refuseWithin(id, arrival, 400) }
        guard dialog.phase == .confirmed, dialog.subscriptions.count + dialog.openReferrals.count < configuration.maximumReferrals else {
            return refuseWithin(id, arrival, 500, [retryAfter(Int(names.pause(below: 11)))])
        }
        let refer = register(arrival, dialog: id, target: nil, session: .none)
        dialogs[id]?.openReferrals.insert(refer)
        deadlines.set(.request(refer), to: requests[refer]?.machine.nextDeadline)
        let replaced = ReplacedDialog(in: target.uri).flatMap { self.replaced($0, peer: arrival.peer) }
        emit(
            .referArrived(
                ReferArrived(
                    refer: refer, dialog: id, connection: arrival.connection, referTo: target, replaces: replaced, request: request)))
    }

    /// A dialog of ours that a Refer-To names: written for its far end, whose own tag is our remote one.
    private func replaced(_ value: ReplacedDialog, peer: PeerID) -> DialogID? {
        let own = ReplacedDialog(callID: value.callID, toTag: value.fromTag, fromTag: value.toTag)
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
        if isAccepted { answer.status = 202 }  // §2.4.2; 200 means the same since RFC 7647, and older peers know this one
        let response = SIPResponse.answer(to: entry.template, answer, tag: dialog.key.localTag, contact: isAccepted ? dialog.contact : nil)
        dialogs[dialogID]?.openReferrals.remove(id)
        guard let outputs = requests[id]?.machine.final(response, now: now) else { return }
        apply(outputs, to: id)
        guard isAccepted, isLive(dialogID) else { return }
        dialogs[dialogID]?.subscriptions[id] = entry.template.cseq.number
        dialogs[dialogID]?.start(.subscription(id), at: now + configuration.referralDeadline)
        subscriptions[id] = dialogID
        reschedule(dialogID)
        // §2.4.4: at once, even if there is nothing to say yet.
        notify(id, in: dialogID, status: 100, state: "active;expires=\(configuration.referralDeadline.wholeMilliseconds / 1_000)")
    }

    mutating func notifyReferral(_ id: RequestID, status: UInt16) {
        guard let dialog = subscriptions[id] else { return }
        let status = (100...699).contains(status) ? status : 500
        if status < 200 { return notify(id, in: dialog, status: status, state: "active") }
        notify(id, in: dialog, status: status, state: "terminated;reason=noresource")
        endSubscription(id, in: dialog)
    }

    private mutating func notify(_ id: RequestID, in dialogID: DialogID, status: UInt16, state: String) {
        guard var dialog = dialogs[dialogID], dialog.phase == .confirmed, let number = dialog.subscriptions[id] else { return }
        // §2.4.6: the id is always there; only the first REFER's could be left out.
        let headers = [
            SIPHeader(.event, WireText("refer;id=\(number)")), SIPHeader(.subscriptionState, WireText(state)),
        ]
        let fragment = "SIP/2.0 \(status) \(SIPResponse.reasonPhrase(status).description)\r\n"
        let notify = dialog.request(
            .notify, branch: names.branch(), headers: headers, body: SIPBody(Array(fragment.utf8)),
            type: SIPContentType("message/sipfrag;version=2.0"))
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
        notify(id, in: dialog, status: 408, state: "terminated;reason=timeout")
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
            let value = ReplacedDialog(callID: replaced.key.callID, toTag: replaced.key.remoteTag, fromTag: replaced.key.localTag)
            uri = SIPURI(WireText(Array(uri.text.bytes) + [uri.headers == nil ? 0x3F : 0x26] + Array(value.escaped.bytes)))
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
            if response.header(otherName: "Refer-Sub")?.equalsIgnoringCase("false") ?? false { referralOver(id, .ended(status: nil)) }
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
        guard let event = request.header(.event), let state = request.header(.subscriptionState) else {
            return refuseWithin(id, arrival, 489, [SIPHeader(.allowEvents, "refer")])
        }
        let (package, parameters) = Self.head(event)
        guard package.equalsIgnoringCase("refer") else { return refuseWithin(id, arrival, 489, [SIPHeader(.allowEvents, "refer")]) }
        guard let referral = dialogs[id]?.referral, parameters.value("id").map({ $0.string == "\(referral)" }) ?? true else {
            return refuseWithin(id, arrival, 481)
        }
        guard let status = Self.fragmentStatus(request) else { return refuseWithin(id, arrival, 400) }
        answerAtOnce(arrival, 200, tag: dialogs[id]?.key.localTag)
        let isTerminated = Self.head(state).0.equalsIgnoringCase("terminated")
        if status >= 200 {
            referralOver(id, .ended(status: status))
        } else if isTerminated {
            referralOver(id, .ended(status: nil))
        } else {
            emit(.referralProgressed(id, .progressed(status: status)))
        }
    }

    private static func head(_ value: WireText) -> (WireText, SIPParameters) {
        let end = value.bytes.firstIndex(of: 0x3B) ?? value.range.upperBound
        return (
            WireText(value.storage, value.range.lowerBound..<end).trimmed,
            SIPParameters(WireText(value.storage, end..<value.range.upperBound))
        )
    }

    /// The status line that begins a sipfrag body (RFC 3420): `SIP/2.0 200 OK`.
    private static func fragmentStatus(_ request: SIPRequest) -> UInt16? {
        guard request.contentType?.isType("message/sipfrag") ?? false, case .bytes(let bytes)? = request.body.chunks.first,
            bytes.count >= 11, WireText(bytes[..<8]).equalsIgnoringCase("SIP/2.0 ")
        else { return nil }
        let digits = bytes[8..<11]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }), bytes.count == 11 || !(0x30...0x39).contains(bytes[11]),
            let status = UInt16(String(decoding: digits, as: UTF8.self)), (100...699).contains(status)
        else { return nil }
        return status
    }
}
