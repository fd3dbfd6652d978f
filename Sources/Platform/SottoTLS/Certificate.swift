internal import COpenSSL
internal import SottoBase

/// An X.509 certificate while it is looked at. It owns one reference.
final class Certificate {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }

    /// The PEM file's certificates in order, at most 1,024. Other blocks are skipped; a damaged one is a failure.
    static func readAll(_ pem: [UInt8]) -> Result<[Certificate], TLSReason> {
        pem.withUnsafeBytes { bytes in
            ERR_clear_error()
            guard bytes.count > 0, bytes.count <= Int32.max, let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return .success([])
            }
            defer { BIO_free(bio) }
            var certificates: [Certificate] = []
            while certificates.count < 1_024 {
                guard let next = sotto_tls_read_certificate(bio) else { break }
                certificates.append(Certificate(owning: next))
            }
            // The end of the file shows as "no start line" (PEM, 108).
            let reason = TLSReason.take()
            if reason.library == ERR_LIB_PEM, reason.reason == PEM_R_NO_START_LINE, !certificates.isEmpty { return .success(certificates) }
            return .failure(reason)
        }
    }

    var notBefore: WallTime { WallTime(milliseconds: sotto_tls_seconds_since_1970(X509_get0_notBefore(pointer)) &* 1_000) }
    var notAfter: WallTime { WallTime(milliseconds: sotto_tls_seconds_since_1970(X509_get0_notAfter(pointer)) &* 1_000) }

    /// SHA-256 of the certificate's DER.
    var fingerprint: [UInt8] { digest { X509_digest(pointer, EVP_sha256(), $0, $1) } }

    func hash(_ kind: DTLSFingerprint.Hash) -> [UInt8] {
        switch kind {
        case .sha256: fingerprint
        case .sha384: digest { X509_digest(pointer, EVP_sha384(), $0, $1) }
        case .sha512: digest { X509_digest(pointer, EVP_sha512(), $0, $1) }
        }
    }

    /// SHA-256 of the public key's bits, which stays the same when a certificate is renewed with its key.
    var publicKeyFingerprint: [UInt8] { digest { X509_pubkey_digest(pointer, EVP_sha256(), $0, $1) } }

    /// SHA-256 of the SubjectPublicKeyInfo.
    var keyPin: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        return sotto_tls_public_key_info_digest(pointer, &bytes) == 1 ? bytes : []
    }

    private func digest(_ compute: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt32>) -> Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        let ok = bytes.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return compute(start, &count) == 1
        }
        return ok ? Array(bytes.prefix(Int(count))) : []
    }

    /// The names that RFC 5922 §7.1 looks at. At most 64 of them, each at most 255 characters of printable ASCII.
    var identities: CertificateIdentities {
        var present: Int32 = 0
        let names = sotto_tls_alternative_names(pointer, &present)
        defer { sotto_tls_names_free(names) }
        var uris: [String] = []
        var dnsNames: [String] = []
        if let names {
            for index in 0..<min(64, sotto_tls_name_count(names)) {
                var kind: Int32 = 0
                var count: Int32 = 0
                guard let bytes = sotto_tls_name(names, index, &kind, &count), let text = Self.name(bytes, count) else { continue }
                if kind == GEN_URI { uris.append(text) } else { dnsNames.append(text) }
            }
        }
        var count: Int32 = 0
        let commonName = sotto_tls_common_name(pointer, &count).flatMap { Self.name($0, count) }
        return CertificateIdentities(uris: uris, dnsNames: dnsNames, commonName: commonName, hasAlternativeNames: present != 0)
    }

    /// A NUL or another odd byte inside a name is how certificates lie about it: such a name does not exist.
    private static func name(_ bytes: UnsafePointer<UInt8>, _ count: Int32) -> String? {
        guard (1...255).contains(count) else { return nil }
        let text = UnsafeBufferPointer(start: bytes, count: Int(count))
        guard text.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}

extension TLSReason: Error {}
