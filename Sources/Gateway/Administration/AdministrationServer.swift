public import AdministrationAPI
public import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// The admin server: HTTP/1.1 over a unix socket, one request a connection, for peers that the kernel names.
///
/// It decides nothing: it reads a request, hands it with the peer's credentials to the service, and writes what comes back. The peer's
/// roles, and the audit log, are the service's.
public final class AdministrationServer: Sendable {
    public let path: String
    let service: any AdministrationService
    let limits: AdministrationLimits
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    private struct State {
        var isStarted = false
        var isStopping = false
        var listener: (any Channel)?
        var socket: ListeningSocket?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var users: [UInt32: Int] = [:]
        var gauges = AdministrationGauges()
    }

    /// - Parameter path: of the socket file, 107 bytes at most.
    /// - Parameter group: an `EventLoopGroup` of NIOPosix.
    public init(
        path: String, service: any AdministrationService, group: any EventLoopGroup, limits: AdministrationLimits = AdministrationLimits()
    ) {
        self.path = path
        self.service = service
        self.group = group
        self.limits = limits
    }

    public var gauges: AdministrationGauges { state.withLock { $0.gauges } }

    /// Opens the socket. Throws `AdministrationServerError`.
    public func start() async throws {
        let isFirst = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard isFirst else { throw AdministrationServerError.alreadyStarted }
        do {
            try await listen()
        } catch {
            state.withLock { $0.isStarted = false }
            throw error
        }
    }

    private func listen() async throws {
        let socket = try ListeningSocket(path: path)
        let bootstrap = ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
        do {
            let listener = try await bootstrap.withBoundSocket(socket.descriptor).get()
            state.withLock { state in
                state.listener = listener
                state.socket = socket
            }
        } catch {
            socket.remove()
            throw AdministrationServerError.failed(path, operation: "listen", errno: (error as? IOError)?.errnoCode ?? 0)
        }
    }

    /// Closes the socket and removes its file; ends streams at once, gives running requests `stopTime`, then closes what is left.
    public func stop() async {
        let (listener, socket, connections) = state.withLock { state in
            state.isStopping = true
            defer {
                state.listener = nil
                state.socket = nil
            }
            return (state.listener, state.socket, Array(state.connections.values))
        }
        socket?.remove()
        try? await listener?.close().get()
        for connection in connections { connection.pipeline.fireUserInboundEventTriggered(ConnectionEvent.stopping) }
        // What was accepted while the listener closed has seen `isStopping` and closes by itself.
        let rest = state.withLock { Array($0.connections.values) }
        guard !rest.isEmpty else { return }
        let loop = group.next()
        let deadline = loop.scheduleTask(in: TimeAmount(limits.stopTime)) {
            for connection in rest { connection.close(promise: nil) }
        }
        try? await EventLoopFuture.andAllComplete(rest.map(\.closeFuture), on: loop).get()
        deadline.cancel()
    }

    // MARK: - Connections

    /// On the connection's loop.
    private func accept(_ channel: any Channel) throws {
        let peer = PeerCredentials.read(channel)
        let admission = admit(channel, peer)
        channel.closeFuture.whenComplete { [self] _ in forget(channel, peer, admission) }
        let pipeline = channel.pipeline.syncOperations
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldSize = limits.requestBytes
        decoderLimits.maxHeaderListSize = limits.requestBytes
        decoderLimits.maxHeaderFieldCount = 64
        try pipeline.addHandler(RequestSizeGuard(limit: limits.requestBytes))
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)))
        try pipeline.addHandler(ConnectionHandler(server: self, admission: admission))
    }

    private func admit(_ channel: any Channel, _ peer: AdministrationPeer?) -> Admission {
        state.withLock { state in
            guard let peer, !state.isStopping else { return .closed }
            guard state.connections.count < limits.connections, state.users[peer.user, default: 0] < limits.connectionsPerUser else {
                state.gauges.overLimitTotal &+= 1
                return .overLimit
            }
            state.connections[ObjectIdentifier(channel)] = channel
            state.users[peer.user, default: 0] += 1
            state.gauges.connections = state.connections.count
            return .admitted(peer)
        }
    }

    private func forget(_ channel: any Channel, _ peer: AdministrationPeer?, _ admission: Admission) {
        guard case .admitted(let peer) = admission else { return }
        state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = nil
            let left = state.users[peer.user, default: 1] - 1
            state.users[peer.user] = left > 0 ? left : nil
            state.gauges.connections = state.connections.count
        }
    }

    // MARK: - Counting

    /// False when there are too many streams.
    func requestStarted(_ request: AdministrationRequest) -> Bool {
        state.withLock { state in
            if request == .events {
                guard state.gauges.streams < limits.streams else {
                    state.gauges.overLimitTotal &+= 1
                    return false
                }
                state.gauges.streams += 1
            }
            state.gauges.requests += 1
            state.gauges.requestsTotal &+= 1
            return true
        }
    }

    func requestEnded(_ request: AdministrationRequest) {
        state.withLock { state in
            state.gauges.requests -= 1
            if request == .events { state.gauges.streams -= 1 }
        }
    }

    func requestRefused() { state.withLock { $0.gauges.refusedTotal &+= 1 } }
    func peerWasSlow() { state.withLock { $0.gauges.slowTotal &+= 1 } }
}

/// What became of a new connection.
enum Admission {
    case admitted(AdministrationPeer)
    case overLimit
    /// The kernel does not name the peer, or the server stops.
    case closed
}

/// What a connection is told from outside or by the handlers before it.
enum ConnectionEvent: Sendable {
    case stopping
    case requestTooLarge
}
