import SIPMessages
import SottoBase

/// Requests of ours, and the responses to them.
extension SIPEndpoint {
    // MARK: - Sending

    mutating func reoffer(_ id: DialogID, _ body: SIPBody) {
        guard var dialog = dialogs[id], dialog.phase != .ending else { return }
        guard dialog.phase == .confirmed, dialog.openInvite == nil, dialog.openUpdate == nil, dialog.sentInvite == nil,
            !dialog.sentUpdate, dialog.unacknowledged.isEmpty
        else { return emit(.reofferEnded(id, .notNow)) }  // §14.1
        let branch = names.branch()
        // Without 100rel: an answer in a provisional response would have to be put back when the INVITE fails (RFC 6141 §3.2).
        let headers = [allowHeader, supportedInsideHeader] + dialog.session.requestHeaders
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

    mutating func start(
        _ request: SIPRequest, for purpose: SentRequest.Purpose, in dialog: Dialog, retries: SentRequest.Retries = SentRequest.Retries()
    ) {
        var request = request
        if let hashes = configuration.digestHashes { dialogs[dialog.id]?.account?.authorize(&request, hashes: hashes) }
        let target = ConnectionTarget(
            connection: openConnection(dialog.connection, of: dialog.peer), orPeerOf: dialog.peer, redial: dialog.nextHop)
        start(request, for: purpose, target: target, isReliable: dialog.profile.isReliable, retries: retries)
    }

    /// `patience`: for an INVITE, how long provisional responses alone will do.
    mutating func start(
        _ request: SIPRequest, for purpose: SentRequest.Purpose, target: ConnectionTarget, isReliable: Bool, patience: Duration? = nil,
        retries: SentRequest.Retries = SentRequest.Retries(), origin: SentRequest.Origin? = nil
    ) {
        guard let branch = request.topVia?.branch else { preconditionFailure("a request of ours has a branch") }
        let isInvite = request.method == .invite
        let machine: SentRequest.Machine =
            isInvite
            ? .invite(
                ClientInviteTransaction(
                    request, timings: configuration.timings, isReliable: isReliable, patience: patience ?? configuration.answerDeadline,
                    now: now))
            : .other(ClientTransaction(request, timings: configuration.timings, isReliable: isReliable, now: now))
        // An INVITE holds our keys: it is kept only where a challenge or a 422 may ask for it again.
        let isKept = !isInvite || account(for: purpose) != nil || request.header(.sessionExpires) != nil
        let entry = SentRequest(
            purpose: purpose, method: request.method, peer: target.orPeerOf, redial: target.redial, connection: target.connection,
            machine: machine, request: isKept ? request : nil, retries: retries, origin: origin)
        let key = ClientKey(branch: branch, method: request.method)
        clients[key] = entry
        deadlines.set(.client(key), to: entry.nextDeadline)
        outputs.append(.send(.request(request), on: target))
    }

    func target(of entry: SentRequest) -> ConnectionTarget {
        let open = entry.connection.flatMap { openConnection($0, of: entry.peer) } ?? peers[entry.peer]?.last
        return ConnectionTarget(connection: open, orPeerOf: entry.peer, redial: entry.redial)
    }

    // MARK: - Answers

    mutating func received(_ response: SIPResponse, on connection: ConnectionID) {
        guard let profile = connections[connection] else { return emit(.turnedAway(.unknownConnection, on: connection)) }
        // One Via, ours (§8.1.3.3); its branch and the CSeq's method make the match (§17.1.3); and only from the peer that was asked.
        let key = response.topVia?.branch.map { ClientKey(branch: $0, method: response.cseq.method) }
        guard Self.validator.reasonToDiscard(response) == nil, let branch = key, let entry = clients[branch],
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
        transportFailed(ClientKey(branch: branch, method: request.method))
    }

    private mutating func transportFailed(_ branch: ClientKey) {
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
        for (branch, entry) in clients.filter({ $0.value.connection == connection }).sorted(by: {
            ($0.key.branch.string, $0.key.isCancel ? 1 : 0) < ($1.key.branch.string, $1.key.isCancel ? 1 : 0)
        }) {
            switch entry.purpose {
            case .probe, .register:
                transportFailed(branch)
                continue
            case .attempt(let id) where attempts[id]?.hasProvisional == false:
                // Nobody has heard of it yet, as far as we know: the application may try another way.
                transportFailed(branch)
                continue
            default:
                break
            }
            let target = target(of: entry)
            clients[branch]?.connection = target.connection
            if let request = entry.request, entry.isWaiting, request.method != .invite {
                outputs.append(.send(.request(request), on: target))
            }
        }
    }

    mutating func clientTimersFired(_ branch: ClientKey) {
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

    private mutating func apply(_ outputs: [ClientTransaction.Output], to branch: ClientKey) {
        for output in outputs {
            switch output {
            case .send(let request): resend(request, branch)
            case .received(let response): heard(branch, response)
            case .ended(let ending): ended(branch, ending)
            }
        }
        deadlines.set(.client(branch), to: clients[branch]?.nextDeadline)
    }

    private mutating func apply(_ outputs: [ClientInviteTransaction.Output], to branch: ClientKey) {
        for output in outputs {
            switch output {
            case .send(let request): resend(request, branch)
            case .received(let response): heard(branch, response)
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

    mutating func resend(_ request: SIPRequest, _ branch: ClientKey) {
        guard let entry = clients[branch] else { return }
        outputs.append(.send(.request(request), on: target(of: entry)))
    }
}
