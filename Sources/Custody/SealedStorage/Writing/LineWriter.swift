internal import DurableFiles
public import SottoBase
internal import Synchronization

/// Keeps lines (a transcript's, or a call's events), each durable before it is acknowledged. Lines of one writer keep their order.
public final class LineWriter: Sendable {
    /// Longest line in bytes of JSON.
    static let lineLimit = 64 * 1024
    /// Lines of one writer that may wait for the disk.
    private static let pendingLimit = 1_024

    public typealias Acknowledgement = @Sendable (Result<Void, StorageError>) -> Void

    private struct Waiting {
        var content: [UInt8]
        var position: MediaTime
        var acknowledge: Acknowledgement?
    }

    private struct State {
        var waiting: [Waiting] = []
        var isScheduled = false
        var lost: UInt64 = 0
        var isClosed = false
    }

    private let call: SealedCall
    private let body: SealedBody
    private let worker: SerialWorker
    private let state = Mutex(State())

    init(call: SealedCall, body: SealedBody, worker: SerialWorker) {
        self.call = call
        self.body = body
        self.worker = worker
    }

    /// Lines that were not kept.
    public var lost: UInt64 { state.withLock { $0.lost } }

    /// Queues a transcript line without waiting; `acknowledge` is called on the storage's worker when it is durable, or with why it is not.
    public func append(_ line: TranscriptLine, acknowledge: Acknowledgement? = nil) {
        enqueue(JSONText.line(line), position: line.from, acknowledge)
    }

    /// Queues an event without waiting.
    public func append(_ event: RecordFields, at position: MediaTime, acknowledge: Acknowledgement? = nil) {
        enqueue(JSONText.object(event), position: position, acknowledge)
    }

    /// Returns when the line is durable.
    public func append(durably line: TranscriptLine) async throws(StorageError) {
        try await durably { acknowledge in append(line, acknowledge: acknowledge) }
    }

    /// Returns when the event is durable.
    public func append(durably event: RecordFields, at position: MediaTime) async throws(StorageError) {
        try await durably { acknowledge in append(event, at: position, acknowledge: acknowledge) }
    }

    /// Writes the index and makes all durable.
    public func close() async throws(StorageError) -> SealedClosing {
        let wasOpen = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard wasOpen else { throw .closed }
        return try await call.close(body) { [self] in lost }
    }

    private func durably(_ enqueue: (@escaping Acknowledgement) -> Void) async throws(StorageError) {
        let result: Result<Void, StorageError> = await withCheckedContinuation { continuation in
            enqueue { continuation.resume(returning: $0) }
        }
        try result.get()
    }

    private func enqueue(_ json: [UInt8], position: MediaTime, _ acknowledge: Acknowledgement?) {
        let refusal: StorageError? = state.withLock { state in
            var refusal: StorageError?
            if state.isClosed {
                refusal = .closed
            } else if json.count > Self.lineLimit {
                refusal = .tooLarge
            } else if state.waiting.count >= Self.pendingLimit {
                refusal = .overloaded
            } else {
                state.waiting.append(Waiting(content: [SegmentKind.line.rawValue] + json, position: position, acknowledge: acknowledge))
                if state.isScheduled { return nil }
                state.isScheduled = worker.submit { [self] in writeWaiting() }
                if state.isScheduled { return nil }
                _ = state.waiting.popLast()
                refusal = .overloaded
            }
            state.lost += 1
            return refusal
        }
        if let refusal { acknowledge?(.failure(refusal)) }
    }

    /// On the worker: every line that waits by now becomes a segment, and one flush serves them all.
    private func writeWaiting() {
        let lines = state.withLock { state in
            state.isScheduled = false
            defer { state.waiting = [] }
            return state.waiting
        }
        var results: [Result<Void, StorageError>] = []
        for line in lines {
            do throws(StorageError) {
                try body.append(line.content, position: line.position)
                results.append(.success(()))
            } catch {
                results.append(.failure(error))
            }
        }
        do throws(StorageError) {
            try body.synchronize()
        } catch {
            results = results.map { _ in .failure(error) }
        }
        let failures = results.count { if case .failure = $0 { true } else { false } }
        if failures > 0 { state.withLock { $0.lost += UInt64(failures) } }
        for (line, result) in zip(lines, results) { line.acknowledge?(result) }
    }
}
