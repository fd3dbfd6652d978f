public import SottoBase

/// Where the keys of the top live: a local file, an HSM, a cloud service. It wraps and unwraps small payloads under keys that never leave
/// it, and can do nothing else.
///
/// Its calls may block (network, token): `KeyHierarchy` makes them on a worker of its own, never on an event loop.
public protocol KeyService: Sendable {
    /// The recipient's name in key files: `local`, `pkcs11:bank`.
    var recipient: String { get }

    /// Wraps at most 4 KiB under `key`.
    func wrap(_ payload: SecretBytes, under key: ServiceKeyName) throws(KeyServiceError) -> [UInt8]
    func unwrap(_ wrapped: [UInt8], under key: ServiceKeyName) throws(KeyServiceError) -> SecretBytes

    /// Makes `key` when the service has none of this name; an existing one stays as it is.
    func generate(_ key: ServiceKeyName) throws(KeyServiceError)

    /// Throws `unknownKey` when there is none.
    func describe(_ key: ServiceKeyName) throws(KeyServiceError) -> ServiceKeyDescription

    /// Whether the service would answer now. Cheap: asked every few seconds.
    func health() -> KeyServiceHealth
}

public struct ServiceKeyDescription: Equatable, Sendable {
    public var name: ServiceKeyName
    public var isEnabled: Bool
    /// The algorithm as the provider names it.
    public var algorithm: String

    public init(name: ServiceKeyName, isEnabled: Bool, algorithm: String) {
        self.name = name
        self.isEnabled = isEnabled
        self.algorithm = algorithm
    }
}

public enum KeyServiceHealth: Equatable, Sendable {
    case ready
    case unreachable(reason: String)
}

/// Why a key service did not do what it was asked. Harmless to log.
public enum KeyServiceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// It may pass: network, token removed, throttled.
    case unreachable(reason: String)
    case unknownKey(ServiceKeyName)
    /// Switched off by its owner: what it protects is closed.
    case disabled(ServiceKeyName)
    /// The wrap was changed, or made under another key.
    case notAuthentic(ServiceKeyName)
    case refused(reason: String)

    public var description: String {
        switch self {
        case .unreachable(let reason): "the key service does not answer: \(reason)"
        case .unknownKey(let name): "the key service has no key '\(name)'"
        case .disabled(let name): "key '\(name)' is disabled"
        case .notAuthentic(let name): "what was wrapped under '\(name)' was changed, or the key is another one"
        case .refused(let reason): "the key service refused: \(reason)"
        }
    }
}
