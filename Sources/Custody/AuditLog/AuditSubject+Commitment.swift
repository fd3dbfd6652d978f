public import SottoBase
public import SottoCrypto

/// What opens a commitment: kept in a shreddable record sealed under the audit class, never in the log.
public struct AuditOpening: Sendable {
    public let field: String
    /// 32 random bytes.
    public let salt: SecretBytes
    public let value: String

    public init(field: String, salt: SecretBytes, value: String) {
        self.field = field
        self.salt = salt
        self.value = value
    }

    /// HMAC-SHA-256(salt, field ‖ 00 ‖ value).
    public func commitment() throws(CryptoError) -> [UInt8] {
        try HMAC.code(.sha256, key: salt, Array(field.utf8) + [0], Array(value.utf8))
    }
}

extension AuditSubject {
    /// Commits to a subject's value under a fresh salt. The value does not enter the log.
    public static func commit(_ field: String, _ value: String) throws(CryptoError) -> (subject: AuditSubject, opening: AuditOpening) {
        let opening = AuditOpening(field: field, salt: try RandomBytes.secret(count: 32), value: value)
        return (AuditSubject(field: field, commitment: try opening.commitment()), opening)
    }
}
