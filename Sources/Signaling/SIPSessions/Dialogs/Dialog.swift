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
        /// The session was not refreshed (RFC 4028).
        case session
        /// It is our turn to refresh it.
        case refresh
        /// A referral of the peer's has taken too long: its subscription ends.
        case subscription(RequestID)
        /// A REFER of ours has taken too long.
        case referral
    }

    let id: DialogID
    let key: DialogKey
    let peer: PeerID
    /// Our own From in requests that we send: To of the INVITE with our tag, as UAS.
    let localParty: NameAddress
    let remoteParty: NameAddress
    /// As UAS in the order received, as UAC reversed (§12.1.1, §12.1.2). Set anew by the 2xx that confirms a dialog of ours (§13.2.2.4),
    /// never changed afterwards (§12.2).
    private(set) var routeSet: [NameAddress]
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
    /// Branch of our own INVITE that has no final response yet: a re-INVITE, or the one that opens this dialog.
    var sentInvite: WireText?
    /// Our UPDATE with an offer has no final response yet.
    var sentUpdate = false
    /// The attempt that this early dialog belongs to; nil once it is confirmed, and as UAS.
    var attempt: AttemptID?
    /// The first INVITE's offer was answered reliably while it is still open: the next offer may be made by UPDATE (RFC 3311 §5.1).
    var isEarlyOfferAnswered = false
    /// RSeq of the last reliable provisional response of the peer's (RFC 3262 §4).
    var lastRSeq: UInt32?
    /// The INVITE received whose reliable provisional response waits for its PRACK.
    var reliableInvite: InviteID?
    /// A BYE that overtook the 2xx which confirms the dialog (RFC 5407 §3.1.2).
    var earlyBye: SIPRequest?
    /// The peer says that it knows UPDATE.
    var allowsUpdate = false
    /// For challenges to requests of this dialog.
    var account: DigestAccount?
    /// Implicit subscriptions of the peer's REFERs, with the CSeq numbers that name them (RFC 3515 §2.4.6).
    var subscriptions: [RequestID: UInt32] = [:]
    /// REFERs that wait for the application.
    var openReferrals: Set<RequestID> = []
    /// Our REFER: its CSeq number.
    var referral: UInt32?
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
        routeSet = Self.routes(of: response)
        remoteTarget = target
        self.contact = contact
        self.connection = connection
        self.profile = profile
        localCSeq = request.cseq.number
        remoteCSeq = nil
        phase = response.status / 100 == 2 ? .confirmed : .early
    }

    private static func routes(of response: SIPResponse) -> [NameAddress] { response.recordRoutes.reversed().map { $0.detached() } }

    /// The 2xx to the INVITE of ours that opened this dialog: the route set is the 2xx's (§13.2.2.4).
    mutating func confirm(by response: SIPResponse, target: SIPURI) {
        phase = .confirmed
        routeSet = Self.routes(of: response)
        remoteTarget = target
        sentInvite = nil
        attempt = nil
    }

    /// What the peer says it understands; nothing said changes nothing.
    mutating func note(allowed methods: [SIPMethod]) {
        if !methods.isEmpty { allowsUpdate = methods.contains(.update) }
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
    mutating func request(
        _ method: SIPMethod, branch: WireText, headers: [SIPHeader] = [], body: SIPBody? = nil, type: SIPContentType = .sdp
    ) -> SIPRequest {
        build(method, cseq: nextCSeq(), branch: branch, headers: headers, body: body, type: type)
    }

    /// The number of our next request. Below 2^31 (§8.1.1.5): it would take centuries to get there.
    mutating func nextCSeq() -> UInt32 {
        localCSeq = (localCSeq &+ 1) & 0x7FFF_FFFF
        return localCSeq
    }

    /// The ACK of a 2xx to our INVITE: a request of its own with the INVITE's CSeq number (§13.2.2.4).
    func acknowledgement(cseq: UInt32, branch: WireText) -> SIPRequest {
        build(.ack, cseq: cseq, branch: branch, headers: [], body: nil, type: .sdp)
    }

    private func build(
        _ method: SIPMethod, cseq: UInt32, branch: WireText, headers: [SIPHeader], body: SIPBody?, type: SIPContentType
    ) -> SIPRequest {
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
        switch method {
        case .invite, .update, .refer, .notify: request.contacts = [contact]  // target refresh requests and RFC 3515 §2.2
        default: break
        }
        request.headers = headers
        if let body { request.setBody(body, type: type) }
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
        if let refresh = interval.refresh(from: now) { timers.start(.refresh, at: refresh) } else { timers.stop(.refresh) }
    }

    /// The refresh could not be made now: again soon, as long as the session lasts.
    mutating func refreshLater(_ delay: Duration, now: Instant) {
        if case .refreshedByUs = session, timers.isRunning(.session) { timers.start(.refresh, at: now + delay) }
    }

    mutating func start(_ timer: Timer, at deadline: Instant) { timers.start(timer, at: deadline) }
    mutating func stop(_ timer: Timer) { timers.stop(timer) }

    mutating func stopSessionTimer() {
        session = .none
        timers.stop(.session)
        timers.stop(.refresh)
    }

    enum Expiry: Equatable, Sendable {
        case resend(SIPResponse)
        case unacknowledged
        case session
        case refresh
        case subscription(RequestID)
        case referral
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
            case .refresh: expired.append(.refresh)
            case .subscription(let id): expired.append(.subscription(id))
            case .referral: expired.append(.referral)
            }
        }
        return expired
    }
}
