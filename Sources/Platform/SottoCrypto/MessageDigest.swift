internal import COpenSSL
internal import SottoBase

/// Digests for protocols that name them (RFC 7616, RFC 8760). MD5 is here for peers that know nothing else; nothing of ours rests on it.
public enum MessageDigest: Sendable, CaseIterable {
    case sha256, sha512_256, dangerMD5

    /// Bytes of a digest.
    public var size: Int { self == .dangerMD5 ? 16 : 32 }

    private var name: String {
        switch self {
        case .sha256: "SHA2-256"
        case .sha512_256: "SHA2-512/256"
        case .dangerMD5: "MD5"
        }
    }

    /// Writes the digest of `bytes` into `digest`, which has `size` bytes. Zeros where the library knows no such function (MD5 under FIPS):
    /// a digest that no peer accepts.
    public func hash(_ bytes: UnsafeRawBufferPointer, into digest: UnsafeMutableRawBufferPointer) {
        precondition(digest.count >= size, "room for a digest")
        digest.initializeMemory(as: UInt8.self, repeating: 0)
        guard let function = EVP_MD_fetch(nil, name, nil) else { return }
        defer { EVP_MD_free(function) }
        EVP_Digest(bytes.baseAddress, bytes.count, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, function, nil)
    }
}
