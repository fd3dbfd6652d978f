internal import Glibc
public import NIOCore
internal import NIOPosix
public import SIPMessages
public import SIPSessions
public import SottoBase
internal import SottoTLS
internal import Synchronization

/// SIP over TLS: listens, lets known peers in, dials others, turns their bytes into messages for the call loop, and sends what comes back.
///
///     accept ─▶ door ─▶ TLS ─▶ accept decision ─▶ framing, parsing ──batches──▶ call loop
///
/// Handshakes and parsing run on the connections' loops, never on the call loop. There is no listener without TLS.
public final class SIPConnections: Sendable {
    public let callLoop: any EventLoop
    let link: SIPTransportLink
    private let group: any EventLoopGroup
    private let listeners = Mutex<[any Channel]>([])

    /// - Parameters:
    ///   - group: loops for the connections.
    ///   - callLoop: the one loop on which the delegate is called.
    ///   - door: asked before TLS, and told what becomes of what it let in.
    ///   - accept: asked after the handshake. Called on a connection's loop; must not block.
    ///   - dialPolicy: where a request inside a dialog may go when no connection of its peer is left (`ConnectionTarget.redial`); nil
    ///     forbids it. Asked on the call loop; must not block.
    ///   - notice: for the log. Called on a connection's loop; must not block.
    public init(
        connections group: any EventLoopGroup, callLoop: any EventLoop, configuration: SIPTransportConfiguration = .init(),
        door: any SIPDoor, accept: @escaping @Sendable (PeerInfo) -> AcceptDecision,
        dialPolicy: @escaping @Sendable (PeerID) -> DialHop? = { _ in nil },
        notice: @escaping @Sendable (SIPTransportNotice) -> Void = { _ in }
    ) {
        self.group = group
        self.callLoop = callLoop
        link = SIPTransportLink(
            configuration: configuration, callLoop: callLoop, door: door, accept: accept, notice: notice, group: group,
            dialPolicy: dialPolicy)
    }

    /// Whom to tell. Before the first `listen`.
    public func deliver(to delegate: any SIPTransportDelegate) async {
        try? await callLoop.submit { [link] in link.connections.value.delegate = delegate }.get()
    }

    public var gauges: SIPTransportGauges { link.counters.gauges }

    // MARK: - Listening

    /// Opens a listener; its real address and port.
    public func listen(_ listener: SIPListener) async throws(SIPListenError) -> PeerAddress {
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: listener.bindAddress, port: Int(listener.port))
        } catch {
            throw .invalidAddress(listener.bindAddress)
        }
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 60)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 15)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 4)
            .childChannelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: 30_000)
            .childChannelInitializer { [self] in take($0, listener) }
        do {
            let channel = try await bootstrap.bind(to: address).get()
            listeners.withLock { $0.append(channel) }
            guard let bound = channel.localAddress.flatMap(PeerAddress.init) else { throw SIPListenError.system(errno: EINVAL) }
            return bound
        } catch let error as IOError {
            switch error.errnoCode {
            case EADDRINUSE: throw .addressInUse(listener.bindAddress, port: listener.port)
            case EADDRNOTAVAIL: throw .addressNotAvailable(listener.bindAddress)
            case EACCES, EPERM: throw .notPermitted(port: listener.port)
            default: throw .system(errno: error.errnoCode)
            }
        } catch {
            throw .system(errno: 0)
        }
    }

    /// A socket's first moment, on its own loop.
    private func take(_ channel: any Channel, _ listener: SIPListener) -> EventLoopFuture<Void> {
        guard let address = channel.remoteAddress.flatMap(PeerAddress.init) else {
            return turnAway(channel, nil, .socket)
        }
        if let fault = link.admit(address) {
            link.notice(.turnedAway(address, fault, nil))
            return channel.eventLoop.makeFailedFuture(TurnedAway())
        }
        mark(channel, listener.dscp, isIPv6: address.isIPv6)
        channel.closeFuture.whenComplete { [link] _ in link.released(address) }
        do {
            let tls = try TLSHandler.server(listener.context.current, limits: link.configuration.tls)
            let handler = SIPConnectionHandler(
                link: link, address: address,
                origin: .accepted(host: listener.advertisedHost, port: listener.advertisedPort, context: listener.context))
            try channel.pipeline.syncOperations.addHandlers([tls, handler])
            return channel.eventLoop.makeSucceededVoidFuture()
        } catch {
            link.handshakeEnded()
            return turnAway(channel, address, .socket)
        }
    }

    /// A network that marks nothing is no reason to turn a peer away: a failure is nobody's concern.
    private func mark(_ channel: any Channel, _ dscp: UInt8, isIPv6: Bool) {
        guard dscp > 0, dscp < 64, let options = channel as? any SocketOptionProvider else { return }
        let (level, name): (NIOBSDSocket.OptionLevel, Int32) = isIPv6 ? (.ipv6, IPV6_TCLASS) : (.ip, IP_TOS)
        options.unsafeSetSocketOption(level: level, name: NIOBSDSocket.Option(rawValue: name), value: CInt(dscp) << 2).whenFailure { _ in }
    }

    private func turnAway(_ channel: any Channel, _ address: PeerAddress?, _ fault: SIPTransportFault) -> EventLoopFuture<Void> {
        link.counters.count(fault)
        if let address { link.notice(.turnedAway(address, fault, nil)) }
        return channel.eventLoop.makeFailedFuture(TurnedAway())
    }

    /// Makes NIO close a socket that was just accepted.
    private struct TurnedAway: Error {}

    // MARK: - Sending

    /// Puts a message into the outbox of the connection that `target` means, in this order: its connection, the latest other one of its
    /// peer, a new one to `redial` where the dial policy permits it: the message waits for it, and is `undeliverable` when none comes.
    /// False when there is none of them. Call `flush` afterwards. Call loop only.
    public func send(_ message: SIPMessage, to target: ConnectionTarget) -> Bool {
        link.post(SIPBatch.Envelope(message: message, target: target))
    }

    /// Writes what was put into the outboxes, one hop for each connection. Call loop only.
    public func flush() { link.flush() }

    // MARK: - Ending

    /// Takes no new connection; live ones stay.
    public func stopAccepting() async {
        let open = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in open { try? await listener.close().get() }
    }

    /// Takes no new connection, closes each live one once its peer has been silent for `quiet`, and all of them after `deadline`.
    /// Returns when none is left.
    public func drain(quiet: TimeAmount, deadline: TimeAmount) async {
        await stopAccepting()
        link.isDraining.store(true, ordering: .relaxed)
        let channels = await liveChannels()
        for channel in channels { channel.triggerUserOutboundEvent(DrainRequest(quiet: quiet), promise: nil) }
        let cut = callLoop.scheduleTask(in: deadline) {
            for channel in channels { channel.close(promise: nil) }
        }
        for channel in channels { try? await channel.closeFuture.get() }
        cut.cancel()
    }

    /// Closes everything now, and lets go of the delegate. Nothing is delivered afterwards.
    public func shutDown() async {
        await stopAccepting()
        link.isDraining.store(true, ordering: .relaxed)
        let channels = await liveChannels() + link.dialler.channels
        for channel in channels { channel.close(promise: nil) }
        for channel in channels { try? await channel.closeFuture.get() }
        // The last `connectionClosed` is on its way to the call loop already.
        try? await callLoop.submit { [link] in link.dialler.endAll() }.get()
        try? await callLoop.submit { [link] in link.connections.value.delegate = nil }.get()
    }

    private func liveChannels() async -> [any Channel] {
        (try? await callLoop.submit { [link] in link.connections.value.channels }.get()) ?? []
    }
}

extension PeerAddress {
    /// Nil for anything but IPv4 and IPv6.
    init?(_ address: SocketAddress) {
        guard let port = address.port, let port = UInt16(exactly: port), let host = address.ipAddress else { return nil }
        self.init(host: host, port: port)
    }
}
