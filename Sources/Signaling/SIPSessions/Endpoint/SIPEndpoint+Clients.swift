import SIPMessages
import SottoBase

/// A request of ours that waits for its answer.
struct SentRequest: Sendable {
    enum Purpose: Hashable, Sendable {
        case bye(DialogID)
        case reoffer(DialogID)
        case probeDialog(DialogID)
        case probe(ProbeID)
    }

    enum Machine: Sendable {
        case invite(ClientInviteTransaction)
        case other(ClientTransaction)
    }

    let purpose: Purpose
    let method: SIPMethod
    let peer: PeerID
    let redial: SIPURI?
    var connection: ConnectionID?
    var machine: Machine
    /// The request itself, to send it again when its connection closes under it. Never an INVITE, which has our keys.
    let request: SIPRequest?
    /// The ACK of the 2xx to our INVITE, for each retransmission of it (RFC 3261 §13.2.2.4).
    var ack: SIPRequest?

    /// No final response yet.
    var isWaiting: Bool {
        switch machine {
        case .invite(let machine): machine.isWaiting
        case .other(let machine): machine.isWaiting
        }
    }

    var nextDeadline: Instant? {
        switch machine {
        case .invite(let machine): machine.nextDeadline
        case .other(let machine): machine.nextDeadline
        }
    }
}

/// Requests of ours, and the responses to them.
extension SIPEndpoint {
    // MARK: - Sending

    mutating func reoffer(_ id: DialogID, _ body: SIPBody) {
        guard var dialog = dialogs[id], dialog.phase != .ending else { return }
        guard dialog.phase == .confirmed, dialog.openInvite == nil, dialog.openUpdate == nil, dialog.sentInvite == nil,
            dialog.unacknowledged.isEmpty
        else { return emit(.reofferEnded(id, .notNow)) }  // §14.1
        let branch = names.branch()
        let headers = [allowHeader, supportedHeader] + dialog.session.requestHeaders
        let invite = dialog.request(.invite, branch: branch, headers: headers, body: body)
        dialog.sentInvite = branch
        dialogs[id] = dialog
        start(invite, for: .reoffer(id), in: dialog)
    }

    mutating func probeDialog(_ id: DialogID) {
        guard var dialog = dialogs[id], dialog.phase == .confirmed else { return }
        let options = dialog.request(.options, branch: names.branch(), headers: [acceptHeader])
        dialogs[id] = dialog
        start(options, for: .probeDialog(id), in: dialog)
    }

    mutating func probe(_ probe: ProbeID, uri: SIPURI, on connection: ConnectionID) {
        guard let profile = connections[connection] else { return emit(.probed(probe, .unreachable)) }
        let local = NameAddress(SIPURI(scheme: uri.scheme == .sips ? .sips : .sip, host: profile.localHost))
        var request = SIPRequest(
            .options, uri, via: .own(branch: names.branch(), profile: profile), from: local.withTag(names.tag()), to: NameAddress(uri),
            callID: SIPCallID(names.tag()), cseq: 1)
        request.contacts = [.contact(of: profile, isSecureScheme: uri.scheme == .sips)]
        request.headers = [acceptHeader]
        let target = ConnectionTarget(connection: connection, orPeerOf: profile.peer)
        start(request, for: .probe(probe), target: target, isReliable: profile.isReliable)
    }

    mutating func start(_ request: SIPRequest, for purpose: SentRequest.Purpose, in dialog: Dialog) {
        let target = ConnectionTarget(
            connection: openConnection(dialog.connection, of: dialog.peer), orPeerOf: dialog.peer, redial: dialog.nextHop)
        start(request, for: purpose, target: target, isReliable: dialog.profile.isReliable)
    }

    private mutating func start(_ request: SIPRequest, for purpose: SentRequest.Purpose, target: ConnectionTarget, isReliable: Bool) {
        guard let branch = request.topVia?.branch else { preconditionFailure("a request of ours has a branch") }
        let isInvite = request.method == .invite
        let machine: SentRequest.Machine =
            isInvite
            ? .invite(
                ClientInviteTransaction(
                    request, timings: configuration.timings, isReliable: isReliable, patience: configuration.answerDeadline, now: now))
            : .other(ClientTransaction(request, timings: configuration.timings, isReliable: isReliable, now: now))
        let entry = SentRequest(
            purpose: purpose, method: request.method, peer: target.orPeerOf, redial: target.redial, connection: target.connection,
            machine: machine, request: isInvite ? nil : request)
        clients[branch] = entry
        deadlines.set(.client(branch), to: entry.nextDeadline)
        outputs.append(.send(.request(request), on: target))
    }

    private func target(of entry: SentRequest) -> ConnectionTarget {
        let open = entry.connection.flatMap { openConnection($0, of: entry.peer) } ?? peers[entry.peer]?.last
        return ConnectionTarget(connection: open, orPeerOf: entry.peer, redial: entry.redial)
    }

    // MARK: - Answers

    mutating func received(_ response: SIPResponse, on connection: ConnectionID) {
        guard let profile = connections[connection] else { return emit(.turnedAway(.unknownConnection, on: connection)) }
        // One Via, ours (§8.1.3.3); its branch and the CSeq's method make the match (§17.1.3); and only from the peer that was asked.
        guard Self.validator.reasonToDiscard(response) == nil, let branch = response.topVia?.branch, let entry = clients[branch],
            entry.method == response.cseq.method, entry.peer == profile.peer
        else { return emit(.turnedAway(.stray, on: connection)) }
        clients[branch]?.connection = connection
        switch entry.machine {
        case .invite(var machine):
            let outputs = machine.responseReceived(response, now: now)
            clients[branch]?.machine = .invite(machine)
            apply(outputs, to: branch)
        case .other(var machine):
            let outputs = machine.responseReceived(response, now: now)
            clients[branch]?.machine = .other(machine)
            apply(outputs, to: branch)
        }
    }

    mutating func sendFailed(_ message: SIPMessage) {
        // A lost response is sent again by its timers or asked for again by the peer; a lost ACK likewise.
        guard case .request(let request) = message, request.method != .ack, let branch = request.topVia?.branch else { return }
        transportFailed(branch)
    }

    private mutating func transportFailed(_ branch: WireText) {
        switch clients[branch]?.machine {
        case .invite(var machine):
            let outputs = machine.transportFailed()
            clients[branch]?.machine = .invite(machine)
            apply(outputs, to: branch)
        case .other(var machine):
            let outputs = machine.transportFailed()
            clients[branch]?.machine = .other(machine)
            apply(outputs, to: branch)
        case nil:
            break
        }
    }

    /// A connection closed with our requests unanswered on it. Inside a dialog each goes out once more, on whatever is left of the peer: a
    /// BYE that dies with its connection leaves the other side in a dead call.
    mutating func requestsStranded(on connection: ConnectionID) {
        for (branch, entry) in clients.filter({ $0.value.connection == connection }).sorted(by: { $0.key.string < $1.key.string }) {
            if case .probe = entry.purpose {
                transportFailed(branch)
                continue
            }
            let target = target(of: entry)
            clients[branch]?.connection = target.connection
            if let request = entry.request, entry.isWaiting { outputs.append(.send(.request(request), on: target)) }
        }
    }

    mutating func clientTimersFired(_ branch: WireText) {
        switch clients[branch]?.machine {
        case .invite(var machine):
            let outputs = machine.timersFired(now: now)
            clients[branch]?.machine = .invite(machine)
            apply(outputs, to: branch)
        case .other(var machine):
            let outputs = machine.timersFired(now: now)
            clients[branch]?.machine = .other(machine)
            apply(outputs, to: branch)
        case nil:
            break
        }
    }

    // MARK: - The transactions' outputs

    private mutating func apply(_ outputs: [ClientTransaction.Output], to branch: WireText) {
        for output in outputs {
            switch output {
            case .send(let request): resend(request, branch)
            case .received(let response): if response.status >= 200 { answered(branch, response) }
            case .ended(let ending): ended(branch, ending)
            }
        }
        deadlines.set(.client(branch), to: clients[branch]?.nextDeadline)
    }

    private mutating func apply(_ outputs: [ClientInviteTransaction.Output], to branch: WireText) {
        for output in outputs {
            switch output {
            case .send(let request): resend(request, branch)
            case .received(let response): if response.status >= 200 { answered(branch, response) }
            case .ended(let ending):
                switch ending {
                case .answered: ended(branch, .answered)
                case .timedOut: ended(branch, .timedOut)
                case .transportFailed: ended(branch, .transportFailed)
                }
            }
        }
        deadlines.set(.client(branch), to: clients[branch]?.nextDeadline)
    }

    private mutating func resend(_ request: SIPRequest, _ branch: WireText) {
        guard let entry = clients[branch] else { return }
        outputs.append(.send(.request(request), on: target(of: entry)))
    }

    private mutating func answered(_ branch: WireText, _ response: SIPResponse) {
        guard let entry = clients[branch] else { return }
        switch entry.purpose {
        case .bye:
            break  // whatever the answer, the dialog is over (§15.1.1)
        case .probe(let probe):
            emit(.probed(probe, .answered(status: response.status)))
        case .probeDialog(let id):
            guard isLive(id) else { return }
            emit(.dialogProbed(id, .answered(status: response.status)))
            if endsDialog(response.status) { terminate(id, .lost(status: response.status)) }
        case .reoffer(let id):
            reofferAnswered(id, branch, response)
        }
    }

    private mutating func reofferAnswered(_ id: DialogID, _ branch: WireText, _ response: SIPResponse) {
        guard response.status / 100 == 2 else {
            dialogs[id]?.sentInvite = nil
            guard isLive(id) else { return }
            emit(.reofferEnded(id, .refused(response)))
            if endsDialog(response.status) { terminate(id, .lost(status: response.status)) }
            return
        }
        if let ack = clients[branch]?.ack { return resend(ack, branch) }
        // Acknowledged also when the dialog is ending: the peer's 2xx would be repeated for 32 s otherwise.
        guard let dialog = dialogs[id] else { return }
        if let target = response.contactURI { dialogs[id]?.remoteTarget = target.detached() }
        dialogs[id]?.sentInvite = nil
        if dialog.phase == .confirmed {
            dialogs[id]?.sessionRefreshed(SessionInterval(response), now: now)
            reschedule(id)
        }
        guard let ack = dialogs[id]?.acknowledgement(cseq: response.cseq.number, branch: names.branch()) else { return }
        clients[branch]?.ack = ack
        resend(ack, branch)
        if dialog.phase != .ending { emit(.reofferEnded(id, .accepted(response))) }
    }

    private mutating func ended(_ branch: WireText, _ ending: ClientTransaction.Ending) {
        guard let entry = clients.removeValue(forKey: branch) else { return }
        switch (entry.purpose, ending) {
        case (.bye(let id), _):
            discard(id)
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
        }
    }

    private func isLive(_ id: DialogID) -> Bool { dialogs[id].map { $0.phase != .ending } ?? false }

    /// §12.2.1.2: the peer does not know the dialog, or does not answer.
    private func endsDialog(_ status: UInt16) -> Bool { status == 481 || status == 408 }
}
