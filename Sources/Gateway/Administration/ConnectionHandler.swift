internal import AdministrationAPI
internal import NIOCore
internal import NIOHTTP1

/// Counts what a peer sends: a connection carries one request, so its bytes are bounded by the request's bound.
final class RequestSizeGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left: Int
    private var isOver = false

    init(limit: Int) { left = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let count = unwrapInboundIn(data).readableBytes
        guard count <= left else {
            isOver = true
            context.fireUserInboundEventTriggered(ConnectionEvent.requestTooLarge)
            return
        }
        left -= count
        context.fireChannelRead(data)
    }
}

/// A part of an answer, as the answering task writes it.
enum AnswerPart: Sendable {
    case head(status: Int, contentType: String, length: Int?, allowed: String?)
    case piece([UInt8])
    case end
}

/// One connection: reads one request, starts the task that answers it, and closes.
///
///     reading ──whole request──▶ answering ──end──▶ finished
///        │ refused, too large, too late  │ too late     ▲
///        └──────────────────────────────┴──────────────┘
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = AnswerPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case reading(AdministrationPeer, head: HTTPRequestHead?, body: [UInt8])
        case answering(Task<Void, Never>, isStream: Bool, hasBegun: Bool)
        case finished
    }

    private let server: AdministrationServer
    private let admission: Admission
    private var state: State
    /// Of the request, then of the answer's first byte.
    private var deadline: Scheduled<Void>?
    /// Of the piece that is being written.
    private var writeDeadline: Scheduled<Void>?

    init(server: AdministrationServer, admission: Admission) {
        self.server = server
        self.admission = admission
        if case .admitted(let peer) = admission { state = .reading(peer, head: nil, body: []) } else { state = .finished }
    }

    // MARK: - Reading

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        switch admission {
        case .admitted:
            deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(server.limits.requestTime)) { [self] in
                guard case .reading = state else { return }
                server.peerWasSlow()
                refuse(
                    AdministrationRefusal(status: 408, AdministrationProblem(.badRequest, "the request did not come in time")), context)
            }
        case .overLimit:
            refuse(
                AdministrationRefusal(
                    status: 503,
                    AdministrationProblem(.unavailable, "there are too many connections to the admin socket", hint: "try again")),
                context)
        case .closed:
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Whatever follows a request is not read.
        guard case .reading(let peer, let head, var body) = state else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            state = .reading(peer, head: head, body: [])
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= server.limits.bodyBytes else {
                refuse(Self.tooLarge(413, "the request's body is too large"), context)
                return
            }
            body += bytes.readableBytesView
            state = .reading(peer, head: head, body: body)
        case .end:
            guard let head else { return }
            switch AdministrationRequest.read(method: head.method.rawValue, target: head.uri, body: body) {
            case .success(let request): answer(request, peer, context)
            case .failure(let refusal): refuse(refusal, context)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event as? ConnectionEvent {
        case .requestTooLarge:
            guard case .reading(_, let head, _) = state else {
                // It asks and goes on sending.
                if case .answering = state { context.close(promise: nil) }
                return
            }
            refuse(Self.tooLarge(head == nil ? 431 : 413, "the request is too large"), context)
        case .stopping:
            switch state {
            case .reading: context.close(promise: nil)
            case .answering(let task, let isStream, _): if isStream { task.cancel() }
            case .finished: break
            }
        case nil:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let fault = error as? HTTPParserError, case .reading = state else {
            context.close(promise: nil)
            return
        }
        refuse(
            fault == .headerOverflow ? Self.tooLarge(431, "the request's head is too large") : .badRequest("that is not HTTP/1.1"), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        writeDeadline?.cancel()
        context.fireChannelInactive()
    }

    private static func tooLarge(_ status: Int, _ detail: String) -> AdministrationRefusal {
        AdministrationRefusal(status: status, AdministrationProblem(.badRequest, detail))
    }

    // MARK: - Answering

    private func answer(_ request: AdministrationRequest, _ peer: AdministrationPeer, _ context: ChannelHandlerContext) {
        guard server.requestStarted(request) else {
            refuse(
                AdministrationRefusal(
                    status: 503, AdministrationProblem(.unavailable, "too many follow the events already", hint: "end one of them")),
                context)
            return
        }
        deadline?.cancel()
        let answer = Answer(request: request, peer: peer, service: server.service, channel: context.channel)
        let server = server
        let task = Task {
            await answer.run()
            server.requestEnded(request)
        }
        state = .answering(task, isStream: request == .events, hasBegun: false)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(server.limits.answerTime)) { [self] in
            guard case .answering(let task, _, false) = state else { return }
            task.cancel()
            let problem = AdministrationProblem(.unavailable, "the daemon did not answer in time", hint: "look into its log; try again")
            refuse(AdministrationRefusal(status: 503, problem), context)
        }
    }

    /// Answers without the service, and closes.
    private func refuse(_ refusal: AdministrationRefusal, _ context: ChannelHandlerContext) {
        server.requestRefused()
        finish()
        let body = AdministrationJSON.encode(refusal.problem)
        send(.head(status: refusal.status, contentType: "application/json", length: body.count, allowed: refusal.allowed), context, nil)
        send(.piece(body), context, nil)
        send(.end, context, nil)
        startWriteDeadline(context)
        context.flush()
    }

    private func finish() {
        deadline?.cancel()
        if case .answering(let task, _, _) = state { task.cancel() }
        state = .finished
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .answering(let task, let isStream, _) = state else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let part = unwrapOutboundIn(data)
        startWriteDeadline(context)
        switch part {
        case .head:
            deadline?.cancel()
            state = .answering(task, isStream: isStream, hasBegun: true)
        case .piece: break
        case .end: state = .finished
        }
        send(part, context, promise)
    }

    private func startWriteDeadline(_ context: ChannelHandlerContext) {
        writeDeadline?.cancel()
        writeDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(server.limits.writeTime)) { [self] in
            server.peerWasSlow()
            context.close(promise: nil)
        }
    }

    private func send(_ part: AnswerPart, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise()
        switch part {
        case .head(let status, let contentType, let length, let allowed):
            var headers = HTTPHeaders([("Content-Type", contentType), ("Cache-Control", "no-store"), ("Connection", "close")])
            if let length { headers.add(name: "Content-Length", value: String(length)) }
            if let allowed { headers.add(name: "Allow", value: allowed) }
            let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: written)
        case .piece(let bytes):
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: written)
        case .end:
            context.write(wrapOutboundOut(.end(nil)), promise: written)
        }
        let isEnd = if case .end = part { true } else { false }
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            writeDeadline?.cancel()
            if isEnd { context.close(promise: nil) }
        }
    }
}
