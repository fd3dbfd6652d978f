internal import COpenSSL
public import SottoBase

/// SHA-256 (FIPS 180-4).
public struct SHA256: ~Copyable {
    public static let size = 32

    private let context: OpaquePointer

    public init() throws(CryptoError) {
        guard let context = EVP_MD_CTX_new() else { throw .refused(operation: .hash) }
        guard let algorithm = Algorithm.sha256.pointer, EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw .refused(operation: .hash)
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else { throw .refused(operation: .hash) }
    }

    public mutating func update(_ bytes: some Collection<UInt8>) throws(CryptoError) {
        try withContiguousBytes(bytes) { raw throws(CryptoError) in try self.update(raw) }
    }

    public mutating func finish() throws(CryptoError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Self.size)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { throw .refused(operation: .hash) }
        return digest
    }

    /// The digest of the parts, one after the other.
    public static func hash(_ parts: [UInt8]...) throws(CryptoError) -> [UInt8] {
        var hash = try SHA256()
        for part in parts { try hash.update(part) }
        return try hash.finish()
    }
}

/// Hash functions that HMAC and HKDF run over.
public enum HashFunction: Sendable {
    case sha256, sha512

    /// Bytes of a digest.
    public var size: Int { self == .sha256 ? 32 : 64 }
    var name: String { self == .sha256 ? "SHA256" : "SHA512" }
}

/// HMAC (RFC 2104). The context holds the key and is cleansed when it is freed.
public struct HMAC: ~Copyable {
    private let context: OpaquePointer
    private let size: Int

    public init(_ function: HashFunction, key: UnsafeRawBufferPointer) throws(CryptoError) {
        guard let context = sotto_hmac_new(function.name, key.baseAddress, key.count) else { throw .refused(operation: .mac) }
        self.context = context
        size = function.size
    }

    deinit { EVP_MAC_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
        guard bytes.count > 0 else { return }
        guard EVP_MAC_update(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count) == 1 else {
            throw .refused(operation: .mac)
        }
    }

    public mutating func update(_ bytes: some Collection<UInt8>) throws(CryptoError) {
        try withContiguousBytes(bytes) { raw throws(CryptoError) in try self.update(raw) }
    }

    /// Writes the code into `target`, which holds at least the hash's size. The context is of no use afterwards.
    public mutating func finish(into target: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        var written = 0
        guard target.count >= size,
            EVP_MAC_final(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &written, target.count) == 1, written == size
        else { throw .refused(operation: .mac) }
    }

    /// The code over the parts, one after the other.
    public static func code(_ function: HashFunction, key: SecretBytes, _ parts: [UInt8]...) throws(CryptoError) -> [UInt8] {
        var mac = try key.withBytes { raw throws(CryptoError) in try HMAC(function, key: raw) }
        for part in parts { try mac.update(part) }
        return try filled(function.size) { target throws(CryptoError) in try mac.finish(into: target) }
    }
}

/// HKDF (RFC 5869). Every input key here is uniformly random already, so nothing needs the extract step (§3.3).
public enum HKDF {
    /// §2.3, into locked memory. `count` is at most 255 times the hash's size.
    public static func expand(_ function: HashFunction, key: SecretBytes, info: [UInt8], count: Int) throws(CryptoError) -> SecretBytes {
        guard count >= 0, count <= 255 * function.size else { throw .wrongMessageLength }
        return try SecretBytes(count: count) { target throws(CryptoError) in
            try key.withBytes { key throws(CryptoError) in
                try expand(function, key: key, info: info, into: target)
            }
        }
    }

    static func expand(
        _ function: HashFunction, key: UnsafeRawBufferPointer, info: [UInt8], into target: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        // T(i) = HMAC(key, T(i-1) ‖ info ‖ i). The blocks are key material: they live on the stack and are wiped.
        try withSecretScratch(64) { block throws(CryptoError) in
            var done = 0
            var counter: UInt8 = 1
            while done < target.count {
                var mac = try HMAC(function, key: key)
                if counter > 1 { try mac.update(UnsafeRawBufferPointer(rebasing: block[0..<function.size])) }
                try mac.update(info)
                try mac.update(CollectionOfOne(counter))
                try mac.finish(into: block)
                let take = min(function.size, target.count - done)
                UnsafeMutableRawBufferPointer(rebasing: target[done..<done + take])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[0..<take]))
                done += take
                counter &+= 1
            }
        }
    }
}

/// Compares in time that depends on the length alone.
public func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
