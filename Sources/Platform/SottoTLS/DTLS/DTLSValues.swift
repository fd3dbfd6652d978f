public import SottoBase

/// Which end of a DTLS association we are (`a=setup`, RFC 8842 §5): the active one sends the ClientHello.
public enum DTLSRole: Hashable, Sendable {
    /// `a=setup:active`.
    case client
    /// `a=setup:passive`.
    case server
}

/// SRTP protection profiles that `use_srtp` negotiates, by their IANA numbers (RFC 5764 §4.1.2, RFC 7714 §14.2).
public enum DTLSProfile: UInt16, Hashable, Sendable, CaseIterable {
    case aes128CMSHA1_80 = 0x0001
    case aeadAES128GCM = 0x0007
    case aeadAES256GCM = 0x0008

    /// Strongest first.
    public static let preferred: [DTLSProfile] = [.aeadAES256GCM, .aeadAES128GCM, .aes128CMSHA1_80]

    /// Master key's length in bytes.
    public var keyLength: Int { self == .aeadAES256GCM ? 32 : 16 }
    /// Master salt's length in bytes.
    public var saltLength: Int { self == .aes128CMSHA1_80 ? 14 : 12 }

    var libraryName: String {
        switch self {
        case .aes128CMSHA1_80: "SRTP_AES128_CM_SHA1_80"
        case .aeadAES128GCM: "SRTP_AEAD_AES_128_GCM"
        case .aeadAES256GCM: "SRTP_AEAD_AES_256_GCM"
        }
    }
}

/// A certificate's hash, as `a=fingerprint` carries it (RFC 8122 §5).
public struct DTLSFingerprint: Hashable, Sendable {
    public enum Hash: Hashable, Sendable {
        case sha256, sha384, sha512
    }

    public let hash: Hash
    public let bytes: [UInt8]

    public init(hash: Hash = .sha256, bytes: [UInt8]) {
        self.hash = hash
        self.bytes = bytes
    }
}

/// What a handshake gave: SRTP master keys of both directions (RFC 5764 §4.2).
public struct DTLSKeys: Equatable, Sendable {
    public let profile: DTLSProfile
    /// `key ‖ salt` of what we send.
    public let localKey: SecretBytes
    /// `key ‖ salt` of what the peer sends.
    public let remoteKey: SecretBytes

    public init(profile: DTLSProfile, localKey: SecretBytes, remoteKey: SecretBytes) {
        self.profile = profile
        self.localKey = localKey
        self.remoteKey = remoteKey
    }
}

/// Why an association gave no keys. Harmless to log.
public enum DTLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer's certificate is none of those that signaling named (RFC 5763 §5).
    case fingerprintMismatch
    /// The handshake succeeded without a common SRTP profile (RFC 5764 §4.1.1).
    case noProfile
    /// Nothing usable came within the deadline.
    case timedOut
    /// The deadline came, and this was the last failure on the way to it.
    case handshakeFailed(TLSReason)
    /// OpenSSL had no memory, or refused a fixed setting.
    case library(TLSReason)

    public var description: String {
        switch self {
        case .fingerprintMismatch: "the peer's certificate does not match the fingerprint that was signaled"
        case .noProfile: "no SRTP profile in common"
        case .timedOut: "the DTLS handshake took too long"
        case .handshakeFailed(let reason): "DTLS handshake failed: \(reason)"
        case .library(let reason): "DTLS is not available: \(reason)"
        }
    }
}

/// What one input did to a `DTLSEngine`.
public enum DTLSStep: Equatable, Sendable {
    /// Nothing to tell. Datagrams may wait to be sent.
    case waiting
    /// The peer's certificate matches, and these are the keys. Told once.
    case established(DTLSKeys)
    /// It is over; no input changes that.
    case failed(DTLSError)
    /// The established association was closed by an authenticated alert of the peer. Told once.
    case closedByPeer
}
