internal import COpenSSL

/// What a cryptographic operation can answer instead of a result. It never carries bytes.
public enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A key of another length than the algorithm's.
    case wrongKeyLength
    case wrongNonceLength
    /// A message that is too short to be one, or longer than the algorithm allows.
    case wrongMessageLength
    /// The bytes were changed, or the key, context or associated data are not the ones they were sealed with.
    case notAuthentic
    /// The system's random source failed.
    case noRandomness
    /// OpenSSL refused: out of memory, or a provider without the algorithm.
    case refused(operation: StaticOperation)

    public var description: String {
        switch self {
        case .wrongKeyLength: "the key has the wrong length"
        case .wrongNonceLength: "the nonce has the wrong length"
        case .wrongMessageLength: "the message has an impossible length"
        case .notAuthentic: "not authentic: it was changed, or sealed with another key or context"
        case .noRandomness: "the random source failed"
        case .refused(let operation): "the cipher library refused: \(operation.rawValue)"
        }
    }

    /// Which call of the library failed.
    public enum StaticOperation: String, Sendable {
        case aes = "AES"
        case gcm = "AES-GCM"
        case hash = "hash"
        case mac = "HMAC"
        case sign = "Ed25519 signature"
        case key = "Ed25519 key"
    }
}

/// Algorithms fetched once: OpenSSL 3 looks each one up by name otherwise.
enum Algorithm {
    /// proof: fetched algorithms are immutable and never freed
    struct Cipher: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    static let aes256GCM = Cipher(pointer: EVP_CIPHER_fetch(nil, "AES-256-GCM", nil))
    static let aes256ECB = Cipher(pointer: EVP_CIPHER_fetch(nil, "AES-256-ECB", nil))
    static let sha256 = Cipher(pointer: EVP_MD_fetch(nil, "SHA256", nil))
}
