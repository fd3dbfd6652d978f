import SIPMessages
import SottoBase

/// Calls out: the INVITE, its CANCEL, and its failure (RFC 3261 §9.1, §13.2, RFC 5407).
extension SIPEndpoint {
    // MARK: - Sending

    mutating func invite(_ invite: OutgoingInvite) {
        guard attempts[invite.attempt] == nil else { return }
        guard let profile = connections[invite.connection], attempts.count < configuration.maximumAttempts,
            dialogs.count < configuration.maximumDialogs
        else { return emit(.attemptEnded(invite.attempt, .unreachable)) }
        // RFC 3261 §8.1.1.8: sips: when the target or the first route is.
        let isSecureScheme = invite.requestURI.scheme == .sips || invite.routes.first?.uri.scheme == .sips
        let contact = NameAddress.contact(of: profile, isSecureScheme: isSecureScheme, user: invite.contactUser)
        let branch = names.branch()
        var request = SIPRequest(
            .invite, invite.requestURI, via: .own(branch: branch, profile: profile), from: invite.from.withTag(names.tag()), to: invite.to,
            callID: SIPCallID(names.tag()), cseq: 1, maxForwards: invite.maxForwards)
        request.routes = invite.routes
        request.contacts = [contact]
        request.headers = [allowHeader, supportedHeader]
        if let seconds = invite.sessionExpires {
            // No refresher: the callee chooses (RFC 4028 §7.1).
            request.add(.sessionExpires, WireText("\(max(seconds, SessionInterval.minimum))"))
        }
        if invite.requiresReliableProvisionals { request.add(.require, "100rel") }
        request.headers += invite.headers
        request.setBody(invite.body, type: invite.contentType)
        let limit = invite.expires ?? configuration.answerDeadline
        var attempt = Attempt(
            id: invite.attempt, profile: profile, connection: invite.connection, contact: contact, limit: limit,
            key: ClientKey(branch: branch, method: .invite), template: request.template,
            account: invite.credentials.map(DigestAccount.init))
        attempt.timers.start(.limit, at: now + limit)
        attempts[invite.attempt] = attempt
        start(request, for: attempt)
        rescheduleAttempt(invite.attempt)
    }

    private mutating func start(_ request: SIPRequest, for attempt: Attempt, retries: SentRequest.Retries = SentRequest.Retries()) {
        let origin = SentRequest.Origin(
            template: request.template, credentials: request.headers.filter { $0.name == .authorization || $0.name == .proxyAuthorization },
            contact: attempt.contact, profile: attempt.profile)
        let peer = attempt.profile.peer
        let target = ConnectionTarget(connection: openConnection(attempt.connection, of: peer), orPeerOf: peer)
        // Its own time limit comes first, then the CANCEL's; the transaction's is only the last resort.
        start(
            request, for: .attempt(attempt.id), target: target, isReliable: attempt.profile.isReliable,
            patience: attempt.limit + configuration.timings.transactionTimeout * 3, retries: retries, origin: origin)
    }

    /// After a challenge or a 422: a new transaction of the same attempt (RFC 3261 §8.1.3.5, §22.2). Early dialogs ended with the old one.
    mutating func attemptAgain(
        _ id: AttemptID, _ request: SIPRequest, _ branch: WireText, _ retries: SentRequest.Retries, after entry: SentRequest
    ) {
        guard var attempt = attempts[id] else { return }
        forgetEarlyDialogs(of: &attempt)
        var request = request
        request.cseq = CSeq(attempt.template.cseq.number &+ 1, .invite)
        request.vias = [.own(branch: branch, profile: attempt.profile)]
        if let hashes = configuration.digestHashes { attempt.account?.authorize(&request, hashes: hashes) }
        attempt.key = ClientKey(branch: branch, method: .invite)
        attempt.template = request.template
        attempt.hasProvisional = false
        attempts[id] = attempt
        start(request, for: attempt, retries: retries)
    }

    // MARK: - Withdrawing

    mutating func cancel(_ id: AttemptID, headers: [SIPHeader]) { withdraw(id, .cancelled, headers) }

    /// The application hears of the end at once; the peer as soon as it may.
    private mutating func withdraw(_ id: AttemptID, _ ending: AttemptEnding, _ headers: [SIPHeader]) {
        guard var attempt = attempts[id], attempt.phase == .calling else { return }
        attempt.phase = .withdrawing
        attempt.timers.stopAll()
        attempt.owedCancel = headers
        forgetEarlyDialogs(of: &attempt)
        attempts[id] = attempt
        // Not to be sent again, whatever it is answered with.
        clients[attempt.key]?.request = nil
        emit(.attemptEnded(id, ending))
        if attempt.hasProvisional { sendOwedCancel(id) }
        rescheduleAttempt(id)
    }

    /// §9.1: the INVITE's own words with the method changed.
    private mutating func sendOwedCancel(_ id: AttemptID) {
        guard let attempt = attempts[id], let headers = attempt.owedCancel else { return }
        attempts[id]?.owedCancel = nil
        attempts[id]?.timers.start(.cancelled, at: now + configuration.timings.transactionTimeout)
        rescheduleAttempt(id)
        let invite = attempt.template
        var fields = SIPFields()
        fields.vias = invite.vias
        fields.from = invite.from
        fields.to = invite.to
        fields.callID = invite.callID
        fields.cseq = CSeq(invite.cseq.number, .cancel)
        fields.routes = invite.routes
        fields.maxForwards = 70
        fields.headers = headers
        let cancel = SIPRequest(method: .cancel, requestURI: invite.requestURI, fields: fields)
        let peer = attempt.profile.peer
        let preferred = clients[attempt.key]?.connection ?? attempt.connection
        let target = ConnectionTarget(connection: openConnection(preferred, of: peer), orPeerOf: peer)
        start(cancel, for: .cancel, target: target, isReliable: attempt.profile.isReliable)
    }

    func earlyDialogLimitReached(_ attempt: Attempt) -> Bool { attempt.dialogs.count >= configuration.maximumForks }

    /// They have no end of their own: what ends the attempt ends them.
    mutating func forgetEarlyDialogs(of attempt: inout Attempt, but kept: DialogID? = nil) {
        for id in attempt.dialogs.values where id != kept { discard(id) }
        attempt.dialogs = [:]
    }

    // MARK: - Failing

    /// No final response: timer B, or no connection.
    mutating func attemptFailed(_ key: ClientKey, _ id: AttemptID, _ ending: AttemptEnding) {
        guard let attempt = attempts[id], attempt.key == key else { return }
        removeAttempt(id)
        if attempt.phase == .calling { emit(.attemptEnded(id, ending)) }
    }

    mutating func removeAttempt(_ id: AttemptID, keeping dialog: DialogID? = nil) {
        guard var attempt = attempts.removeValue(forKey: id) else { return }
        forgetEarlyDialogs(of: &attempt, but: dialog)
        deadlines.set(.attempt(id), to: nil)
    }

    // MARK: - Provisional responses

    /// A provisional response to the INVITE.
    mutating func attemptHeard(_ key: ClientKey, _ id: AttemptID, _ response: SIPResponse) {
        guard attempts[id]?.key == key else { return }
        attempts[id]?.hasProvisional = true
        // RFC 5407 §3.1.1: from now on it may be cancelled.
        guard attempts[id]?.phase == .calling else { return sendOwedCancel(id) }
        guard response.status > 100, let dialog = earlyDialog(of: id, key, response) else { return }
        dialogs[dialog]?.note(allowed: response.allow)
        if response.has("100rel", in: .require) {
            // What came before, or too early, is not processed (RFC 3262 §4).
            guard acknowledgeProvisional(response, in: dialog) else { return }
        }
        emit(.attemptProgressed(id, dialog, response))
    }

    /// The early dialog of a response's To tag, a new one if need be (§12.1.2). Nil without a tag, and for more forks than we follow.
    private mutating func earlyDialog(of id: AttemptID, _ key: ClientKey, _ response: SIPResponse) -> DialogID? {
        guard let attempt = attempts[id], let entry = clients[key], let origin = entry.origin, let tag = response.to.tag, !tag.isEmpty
        else { return nil }
        if let known = attempt.dialogs[tag] {
            // Gone only when the peer has ended it.
            if dialogs[known]?.earlyBye != nil { return nil }
            if let target = response.contactURI { dialogs[known]?.remoteTarget = target.detached() }
            return known
        }
        guard !earlyDialogLimitReached(attempt), dialogs.count < configuration.maximumDialogs else { return nil }
        let dialog = open(origin, response, on: entry.connection ?? attempt.connection)
        dialogs[dialog]?.attempt = id
        dialogs[dialog]?.sentInvite = key.branch
        dialogs[dialog]?.account = attempt.account
        attempts[id]?.dialogs[tag.detached()] = dialog
        return dialog
    }

    /// A dialog of ours from a response to our INVITE.
    mutating func open(_ origin: SentRequest.Origin, _ response: SIPResponse, on connection: ConnectionID) -> DialogID {
        let id = DialogID(value: identifier())
        // Without a Contact, which the callee owes us, the next hop is asked to find the way once more.
        let target = (response.contactURI ?? origin.template.requestURI).detached()
        let dialog = Dialog(
            openedBy: origin.template, response: response, target: target, id: id, contact: origin.contact, connection: connection,
            profile: origin.profile)
        dialogs[id] = dialog
        dialogIndex[dialog.key] = id
        return id
    }

    // MARK: - Time

    mutating func rescheduleAttempt(_ id: AttemptID) { deadlines.set(.attempt(id), to: attempts[id]?.timers.next) }

    mutating func attemptTimersFired(_ id: AttemptID) {
        while let timer = attempts[id]?.timers.popExpired(now: now) {
            switch timer {
            case .limit:
                withdraw(id, .timedOut, [])
            case .cancelled:
                // §9.1: no final response within 64·T1: the transaction is over.
                guard let key = attempts[id]?.key else { break }
                clients[key] = nil
                deadlines.set(.client(key), to: nil)
                removeAttempt(id)
            }
        }
        rescheduleAttempt(id)
    }
}
