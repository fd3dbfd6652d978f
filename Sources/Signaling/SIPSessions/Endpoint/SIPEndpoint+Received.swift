import SIPMessages
import SottoBase

/// Requests from the wire to the place that handles them, in the order of RFC 3261 §8.2, and the refusals on that way.
extension SIPEndpoint {
    /// What we understand, in the order that Allow shows it.
    static let allowedMethods: [SIPMethod] = [.invite, .ack, .cancel, .bye, .options, .update, .prack, .info, .refer, .notify]
    /// RFC 3262, RFC 4028, RFC 3891, RFC 4488: for a Require, and for our Supported.
    static let extensions = SIPValidator.userAgentExtensions
    /// A session description may come as one part of several (RFC 5621).
    private static let bodies: [WireText] = ["application/sdp", "multipart/mixed", "multipart/alternative", "multipart/related"]
    static let validator = SIPValidator(methods: allowedMethods, extensions: extensions, contentTypes: bodies)
    /// For the two methods with bodies of their own.
    private static let infoValidator = SIPValidator(methods: allowedMethods, extensions: extensions, contentTypes: digitTypes)
    private static let notifyValidator = SIPValidator(
        methods: allowedMethods, extensions: extensions, contentTypes: ["message/sipfrag"])

    private static func validator(for method: SIPMethod) -> SIPValidator {
        switch method {
        case .info: infoValidator
        case .notify: notifyValidator
        default: validator
        }
    }

    mutating func received(_ request: SIPRequest, on connection: ConnectionID) {
        guard let profile = connections[connection] else { return emit(.turnedAway(.unknownConnection, on: connection)) }
        var request = request
        request.markReceived(from: profile.remote)
        guard let key = ServerTransactionKey(request, peer: profile.peer) else { return emit(.turnedAway(.unanswerable, on: connection)) }
        let arrival = Arrival(request: request, key: key, connection: connection, profile: profile)

        if request.method == .ack { return ackReceived(arrival) }
        if retransmissionReceived(arrival) { return }
        // Method 405, Request-URI 416, Require 420, body 415 and 406, and what is malformed 400 or 505 (§8.2).
        // A package that we do not know is refused for itself, not for its body (RFC 6086 §4.2.2).
        if let owed = Self.validator(for: request.method).statusOwed(for: request), !(owed.status == 415 && request.hasInfoPackage) {
            return refuse(arrival, SIPAnswer(owed.status, reason: owed.reasonPhrase, headers: owed.headers))
        }
        if request.method == .cancel { return cancelReceived(arrival) }
        if request.to.tag != nil { receivedInDialog(arrival) } else { receivedOutsideDialog(arrival) }
    }

    /// A copy of a request that we are dealing with: true when it was absorbed (§17.2.3).
    private mutating func retransmissionReceived(_ arrival: Arrival) -> Bool {
        if let id = inviteIndex[arrival.key] {
            guard let outputs = invites[id]?.machine.retransmissionReceived() else { return false }
            apply(outputs, to: id)
            return true
        }
        if let id = requestIndex[arrival.key] {
            guard let outputs = requests[id]?.machine.retransmissionReceived() else { return false }
            apply(outputs, to: id)
            return true
        }
        return false
    }

    private mutating func receivedOutsideDialog(_ arrival: Arrival) {
        let request = arrival.request
        // Loops and forks that meet again: same request, other branch (§8.2.2.2).
        guard mergedIndex[MergedRequestKey(request, peer: arrival.peer)] == nil else { return refuse(arrival, 482) }
        switch request.method {
        case .invite, .options:
            if let seconds = draining { return refuse(arrival, 503, [retryAfter(seconds)]) }
            guard transactionCount < configuration.maximumTransactions else {
                return refuse(arrival, 503, [retryAfter(configuration.overloadRetryAfter)])
            }
            if request.method == .invite { inviteReceived(arrival) } else { optionsReceived(arrival) }
        default:
            // BYE (§15.1.2), UPDATE (RFC 3311 §5.2), PRACK, INFO and NOTIFY live in dialogs; a REFER outside of one is obeyed for nobody.
            refuse(arrival, request.method == .refer ? 403 : 481)
        }
    }

    private mutating func receivedInDialog(_ arrival: Arrival) {
        let request = arrival.request
        let key = DialogKey(callID: request.callID, localTag: request.to.tag ?? "", remoteTag: request.from.tag ?? "")
        guard let id = dialogIndex[key], let dialog = dialogs[id], dialog.peer == arrival.peer else { return refuse(arrival, 481) }
        // While our BYE is out only the peer's own BYE still makes sense (RFC 5407 §3.2.2, §3.3.2).
        guard dialog.phase != .ending || request.method == .bye else { return refuse(arrival, 481) }
        guard transactionCount < 2 * configuration.maximumTransactions else {
            return refuse(arrival, 503, [retryAfter(configuration.overloadRetryAfter)])
        }
        if dialog.connection != arrival.connection {
            dialogs[id]?.connection = arrival.connection
            if dialog.phase != .ending { emit(.connectionMoved(id, arrival.connection)) }
        }
        guard dialogs[id]?.accepts(cseq: request.cseq.number) == true else {
            return refuseWithin(id, arrival, 500)  // §12.2.2
        }
        switch request.method {
        case .bye: byeReceived(arrival, in: id)
        case .invite: reinviteReceived(arrival, in: id)
        case .update: updateReceived(arrival, in: id)
        case .options: optionsReceived(arrival)
        case .prack: prackReceived(arrival, in: id)
        case .refer: referReceived(arrival, in: id)
        case .notify: notifyReceived(arrival, in: id)
        case .info: infoReceived(arrival, in: id)
        default: refuse(arrival, 405, [allowHeader])
        }
    }

    // MARK: - Refusing

    var allowHeader: SIPHeader { SIPHeader(.allow, .list(Self.allowedMethods.map(\.text))) }
    var acceptHeader: SIPHeader { SIPHeader(.accept, .list(Self.bodies)) }
    var supportedHeader: SIPHeader { SIPHeader(.supported, .list(Self.extensions)) }
    /// In requests inside a dialog.
    var supportedInsideHeader: SIPHeader { SIPHeader(.supported, "timer, replaces") }
    func retryAfter(_ seconds: Int) -> SIPHeader { SIPHeader(.retryAfter, WireText("\(max(0, seconds))")) }

    /// Refuses without keeping anything, as a stateless UAS (§8.2.7): every copy gets the same answer, and the ACK is dropped.
    mutating func refuse(_ arrival: Arrival, _ answer: SIPAnswer) {
        let response = SIPResponse.answer(to: arrival.request, answer, tag: names.statelessTag(for: arrival.request))
        send(response, to: arrival.peer, preferring: arrival.connection)
        emit(.turnedAway(.refused(arrival.request.method, status: answer.status), on: arrival.connection))
    }

    mutating func refuse(_ arrival: Arrival, _ status: UInt16, _ headers: [SIPHeader] = []) {
        refuse(arrival, SIPAnswer(status, headers: headers))
    }

    /// Refuses a request inside a dialog. Where it can be retransmitted a transaction absorbs that, since the dialog has moved on and a
    /// copy could get another answer; on a reliable transport nothing is kept, so that a peer cannot fill the tables with refusals.
    mutating func refuseWithin(_ dialog: DialogID, _ arrival: Arrival, _ status: UInt16, _ headers: [SIPHeader] = []) {
        if arrival.profile.isReliable { return refuse(arrival, status, headers) }
        if arrival.request.method == .invite {
            let id = register(arrival, dialog: dialog, merged: nil, localTag: arrival.request.to.tag ?? "", session: .none)
            respond(to: id, SIPAnswer(status, headers: headers))
        } else {
            answerAtOnce(arrival, status, headers: headers)
        }
        emit(.turnedAway(.refused(arrival.request.method, status: status), on: arrival.connection))
    }

    // MARK: - Requests other than INVITE

    /// Answers finally and lets a transaction absorb retransmissions; on a reliable transport that is over at once.
    mutating func answerAtOnce(_ arrival: Arrival, _ status: UInt16, headers: [SIPHeader] = [], tag: WireText? = nil) {
        let id = register(arrival, dialog: nil, target: nil, session: .none)
        let tag = tag ?? names.statelessTag(for: arrival.request)
        let response = SIPResponse.answer(to: arrival.request, status, tag: tag, headers: headers)
        guard let outputs = requests[id]?.machine.final(response, now: now) else { return }
        apply(outputs, to: id)
    }

    mutating func register(_ arrival: Arrival, dialog: DialogID?, target: SIPURI?, session: SessionInterval) -> RequestID {
        let id = RequestID(value: identifier())
        requests[id] = ReceivedRequest(
            key: arrival.key, dialog: dialog, template: arrival.request.template, connection: arrival.connection, peer: arrival.peer,
            target: target, session: session,
            machine: ServerTransaction(timings: configuration.timings, isReliable: arrival.profile.isReliable, now: now))
        requestIndex[arrival.key] = id
        return id
    }

    mutating func apply(_ outputs: [ServerTransaction.Output], to id: RequestID) {
        guard let entry = requests[id] else { return }
        for output in outputs {
            switch output {
            case .send(let response):
                send(response, to: entry.peer, preferring: entry.connection)
            case .ended:
                requests[id] = nil
                requestIndex[entry.key] = nil
                if let dialog = entry.dialog {
                    if dialogs[dialog]?.openUpdate == id { dialogs[dialog]?.openUpdate = nil }
                    dialogs[dialog]?.openReferrals.remove(id)
                }
            }
        }
        deadlines.set(.request(id), to: requests[id]?.machine.nextDeadline)
    }

    /// §11.2: what an INVITE would be told, with what we can do.
    mutating func optionsReceived(_ arrival: Arrival) {
        answerAtOnce(arrival, 200, headers: [allowHeader, acceptHeader, SIPHeader(.acceptEncoding, "identity"), supportedHeader])
    }
}
