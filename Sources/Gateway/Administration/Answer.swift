internal import AdministrationAPI
internal import NIOCore

/// One request's answer: asks the service, and writes what it says, one piece at a time. A piece is written when the reader has taken
/// the one before, so a slow reader slows the source and fills no memory.
struct Answer: Sendable {
    let request: AdministrationRequest
    let peer: AdministrationPeer
    let service: any AdministrationService
    let channel: any Channel

    /// Bytes of a piece of a long answer.
    private static let pieceBytes = 64 * 1_024

    func run() async {
        do {
            try await respond()
        } catch let problem as AdministrationProblem {
            let body = AdministrationJSON.encode(problem)
            try? await whole(body, status: problem.kind.httpStatus)
        } catch {
            // The peer has gone, or a stream broke in its middle: without its end the reader knows that it is not whole.
            channel.close(promise: nil)
        }
    }

    private func respond() async throws {
        switch request {
        case .status: try await report(service.status(for: peer))
        case .calls: try await report(service.calls(for: peer))
        case .trace(let call): try await report(service.trace(call, for: peer))
        case .endCall(let call):
            try await service.endCall(call, for: peer)
            try await done()
        case .reload: try await report(service.reload(for: peer))
        case .drain:
            try await service.drain(for: peer)
            try await done()
        case .records(let tenant, let limit):
            try await report(service.records(tenant: tenant, number: nil, limit: limit, for: peer))
        case .searchRecords(let tenant, let number, let limit):
            try await report(service.records(tenant: tenant, number: number, limit: limit, for: peer))
        case .record(let call, let tenant): try await report(service.record(call, tenant: tenant, for: peer))
        case .export(let call, let tenant): try await export(service.export(call, tenant: tenant, for: peer))
        case .audit(let first, let limit): try await report(service.audit(from: first, limit: limit, for: peer))
        case .auditKey: try await report(service.auditKey(for: peer))
        case .events: try await follow(service.events(for: peer))
        }
    }

    // MARK: - Whole answers

    private func report(_ value: some Encodable) async throws { try await whole(AdministrationJSON.encode(value), status: 200) }

    private func done() async throws { try await whole(Array("{}".utf8), status: 200) }

    private func whole(_ body: [UInt8], status: Int) async throws {
        try await write(.head(status: status, contentType: "application/json", length: body.count, allowed: nil))
        try await pieces(body)
        try await write(.end)
    }

    private func pieces(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            try await write(.piece(Array(rest.prefix(Self.pieceBytes))))
            rest = rest.dropFirst(Self.pieceBytes)
        }
    }

    private func write(_ part: AnswerPart) async throws { try await channel.writeAndFlush(part) }

    // MARK: - Streams

    /// The answer begins with the first piece, so that what fails before it is still a problem with its status.
    private func export(_ pieces: AsyncThrowingStream<[UInt8], any Error>) async throws {
        var iterator = pieces.makeAsyncIterator()
        var piece: [UInt8]?
        do {
            piece = try await iterator.next()
        } catch let problem as AdministrationProblem {
            throw problem
        } catch {
            throw AdministrationProblem(.failed, "the recording could not be read")
        }
        try await write(.head(status: 200, contentType: "audio/wav", length: nil, allowed: nil))
        do {
            while let bytes = piece {
                try await self.pieces(bytes)
                piece = try await iterator.next()
            }
        } catch {
            throw BrokenStream()
        }
        // A cancelled stream ends like a whole one.
        guard !Task.isCancelled else { throw BrokenStream() }
        try await write(.end)
    }

    private func follow(_ events: AsyncStream<EventReport>) async throws {
        try await write(.head(status: 200, contentType: "application/x-ndjson", length: nil, allowed: nil))
        for await event in events { try await write(.piece(AdministrationJSON.encode(event) + [0x0A])) }
        try await write(.end)
    }
}

/// A stream that ended before its end; the head was written, so there is no status to tell it with.
private struct BrokenStream: Error {}
