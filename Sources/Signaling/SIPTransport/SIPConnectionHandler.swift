internal import NIOCore
internal import SIPMessages
internal import SIPSessions
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// One connection between TLS and the call loop: decides whether the peer may speak, cuts and parses what it says, writes what
/// it is told, and ends it when it is slow, silent, or talks nonsense.
///
/// It answers no SIP message but one: the request whose Content-Length broke the stream (RFC 3261 §18.3), because nobody behind it can.
final class SIPConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = SIPBatch
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case handshaking
        case open(ConnectionID)
        /// Refused, or closing: nothing is read or delivered any more.
        case ended
    }

    private let link: SIPTransportLink
    private let address: PeerAddress
    private let origin: ConnectionOrigin
    private var configuration: SIPTransportConfiguration { link.configuration }

    private var phase = Phase.handshaking
    private var handshakeCounted = true
    private var ending = ConnectionEnding.closedByPeer
    private var openConnection: ConnectionID?
    private var identity: (info: PeerInfo, peer: PeerID)?
    private var wasActive = false

    private var framer: SIPStreamFramer
    private let parser: SIPMessageParser
    private var batch: [SIPMessage] = []
    private let backlog = ConnectionBacklog()
    private var isPaused = false
    private var wantsRead = false
    private var unreadable = 0

    private var outstanding = 0
    private var idleLimit: TimeAmount
    private var lastByte = NIODeadline.uptimeNanoseconds(0)
    private var messageDeadline: NIODeadline?
    private var keepAlive: KeepAlive?
    private var wakeUp: (at: NIODeadline, task: Scheduled<Void>)?

    init(link: SIPTransportLink, address: PeerAddress, origin: ConnectionOrigin) {
        self.link = link
        self.address = address
        self.origin = origin
        framer = SIPStreamFramer(limits: link.configuration.messageLimits, role: origin.dialled == nil ? .accepted : .opened)
        parser = SIPMessageParser(limits: link.configuration.messageLimits)
        idleLimit = link.configuration.idleDeadline
    }

    // MARK: - Life

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let completed = event as? TLSHandshakeCompleted, case .handshaking = phase else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        endHandshake()
        if link.isDraining.load(ordering: .relaxed) {
            phase = .ended
            origin.dialled?.report(.failure(.draining))
            context.close(promise: nil)
            return
        }
        guard let local = context.localAddress.flatMap(PeerAddress.init) else { return end(context, .fault(.socket), detail: "no address") }
        let info = origin.info(address: address, local: local, tls: completed)
        switch origin.dialled.map({ .accept($0.peer) }) ?? link.accept(info) {
        case .refuse:
            phase = .ended
            link.counters.count(.unknownPeer)
            link.notice(.unknownPeer(info))
            context.close(promise: nil)
        case .accept(let peer):
            open(context, info, peer)
        }
    }

    private func open(_ context: ChannelHandlerContext, _ info: PeerInfo, _ peer: PeerID) {
        let id = link.nextID()
        phase = .open(id)
        openConnection = id
        identity = (info, peer)
        lastByte = context.eventLoop.now
        if let interval = origin.dialled?.hop.keepAlive {
            keepAlive = KeepAlive(interval: interval, patience: configuration.pongDeadline, now: lastByte)
        }
        link.counters.connectionOpened()
        link.notice(.opened(id, info))
        link.opened(id, info, as: peer, channel: context.channel)
        origin.dialled?.report(.success(id))
        arm(context)
    }

    func channelActive(context: ChannelHandlerContext) {
        wasActive = true
        context.fireChannelActive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (phase, error as? TLSError) {
        case (.handshaking, let tls):
            phase = .ended
            // A connect that failed is told by its future.
            guard wasActive || origin.dialled == nil else { break }
            let fault: SIPTransportFault =
                switch tls {
                case .handshakeTimedOut: .handshakeTimedOut
                case .certificateRejected: .certificateRejected
                case nil: .socket
                default: .handshakeFailed
                }
            link.counters.count(fault)
            if let dialled = origin.dialled {
                dialled.report(.failure(tls.map { $0 == .keyNotPinned ? .keyNotPinned : .tls($0) } ?? .unreachable(errno: 0)))
            } else {
                link.notice(.turnedAway(address, fault, tls))
            }
        case (.open, let tls?):
            note(.tlsFailed, detail: tls.description)
        case (.open, nil):
            note(.socket, detail: "reset")
        case (.ended, _):
            break
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { release() }

    private func endHandshake() {
        guard handshakeCounted, origin.dialled == nil else { return }
        handshakeCounted = false
        link.handshakeEnded()
    }

    /// Gives back all that the connection held. Once.
    private func release() {
        endHandshake()
        phase = .ended
        if wasActive { origin.dialled?.report(.failure(.tls(.closedDuringHandshake))) }
        wakeUp?.task.cancel()
        wakeUp = nil
        framer.wipe()
        guard let id = openConnection else { return }
        openConnection = nil
        deliver(id)
        link.counters.connectionClosed()
        link.notice(.closed(id, ending))
        link.closed(id, ending)
    }

    /// Counts and tells a fault that ends the connection.
    private func note(_ fault: SIPTransportFault, detail: String) {
        link.counters.count(fault)
        if case .closedByPeer = ending { ending = .fault(fault) }
        if let openConnection { link.notice(.fault(openConnection, fault, detail: detail)) }
    }

    private func end(_ context: ChannelHandlerContext, _ why: ConnectionEnding, detail: String = "") {
        guard case .open(let id) = phase else {
            context.close(promise: nil)
            return
        }
        if case .fault(let fault) = why { note(fault, detail: detail) } else { ending = why }
        deliver(id)
        phase = .ended
        framer.wipe()
        context.close(promise: nil)
    }

    // MARK: - Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .open(let id) = phase else { return }
        let bytes = unwrapInboundIn(data)  // TLS wipes it when this returns
        lastByte = context.eventLoop.now
        bytes.withUnsafeReadableBytes { framer.append($0) }
        readFrames(context, id, byteCount: bytes.readableBytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .open(let id) = phase { deliver(id) }
        context.flush()
        context.fireChannelReadComplete()
    }

    private func readFrames(_ context: ChannelHandlerContext, _ id: ConnectionID, byteCount: Int) {
        var messages = 0
        var pings = 0
        defer { link.counters.received(bytes: byteCount, messages: messages, keepAlives: pings) }
        do throws(SIPFramingFault) {
            while case .open = phase, let event = try framer.next(parsedBy: parser) {
                switch event {
                case .message(let message):
                    messages += 1
                    batch.append(message)
                    if batch.count >= configuration.messagesPerBatch { deliver(id) }
                case .refused(let error):
                    messages += 1
                    refused(error, context, id)
                case .keepAlivePing:
                    pings += 1
                    send(ByteBuffer(staticString: "\r\n"), context, nil)
                case .pong:
                    if keepAlive?.pongReceived(now: context.eventLoop.now) == true { pings += 1 }
                    arm(context)
                }
            }
        } catch {
            framingFailed(context, error)
            return
        }
        guard case .open = phase else { return }
        if !framer.hasPartialMessage {
            messageDeadline = nil
        } else if messageDeadline == nil || messages > 0 {
            messageDeadline = context.eventLoop.now + configuration.messageDeadline
            arm(context)
        }
    }

    private func refused(_ error: SIPParseError, _ context: ChannelHandlerContext, _ id: ConnectionID) {
        unreadable += 1
        link.counters.count(.unreadableMessage)
        link.notice(.fault(id, .unreadableMessage, detail: error.description))
        if unreadable >= configuration.maximumUnreadableMessages {
            end(context, .fault(.framing), detail: "too many unreadable messages")
        }
    }

    /// Hands the batch to the call loop, and stops reading when that loop lags.
    private func deliver(_ id: ConnectionID) {
        guard !batch.isEmpty else { return }
        let messages = batch
        batch = []
        let waiting = backlog.count.add(messages.count, ordering: .relaxed).newValue
        if waiting >= configuration.maximumBacklog { isPaused = true }
        link.received(messages, on: id, backlog)
    }

    /// The answer that can still be made (RFC 3261 §18.3), then the end: nobody knows where the next message starts.
    private func framingFailed(_ context: ChannelHandlerContext, _ fault: SIPFramingFault) {
        if let owed = fault.statusOwed, var head = framer.takeFaultyHead(), case .request(var request)? = try? parser.parse(&head),
            request.method != .ack
        {
            request.markReceived(from: address)
            let tag = WireText("f\(UInt64.random(in: .min ... .max))")
            send(Self.serialize(.response(SIPResponse(owed, to: request, toTag: tag)), context), context, nil)
            link.counters.sent(bytes: 0, messages: 1)
            context.flush()
        }
        end(context, .fault(.framing), detail: fault.rule.rawValue)
    }

    // MARK: - Reading only what can be digested

    func read(context: ChannelHandlerContext) {
        if isPaused, backlog.count.load(ordering: .relaxed) >= configuration.maximumBacklog {
            wantsRead = true
        } else {
            isPaused = false
            context.read()
        }
    }

    /// The call loop has caught up.
    func resume(context: ChannelHandlerContext) {
        isPaused = false
        if wantsRead {
            wantsRead = false
            context.read()
        }
    }

    // MARK: - Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .open = phase else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let batch = unwrapOutboundIn(data)
        var bytes = 0
        for (index, envelope) in batch.envelopes.enumerated() {
            let buffer = Self.serialize(envelope.message, context)
            bytes += buffer.readableBytes
            send(buffer, context, index == batch.envelopes.count - 1 ? promise : nil)
        }
        link.counters.sent(bytes: 0, messages: batch.envelopes.count)
    }

    private static func serialize(_ message: SIPMessage, _ context: ChannelHandlerContext) -> ByteBuffer {
        var text: [UInt8] = []
        text.reserveCapacity(8_192 + message.fields.body.count)  // growing would leave pieces behind
        message.serialize(into: &text)
        var buffer = context.channel.allocator.buffer(capacity: text.count)
        buffer.writeBytes(text)
        wipe(&text)
        return buffer
    }

    /// Writes plaintext, and ends a connection whose peer does not take it.
    private func send(_ buffer: consuming ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let count = buffer.readableBytes
        outstanding += count
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.outstanding -= count }
        link.counters.sent(bytes: count, messages: 0)
        context.write(wrapOutboundOut(buffer), promise: written)
        if outstanding > configuration.maximumOutboundBytes { end(context, .fault(.slowReader), detail: "outbound buffer") }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let drain = event as? DrainRequest else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        idleLimit = min(idleLimit, drain.quiet)
        if case .closedByPeer = ending { ending = .closedByUs }
        if case .open = phase { arm(context) } else { context.close(promise: nil) }
        promise?.succeed()
    }

    // MARK: - Time

    /// One wake-up for the earliest of the deadlines. A later one than scheduled is found when the wake-up comes.
    private func arm(_ context: ChannelHandlerContext) {
        let next = [messageDeadline, keepAlive?.next].compactMap { $0 }.reduce(lastByte + idleLimit, min)
        if let wakeUp, wakeUp.at <= next { return }
        wakeUp?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { [weak self] () -> Void in self?.woken(context) }
        wakeUp = (next, task)
    }

    private func woken(_ context: ChannelHandlerContext) {
        wakeUp = nil
        guard case .open = phase else { return }
        let now = context.eventLoop.now
        if let messageDeadline, messageDeadline <= now { return end(context, .fault(.slowMessage), detail: "message deadline") }
        if lastByte + idleLimit <= now {
            return end(context, ending == .closedByUs ? .closedByUs : .fault(.idle), detail: "idle")
        }
        switch keepAlive?.timerDue(now: now) {
        case .dead:
            return end(context, .fault(.deadFlow), detail: "no pong")  // RFC 5626 §4.4.1
        case .ping:
            send(ByteBuffer(staticString: "\r\n\r\n"), context, nil)
            context.flush()
        case .wait, nil:
            break
        }
        arm(context)
    }

    // MARK: - Later judgement

    /// Whether the connection may go on; closes it otherwise. On the channel's loop.
    func recheck(context: ChannelHandlerContext) -> Bool {
        guard case .open = phase, let identity else { return true }
        let tls = try? context.pipeline.syncOperations.handler(type: TLSHandler.self)
        if let fault = tls?.peerFault(under: origin.context.current) {
            end(context, .fault(.noLongerAccepted), detail: fault.description)
            return false
        }
        // A dialled peer was chosen by us; whoever takes a trunk away closes its connections.
        guard origin.dialled == nil else { return true }
        if case .accept(let peer) = link.accept(identity.info), peer == identity.peer { return true }
        end(context, .fault(.noLongerAccepted), detail: "no longer this peer")
        return false
    }
}
