public import NIOCore
internal import SottoBase

/// TLS as one handler: ciphertext towards the socket, plaintext towards the application.
///
///     idle ──active──▶ handshaking ──completed──▶ open ──close()──▶ closing ──close_notify, EOF or deadline──▶ closed
///                          └────────── failure, deadline, close(), EOF ──────────────────────────────────────────▲
///
/// - It fires `TLSHandshakeCompleted` once, before the first plaintext.
/// - Each failure is fired once as a `TLSError`, after which the channel is closed; an alert that is owed is sent first.
/// - A plaintext buffer is wiped after it was encrypted, and after the pipeline returned from reading it, unless someone keeps it.
/// - The state changes before any call-out, and each loop turn consumes input or leaves.
public final class TLSHandler: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    public struct Limits: Sendable, Hashable {
        /// From the connection's start to the handshake's end; a peer that sends a byte at a time gains nothing.
        public var handshakeDeadline: TimeAmount
        /// How long to wait for the peer's close_notify after ours, so that our last bytes are not lost to a reset. Zero: not at all.
        public var closeDeadline: TimeAmount
        /// Plaintext bytes that may be written before the handshake is complete.
        public var pendingBytes: Int

        public init(handshakeDeadline: TimeAmount = .seconds(5), closeDeadline: TimeAmount = .seconds(2), pendingBytes: Int = 64 * 1024) {
            self.handshakeDeadline = handshakeDeadline
            self.closeDeadline = closeDeadline
            self.pendingBytes = pendingBytes
        }
    }

    private enum Phase {
        case idle
        case handshaking
        case open
        case closing
        case closed
    }

    private struct Write {
        var plaintext: ByteBuffer
        let promise: EventLoopPromise<Void>?
    }

    /// A TLS record's plaintext is at most 2^14 bytes (RFC 8446 §5.1).
    private static let recordSize = 16_384
    /// Ciphertext is handed on in pieces of this size when a lot is written at once.
    private static let outputChunk = 64 * 1024
    /// Plaintext that is discarded while closing; a peer that sends more is cut off.
    private static let closingAllowance = 256 * 1024

    private let limits: Limits
    private let serverName: ServerName?
    private var engine: TLSEngine
    private var phase = Phase.idle
    private var writes = MarkedCircularBuffer<Write>(initialCapacity: 4)
    private var pendingBytes = 0
    private var discardedBytes = 0
    private var isPumping = false
    /// Plaintext buffers that someone else kept, so that they could not be wiped where they lay.
    private(set) var keptPlaintexts = 0
    private var deadline: Scheduled<Void>?
    private var closePromises: [EventLoopPromise<Void>] = []

    private init(_ context: TLSContext, serverName: ServerName?, limits: Limits) throws(TLSError) {
        engine = try TLSEngine(context, serverName: serverName.flatMap { $0.isAddress ? nil : $0.domain })
        self.serverName = serverName
        self.limits = limits
    }

    public static func server(_ context: TLSContext, limits: Limits = Limits()) throws(TLSError) -> TLSHandler {
        precondition(context.isServer, "a client's context cannot serve")
        return try TLSHandler(context, serverName: nil, limits: limits)
    }

    public static func client(_ context: TLSContext, to serverName: ServerName, limits: Limits = Limits()) throws(TLSError) -> TLSHandler {
        precondition(!context.isServer, "a server's context cannot connect")
        return try TLSHandler(context, serverName: serverName, limits: limits)
    }

    /// Judges the peer's certificate again, by the trust, revocation list and clock of today; nil: it is still good. On the channel's loop,
    /// after the handshake.
    public func peerFault(under today: TLSContext) -> TLSError? { engine.peerFault(under: today) }

    // MARK: - Life

    public func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        phase = .closed
        end(failingWritesWith: TLSError.closed)
    }

    public func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        let previous = phase
        phase = .closed
        let waiting = end(failingWritesWith: TLSError.closed)
        if case .handshaking = previous { context.fireErrorCaught(TLSError.closedDuringHandshake) }
        for promise in waiting { promise.succeed() }
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard case .idle = phase else { return }
        phase = .handshaking
        schedule(limits.handshakeDeadline, context) { $0.fail($1, .handshakeTimedOut) }
        pump(context)
    }

    // MARK: - Inbound

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .closed = phase { return }
        let ciphertext = unwrapInboundIn(data)
        ciphertext.withUnsafeReadableBytes { engine.receive($0) }
        if case .idle = phase { return }  // bytes before active: kept, as start() will read them
        pump(context)
    }

    /// Turns what was received into progress until there is none. A call that comes in while it runs leaves its bytes to the outer loop.
    private func pump(_ context: ChannelHandlerContext) {
        if isPumping { return }
        isPumping = true
        defer { isPumping = false }
        while turn(context) {}
    }

    /// One step; true when another one may find something to do.
    private func turn(_ context: ChannelHandlerContext) -> Bool {
        switch phase {
        case .idle, .closed:
            return false
        case .handshaking:
            return handshakeTurn(context)
        case .open, .closing:
            return readTurn(context)
        }
    }

    private func handshakeTurn(_ context: ChannelHandlerContext) -> Bool {
        switch engine.handshake() {
        case .needsInput:
            sendOutput(context, [])
            return false
        case .failed(let error):
            fail(context, error)
            return false
        case .completed:
            let outcome = engine.outcome
            if let fault = serverName?.fault(in: outcome.peerCertificate) {
                fail(context, fault)
                return false
            }
            phase = .open
            cancelDeadline()
            sendOutput(context, [])
            guard case .open = phase else { return false }
            context.fireUserInboundEventTriggered(outcome)
            encryptFlushedWrites(context)
            return true  // data may stand right behind the handshake
        }
    }

    private func readTurn(_ context: ChannelHandlerContext) -> Bool {
        var plaintext: ByteBuffer?
        let step = withUnsafeTemporaryAllocation(byteCount: Self.recordSize, alignment: 16) { scratch in
            let step = engine.read(into: scratch)
            if case .plaintext(let count) = step {
                if case .open = phase {
                    var buffer = context.channel.allocator.buffer(capacity: count)
                    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
                    plaintext = buffer
                }
                TLSHandler.wipeScratch(scratch, count)
            }
            return step
        }
        switch step {
        case .plaintext(let count):
            if plaintext != nil {
                if let plaintext { context.fireChannelRead(wrapInboundOut(plaintext)) }
                if plaintext?.wipeReadableBytes() == false { keptPlaintexts += 1 }
            } else {
                discardedBytes += count
                if discardedBytes > Self.closingAllowance { closeNow(context) }
            }
            return true
        case .needsInput:
            sendOutput(context, [])  // a key update may have asked for an answer
            return false
        case .closedByPeer:
            if case .open = phase {
                encryptFlushedWrites(context)
                guard case .open = phase else { return false }
                engine.shutdown()
                sendOutput(context, [])
            }
            closeNow(context)
            return false
        case .failed(let error):
            if case .closing = phase { closeNow(context) } else { fail(context, error) }
            return false
        }
    }

    // MARK: - Outbound

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch phase {
        case .closing, .closed:
            promise?.fail(TLSError.closed)
            return
        case .idle, .handshaking, .open:
            break
        }
        let plaintext = unwrapOutboundIn(data)
        let isOpen = if case .open = phase { true } else { false }
        guard isOpen || pendingBytes + plaintext.readableBytes <= limits.pendingBytes else {
            promise?.fail(TLSError.pendingLimitExceeded)
            return
        }
        pendingBytes += plaintext.readableBytes
        writes.append(Write(plaintext: plaintext, promise: promise))
    }

    public func flush(context: ChannelHandlerContext) {
        writes.mark()
        if case .open = phase { encryptFlushedWrites(context) } else { context.flush() }
    }

    private func encryptFlushedWrites(_ context: ChannelHandlerContext) {
        var promises: [EventLoopPromise<Void>] = []
        while case .open = phase, writes.hasMark, var next = writes.popFirst() {
            pendingBytes -= next.plaintext.readableBytes
            do throws(TLSError) {
                let failure = next.plaintext.withUnsafeReadableBytes { bytes -> TLSError? in
                    do throws(TLSError) {
                        try engine.write(bytes)
                        return nil
                    } catch {
                        return error
                    }
                }
                if !next.plaintext.wipeReadableBytes() { keptPlaintexts += 1 }
                if let promise = next.promise { promises.append(promise) }
                if let failure { throw failure }
            } catch {
                for promise in promises { promise.fail(error) }
                fail(context, error)
                return
            }
            if engine.outputCount >= Self.outputChunk {
                sendOutput(context, promises)
                promises.removeAll()
            }
        }
        sendOutput(context, promises)
    }

    /// Hands the engine's ciphertext on; `promises` follow the write that carries their bytes.
    private func sendOutput(_ context: ChannelHandlerContext, _ promises: [EventLoopPromise<Void>]) {
        let count = engine.outputCount
        guard count > 0 else {
            for promise in promises { promise.succeed() }  // empty writes
            return
        }
        var ciphertext = context.channel.allocator.buffer(capacity: count)
        ciphertext.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            engine.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]))
        }
        var promise = promises.first
        if promises.count > 1 {
            let all = context.eventLoop.makePromise(of: Void.self)
            for each in promises { all.futureResult.cascade(to: each) }
            promise = all
        }
        context.writeAndFlush(wrapOutboundOut(ciphertext), promise: promise)
    }

    // MARK: - Ends

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        switch phase {
        case .open:
            // Before the state changes: what was flushed has already been encrypted, the rest is given up as NIO's own close does.
            phase = .closing
            if let promise { closePromises.append(promise) }
            failWrites(with: ChannelError.ioOnClosedChannel)
            engine.shutdown()
            sendOutput(context, [])
            guard case .closing = phase else { return }
            if limits.closeDeadline > .nanoseconds(0) {
                schedule(limits.closeDeadline, context) { $0.closeNow($1) }
            } else {
                closeNow(context)
            }
        case .closing:
            if let promise { closePromises.append(promise) }
        case .idle, .handshaking:
            phase = .closed
            end(failingWritesWith: ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        case .closed:
            context.close(mode: .all, promise: promise)
        }
    }

    /// Sends what is owed (an alert), tells the pipeline, closes. Once.
    private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        if case .closed = phase { return }
        phase = .closed
        let waiting = end(failingWritesWith: error)
        sendOutput(context, [])
        context.fireErrorCaught(error)
        context.close(mode: .all, promise: nil)
        for promise in waiting { promise.succeed() }
    }

    private func closeNow(_ context: ChannelHandlerContext) {
        if case .closed = phase { return }
        phase = .closed
        let waiting = end(failingWritesWith: TLSError.closed)
        let closed = context.eventLoop.makePromise(of: Void.self)
        for promise in waiting { closed.futureResult.cascade(to: promise) }
        context.close(mode: .all, promise: closed)
    }

    /// Releases what the connection held; returns the promises of those who wait for its close.
    @discardableResult
    private func end(failingWritesWith error: any Error) -> [EventLoopPromise<Void>] {
        cancelDeadline()
        failWrites(with: error)
        let waiting = closePromises
        closePromises = []
        return waiting
    }

    private func failWrites(with error: any Error) {
        pendingBytes = 0
        while var next = writes.popFirst() {
            next.plaintext.wipeReadableBytes()
            next.promise?.fail(error)
        }
    }

    private func cancelDeadline() {
        deadline?.cancel()
        deadline = nil
    }

    private func schedule(
        _ delay: TimeAmount, _ context: ChannelHandlerContext, _ act: @escaping (TLSHandler, ChannelHandlerContext) -> Void
    ) {
        cancelDeadline()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            guard let self else { return }
            self.deadline = nil
            act(self, context)
        }
    }

    private static func wipeScratch(_ scratch: UnsafeMutableRawBufferPointer, _ count: Int) {
        if let start = scratch.baseAddress { wipe(start, count: count) }
    }
}
