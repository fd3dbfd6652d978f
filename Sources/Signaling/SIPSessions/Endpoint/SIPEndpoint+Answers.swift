import SIPMessages
import SottoBase

/// What the responses to our requests mean, and what becomes of requests that get none.
extension SIPEndpoint {
    /// A response that its transaction lets through.
    mutating func heard(_ key: ClientKey, _ response: SIPResponse) {
        guard let entry = clients[key] else { return }
        guard response.isFinal else {
            if case .attempt(let id) = entry.purpose { attemptHeard(key, id, response) }
            return
        }
        if response.status == 401 || response.status == 407, retryWithCredentials(key, response) { return }
        if response.status == 422, retryWithInterval(key, response) { return }
        clients[key]?.request = nil
        answered(key, entry, response)
    }

    private mutating func answered(_ key: ClientKey, _ entry: SentRequest, _ response: SIPResponse) {
        if let id = entry.purpose.dialog { dialogs[id]?.note(allowed: response.isSuccess ? response.allow : []) }
        switch entry.purpose {
        case .bye, .cancel:
            break  // whatever the answer, the dialog is over (§15.1.1); a CANCEL's says nothing (§9.1)
        case .probe(let probe):
            emit(.probed(probe, .answered(status: response.status)))
        case .probeDialog(let id):
            guard isLive(id) else { return }
            emit(.dialogProbed(id, .answered(status: response.status)))
            endIfLost(id, response.status)
        case .reoffer(let id):
            reofferAnswered(id, key, response)
        case .attempt(let id):
            attemptAnswered(key, id, response)
        case .prack(let id):
            // RFC 3262 §4: an answer's 2xx. What is refused leaves the provisional response to its sender.
            if isLive(id), dialogs[id]?.phase == .confirmed { endIfLost(id, response.status) }
        case .update(let id):
            updateAnswered(id, response)
        case .refresh(let id):
            refreshAnswered(id, response)
        case .refer(let id):
            referAnswered(id, response)
        case .notify(let id, let referral):
            // RFC 6665 §4.2.2: whoever refuses a NOTIFY has no subscription any more.
            if !response.isSuccess { endSubscription(referral, in: id) }
        case .register(let id):
            registerAnswered(id, response)
        }
    }

    private mutating func reofferAnswered(_ id: DialogID, _ key: ClientKey, _ response: SIPResponse) {
        guard response.isSuccess else {
            dialogs[id]?.sentInvite = nil
            guard isLive(id) else { return }
            emit(.reofferEnded(id, .refused(response)))
            endIfLost(id, response.status)
            return
        }
        let tag = response.to.tag?.detached() ?? ""
        if let ack = clients[key]?.acks[tag] { return resend(ack, key) }
        // Acknowledged also when the dialog is ending: the peer's 2xx would be repeated for 32 s otherwise. A 2xx of another tag is none
        // of this dialog's.
        guard let dialog = dialogs[id], tag == dialog.key.remoteTag else { return }
        if let target = response.contactURI { dialogs[id]?.remoteTarget = target.detached() }
        dialogs[id]?.sentInvite = nil
        if dialog.phase == .confirmed {
            dialogs[id]?.sessionRefreshed(SessionInterval(response), now: now)
            reschedule(id)
        }
        guard let ack = dialogs[id]?.acknowledgement(cseq: response.cseq.number, branch: names.branch()) else { return }
        clients[key]?.acks[tag] = ack
        resend(ack, key)
        if dialog.phase != .ending { emit(.reofferEnded(id, .accepted(response))) }
    }

    // MARK: - Ends without an answer

    mutating func ended(_ key: ClientKey, _ ending: ClientTransaction.Ending) {
        guard let entry = clients.removeValue(forKey: key) else { return }
        switch (entry.purpose, ending) {
        case (.bye(let id), _):
            // A BYE that was challenged has gone out once more.
            if !entry.wasRepeated { discard(id) }
        case (_, .answered):
            break
        case (.probe(let probe), .timedOut):
            emit(.probed(probe, .timedOut))
        case (.probe(let probe), .transportFailed):
            emit(.probed(probe, .unreachable))
        case (.probeDialog(let id), .timedOut):
            guard isLive(id) else { return }
            emit(.dialogProbed(id, .timedOut))
            terminate(id, .lost(status: 408))
        case (.probeDialog(let id), .transportFailed):
            if isLive(id) { emit(.dialogProbed(id, .unreachable)) }
        case (.reoffer(let id), .timedOut):
            dialogs[id]?.sentInvite = nil
            guard isLive(id) else { return }
            emit(.reofferEnded(id, .failed))
            terminate(id, .lost(status: 408))
        case (.reoffer(let id), .transportFailed):
            dialogs[id]?.sentInvite = nil
            if isLive(id) { emit(.reofferEnded(id, .failed)) }
        case (.attempt(let id), .timedOut):
            attemptFailed(key, id, .timedOut)
        case (.attempt(let id), .transportFailed):
            attemptFailed(key, id, .unreachable)
        case (.update(let id), _):
            dialogs[id]?.sentUpdate = false
            guard isLive(id) else { return }
            emit(.updateEnded(id, .failed))
            if ending == .timedOut, dialogs[id]?.phase == .confirmed { terminate(id, .lost(status: 408)) }
        case (.refresh(let id), .timedOut):
            // RFC 4028 §10: 408 ends the session.
            if isLive(id) { terminate(id, .lost(status: 408)) }
        case (.refresh(let id), .transportFailed):
            refreshLater(id)
        case (.refer(let id), _):
            referralOver(id, .failed)
        case (.notify(let id, let referral), .timedOut):
            endSubscription(referral, in: id)
        case (.prack, _), (.cancel, _), (.notify, .transportFailed):
            break
        case (.register(let id), .timedOut):
            registrationFailed(id, .timedOut, retryAfter: nil)
        case (.register(let id), .transportFailed):
            registrationFailed(id, .unreachable, retryAfter: nil)
        }
    }

    func isLive(_ id: DialogID) -> Bool { dialogs[id].map { $0.phase != .ending } ?? false }

    /// §12.2.1.2: the peer does not know the dialog, or does not answer.
    mutating func endIfLost(_ id: DialogID, _ status: UInt16) {
        if status == 481 || status == 408 { terminate(id, .lost(status: status)) }
    }

    // MARK: - Once more

    /// Answers a challenge: the request goes out again with a new branch and number (RFC 3261 §22.2). A challenge of the same kind is
    /// answered again only when it says that the nonce was stale; so no nonce is answered twice in vain, and the loop ends.
    private mutating func retryWithCredentials(_ key: ClientKey, _ response: SIPResponse) -> Bool {
        guard let hashes = configuration.digestHashes, let entry = clients[key], entry.request != nil, mayRetry(entry.purpose, key),
            var account = account(for: entry.purpose)
        else { return false }
        let isProxy = response.status == 407
        let answered = isProxy ? entry.retries.proxy : entry.retries.origin
        guard answered < 3, let challenge = account.take(response, hashes: hashes, clientNonce: names.tag().string) else { return false }
        guard answered == 0 || challenge.isStale else { return false }
        setAccount(account, for: entry.purpose)
        var retries = entry.retries
        if isProxy { retries.proxy += 1 } else { retries.origin += 1 }
        sendAgain(key, entry, retries) { _ in }
        return true
    }

    /// RFC 4028 §7.3: the interval was too small for somebody; with theirs it goes out again.
    private mutating func retryWithInterval(_ key: ClientKey, _ response: SIPResponse) -> Bool {
        guard let entry = clients[key], let request = entry.request, mayRetry(entry.purpose, key), entry.retries.intervals < 3,
            let least = response.seconds(.minSE), least <= 86_400, let current = request.seconds(.sessionExpires), current < least
        else { return false }
        var retries = entry.retries
        retries.intervals += 1
        let role = Array(request.header(.sessionExpires)?.bytes.drop { $0 != 0x3B } ?? [])
        sendAgain(key, entry, retries) { request in
            request.removeHeaders(.sessionExpires)
            request.removeHeaders(.minSE)
            request.add(.sessionExpires, WireText(Array("\(least)".utf8) + role))
            request.add(.minSE, WireText("\(least)"))
        }
        return true
    }

    /// False when nobody waits for its success any more.
    private func mayRetry(_ purpose: SentRequest.Purpose, _ key: ClientKey) -> Bool {
        switch purpose {
        case .bye(let id): dialogs[id] != nil
        case .attempt(let id): attempts[id]?.phase == .calling && attempts[id]?.key == key
        case .probe, .cancel: false
        case .register(let id): registrations[id] != nil
        case .reoffer(let id), .probeDialog(let id), .prack(let id), .update(let id), .refresh(let id), .refer(let id), .notify(let id, _):
            isLive(id)
        }
    }

    func account(for purpose: SentRequest.Purpose) -> DigestAccount? {
        switch purpose {
        case .attempt(let id): attempts[id]?.account
        case .register(let id): registrations[id]?.account
        default: purpose.dialog.flatMap { dialogs[$0]?.account }
        }
    }

    private mutating func setAccount(_ account: DigestAccount, for purpose: SentRequest.Purpose) {
        switch purpose {
        case .attempt(let id): attempts[id]?.account = account
        case .register(let id): registrations[id]?.account = account
        default: if let id = purpose.dialog { dialogs[id]?.account = account }
        }
    }

    private mutating func sendAgain(
        _ key: ClientKey, _ entry: SentRequest, _ retries: SentRequest.Retries, _ change: (inout SIPRequest) -> Void
    ) {
        guard var request = entry.request else { return }
        clients[key]?.request = nil
        clients[key]?.wasRepeated = true
        change(&request)
        let branch = names.branch()
        switch entry.purpose {
        case .attempt(let id):
            attemptAgain(id, request, branch, retries, after: entry)
        case .register(let id):
            registerAgain(id, request, branch, retries)
        default:
            guard let id = entry.purpose.dialog, var dialog = dialogs[id] else { return }
            request.cseq = CSeq(dialog.nextCSeq(), request.method)
            request.vias = [.own(branch: branch, profile: dialog.profile)]
            if request.method == .invite { dialog.sentInvite = branch }
            if request.method == .refer { dialog.referral = request.cseq.number }
            dialogs[id] = dialog
            start(request, for: entry.purpose, in: dialog, retries: retries)
        }
    }
}
