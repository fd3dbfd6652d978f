public import DurableFiles
public import Keys
public import SottoBase
internal import SottoCrypto
internal import Synchronization

/// Where calls are kept: sealed bodies in a folder a call, their key files beside them, and an index.
///
///     ROOT/records/TENANT/YYYY/MM/DD/CALL/  audio.keys  audio.caller.0  audio.agent.0  transcript.keys  transcript.0 …
///
/// Everything that touches the disk runs on one worker; nothing here blocks its caller.
public final class SealedStore: Sendable {
    public struct Settings: Sendable {
        /// The root of every class that has none of its own in `roots`.
        public var root: String
        /// Classes that lie elsewhere (another disk, another backup).
        public var roots: [KeyClass: String] = [:]
        /// The index's file; nil: `index.sqlite` in `root`.
        public var indexPath: String?
        /// Jobs (segments, batches of lines) that may wait for the disk.
        public var queueLimit = 16_384

        public init(root: String) { self.root = root }
    }

    /// The records index of this storage.
    public let index: RecordsIndex
    let keys: KeyHierarchy
    let disk: Disk
    let worker: SerialWorker
    private let settings: Settings

    /// Makes the roots and opens the index, migrating it when it is older. Blocks: call it at start.
    public init(_ settings: Settings, keys: KeyHierarchy, disk: Disk = Disk()) throws(StorageError) {
        self.settings = settings
        self.keys = keys
        self.disk = disk
        worker = SerialWorker(name: "sotto.storage", limit: settings.queueLimit)
        do throws(FileError) {
            for root in Set([settings.root] + settings.roots.values) { try disk.createFolders(root) }
            if let path = settings.indexPath { try disk.createFolders(Disk.parent(of: path)) }
            // SQLite would make it readable for others; it gives its own files the mode of this one.
            let path = settings.indexPath ?? settings.root + "/index.sqlite"
            if try disk.status(path) == nil { _ = try disk.create(path) }
        } catch {
            throw .disk(error)
        }
        index = try RecordsIndex(path: settings.indexPath ?? settings.root + "/index.sqlite")
    }

    /// Jobs that wait for the disk: a gauge that returns to zero.
    public var pending: Int { worker.pending }
    /// Jobs refused because too many waited.
    public var refused: Int { worker.refused }

    // MARK: - Writing

    /// Begins to keep a call: its folder, its record key and its row in the index. Fails when the key service does: the call then goes on
    /// without being kept, as policy says.
    public func openCall(_ place: CallPlace, _ opening: CallOpening) async throws(StorageError) -> SealedCall {
        let key = try await makeKey(place, .analytics)
        let digestKey = try await mapKeys { () async throws(KeyError) in try await keys.digestKey(tenant: place.tenant) }
        let caller = try SealedNumber(opening.caller, field: "caller", place: place, digestKey: digestKey, key: key)
        let callee = try SealedNumber(opening.callee, field: "callee", place: place, digestKey: digestKey, key: key)
        try await index.begin(place, opening, caller: caller, callee: callee)
        return SealedCall(place: place, storage: self, key: key)
    }

    /// A fresh call key of a class; its file is durable before anything is sealed under it.
    func makeKey(_ place: CallPlace, _ keyClass: KeyClass) async throws(StorageError) -> CallKey {
        let key = try await mapKeys { () async throws(KeyError) in
            try await keys.newCallKey(tenant: place.tenant, keyClass: keyClass, call: place.call)
        }
        let folder = folder(of: place, keyClass)
        let disk = disk
        try await onWorker { () throws(StorageError) in
            do throws(FileError) {
                try disk.createFolders(folder)
                try disk.write(key.file.serialized(), to: "\(folder)/\(keyClass.rawValue).keys", replacing: false)
            } catch {
                throw .disk(error)
            }
        }
        return key
    }

    // MARK: - Reading

    /// A call that was kept, opened for its own tenant; `notFound` for any other.
    public func stored(_ call: CallID, tenant: TenantName) async throws(StorageError) -> StoredCall {
        guard let summary = try await index.find(call, tenant: tenant) else { throw .notFound }
        return StoredCall(summary: summary, storage: self)
    }

    /// Calls of one tenant with this number on either side, newest first.
    public func list(
        tenant: TenantName, number: String? = nil, before: WallTime? = nil, limit: Int = 100
    ) async throws(StorageError) -> [CallSummary] {
        var digest: [UInt8]?
        if let number {
            let key = try await mapKeys { () async throws(KeyError) in try await keys.digestKey(tenant: tenant) }
            digest = try SealedNumber.digest(number, key: key)
        }
        return try await index.list(tenant: tenant, digest: digest, before: before, limit: limit)
    }

    // MARK: - Steps

    func folder(of place: CallPlace, _ keyClass: KeyClass) -> String { (settings.roots[keyClass] ?? settings.root) + "/" + place.path }

    func onWorker<Value: Sendable>(
        isReserved: Bool = false, _ work: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let result: Result<Value, StorageError>? = await worker.run(isReserved: isReserved) {
            do throws(StorageError) { return .success(try work()) } catch { return .failure(error) }
        }
        guard let result else { throw .overloaded }
        return try result.get()
    }

    func mapKeys<Value>(_ work: () async throws(KeyError) -> Value) async throws(StorageError) -> Value {
        do throws(KeyError) { return try await work() } catch { throw .keys(error) }
    }
}

/// What is known of a call when it begins.
public struct CallOpening: Sendable {
    public enum Direction: String, Sendable { case inbound, outbound }
    public var direction: Direction
    public var trunk: String
    public var policyVersion: String
    /// E.164 numbers or SIP users. Kept as a digest for search and a copy sealed under the call's key; never clear.
    public var caller: String?
    public var callee: String?

    public init(direction: Direction, trunk: String, policyVersion: String, caller: String?, callee: String?) {
        self.direction = direction
        self.trunk = trunk
        self.policyVersion = policyVersion
        self.caller = caller
        self.callee = callee
    }
}

/// What is known when it has ended.
public struct CallEnding: Sendable {
    public var ended: WallTime
    /// `completed`, `refused-by-policy` …: the termination's name.
    public var termination: String
    /// What was decided about keeping: `recording+transcription`, `refused`, `none`.
    public var consent: String

    public init(ended: WallTime, termination: String, consent: String) {
        self.ended = ended
        self.termination = termination
        self.consent = consent
    }
}
