internal import COpenSSL
public import SottoBase

/// XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with 192-bit nonces, which may be random for practically any number of messages.
///
/// The message key is derived by CMAC (NIST SP 800-108 in counter mode) from the key and the nonce's first half.
public enum XAES256GCM {
    public static let keySize = 32
    public static let nonceSize = 24
    public static let tagSize = AES256GCM.tagSize

    /// Nonce ‖ ciphertext ‖ tag, under a fresh random nonce.
    public static func seal(_ plaintext: SecretBytes, key: SecretBytes, associatedData: [UInt8]) throws(CryptoError) -> [UInt8] {
        let nonce = try RandomBytes.bytes(nonceSize)
        return try plaintext.withBytes { raw throws(CryptoError) in
            try nonce + seal(raw, key: key, nonce: nonce, associatedData: associatedData)
        }
    }

    /// Opens what `seal(_:key:associatedData:)` made, straight into locked memory.
    public static func open(_ sealed: [UInt8], key: SecretBytes, associatedData: [UInt8]) throws(CryptoError) -> SecretBytes {
        guard sealed.count >= nonceSize + tagSize else { throw .wrongMessageLength }
        let nonce = Array(sealed[0..<nonceSize])
        return try SecretBytes(count: sealed.count - nonceSize - tagSize) { target throws(CryptoError) in
            try withMessageCipher(key: key, nonce: nonce, .opening) { cipher throws(CryptoError) in
                try withContiguousBytes(sealed[nonceSize...]) { body throws(CryptoError) in
                    try cipher.open(body, nonce: Array(nonce[12...]), associatedData: associatedData, into: target)
                }
            }
        }
    }

    /// Ciphertext ‖ tag under a given nonce, for the published vectors.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: SecretBytes, nonce: [UInt8], associatedData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try withMessageCipher(key: key, nonce: nonce, .sealing) { cipher throws(CryptoError) in
            try cipher.seal(plaintext, nonce: Array(nonce[12...]), associatedData: associatedData)
        }
    }

    private static func withMessageCipher<Result>(
        key: SecretBytes, nonce: [UInt8], _ direction: GCMContext.Direction,
        _ body: (inout GCMContext) throws(CryptoError) -> Result
    ) throws(CryptoError) -> Result {
        try withDerivation(key: key, nonce: nonce) { derivation throws(CryptoError) in
            var cipher = try GCMContext(key: derivation.messageKey, direction)
            return try body(&cipher)
        }
    }

    /// The steps of a derivation, named as the specification names them. Valid inside the closure alone; wiped behind it.
    struct Derivation {
        /// AES(K, 0¹²⁸).
        let l: UnsafeRawBufferPointer
        /// CMAC's first subkey.
        let k1: UnsafeRawBufferPointer
        let m1: [UInt8]
        let m2: [UInt8]
        /// Kₓ.
        let messageKey: UnsafeRawBufferPointer
    }

    static func withDerivation<Result>(
        key: SecretBytes, nonce: [UInt8], _ body: (Derivation) throws(CryptoError) -> Result
    ) throws(CryptoError) -> Result {
        guard key.count == keySize else { throw .wrongKeyLength }
        guard nonce.count == nonceSize else { throw .wrongNonceLength }
        let m1: [UInt8] = [0, 1, 0x58, 0] + nonce[0..<12]
        let m2: [UInt8] = [0, 2, 0x58, 0] + nonce[0..<12]
        // Layout: 0 L · 16 K1 · 32 the two blocks that AES is given · 64 Kx
        return try withSecretScratch(96) { scratch throws(CryptoError) in
            let l = UnsafeMutableRawBufferPointer(rebasing: scratch[0..<16])
            let k1 = UnsafeMutableRawBufferPointer(rebasing: scratch[16..<32])
            let blocks = UnsafeMutableRawBufferPointer(rebasing: scratch[32..<64])
            let messageKey = UnsafeMutableRawBufferPointer(rebasing: scratch[64..<96])
            let cipher = try BlockCipher(key: key)
            try cipher.encrypt(UnsafeRawBufferPointer(k1), into: l)  // K1 is still zero here
            var carry: UInt8 = 0
            for index in stride(from: 15, through: 0, by: -1) {
                k1[index] = (l[index] << 1) | carry
                carry = l[index] >> 7
            }
            // Without a branch on the secret bit (NIST SP 800-38B §6.1: R = 10000111).
            k1[15] ^= 0x87 & (0 &- carry)
            for index in 0..<16 {
                blocks[index] = m1[index] ^ k1[index]
                blocks[16 + index] = m2[index] ^ k1[index]
            }
            try cipher.encrypt(UnsafeRawBufferPointer(blocks), into: messageKey)
            return try body(
                Derivation(
                    l: UnsafeRawBufferPointer(l), k1: UnsafeRawBufferPointer(k1), m1: m1, m2: m2,
                    messageKey: UnsafeRawBufferPointer(messageKey)))
        }
    }
}

/// Single blocks of AES-256, for CMAC.
private struct BlockCipher: ~Copyable {
    private let context: OpaquePointer

    init(key: SecretBytes) throws(CryptoError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw .refused(operation: .aes) }
        let isReady = key.withBytes { key in
            Algorithm.aes256ECB.pointer.map {
                EVP_EncryptInit_ex2(context, $0, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, nil) == 1
            } ?? false
        }
        guard isReady, EVP_CIPHER_CTX_set_padding(context, 0) == 1 else {
            EVP_CIPHER_CTX_free(context)
            throw .refused(operation: .aes)
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// `input` is a whole number of blocks and `target` as long.
    func encrypt(_ input: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        var written: Int32 = 0
        guard
            EVP_EncryptUpdate(
                context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &written,
                input.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(input.count)) == 1
        else { throw .refused(operation: .aes) }
    }
}
