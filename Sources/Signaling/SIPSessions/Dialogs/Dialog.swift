import SIPMessages
import SottoBase

/// What identifies a dialog on the wire (RFC 3261 §12).
struct DialogKey: Hashable, Sendable {
    let callID: SIPCallID
    let localTag: WireText
    /// Empty for an RFC 2543 peer without a tag (§12.1.1).
    let remoteTag: WireText
}

/// One dialog (RFC 3261 §12): its route, its target, its sequence numbers, and what is open inside it.
///
///     early ──2xx──▶ confirmed ──BYE sent, or waiting to be──▶ ending ──▶ (removed)
///       └─────────non-2xx, CANCEL, BYE received─────────────────────────────▲
struct Dialog: Sendable {
    enum Phase: Hashable, Sendable {
        case early
        case confirmed
        /// The application heard `dialogEnded`; our BYE is under way, or waits for the ACK of our 2xx.
        case ending
    }

    enum Timer: Hashable, Sendable {
        /// The peer did not refresh the session (RFC 4028).
        case session
    }

    let id: DialogID
    let key: DialogKey
    let peer: PeerID
    /// Our own From in requests that we send: To of the INVITE with our tag, as UAS.
    let localParty: NameAddress
    let remoteParty: NameAddress
    /// As UAS in the order received, as UAC reversed (§12.1.1, §12.1.2). Never changed afterwards (§12.2).
    let routeSet: [NameAddress]
    /// Our Contact: the listener's own address, with the scheme that the peer used (RFC 5630).
    let contact: NameAddress
    /// The connection's description when the dialog began: Via of our requests.
    let profile: ConnectionProfile

    var phase: Phase = .early
    var connection: ConnectionID
    /// Where requests go: the peer's Contact, replaced when a target refresh request is accepted (§12.2).
    var remoteTarget: SIPURI
    private var localCSeq: UInt32
    private var remoteCSeq: UInt32?

    /// The INVITE received that has no final response yet.
    var openInvite: InviteID?
    /// The UPDATE received that waits for the application.
    var openUpdate: RequestID?
    /// Branch of our own re-INVITE that has no final response yet.
    var sentInvite: WireText?
    /// 2xx responses that wait for their ACK.
    var unacknowledged: [AcceptedInvite] = []
    /// A BYE of ours that waits for the ACK (§15): its extra headers.
    var deferredBye: [SIPHeader]?
    /// The session timer agreed on last (RFC 4028).
    private(set) var session: SessionInterval = .none
    private var timers = TimerTable<Timer>()

    /// As UAS, from the INVITE that would open it (§12.1.1).
    init(
        acceptingFrom request: SIPRequest, target: SIPURI, id: DialogID, localTag: WireText, contact: NameAddress,
        connection: ConnectionID, profile: ConnectionProfile
    ) {
        self.id = id
        key = DialogKey(callID: request.callID.detached(), localTag: localTag, remoteTag: request.from.tag?.detached() ?? "")
        peer = profile.peer
        localParty = request.to.withTag(localTag).detached()
        remoteParty = request.from.detached()
        routeSet = request.recordRoutes.map { $0.detached() }
        remoteTarget = target
        self.contact = contact
        self.connection = connection
        self.profile = profile
        localCSeq = 0
        remoteCSeq = request.cseq.number
    }

    /// As UAC, from our INVITE and a response that has a To tag (§12.1.2).
    init(
        openedBy request: SIPRequest, response: SIPResponse, target: SIPURI, id: DialogID, contact: NameAddress,
        connection: ConnectionID, profile: ConnectionProfile
    ) {
        self.id = id
        key = DialogKey(
            callID: request.callID.detached(), localTag: request.from.tag?.detached() ?? "",
            remoteTag: response.to.tag?.detached() ?? "")
        peer = profile.peer
        localParty = request.from.detached()
        remoteParty = response.to.detached()
        routeSet = response.recordRoutes.reversed().map { $0.detached() }
        remoteTarget = target
        self.contact = contact
        self.connection = connection
        self.profile = profile
        localCSeq = request.cseq.number
        remoteCSeq = nil
        phase = response.status / 100 == 2 ? .confirmed : .early
    }

    /// The first hop of a request that we send: a strict or loose first route, else the remote target (§12.2.1.1).
    var nextHop: SIPURI { routeSet.first?.uri ?? remoteTarget }

    // MARK: - Sequence

    /// Takes note of a received request's CSeq; false when it is out of order (§12.2.2: 500).
    /// An equal number is out of order as well: a new request must have a higher one, and a retransmission never comes here.
    mutating func accepts(cseq: UInt32) -> Bool {
        if let last = remoteCSeq, cseq <= last { return false }
        remoteCSeq = cseq
        return true
    }

    // MARK: - Requests of ours

    /// A request inside this dialog (§12.2.1.1). `branch` is new; Contact goes only into those that may refresh the target.
    mutating func request(_ method: SIPMethod, branch: WireText, headers: [SIPHeader] = [], body: SIPBody? = nil) -> SIPRequest {
        localCSeq &+= 1
        return build(method, cseq: localCSeq, branch: branch, headers: headers, body: body)
    }

    /// The ACK of a 2xx to our INVITE: a request of its own with the INVITE's CSeq number (§13.2.2.4).
    func acknowledgement(cseq: UInt32, branch: WireText) -> SIPRequest {
        build(.ack, cseq: cseq, branch: branch, headers: [], body: nil)
    }

    private func build(_ method: SIPMethod, cseq: UInt32, branch: WireText, headers: [SIPHeader], body: SIPBody?) -> SIPRequest {
        var uri = remoteTarget
        var routes = routeSet
        if let first = routes.first, !first.uri.isLooseRouter {
            // A strict router wants itself in the Request-URI and the target last (§12.2.1.1).
            uri = first.uri
            routes = Array(routes.dropFirst()) + [NameAddress(remoteTarget)]
        }
        var request = SIPRequest(
            method, uri, via: .own(branch: branch, profile: profile), from: localParty, to: remoteParty, callID: key.callID, cseq: cseq)
        request.routes = routes
        if method == .invite { request.contacts = [contact] }
        request.headers = headers
        if let body { request.setBody(body, type: .sdp) }
        return request
    }

    // MARK: - Acknowledgement of our 2xx

    /// Removes the 2xx that an ACK with this number acknowledges; nil when there is none (any more).
    mutating func acknowledged(cseq: UInt32) -> AcceptedInvite? {
        guard let index = unacknowledged.firstIndex(where: { $0.cseq == cseq }) else { return nil }
        return unacknowledged.remove(at: index)
    }

    // MARK: - Time

    var nextDeadline: Instant? {
        let waits = unacknowledged.compactMap(\.nextDeadline)
        return ([timers.next].compactMap { $0 } + waits).min()
    }

    /// A 2xx to a session refresh request was sent or came: what it says counts, also when it says nothing (RFC 4028 §7.2, §9).
    mutating func sessionRefreshed(_ interval: SessionInterval, now: Instant) {
        session = interval
        if let deadline = interval.deadline(from: now) { timers.start(.session, at: deadline) } else { timers.stop(.session) }
    }

    mutating func stopSessionTimer() {
        session = .none
        timers.stop(.session)
    }

    enum Expiry: Equatable, Sendable {
        case resend(SIPResponse)
        case unacknowledged
        case session
    }

    mutating func timersFired(now: Instant) -> [Expiry] {
        var expired: [Expiry] = []
        for index in unacknowledged.indices {
            for output in unacknowledged[index].timersFired(now: now) {
                switch output {
                case .send(let response): expired.append(.resend(response))
                case .unacknowledged: expired.append(.unacknowledged)
                }
            }
        }
        while let timer = timers.popExpired(now: now) {
            switch timer {
            case .session: expired.append(.session)
            }
        }
        return expired
    }
}
