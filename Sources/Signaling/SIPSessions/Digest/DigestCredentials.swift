public import SottoBase

/// Who we are to a peer that asks for digest authentication (RFC 7616, RFC 8760). Shows nothing of the password.
public struct DigestCredentials: Hashable, Sendable, CustomStringConvertible {
    public var user: String
    public var password: SecretBytes
    /// Only challenges of this realm are answered; nil: of any.
    public var realm: String?
    /// MD5 is answered as well, when nothing better is asked for. Off by default.
    public var dangerAllowsMD5 = false

    public init(user: String, password: SecretBytes, realm: String? = nil) {
        self.user = user
        self.password = password
        self.realm = realm
    }

    public var description: String { "DigestCredentials" }
}

/// The hash functions of digest authentication: this room knows no cryptography. Each reads all bytes and writes its digest into the
/// second buffer: 32 bytes for SHA-256 and SHA-512/256, 16 for MD5. They must not keep or copy either.
public struct DigestHashes: Sendable {
    public typealias Function = @Sendable (_ bytes: UnsafeRawBufferPointer, _ digest: UnsafeMutableRawBufferPointer) -> Void

    public var sha256: Function
    /// Nil: not available.
    public var sha512_256: Function?
    /// Nil: not available, whatever the credentials allow.
    public var md5: Function?

    public init(sha256: @escaping Function, sha512_256: Function? = nil, md5: Function? = nil) {
        self.sha256 = sha256
        self.sha512_256 = sha512_256
        self.md5 = md5
    }
}
