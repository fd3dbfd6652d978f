public import SottoBase

/// Our own certificate and its private key, as the contents of PEM files, so that they can come from anywhere.
public struct TLSCredentials: Sendable {
    /// The leaf first, then the intermediates.
    public let certificateChain: [UInt8]
    /// Not encrypted; at most 64 KiB.
    public let privateKey: SecretBytes

    public init(certificateChain: [UInt8], privateKey: SecretBytes) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// Whose signatures on a peer's certificate we believe.
public enum TLSTrust: Sendable, Hashable {
    /// PEM certificates. Each of them is an anchor by itself: a root, an intermediate, or one peer's own certificate (a pin).
    case certificates([UInt8])
    /// The system's store (Debian's ca-certificates).
    case system
}

/// What a server asks of its clients.
public enum ClientCertificates: Sendable, Hashable {
    case none
    /// A client may come without; one that it presents must be valid, or the handshake fails.
    case optional(TLSTrust)
    case required(TLSTrust)
}

public enum TLSVersion: UInt16, Sendable, Hashable, Comparable, CustomStringConvertible {
    case tls12 = 0x0303
    case tls13 = 0x0304

    public static func < (a: TLSVersion, b: TLSVersion) -> Bool { a.rawValue < b.rawValue }

    public var description: String {
        switch self {
        case .tls12: "TLS 1.2"
        case .tls13: "TLS 1.3"
        }
    }
}

/// Why credentials or trust cannot be used. Its text holds no byte of a key.
public enum TLSContextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not a PEM certificate.
    case certificateUnreadable(TLSReason)
    /// Not a PEM private key, or one that is protected by a pass phrase.
    case privateKeyUnreadable(TLSReason)
    /// The private key belongs to another certificate.
    case keyMismatch
    case certificateExpired(notAfter: WallTime)
    case certificateNotYetValid(notBefore: WallTime)
    /// OpenSSL refuses the certificate or key: too short, or signed by an obsolete hash.
    case certificateUnacceptable(TLSReason)
    /// Not a PEM file of certificates, or an empty one.
    case trustUnreadable(TLSReason)
    /// Not a PEM file of revocation lists, or an empty one.
    case revocationUnreadable(TLSReason)
    /// A revocation list that none of the trusted certificates signed.
    case revocationOfStranger
    /// Not an OCSP response (DER) that calls our certificate good, or one that has ended.
    case stapleUnusable
    /// OpenSSL refused a fixed setting: an installation fault.
    case library(step: Int, TLSReason)

    public var description: String {
        switch self {
        case .certificateUnreadable(let reason): "certificate is not readable PEM (\(reason))"
        case .privateKeyUnreadable(let reason): "private key is not readable PEM, or is protected by a pass phrase (\(reason))"
        case .keyMismatch: "private key does not belong to the certificate"
        case .certificateExpired(let notAfter): "certificate expired at \(notAfter.rfc3339)"
        case .certificateNotYetValid(let notBefore): "certificate is valid only from \(notBefore.rfc3339)"
        case .certificateUnacceptable(let reason): "certificate or key is too weak or unusable (\(reason))"
        case .trustUnreadable(let reason): "trusted certificates are not readable PEM (\(reason))"
        case .revocationUnreadable(let reason): "revocation list is not readable PEM (\(reason))"
        case .revocationOfStranger: "revocation list is not signed by a trusted certificate"
        case .stapleUnusable: "OCSP response is unreadable, has ended, or does not call our certificate good"
        case .library(let step, let reason): "OpenSSL refused a setting (step \(step): \(reason))"
        }
    }
}
