internal import COpenSSL
public import SottoBase

/// Ed25519 (RFC 8032): pure signatures over whole messages.
public enum Ed25519 {
    public static let seedSize = 32
    public static let publicKeySize = 32
    public static let signatureSize = 64
}

/// A private key. The seed lies in locked memory; OpenSSL's copy lives only while a signature is made.
public struct Ed25519SigningKey: Sendable {
    private let seed: SecretBytes
    public let publicKey: [UInt8]

    /// A new random key.
    public init() throws(CryptoError) { try self.init(seed: RandomBytes.secret(count: Ed25519.seedSize)) }

    public init(seed: SecretBytes) throws(CryptoError) {
        guard seed.count == Ed25519.seedSize else { throw .wrongKeyLength }
        self.seed = seed
        publicKey = try Self.withKey(seed) { key throws(CryptoError) in
            try filled(Ed25519.publicKeySize) { target throws(CryptoError) in
                var count = target.count
                guard EVP_PKEY_get_raw_public_key(key, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1,
                    count == Ed25519.publicKeySize
                else { throw .refused(operation: .key) }
            }
        }
    }

    /// The seed, for wrapping it under a key service alone.
    public var wrappableSeed: SecretBytes { seed }

    public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        try Self.withKey(seed) { key throws(CryptoError) in
            guard let context = EVP_MD_CTX_new() else { throw .refused(operation: .sign) }
            defer { EVP_MD_CTX_free(context) }
            return try filled(Ed25519.signatureSize) { target throws(CryptoError) in
                var count = target.count
                guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
                    EVP_DigestSign(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &count, message, message.count) == 1,
                    count == Ed25519.signatureSize
                else { throw .refused(operation: .sign) }
            }
        }
    }

    private static func withKey<Result>(
        _ seed: SecretBytes, _ body: (OpaquePointer) throws(CryptoError) -> Result
    ) throws(CryptoError) -> Result {
        let key = seed.withBytes { sotto_ed25519_private($0.baseAddress?.assumingMemoryBound(to: UInt8.self)) }
        guard let key else { throw .refused(operation: .key) }
        defer { EVP_PKEY_free(key) }
        return try body(key)
    }
}

/// A public key.
public struct Ed25519VerifyingKey: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == Ed25519.publicKeySize else { throw .wrongKeyLength }
        self.bytes = bytes
    }

    /// False for anything but a good signature, also when the key is no point of the curve.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard signature.count == Ed25519.signatureSize, let key = sotto_ed25519_public(bytes) else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let isGood =
            EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        if !isGood { ERR_clear_error() }
        return isGood
    }
}
