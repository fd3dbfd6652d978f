internal import COpenSSL
public import SottoBase

/// Unpredictable bytes from OpenSSL's generator, which the kernel seeds.
public enum RandomBytes {
    public static func fill(_ target: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        guard let start = target.baseAddress, target.count > 0 else { return }
        guard target.count <= Int(Int32.max), RAND_bytes(start.assumingMemoryBound(to: UInt8.self), Int32(target.count)) == 1 else {
            throw .noRandomness
        }
    }

    /// For salts, nonces and ids: not for keys.
    public static func bytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var failure: CryptoError?
        result.withUnsafeMutableBytes { target in
            do throws(CryptoError) { try fill(target) } catch { failure = error }
        }
        if let failure { throw failure }
        return result
    }

    /// A fresh key, made in locked memory.
    public static func secret(count: Int) throws(CryptoError) -> SecretBytes {
        try SecretBytes(count: count) { target throws(CryptoError) in
            // Private DRBG: its state is apart from the one that makes public nonces.
            guard let start = target.baseAddress, count > 0 else { return }
            guard RAND_priv_bytes(start.assumingMemoryBound(to: UInt8.self), Int32(count)) == 1 else { throw .noRandomness }
        }
    }
}
