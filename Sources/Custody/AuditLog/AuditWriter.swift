public import DurableFiles
public import SottoBase
internal import SottoCrypto
internal import Synchronization

/// What an append promises: these entries are on the disk, and a signed head covers them.
public struct AuditReceipt: Equatable, Sendable {
    /// Sequence of the first entry; the others follow it.
    public var first: UInt64
    public var count: Int
    public var head: AuditHead
}

/// The append-only log of what was done (C2SP tlog-tiles entries under signed-note checkpoints).
///
/// An entry is durable before its append is answered: act only then. Entries that wait together share one flush. When the log cannot be
/// durable, the append fails and the act is refused; calls go on.
public final class AuditWriter: Sendable {
    public struct Settings: Sendable {
        /// Requests that may wait for the disk.
        public var queueLimit = 8_192
        /// At most so long after an entry the bundles and the checkpoint for readers follow (when entries keep coming; at once otherwise).
        public var publishInterval: Duration = .seconds(1)
        /// A journal longer than this is followed by a new one.
        public var journalBytes = 16 * 1024 * 1024

        public init() {}
    }

    private struct Request {
        var entries: [AuditEntry]
        var answer: (@Sendable (Result<AuditReceipt, AuditError>) -> Void)?
    }

    private struct Waiting {
        var requests: [Request] = []
        var isScheduled = false
        var isClosed = false
        var refused = 0
        var turns: UInt64 = 0
    }

    /// What anybody may look at while the disk is being waited for.
    private struct Shown {
        var head: AuditHead
        var note: [UInt8]
        var isWritable: Bool

        init(_ journal: AuditJournal) {
            head = journal.head
            note = journal.note
            isWritable = !journal.isBroken
        }
    }

    private struct Writing {
        var journal: AuditJournal
        var published: WallTime
    }

    /// Longest row of entries that one flush takes.
    private static let batchLimit = 2_048

    private let waiting = Mutex(Waiting())
    private let writing: Mutex<Writing>
    private let shown: Mutex<Shown>
    private let worker = SerialWorker(name: "sotto.audit", limit: 64)
    private let lock: FileLock
    private let settings: Settings
    private let wallTime: @Sendable () -> WallTime

    /// Opens the log in `folder`, or begins one, and appends its start record. Blocks: call it at start.
    /// - Parameters:
    ///   - signer: the origin and key of this node and life. A folder of another origin or key is refused.
    ///   - facts: what the start record says beside (version, node).
    public init(
        folder: String, signer: CheckpointSigner, facts: [String: String] = [:], settings: Settings = Settings(), disk: Disk = Disk(),
        wallTime: @escaping @Sendable () -> WallTime
    ) throws(AuditError) {
        let place = AuditFolder(path: folder, disk: disk)
        do throws(FileError) {
            try disk.createFolders(folder)
            lock = try disk.lock(place.lock)
        } catch {
            throw error.cause == .locked ? .heldByAnotherProcess(path: place.lock) : .disk(error)
        }
        self.settings = settings
        self.wallTime = wallTime
        var opening = try AuditJournal.open(place, signer: signer, rotation: settings.journalBytes)
        var start = facts
        start["log"] = opening.lastEntry == nil ? "begun" : "opened"
        if let last = opening.lastEntry { start["previous-end"] = Self.isStop(last) ? "stopped" : "unclean" }
        if opening.tornBytes > 0 { start["torn-bytes-removed"] = String(opening.tornBytes) }
        _ = try opening.journal.append([AuditEntry(act: .logStarted, actor: .daemon, facts: start)], time: wallTime())
        opening.journal.publish()
        shown = Mutex(Shown(opening.journal))
        writing = Mutex(Writing(journal: opening.journal, published: wallTime()))
    }

    /// The head that is durable now. It also goes to places that the folder's owner cannot change, since a folder cannot show its own
    /// rollback.
    ///
    /// Neither this nor any other question waits for the disk: they are answered from what the last flush left.
    public var head: AuditHead { shown.withLock { $0.head } }
    /// The signed note of that head.
    public var signedHead: [UInt8] { shown.withLock { $0.note } }
    /// Requests that wait for the disk: a gauge that returns to zero.
    public var pending: Int { waiting.withLock { $0.requests.count } }
    /// How far the writer has come, for a watchdog.
    public var progress: AuditProgress { waiting.withLock { AuditProgress(turns: $0.turns, isBusy: $0.isScheduled) } }
    /// Requests refused because too many waited.
    public var refused: Int { waiting.withLock { $0.refused } }
    /// False after a flush failed: every append is refused until the log is opened again.
    public var isWritable: Bool { shown.withLock { $0.isWritable } }

    /// Returns when the entries are durable, all in one row. Throws when they are not: refuse the act then.
    @discardableResult
    public func append(_ entries: [AuditEntry]) async throws(AuditError) -> AuditReceipt {
        let result: Result<AuditReceipt, AuditError> = await withCheckedContinuation { continuation in
            submit(entries) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    @discardableResult
    public func append(_ entry: AuditEntry) async throws(AuditError) -> AuditReceipt { try await append([entry]) }

    /// Queues entries without waiting, in order. `answer` comes on the log's own thread.
    public func submit(_ entries: [AuditEntry], answer: (@Sendable (Result<AuditReceipt, AuditError>) -> Void)? = nil) {
        let refusal: AuditError? = waiting.withLock { waiting in
            guard !waiting.isClosed else { return .closed }
            guard !entries.isEmpty, entries.count <= Self.batchLimit else { return .entryTooLarge }
            guard waiting.requests.count < settings.queueLimit else {
                waiting.refused += 1
                return .overloaded
            }
            waiting.requests.append(Request(entries: entries, answer: answer))
            schedule(&waiting)
            return nil
        }
        if let refusal { answer?(.failure(refusal)) }
    }

    /// Appends the stop record, publishes, and ends: every later append is refused.
    @discardableResult
    public func close(facts: [String: String] = [:]) async throws(AuditError) -> AuditHead {
        let result: Result<AuditReceipt, AuditError> = await withCheckedContinuation { continuation in
            let isClosed = waiting.withLock { waiting in
                guard !waiting.isClosed else { return true }
                waiting.isClosed = true
                let stop = AuditEntry(act: .logStopped, actor: .daemon, facts: facts)
                waiting.requests.append(Request(entries: [stop]) { continuation.resume(returning: $0) })
                schedule(&waiting)
                return false
            }
            if isClosed { continuation.resume(returning: .failure(.closed)) }
        }
        await worker.run(isReserved: true) { [self] in
            writing.withLock { writing in
                writing.journal.publish()
                writing.journal.close()
            }
        }
        return try result.get().head
    }

    // MARK: - On the worker

    private func schedule(_ waiting: inout Waiting) {
        guard !waiting.isScheduled else { return }
        waiting.isScheduled = true
        worker.submit(isReserved: true) { [self] in writeWaiting() }
    }

    private func writeWaiting() {
        while true {
            let batch = waiting.withLock { waiting -> [Request] in
                var count = 0
                let batch = waiting.requests.prefix { request in
                    count += request.entries.count
                    return count <= Self.batchLimit
                }
                waiting.requests.removeFirst(batch.count)
                if batch.isEmpty { waiting.isScheduled = false }
                return Array(batch)
            }
            guard !batch.isEmpty else {
                writing.withLock { publish(&$0) }
                return
            }
            write(batch)
            waiting.withLock { $0.turns &+= 1 }
            writing.withLock { writing in
                let age = wallTime().milliseconds - writing.published.milliseconds
                if age < 0 || age >= settings.publishInterval.wholeMilliseconds { publish(&writing) }
            }
        }
    }

    private func publish(_ writing: inout Writing) {
        guard writing.journal.unpublished > 0 else { return }
        writing.journal.publish()
        writing.published = wallTime()
    }

    private func write(_ batch: [Request]) {
        let time = wallTime()
        let result = append(batch.flatMap(\.entries), time)
        if case .failure(let error) = result, batch.count > 1, error == .entryTooLarge || error.isDiskFull {
            // One request must not take the others with it: an entry that is too long, or a row too long for what room is left.
            for request in batch { request.answer?(receipt(append(request.entries, time), count: request.entries.count, offset: 0)) }
            return
        }
        var offset: UInt64 = 0
        for request in batch {
            request.answer?(receipt(result, count: request.entries.count, offset: offset))
            offset += UInt64(request.entries.count)
        }
    }

    private func append(_ entries: [AuditEntry], _ time: WallTime) -> Result<AuditJournal.Appended, AuditError> {
        writing.withLock { writing in
            defer { shown.withLock { $0 = Shown(writing.journal) } }
            do throws(AuditError) { return .success(try writing.journal.append(entries, time: time)) } catch { return .failure(error) }
        }
    }

    private func receipt(
        _ result: Result<AuditJournal.Appended, AuditError>, count: Int, offset: UInt64
    ) -> Result<AuditReceipt, AuditError> {
        result.map { AuditReceipt(first: $0.first + offset, count: count, head: $0.head) }
    }

    private static func isStop(_ entry: [UInt8]) -> Bool {
        String(decoding: entry, as: UTF8.self).contains("\"act\":\"\(AuditAct.logStopped.rawValue)\"")
    }
}
