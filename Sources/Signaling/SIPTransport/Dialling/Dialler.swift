internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import SIPMessages
internal import SIPSessions
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// Opens connections, joins those who want the same one, and keeps the messages that wait for one.
final class Dialler: Sendable {
    typealias Outcome = Result<ConnectionID, DialFailure>

    private struct Key: Hashable {
        let peer: PeerID
        let address: PeerAddress
        let domain: String
    }

    private struct State {
        /// Who waits for each dial.
        var dials: [Key: [EventLoopPromise<Outcome>]] = [:]
        /// What waits for a connection of each peer.
        var waiting: [PeerID: [SIPBatch.Envelope]] = [:]
        var waitingCount = 0
    }

    private let group: any EventLoopGroup
    private let callLoop: any EventLoop
    private let policy: @Sendable (PeerID) -> DialHop?
    private let state: NIOLoopBoundBox<State>
    private let opening = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(group: any EventLoopGroup, callLoop: any EventLoop, policy: @escaping @Sendable (PeerID) -> DialHop?) {
        self.group = group
        self.callLoop = callLoop
        self.policy = policy
        state = .makeBoxSendingValue(State(), eventLoop: callLoop)
    }

    /// Those whose dial has not ended.
    var channels: [any Channel] { opening.withLock { Array($0.values) } }

    // MARK: - Dials (call loop)

    func dial(_ hop: DialHop, as peer: PeerID, reuses: Bool = true, _ link: SIPTransportLink) -> EventLoopFuture<Outcome> {
        if link.isDraining.load(ordering: .relaxed) { return callLoop.makeSucceededFuture(.failure(.draining)) }
        if reuses, let live = link.connections.value.reusable(for: hop, of: peer) { return callLoop.makeSucceededFuture(.success(live)) }
        let key = Key(peer: peer, address: hop.address, domain: hop.domain)
        let isUnderWay = state.value.dials[key] != nil
        guard isUnderWay || state.value.dials.count < link.configuration.maximumDials else {
            return callLoop.makeSucceededFuture(.failure(.tooManyDials))
        }
        let promise = callLoop.makePromise(of: Outcome.self)
        state.value.dials[key, default: []].append(promise)
        if !isUnderWay {
            link.counters.dialBegan()
            connect(hop, as: peer, link) { [self, callLoop] outcome in
                callLoop.execute { self.ended(key, outcome, link) }
            }
        }
        return promise.futureResult
    }

    private func ended(_ key: Key, _ outcome: Outcome, _ link: SIPTransportLink) {
        guard let promises = state.value.dials.removeValue(forKey: key) else { return }
        switch outcome {
        case .success:
            link.counters.dialEnded(opened: true)
        case .failure(let failure):
            link.counters.dialEnded(opened: false)
            link.notice(.dialFailed(key.peer, key.address, failure))
        }
        for promise in promises { promise.succeed(outcome) }
    }

    /// Nobody waits any longer, because the transport ends.
    func endAll() {
        let dials = state.value.dials
        state.value.dials = [:]
        for promise in dials.values.joined() { promise.succeed(.failure(.draining)) }
    }

    private func connect(
        _ hop: DialHop, as peer: PeerID, _ link: SIPTransportLink, outcome: @escaping @Sendable (Outcome) -> Void
    ) {
        let dial = Dial(peer, hop, outcome: outcome)
        guard let address = try? SocketAddress(ipAddress: hop.address.hostText, port: Int(hop.address.port)) else {
            return dial.report(.failure(.unreachable(errno: EINVAL)))
        }
        let name = TLSHandler.ServerName(hop.domain, allowsWildcard: hop.allowsWildcard, pinnedKeys: hop.pinnedKeys)
        ClientBootstrap(group: group)
            .connectTimeout(hop.connectDeadline)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 60)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 15)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 4)
            .channelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: 30_000)
            .channelInitializer { [self] channel in
                let id = ObjectIdentifier(channel)
                opening.withLock { $0[id] = channel }
                channel.closeFuture.whenComplete { _ in self.opening.withLock { $0[id] = nil } }
                return channel.eventLoop.makeCompletedFuture {
                    let tls = try TLSHandler.client(hop.context.current, to: name, limits: link.configuration.tls)
                    let handler = SIPConnectionHandler(link: link, address: hop.address, origin: .dialled(dial))
                    try channel.pipeline.syncOperations.addHandlers([tls, handler])
                }
            }
            .connect(to: address)
            .whenFailure { dial.report(.failure(Self.failure($0))) }
    }

    private static func failure(_ error: any Error) -> DialFailure {
        switch error {
        case ChannelError.connectTimeout: .timedOut
        case let error as IOError where error.errnoCode == ECONNREFUSED: .refused
        case let error as IOError where error.errnoCode == ETIMEDOUT: .timedOut
        case let error as IOError: .unreachable(errno: error.errnoCode)
        case let error as TLSError: .tls(error)
        default: .unreachable(errno: 0)
        }
    }

    // MARK: - Messages that wait for a connection (call loop)

    /// Takes a message for which there is no connection, when its request may be dialled for (RFC 5923: redial after an idle close). The
    /// next hop's name is the peer's word; where to dial is the policy's.
    func redial(_ envelope: SIPBatch.Envelope, _ link: SIPTransportLink) -> Bool {
        let peer = envelope.target.orPeerOf
        guard envelope.target.redial != nil, !link.isDraining.load(ordering: .relaxed),
            state.value.waitingCount < link.configuration.maximumWaitingMessages
        else { return false }
        if state.value.waiting[peer] == nil {
            guard let hop = policy(peer) else { return false }
            state.value.waiting[peer] = []
            // No connection of the table would do, or the message would be on its way.
            dial(hop, as: peer, reuses: false, link).assumeIsolated().whenSuccess { [self] outcome in connected(peer, outcome, link) }
        }
        guard state.value.waiting[peer] != nil else { return false }
        state.value.waiting[peer]?.append(envelope)
        state.value.waitingCount += 1
        link.counters.messagesWait(1)
        return true
    }

    private func connected(_ peer: PeerID, _ outcome: Outcome, _ link: SIPTransportLink) {
        let envelopes = state.value.waiting.removeValue(forKey: peer) ?? []
        state.value.waitingCount -= envelopes.count
        link.counters.messagesWait(-envelopes.count)
        var lost: [SIPMessage] = []
        for var envelope in envelopes {
            envelope.attempts += 1
            if case .success(let id) = outcome { envelope.target.connection = id }
            guard case .success = outcome, envelope.attempts <= 2, link.post(envelope) else {
                lost.append(envelope.message)
                continue
            }
        }
        link.flush()
        if case .failure = outcome { for _ in lost { link.counters.count(.undeliverable) } }
        for message in lost { link.connections.value.delegate?.undeliverable(message) }
    }
}
