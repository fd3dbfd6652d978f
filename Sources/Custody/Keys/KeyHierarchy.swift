public import DurableFiles
public import SottoBase
public import SottoCrypto
internal import Synchronization

/// A call's key of one class, opened. Held while the call records or is read, and wiped with its last holder.
public struct CallKey: Sendable {
    public let tenant: TenantName
    public let call: CallID
    public let keyClass: KeyClass
    /// Input key of the Cobblestone segments.
    public let secret: SecretBytes
    /// What is written beside the sealed bodies.
    public let file: CallKeyFile
}

/// A daemon's signing key, and the life it belongs to: a restored or cloned machine starts a new one.
public struct SigningIdentity: Sendable {
    public let key: Ed25519SigningKey
    /// 16 hexadecimal digits, part of the audit log's origin.
    public let life: String
}

/// The keys between the key service and the sealed objects: branch keys (versioned, wrapped by the service, their opened copies cached
/// for minutes), call keys, digest keys, and the daemon's signing keys.
///
/// Everything that asks the key service or a disk runs on a worker of its own. It never hands out a branch key.
public final class KeyHierarchy: Sendable {
    public struct Settings: Sendable {
        /// How long an opened branch or digest key stays in memory: the time within which a revoked tenant key closes its data.
        public var cacheTime: Duration = .seconds(300)
        /// Opened keys at most; the one that expires first makes room.
        public var cacheLimit = 1_024
        /// A branch key older than this gets a successor at its next use.
        public var branchAgeLimit: Duration = .seconds(90 * 86_400)
        /// Requests that may wait for the service.
        public var queueLimit = 4_096

        public init() {}
    }

    let service: any KeyService
    let folder: String
    let disk: Disk
    let settings: Settings
    let now: @Sendable () -> Instant
    let wallTime: @Sendable () -> WallTime
    private let worker: SerialWorker
    let cache: OpenKeyCache

    /// - Parameters:
    ///   - folder: where wrapped keys lie; made when missing.
    ///   - now: the monotonic clock, for the cache. `wallTime`: for a key's age.
    public init(
        service: any KeyService, folder: String, disk: Disk = Disk(), settings: Settings = Settings(),
        now: @escaping @Sendable () -> Instant, wallTime: @escaping @Sendable () -> WallTime
    ) throws(KeyError) {
        self.service = service
        self.folder = folder
        self.disk = disk
        self.settings = settings
        self.now = now
        self.wallTime = wallTime
        worker = SerialWorker(name: "sotto.keys", limit: settings.queueLimit)
        cache = OpenKeyCache(time: settings.cacheTime, limit: settings.cacheLimit)
        do throws(FileError) { try disk.createFolders(folder) } catch { throw .disk(error) }
    }

    /// Opened keys in memory now.
    public var cachedKeys: Int { cache.count }
    /// Requests that wait for the key service now.
    public var pending: Int { worker.pending }

    public func health() async -> KeyServiceHealth {
        let service = service
        return await worker.run { service.health() } ?? .unreachable(reason: "too many requests wait")
    }

    /// Forgets every opened key at once (revocation, shutdown).
    public func forgetOpenedKeys() { cache.removeAll() }

    // MARK: - Call keys

    /// A fresh key for a call and class, wrapped under the tenant's current branch key. Nothing is written: the caller stores `file`.
    public func newCallKey(tenant: TenantName, keyClass: KeyClass, call: CallID) async throws(KeyError) -> CallKey {
        try await run { [self] () throws(KeyError) in try makeCallKey(tenant: tenant, keyClass: keyClass, call: call) }
    }

    /// Opens a stored key file for the tenant, call and class of the place where it lies.
    public func openCallKey(_ file: CallKeyFile, tenant: TenantName, keyClass: KeyClass, call: CallID) async throws(KeyError) -> CallKey {
        try await run { [self] () throws(KeyError) in
            guard file.tenant == tenant, file.keyClass == keyClass, file.call == call, file.recipient == service.recipient else {
                throw .wrongPlace
            }
            let branch = try branchKey(tenant, keyClass, version: file.branchVersion)
            do throws(CryptoError) {
                let secret = try XAES256GCM.open(file.wrap, key: branch, associatedData: file.associatedData)
                return CallKey(tenant: tenant, call: call, keyClass: keyClass, secret: secret, file: file)
            } catch {
                throw .crypto(error)
            }
        }
    }

    /// The same call key under the current branch version: what rotation writes in place of an old key file.
    public func rewrapped(_ key: CallKey) async throws(KeyError) -> CallKey {
        try await run { [self] () throws(KeyError) in
            let (branch, version) = try currentBranch(key.tenant, key.keyClass)
            return try wrap(key.secret, tenant: key.tenant, keyClass: key.keyClass, call: key.call, branch: branch, version: version)
        }
    }

    /// Makes a new branch version at once. Old ones stay until their key files are rewritten.
    @discardableResult
    public func rotate(tenant: TenantName, keyClass: KeyClass) async throws(KeyError) -> UInt32 {
        try await run { [self] () throws(KeyError) in
            let latest = try latestVersion(tenant, keyClass) ?? 0
            return try makeBranch(tenant, keyClass, version: latest + 1).version
        }
    }

    // MARK: - Other keys

    /// The tenant's key for digests of numbers (HMAC-SHA-256), made at its first use.
    public func digestKey(tenant: TenantName) async throws(KeyError) -> SecretBytes {
        try await run { [self] () throws(KeyError) in
            let context = KeyContext(key: .tenant(tenant, .analytics), purpose: "digest", version: 1)
            if let key = cache.key(context, now: now()) { return key }
            let (key, _) = try loadOrMake(context, path: "\(folder)/\(tenant)/digest") { () throws(CryptoError) in
                (try RandomBytes.secret(count: 32), "-")
            }
            cache.store(key, context, now: now())
            return key
        }
    }

    /// A signing key of this daemon's life, made at its first use: `checkpoint` for the audit log, `receipt` for erasure receipts.
    public func signingIdentity(_ name: SigningName) async throws(KeyError) -> SigningIdentity {
        try await run { [self] () throws(KeyError) in
            let context = KeyContext(key: .daemon, purpose: "signing:\(name.rawValue)", version: 1)
            let (seed, note) = try loadOrMake(context, path: "\(folder)/\(name.rawValue).signing") { () throws(CryptoError) in
                let key = try Ed25519SigningKey()
                return (key.wrappableSeed, try Hex.encode(RandomBytes.bytes(8)) + "+" + Hex.encode(key.publicKey))
            }
            let key: Ed25519SigningKey
            do throws(CryptoError) { key = try Ed25519SigningKey(seed: seed) } catch { throw .crypto(error) }
            let parts = note.split(separator: "+").map(String.init)
            guard parts.count == 2, parts[0].utf8.count == 16, Hex.decode(parts[1]) == key.publicKey else {
                throw .malformed(path: "\(folder)/\(name.rawValue).signing")
            }
            return SigningIdentity(key: key, life: parts[0])
        }
    }

    public enum SigningName: String, Sendable { case checkpoint, receipt }

    // MARK: - On the worker

    private func run<Value: Sendable>(_ work: @escaping @Sendable () throws(KeyError) -> Value) async throws(KeyError) -> Value {
        let result: Result<Value, KeyError>? = await worker.run {
            do throws(KeyError) { return .success(try work()) } catch { return .failure(error) }
        }
        guard let result else { throw .overloaded }
        return try result.get()
    }

    private func makeCallKey(tenant: TenantName, keyClass: KeyClass, call: CallID) throws(KeyError) -> CallKey {
        let (branch, version) = try currentBranch(tenant, keyClass)
        let secret: SecretBytes
        do throws(CryptoError) { secret = try RandomBytes.secret(count: Cobblestone256.keySize) } catch { throw .crypto(error) }
        return try wrap(secret, tenant: tenant, keyClass: keyClass, call: call, branch: branch, version: version)
    }

    private func wrap(
        _ secret: SecretBytes, tenant: TenantName, keyClass: KeyClass, call: CallID, branch: SecretBytes, version: UInt32
    ) throws(KeyError) -> CallKey {
        var file = CallKeyFile(
            tenant: tenant, call: call, keyClass: keyClass, recipient: service.recipient, branchVersion: version, wrap: [])
        do throws(CryptoError) {
            file.wrap = try XAES256GCM.seal(secret, key: branch, associatedData: file.associatedData)
        } catch {
            throw .crypto(error)
        }
        return CallKey(tenant: tenant, call: call, keyClass: keyClass, secret: secret, file: file)
    }
}
