public import SottoBase

/// Cobblestone-256 (c2sp.org/chunked-encryption@v1 with AES-256-GCM and SHA-512): a committing, seekable, authenticated message.
///
///     key(32) ‖ base nonce(12) ‖ commitment(32) = HKDF-Expand-SHA-512(input key, label ‖ 00 ‖ salt(24) ‖ context)
///     message = salt ‖ commitment ‖ chunks of 16,384 bytes + 16 of tag, the last one always shorter
///     chunk nonce = base nonce XOR chunk number (big endian); no associated data
///
/// A message is never resumed: its last, short chunk would use a nonce twice.
public enum Cobblestone256 {
    public static let keySize = 32
    public static let saltSize = 24
    public static let commitmentSize = 32
    public static let headerSize = saltSize + commitmentSize
    public static let chunkSize = 16_384
    static let sealedChunkSize = chunkSize + AES256GCM.tagSize
    private static let label = Array("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM".utf8)

    /// Length of the message that holds `count` bytes.
    public static func messageSize(forPlaintext count: Int) -> Int {
        headerSize + count + (count / chunkSize + 1) * AES256GCM.tagSize
    }

    /// Seals under a fresh random salt.
    public static func seal(_ plaintext: [UInt8], key: SecretBytes, context: [UInt8]) throws(CryptoError) -> [UInt8] {
        try seal(plaintext, key: key, context: context, salt: RandomBytes.bytes(saltSize))
    }

    /// With a given salt, for the published vectors. A salt must never be used twice under a key and context.
    static func seal(_ plaintext: [UInt8], key: SecretBytes, context: [UInt8], salt: [UInt8]) throws(CryptoError) -> [UInt8] {
        try withMessageKey(key, salt: salt, context: context) { derived throws(CryptoError) in
            var cipher = try GCMContext(key: derived.key, .sealing)
            return try filled(messageSize(forPlaintext: plaintext.count)) { target throws(CryptoError) in
                UnsafeMutableRawBufferPointer(rebasing: target[0..<saltSize]).copyBytes(from: salt)
                UnsafeMutableRawBufferPointer(rebasing: target[saltSize..<headerSize]).copyBytes(from: derived.commitment)
                try withContiguousBytes(plaintext) { plaintext throws(CryptoError) in
                    // One chunk more than there are full ones: the last is short, and empty when the length is a multiple.
                    for number in 0...plaintext.count / chunkSize {
                        let from = number * chunkSize
                        let size = min(chunkSize, plaintext.count - from)
                        let place = headerSize + number * sealedChunkSize
                        try cipher.seal(
                            UnsafeRawBufferPointer(rebasing: plaintext[from..<from + size]), nonce: derived.nonce(number),
                            associatedData: [],
                            into: UnsafeMutableRawBufferPointer(rebasing: target[place..<place + size + AES256GCM.tagSize]))
                    }
                }
            }
        }
    }

    /// Opens a whole message. Nothing of it is given out unless all of it is authentic.
    public static func open(_ message: [UInt8], key: SecretBytes, context: [UInt8]) throws(CryptoError) -> [UInt8] {
        try withOpenedHeader(message, key: key, context: context) { derived throws(CryptoError) in
            let body = message.count - headerSize
            let full = body / sealedChunkSize
            let last = body % sealedChunkSize
            guard last >= AES256GCM.tagSize else { throw .wrongMessageLength }
            var cipher = try GCMContext(key: derived.key, .opening)
            return try filled(full * chunkSize + last - AES256GCM.tagSize) { target throws(CryptoError) in
                for number in 0...full {
                    let size = number < full ? chunkSize : last - AES256GCM.tagSize
                    do throws(CryptoError) {
                        try openChunk(
                            message, number, size: size, &cipher, derived,
                            into: UnsafeMutableRawBufferPointer(rebasing: target[number * chunkSize..<number * chunkSize + size]))
                    } catch {
                        if let start = target.baseAddress { wipe(start, count: target.count) }
                        throw error
                    }
                }
            }
        }
    }

    /// The commitment of a message, which stands for its key, salt and context. nil when it is too short to have one.
    public static func commitment(of message: some Collection<UInt8>) -> [UInt8]? {
        guard message.count >= headerSize else { return nil }
        return Array(message.dropFirst(saltSize).prefix(commitmentSize))
    }

    /// Whether a message, or its beginning, was made under this key and context: its commitment says so before any chunk is opened.
    public static func isCommitted(_ beginning: [UInt8], key: SecretBytes, context: [UInt8]) -> Bool {
        guard beginning.count >= headerSize else { return false }
        do throws(CryptoError) {
            try withOpenedHeader(beginning, key: key, context: context) { _ throws(CryptoError) in }
            return true
        } catch {
            return false
        }
    }

    // MARK: - Steps

    /// Valid inside the closure alone; wiped behind it.
    struct MessageKey {
        let key: UnsafeRawBufferPointer
        let baseNonce: UnsafeRawBufferPointer
        let commitment: UnsafeRawBufferPointer

        func nonce(_ chunk: Int) -> [UInt8] {
            var nonce = Array(baseNonce)
            var number = UInt64(truncatingIfNeeded: chunk)
            for index in stride(from: 11, through: 4, by: -1) {
                nonce[index] ^= UInt8(truncatingIfNeeded: number)
                number >>= 8
            }
            return nonce
        }
    }

    static func withMessageKey<Result>(
        _ key: SecretBytes, salt: [UInt8], context: [UInt8], _ body: (MessageKey) throws(CryptoError) -> Result
    ) throws(CryptoError) -> Result {
        guard key.count == keySize else { throw .wrongKeyLength }
        return try withSecretScratch(76) { derived throws(CryptoError) in
            try key.withBytes { key throws(CryptoError) in
                try HKDF.expand(.sha512, key: key, info: label + [0] + salt + context, into: derived)
            }
            return try body(
                MessageKey(
                    key: UnsafeRawBufferPointer(rebasing: derived[0..<32]),
                    baseNonce: UnsafeRawBufferPointer(rebasing: derived[32..<44]),
                    commitment: UnsafeRawBufferPointer(rebasing: derived[44..<76])))
        }
    }

    static func withOpenedHeader<Result>(
        _ message: [UInt8], key: SecretBytes, context: [UInt8], _ body: (MessageKey) throws(CryptoError) -> Result
    ) throws(CryptoError) -> Result {
        guard key.count == keySize else { throw .wrongKeyLength }
        guard message.count >= headerSize else { throw .wrongMessageLength }
        return try withMessageKey(key, salt: Array(message[0..<saltSize]), context: context) { derived throws(CryptoError) in
            guard equalInConstantTime(Array(message[saltSize..<headerSize]), Array(derived.commitment)) else { throw .notAuthentic }
            return try body(derived)
        }
    }

    static func openChunk(
        _ message: [UInt8], _ number: Int, size: Int, _ cipher: inout GCMContext, _ derived: MessageKey,
        into target: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        let place = headerSize + number * sealedChunkSize
        let nonce = derived.nonce(number)
        try withContiguousBytes(message[place..<place + size + AES256GCM.tagSize]) { sealed throws(CryptoError) in
            try cipher.open(sealed, nonce: nonce, associatedData: [], into: target)
        }
    }
}
