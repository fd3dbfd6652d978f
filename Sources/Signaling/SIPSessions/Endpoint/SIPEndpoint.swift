import SIPMessages
public import SottoBase

/// One SIP user agent as a pure machine: transactions, dialogs, and the rules between them, on whatever time its driver tells.
///
///     connections ──messages──▶ transactions ──▶ dialogs ──events──▶ application
///         ▲                                                             │
///         └──────────────────────── send ◀───────────────── commands ───┘
///
/// The driver feeds one `SIPEndpointInput` at a time, carries out the outputs in order, and wakes the endpoint at `nextDeadline`.
/// What the endpoint answers by itself: 100; retransmissions; CANCEL (200, and 487 to the INVITE); BYE; OPTIONS; an UPDATE without a
/// body; PRACK; NOTIFY; INFO; and each refusal that a rule demands: 400, 403, 405, 415, 416, 420, 422, 469, 481, 482, 486 and 603
/// (Replaces), 489, 491, 500 (order), 503 (limits), 505.
/// What it sends by itself: ACK, PRACK, CANCEL, session refreshes, NOTIFY, a request once more with credentials or with the interval that a
/// 422 or 423 asks for, and BYE to forks that nobody needs.
///
/// A call as the application sees it:
///
///     inviteArrived ──▶ answer 180 ──▶ answer 200 ──▶ acknowledged ──▶ … ──▶ dialogEnded(.remoteBye)
///          │               └─ (cancelled) ──▶ dialogEnded        │  ├─▶ reinviteArrived ──▶ answer
///          └─▶ answer 486 ──▶ dialogEnded(.refused)              │  ├─▶ updateArrived ──▶ answerUpdate
///                                                                │  └─▶ hangUp ──▶ dialogEnded(.localBye)
///                                                                └─ no ACK ──▶ dialogEnded(.unacknowledged)
///
/// A call of its own:
///
///     invite ──▶ attemptProgressed … ──▶ attemptAnswered ──▶ … as above
///          ├──────────────── cancel ──▶ attemptEnded(.cancelled)
///          └──────────────────────────▶ attemptEnded(.refused, .timedOut, .unreachable)
///
/// The application keeps no timer for SIP's sake and sends nothing itself. A confirmed dialog with a silent peer and no session timer
/// lives until somebody ends it: a media timeout must `hangUp`, and `probeDialog` asks the peer.
///
/// It never looks into a session description, never opens a connection, and never keeps our own session description once the peer has
/// acknowledged it.
public struct SIPEndpoint: Sendable {
    let configuration: SIPEndpointConfiguration
    var names = NameSource()
    var identifiers: UInt64 = 0
    /// Retry-After while draining.
    var draining: Int?

    var connections: [ConnectionID: ConnectionProfile] = [:]
    /// Open connections of each peer, the latest last.
    var peers: [PeerID: [ConnectionID]] = [:]

    var invites: [InviteID: ReceivedInvite] = [:]
    var inviteIndex: [ServerTransactionKey: InviteID] = [:]
    var mergedIndex: [MergedRequestKey: InviteID] = [:]
    var requests: [RequestID: ReceivedRequest] = [:]
    var requestIndex: [ServerTransactionKey: RequestID] = [:]
    /// Ours, by branch and kind.
    var clients: [ClientKey: SentRequest] = [:]
    /// Outgoing calls that have no answer yet, and those that are being withdrawn.
    var attempts: [AttemptID: Attempt] = [:]
    /// Where the implicit subscriptions of referrals live.
    var subscriptions: [RequestID: DialogID] = [:]
    var registrations: [RegistrationID: RegistrationState] = [:]
    var dialogs: [DialogID: Dialog] = [:]
    var dialogIndex: [DialogKey: DialogID] = [:]

    var deadlines = DeadlineQueue<TimerOwner>()
    /// This turn's outputs, and its time. Empty and meaningless between turns.
    var outputs: [SIPEndpointOutput] = []
    var now = Instant(nanoseconds: 0)

    /// Who a deadline belongs to.
    enum TimerOwner: Hashable, Sendable {
        case invite(InviteID)
        case request(RequestID)
        case client(ClientKey)
        case attempt(AttemptID)
        case registration(RegistrationID)
        case dialog(DialogID)
    }

    public init(configuration: SIPEndpointConfiguration = SIPEndpointConfiguration()) {
        self.configuration = configuration
    }

    // MARK: - Gauges

    /// Transactions of both kinds and directions. Returns to zero when the peers are quiet.
    public var transactionCount: Int { invites.count + requests.count + clients.count }
    /// Outgoing calls that have no answer yet or are being withdrawn. Returns to zero.
    public var attemptCount: Int { attempts.count }
    /// Dialogs, early ones included. Returns to zero when all calls have ended.
    public var dialogCount: Int { dialogs.count }
    public var connectionCount: Int { connections.count }
    /// Everything that waits for time; zero when the endpoint is idle.
    public var deadlineCount: Int { deadlines.count }

    /// When to feed `timerDue`; nil while nothing waits.
    public var nextDeadline: Instant? { deadlines.next }

    // MARK: - The turn

    /// Takes one input and returns what is to be done, in order.
    ///
    /// `entropy` must be unpredictable in the daemon: tags come from it. A turn draws at most ten values.
    public mutating func handle(
        _ input: SIPEndpointInput, now: Instant, entropy: inout some RandomNumberGenerator
    ) -> [SIPEndpointOutput] {
        names.refill(from: &entropy)
        return handle(input, now: now)
    }

    private mutating func handle(_ input: SIPEndpointInput, now: Instant) -> [SIPEndpointOutput] {
        self.now = now
        switch input {
        case .connectionOpened(let connection, let profile): opened(connection, profile)
        case .connectionClosed(let connection): closed(connection)
        case .received(.request(let request), let connection): received(request, on: connection)
        case .received(.response(let response), let connection): received(response, on: connection)
        case .sendFailed(let message): sendFailed(message)
        case .timerDue: timersFired()
        case .command(let command): carryOut(command)
        }
        defer { outputs = [] }
        return outputs
    }

    private mutating func carryOut(_ command: SIPEndpointCommand) {
        switch command {
        case .answer(let invite, let answer): self.answer(invite, answer)
        case .answerUpdate(let request, let answer): answerUpdate(request, answer)
        case .hangUp(let dialog, let refusal, let headers): hangUp(dialog, refusal: refusal, headers: headers)
        case .reoffer(let dialog, let body): reoffer(dialog, body)
        case .probeDialog(let dialog): probeDialog(dialog)
        case .probe(let probe, let uri, let connection): self.probe(probe, uri: uri, on: connection)
        case .drain(let retryAfter): draining = retryAfter
        case .invite(let invite): self.invite(invite)
        case .cancel(let attempt, let headers): cancel(attempt, headers: headers)
        case .update(let dialog, let body): update(dialog, body)
        case .refer(let dialog, let target, let replaced, let headers): refer(dialog, to: target, replaces: replaced, headers: headers)
        case .answerRefer(let request, let answer): answerRefer(request, answer)
        case .notifyReferral(let request, let status): notifyReferral(request, status: status)
        case .register(let id, let registration): register(id, registration)
        case .reregister(let id, let connection): reregister(id, on: connection)
        case .unregister(let id): unregister(id)
        }
    }

    // MARK: - Connections

    private mutating func opened(_ connection: ConnectionID, _ profile: ConnectionProfile) {
        if connections[connection] != nil { forget(connection) }
        connections[connection] = profile
        peers[profile.peer, default: []].append(connection)
    }

    private mutating func closed(_ connection: ConnectionID) {
        guard connections[connection] != nil else { return }
        forget(connection)
        let lost = dialogs.values.filter { $0.connection == connection && $0.phase != .ending && $0.earlyBye == nil }
        for dialog in lost.map(\.id).sorted() {
            emit(.connectionLost(dialog))
        }
        requestsStranded(on: connection)
        registrationsStranded(on: connection)
    }

    private mutating func forget(_ connection: ConnectionID) {
        guard let profile = connections.removeValue(forKey: connection) else { return }
        peers[profile.peer]?.removeAll { $0 == connection }
        if peers[profile.peer]?.isEmpty == true { peers[profile.peer] = nil }
    }

    /// The connection to use for `peer`: `preferred` while it is open, else the peer's latest.
    func openConnection(_ preferred: ConnectionID, of peer: PeerID) -> ConnectionID? {
        connections[preferred] != nil ? preferred : peers[peer]?.last
    }

    // MARK: - Output

    mutating func emit(_ event: SIPEndpointEvent) { outputs.append(.event(event)) }

    mutating func send(_ response: SIPResponse, to peer: PeerID, preferring connection: ConnectionID) {
        let target = ConnectionTarget(connection: openConnection(connection, of: peer), orPeerOf: peer)
        outputs.append(.send(.response(response), on: target))
    }

    mutating func identifier() -> UInt64 {
        identifiers &+= 1
        return identifiers
    }
}
