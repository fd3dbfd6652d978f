internal import DurableFiles
internal import SottoBase
internal import SottoCrypto
internal import Synchronization

// Branch keys and the folder they lie in, one file a version: FOLDER/TENANT/CLASS.VERSION. Called on the hierarchy's worker alone.

extension KeyHierarchy {
    /// The branch key that new call keys are wrapped under; a new version when there is none or it is too old.
    func currentBranch(_ tenant: TenantName, _ keyClass: KeyClass) throws(KeyError) -> (key: SecretBytes, version: UInt32) {
        guard let version = try latestVersion(tenant, keyClass) else { return try makeBranch(tenant, keyClass, version: 1) }
        let context = branchContext(tenant, keyClass, version)
        if let created = cache.created(context), isYoung(created), let key = cache.key(context, now: now()) { return (key, version) }
        let file = try readWrap(context, path: branchPath(tenant, keyClass, version))
        guard isYoung(file.created) else {
            // The clock may also have been set: versions only go up, and the old one stays usable.
            return try makeBranch(tenant, keyClass, version: version + 1)
        }
        return (try branchKey(tenant, keyClass, version: version), version)
    }

    func branchKey(_ tenant: TenantName, _ keyClass: KeyClass, version: UInt32) throws(KeyError) -> SecretBytes {
        let context = branchContext(tenant, keyClass, version)
        if let key = cache.key(context, now: now()) { return key }
        let file: ServiceWrapFile
        do throws(KeyError) {
            file = try readWrap(context, path: branchPath(tenant, keyClass, version))
        } catch {
            if case .disk(let cause) = error, cause.cause == .missing { throw .unknownBranch(version: version) }
            throw error
        }
        let key = try unwrap(file)
        cache.store(key, context, now: now(), created: file.created)
        return key
    }

    func makeBranch(_ tenant: TenantName, _ keyClass: KeyClass, version: UInt32) throws(KeyError) -> (key: SecretBytes, version: UInt32) {
        let context = branchContext(tenant, keyClass, version)
        if version == 1 { try generateUnused(context.key) }
        let key: SecretBytes
        do throws(CryptoError) { key = try RandomBytes.secret(count: XAES256GCM.keySize) } catch { throw .crypto(error) }
        let created = try store(key, context, note: "-", path: branchPath(tenant, keyClass, version))
        cache.store(key, context, now: now(), created: created)
        return (key, version)
    }

    func latestVersion(_ tenant: TenantName, _ keyClass: KeyClass) throws(KeyError) -> UInt32? {
        let names: [String]
        do throws(FileError) { names = try disk.list("\(folder)/\(tenant)") } catch { throw .disk(error) }
        let prefix = keyClass.rawValue + "."
        return names.compactMap { $0.hasPrefix(prefix) ? UInt32($0.dropFirst(prefix.count)) : nil }.max()
    }

    private func branchContext(_ tenant: TenantName, _ keyClass: KeyClass, _ version: UInt32) -> KeyContext {
        KeyContext(key: .tenant(tenant, keyClass), purpose: "branch", version: version)
    }

    private func branchPath(_ tenant: TenantName, _ keyClass: KeyClass, _ version: UInt32) -> String {
        "\(folder)/\(tenant)/\(keyClass.rawValue).\(version)"
    }

    private func isYoung(_ created: WallTime) -> Bool {
        wallTime().milliseconds - created.milliseconds < settings.branchAgeLimit.wholeMilliseconds
    }

    // MARK: - Wraps of the key service

    /// Reads the key at `path`, or makes it and stores it there.
    func loadOrMake(
        _ context: KeyContext, path: String, _ make: () throws(CryptoError) -> (key: SecretBytes, note: String)
    ) throws(KeyError) -> (key: SecretBytes, note: String) {
        do throws(KeyError) {
            let file = try readWrap(context, path: path)
            return (try unwrap(file), file.note)
        } catch {
            guard case .disk(let cause) = error, cause.cause == .missing else { throw error }
        }
        try generateUnused(context.key)
        let (key, note): (SecretBytes, String)
        do throws(CryptoError) { (key, note) = try make() } catch { throw .crypto(error) }
        try store(key, context, note: note, path: path)
        return (key, note)
    }

    /// Makes the service's key at its first use. Never when something was wrapped under it before: a key that is gone then was destroyed
    /// or lost, and a new one of its name would hide that.
    private func generateUnused(_ key: ServiceKeyName) throws(KeyError) {
        do throws(FileError) {
            switch key {
            case .tenant(let tenant, let keyClass):
                let prefix = keyClass.rawValue + "."
                let names = try disk.list("\(folder)/\(tenant)")
                if names.contains(where: { $0.hasPrefix(prefix) || ($0 == "digest" && keyClass == .analytics) }) { return }
            case .daemon:
                if try disk.list(folder).contains(where: { $0.hasSuffix(".signing") }) { return }
            }
        } catch {
            throw .disk(error)
        }
        do throws(KeyServiceError) { try service.generate(key) } catch { throw .service(error) }
    }

    private func readWrap(_ context: KeyContext, path: String) throws(KeyError) -> ServiceWrapFile {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try disk.read(path, limit: 16_384) } catch { throw .disk(error) }
        guard let file = ServiceWrapFile(bytes, expected: context) else { throw .malformed(path: path) }
        guard file.recipient == service.recipient else { throw .wrongPlace }
        return file
    }

    /// The payload is SHA-256(context) ‖ key: AES-KWP, which some services offer alone, has no associated data.
    private func unwrap(_ file: ServiceWrapFile) throws(KeyError) -> SecretBytes {
        let payload: SecretBytes
        do throws(KeyServiceError) { payload = try service.unwrap(file.wrap, under: file.context.key) } catch { throw .service(error) }
        let digest: [UInt8]
        do throws(CryptoError) { digest = try SHA256.hash(file.context.canonicalBytes) } catch { throw .crypto(error) }
        let key: SecretBytes? = payload.withBytes { raw in
            guard raw.count == SHA256.size + 32, equalInConstantTime(Array(raw[0..<SHA256.size]), digest) else { return nil }
            return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: raw[SHA256.size...]))
        }
        guard let key else { throw .wrongContext }
        return key
    }

    @discardableResult
    private func store(_ key: SecretBytes, _ context: KeyContext, note: String, path: String) throws(KeyError) -> WallTime {
        let digest: [UInt8]
        do throws(CryptoError) { digest = try SHA256.hash(context.canonicalBytes) } catch { throw .crypto(error) }
        let payload = SecretBytes(count: digest.count + key.count) { target in
            target.copyBytes(from: digest)
            key.withBytes { UnsafeMutableRawBufferPointer(rebasing: target[digest.count...]).copyMemory(from: $0) }
        }
        let wrapped: [UInt8]
        do throws(KeyServiceError) { wrapped = try service.wrap(payload, under: context.key) } catch { throw .service(error) }
        let file = ServiceWrapFile(context: context, recipient: service.recipient, created: wallTime(), note: note, wrap: wrapped)
        do throws(FileError) {
            try disk.createFolders(Disk.parent(of: path))
            try disk.write(file.serialized(), to: path, replacing: false)
        } catch {
            throw .disk(error)
        }
        return file.created
    }
}

/// Opened keys, for minutes: bounded in time and number.
final class OpenKeyCache: Sendable {
    private struct Entry {
        var key: SecretBytes
        var expires: Instant
        var created: WallTime?
    }

    private let time: Duration
    private let limit: Int
    private let entries = Mutex<[KeyContext: Entry]>([:])

    init(time: Duration, limit: Int) {
        self.time = time
        self.limit = limit
    }

    var count: Int { entries.withLock { $0.count } }

    /// nil when it was never opened or its time is over. Every look also drops what has expired, so that an idle tenant's key goes too.
    func key(_ context: KeyContext, now: Instant) -> SecretBytes? {
        entries.withLock { entries in
            for (context, entry) in entries where entry.expires <= now { entries[context] = nil }
            return entries[context]?.key
        }
    }

    func created(_ context: KeyContext) -> WallTime? { entries.withLock { $0[context]?.created } }

    func store(_ key: SecretBytes, _ context: KeyContext, now: Instant, created: WallTime? = nil) {
        entries.withLock { entries in
            if entries.count >= limit, let first = entries.min(by: { $0.value.expires < $1.value.expires }) { entries[first.key] = nil }
            entries[context] = Entry(key: key, expires: now + time, created: created)
        }
    }

    func removeAll() { entries.withLock { $0.removeAll() } }
}
