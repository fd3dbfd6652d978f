internal import NIOCore
internal import SIPMessages
internal import SIPSessions
internal import SottoBase
internal import Synchronization

/// What a connection needs of its transport: decisions, counters, and the way to the call loop.
final class SIPTransportLink: Sendable {
    let configuration: SIPTransportConfiguration
    let counters = TransportCounters()
    let door: any SIPDoor
    let accept: @Sendable (PeerInfo) -> AcceptDecision
    let notice: @Sendable (SIPTransportNotice) -> Void
    let callLoop: any EventLoop
    let connections: NIOLoopBoundBox<ConnectionTable>
    /// Set by a drain: connections that are still in their handshake are not let in.
    let isDraining = Atomic<Bool>(false)
    let dialler: Dialler
    private let lastID = Atomic<UInt64>(0)

    init(
        configuration: SIPTransportConfiguration, callLoop: any EventLoop, door: any SIPDoor,
        accept: @escaping @Sendable (PeerInfo) -> AcceptDecision, notice: @escaping @Sendable (SIPTransportNotice) -> Void,
        group: (any EventLoopGroup)? = nil, dialPolicy: @escaping @Sendable (PeerID) -> DialHop? = { _ in nil }
    ) {
        dialler = Dialler(group: group ?? callLoop, callLoop: callLoop, policy: dialPolicy)
        self.configuration = configuration
        self.callLoop = callLoop
        self.door = door
        self.accept = accept
        self.notice = notice
        connections = .makeBoxSendingValue(ConnectionTable(), eventLoop: callLoop)
    }

    func nextID() -> ConnectionID { ConnectionID(lastID.add(1, ordering: .relaxed).newValue) }

    // MARK: - The door

    /// Nil: the socket may come in, and `handshakeEnded` and `released` are owed once each. Else what forbids it, counted.
    func admit(_ address: PeerAddress) -> SIPTransportFault? {
        if let fault = door.connectionArrived(from: address) {
            counters.count(fault)
            return fault
        }
        counters.admit(address)
        return nil
    }

    func handshakeEnded() {
        counters.handshakeEnded()
        door.handshakeEnded()
    }

    func released(_ address: PeerAddress) {
        counters.release(address)
        door.connectionClosed(from: address)
    }

    // MARK: - From a connection's loop to the call loop

    func opened(_ id: ConnectionID, _ info: PeerInfo, as peer: PeerID, channel: any Channel) {
        callLoop.execute { [self] in
            connections.value.insert(id, peer, channel, info)
            connections.value.delegate?.connectionOpened(id, info, as: peer)
        }
    }

    func received(_ messages: [SIPMessage], on id: ConnectionID, _ backlog: ConnectionBacklog) {
        callLoop.execute { [self] in
            connections.value.delegate?.messagesReceived(messages, on: id)
            let left = backlog.count.subtract(messages.count, ordering: .relaxed).newValue
            let limit = configuration.maximumBacklog
            guard left < limit, left + messages.count >= limit, let channel = connections.value.channel(of: id) else { return }
            channel.eventLoop.execute {
                guard let context = try? channel.pipeline.syncOperations.context(handlerType: SIPConnectionHandler.self),
                    let handler = context.handler as? SIPConnectionHandler
                else { return }
                handler.resume(context: context)
            }
        }
    }

    func closed(_ id: ConnectionID, _ ending: ConnectionEnding) {
        callLoop.execute { [self] in
            connections.value.remove(id)
            connections.value.delegate?.connectionClosed(id, ending)
        }
    }

    // MARK: - From the call loop to a connection's

    /// Picks the connection that `target` means and puts the message into its outbox; false when there is none.
    func post(_ envelope: SIPBatch.Envelope, except: ConnectionID? = nil) -> Bool {
        guard connections.value.post(envelope, except: except) || dialler.redial(envelope, self) else {
            counters.count(.undeliverable)
            return false
        }
        return true
    }

    /// Gives each outbox to its connection in one hop.
    func flush() {
        for (id, channel, batch) in connections.value.takeOutboxes() {
            channel.writeAndFlush(batch).whenFailure { [self] _ in
                callLoop.execute { self.returned(batch, from: id) }
            }
        }
    }

    /// What a broken connection could not take goes to another one of its peer, twice at most. A copy that did arrive does no harm: the
    /// peer's transactions absorb it.
    private func returned(_ batch: SIPBatch, from id: ConnectionID) {
        var lost: [SIPMessage] = []
        for var envelope in batch.envelopes {
            envelope.attempts += 1
            if envelope.attempts > 2 || !post(envelope, except: id) { lost.append(envelope.message) }
        }
        flush()
        for message in lost { connections.value.delegate?.undeliverable(message) }
    }
}
