public import SottoBase

/// What a key protects. Each class has its own tenant key, so that one can be revoked, kept elsewhere or destroyed without the others.
public enum KeyClass: String, Hashable, Sendable, CaseIterable {
    case audio
    case transcript
    /// Call records, events and consent evidence: what is counted, billed and proved.
    case analytics
    case vault
    /// The openings of the audit log's commitments.
    case audit
}

/// A key that never leaves the key service: the service is asked to wrap and unwrap under it.
public enum ServiceKeyName: Hashable, Sendable, CustomStringConvertible {
    case tenant(TenantName, KeyClass)
    /// Wraps the daemon's own signing keys.
    case daemon

    /// `acme.audio`, `daemon`: a file name and a provider's key name.
    public var description: String {
        switch self {
        case .tenant(let tenant, let keyClass): "\(tenant).\(keyClass.rawValue)"
        case .daemon: "daemon"
        }
    }
}

/// What a wrapped key is for. It is coarse on purpose, so that one operation of the service serves many calls: call and object are bound
/// in our own wraps.
public struct KeyContext: Hashable, Sendable {
    /// The service's key.
    public var key: ServiceKeyName
    /// What lies in the wrap: `branch`, `digest`, `lookup`, `signing:NAME`.
    public var purpose: String
    /// Counts from 1.
    public var version: UInt32

    public init(key: ServiceKeyName, purpose: String, version: UInt32) {
        self.key = key
        self.purpose = purpose
        self.version = version
    }

    /// One byte string for each context: every part is ended by a zero byte, which none can contain.
    var canonicalBytes: [UInt8] {
        ["sotto key context v1", key.description, purpose, String(version)].flatMap { Array($0.utf8) + [0] }
    }
}
