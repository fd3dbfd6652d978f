public import DurableFiles
public import SottoBase
internal import SottoCrypto

/// The key service in this machine: tenant keys are random, and lie in a folder sealed under the root key.
///
/// Removing a tenant key's file destroys everything below it; renaming it to `NAME.disabled` closes it until it is named back.
public final class LocalKeyService: KeyService {
    public let recipient = "local"
    private let root: SecretBytes
    private let folder: String
    private let disk: Disk

    /// - Parameter folder: where the sealed tenant keys lie; made when it is missing.
    public init(root: SecretBytes, folder: String, disk: Disk = Disk()) throws(KeyServiceError) {
        self.root = root
        self.folder = folder
        self.disk = disk
        do throws(FileError) { try disk.createFolders(folder) } catch { throw .unreachable(reason: error.description) }
    }

    public func wrap(_ payload: SecretBytes, under key: ServiceKeyName) throws(KeyServiceError) -> [UInt8] {
        let tenantKey = try open(key)
        do throws(CryptoError) {
            return try XAES256GCM.seal(payload, key: tenantKey, associatedData: Self.associatedData("payload", key))
        } catch {
            throw .refused(reason: error.description)
        }
    }

    public func unwrap(_ wrapped: [UInt8], under key: ServiceKeyName) throws(KeyServiceError) -> SecretBytes {
        let tenantKey = try open(key)
        do throws(CryptoError) {
            return try XAES256GCM.open(wrapped, key: tenantKey, associatedData: Self.associatedData("payload", key))
        } catch {
            throw .notAuthentic(key)
        }
    }

    public func generate(_ key: ServiceKeyName) throws(KeyServiceError) {
        do {
            if try disk.status(path(key)) != nil { return }
            if try disk.status(path(key) + ".disabled") != nil { throw KeyServiceError.disabled(key) }
            let fresh = try RandomBytes.secret(count: XAES256GCM.keySize)
            let sealed = try XAES256GCM.seal(fresh, key: root, associatedData: Self.associatedData("tenant key", key))
            let text = FieldLines.write("sotto-tenant-key v1", [("name", key.description), ("wrap", Base64.encode(sealed))])
            try disk.write(text, to: path(key), replacing: false)
        } catch let error as KeyServiceError {
            throw error
        } catch let error as FileError where error.cause == .exists {
            return
        } catch let error as FileError {
            throw .unreachable(reason: error.description)
        } catch {
            throw .refused(reason: "no key could be made")
        }
    }

    public func describe(_ key: ServiceKeyName) throws(KeyServiceError) -> ServiceKeyDescription {
        let isEnabled, isDisabled: Bool
        do throws(FileError) {
            isEnabled = try disk.status(path(key)) != nil
            isDisabled = try disk.status(path(key) + ".disabled") != nil
        } catch {
            throw .unreachable(reason: error.description)
        }
        guard isEnabled || isDisabled else { throw .unknownKey(key) }
        return ServiceKeyDescription(name: key, isEnabled: isEnabled, algorithm: "XAES-256-GCM")
    }

    public func health() -> KeyServiceHealth {
        do throws(FileError) {
            guard try disk.status(folder) != nil else { return .unreachable(reason: "\(folder) is gone") }
            return .ready
        } catch {
            return .unreachable(reason: error.description)
        }
    }

    private func path(_ key: ServiceKeyName) -> String { "\(folder)/\(key)" }

    private func open(_ key: ServiceKeyName) throws(KeyServiceError) -> SecretBytes {
        let text: [UInt8]
        do throws(FileError) {
            text = try disk.read(path(key), limit: 4_096)
        } catch where error.cause == .missing {
            let isDisabled = (try? disk.status(path(key) + ".disabled")) != nil
            throw isDisabled ? .disabled(key) : .unknownKey(key)
        } catch {
            throw .unreachable(reason: error.description)
        }
        guard let fields = FieldLines.read("sotto-tenant-key v1", text, names: ["name", "wrap"]), fields[0] == key.description,
            let sealed = Base64.decode(fields[1])
        else { throw .notAuthentic(key) }
        do throws(CryptoError) {
            return try XAES256GCM.open(sealed, key: root, associatedData: Self.associatedData("tenant key", key))
        } catch {
            throw .notAuthentic(key)
        }
    }

    private static func associatedData(_ what: String, _ key: ServiceKeyName) -> [UInt8] {
        Array("sotto local \(what) v1".utf8) + [0] + Array(key.description.utf8)
    }
}
