internal import COpenSSL
public import SottoBase

/// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags.
///
/// The nonce must never repeat under a key: callers take `XAES256GCM` or `Cobblestone256` unless they own a counter.
public enum AES256GCM {
    public static let keySize = 32
    public static let nonceSize = 12
    public static let tagSize = 16

    /// Ciphertext ‖ tag.
    public static func seal(
        _ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8], associatedData: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        guard nonce.count == nonceSize else { throw .wrongNonceLength }
        return try key.withBytes { key throws(CryptoError) in
            var cipher = try GCMContext(key: key, .sealing)
            return try withContiguousBytes(plaintext) { plaintext throws(CryptoError) in
                try cipher.seal(plaintext, nonce: nonce, associatedData: associatedData)
            }
        }
    }

    public static func open(
        _ sealed: [UInt8], key: SecretBytes, nonce: [UInt8], associatedData: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        guard nonce.count == nonceSize else { throw .wrongNonceLength }
        guard sealed.count >= tagSize else { throw .wrongMessageLength }
        return try key.withBytes { key throws(CryptoError) in
            var cipher = try GCMContext(key: key, .opening)
            return try filled(sealed.count - tagSize) { target throws(CryptoError) in
                try withContiguousBytes(sealed) { sealed throws(CryptoError) in
                    try cipher.open(sealed, nonce: nonce, associatedData: associatedData, into: target)
                }
            }
        }
    }
}

/// One keyed GCM context, used for many messages: setting the key once is what makes small chunks cheap.
struct GCMContext: ~Copyable {
    enum Direction { case sealing, opening }

    private let context: OpaquePointer

    init(key: UnsafeRawBufferPointer, _ direction: Direction) throws(CryptoError) {
        guard key.count == AES256GCM.keySize, let keyBytes = key.baseAddress else { throw .wrongKeyLength }
        guard let context = EVP_CIPHER_CTX_new() else { throw .refused(operation: .gcm) }
        guard let cipher = Algorithm.aes256GCM.pointer,
            EVP_CipherInit_ex2(
                context, cipher, keyBytes.assumingMemoryBound(to: UInt8.self), nil, direction == .sealing ? 1 : 0, nil) == 1
        else {
            EVP_CIPHER_CTX_free(context)
            throw .refused(operation: .gcm)
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    mutating func seal(_ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8]) throws(CryptoError) -> [UInt8] {
        let context = context
        return try filled(plaintext.count + AES256GCM.tagSize) { target throws(CryptoError) in
            try Self.seal(context, plaintext, nonce: nonce, associatedData: associatedData, into: target)
        }
    }

    /// `target` holds the plaintext's length and a tag more.
    mutating func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8], into target: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        try Self.seal(context, plaintext, nonce: nonce, associatedData: associatedData, into: target)
    }

    private static func seal(
        _ context: OpaquePointer, _ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8],
        into target: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        guard plaintext.count < Int(Int32.max) - 64, target.count == plaintext.count + AES256GCM.tagSize,
            let output = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { throw .wrongMessageLength }
        var written: Int32 = 0
        guard EVP_EncryptInit_ex2(context, nil, nil, nonce, nil) == 1,
            associatedData.isEmpty || EVP_EncryptUpdate(context, nil, &written, associatedData, Int32(associatedData.count)) == 1
        else { throw .refused(operation: .gcm) }
        if let input = plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self), plaintext.count > 0 {
            guard EVP_EncryptUpdate(context, output, &written, input, Int32(plaintext.count)) == 1 else {
                throw .refused(operation: .gcm)
            }
        }
        guard EVP_EncryptFinal_ex(context, output + plaintext.count, &written) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(AES256GCM.tagSize), output + plaintext.count) == 1
        else { throw .refused(operation: .gcm) }
    }

    /// Opens ciphertext ‖ tag into `target`, which holds the plaintext's length. On failure `target` is wiped: nothing that is not
    /// authentic is seen.
    mutating func open(
        _ sealed: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8], into target: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        let count = sealed.count - AES256GCM.tagSize
        guard count >= 0, sealed.count < Int(Int32.max) - 64, target.count == count,
            let input = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { throw .wrongMessageLength }
        var written: Int32 = 0
        guard EVP_DecryptInit_ex2(context, nil, nil, nonce, nil) == 1,
            associatedData.isEmpty || EVP_DecryptUpdate(context, nil, &written, associatedData, Int32(associatedData.count)) == 1
        else { throw .refused(operation: .gcm) }
        if count > 0, let output = target.baseAddress?.assumingMemoryBound(to: UInt8.self) {
            guard EVP_DecryptUpdate(context, output, &written, input, Int32(count)) == 1 else { throw .refused(operation: .gcm) }
        }
        var end: UInt8 = 0
        guard
            EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(AES256GCM.tagSize), UnsafeMutableRawPointer(mutating: input + count)) == 1
        else { throw .refused(operation: .gcm) }
        guard EVP_DecryptFinal_ex(context, &end, &written) == 1 else {
            if let start = target.baseAddress { wipe(start, count: target.count) }
            throw .notAuthentic
        }
    }
}
