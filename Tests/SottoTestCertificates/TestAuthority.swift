internal import COpenSSL
public import SottoBase
public import SottoTLS

/// A certificate authority that lives in a test's memory. Each one is another root.
public final class TestAuthority: Sendable {
    public enum KeyKind: Sendable {
        case p256
        case rsa2048
    }

    /// What a certificate says. Times are relative to now.
    public struct Leaf: Sendable {
        public var commonName: String?
        public var dnsNames: [String]
        public var uris: [String]
        public var validFrom: Duration
        public var validFor: Duration
        public var key: KeyKind
        /// extendedKeyUsage
        public var purposes = "serverAuth,clientAuth"

        public init(
            commonName: String? = nil, dnsNames: [String] = [], uris: [String] = [], validFrom: Duration = .seconds(-3_600),
            validFor: Duration = .seconds(86_400), key: KeyKind = .p256
        ) {
            self.commonName = commonName
            self.dnsNames = dnsNames
            self.uris = uris
            self.validFrom = validFrom
            self.validFor = validFor
            self.key = key
        }
    }

    public struct Failure: Error {
        public let step: String
    }

    /// The root in PEM, to be trusted.
    public let certificate: [UInt8]
    private let key: KeyHolder
    private let root: CertificateHolder

    public init(name: String = "Test Authority") throws(Failure) {
        key = try KeyHolder(.p256)
        root = try CertificateHolder()
        try root.fill(
            Leaf(commonName: name, validFor: .seconds(864_000)), key: key, issuer: root, signer: key,
            extensions: [(NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign")])
        certificate = try root.pem()
    }

    public var trust: TLSTrust { .certificates(certificate) }

    /// A certificate that may serve and call, with its key.
    public func issue(_ leaf: Leaf) throws(Failure) -> TLSCredentials {
        let leafKey = try KeyHolder(leaf.key)
        let certificate = try CertificateHolder()
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature,keyEncipherment"),
            (NID_ext_key_usage, leaf.purposes),
        ]
        let names = leaf.dnsNames.map { "DNS:\($0)" } + leaf.uris.map { "URI:\($0)" }
        if !names.isEmpty { extensions.append((NID_subject_alt_name, names.joined(separator: ","))) }
        try certificate.fill(leaf, key: leafKey, issuer: root, signer: key, extensions: extensions)
        return TLSCredentials(certificateChain: try certificate.pem(), privateKey: try leafKey.pem())
    }
}

extension TestAuthority {
    /// A revocation list (PEM) that names these certificates. Times are relative to now.
    public func revocationList(
        of revoked: [TLSCredentials] = [], from: Duration = .seconds(-60), validFor: Duration = .seconds(3_600)
    ) throws(Failure) -> [UInt8] {
        var certificates: [CertificateHolder] = []
        for each in revoked { certificates.append(try CertificateHolder(pem: each.certificateChain)) }
        let start = secondsSince1970() + from.components.seconds
        let pointers = certificates.map { Optional($0.pointer) }
        let list = pointers.withUnsafeBufferPointer {
            sotto_tls_make_revocation(
                root.pointer, key.pointer, $0.baseAddress, Int32($0.count), start, start + validFor.components.seconds)
        }
        guard let list else { throw Failure(step: "revocation list") }
        defer { X509_CRL_free(list) }
        return try CertificateHolder.text("revocation list PEM") { PEM_write_bio_X509_CRL($0, list) }
    }

    /// An OCSP response (DER) about a certificate of this authority.
    public func statusResponse(
        about leaf: TLSCredentials, isRevoked: Bool = false, validFor: Duration = .seconds(3_600)
    ) throws(Failure) -> [UInt8] {
        let certificate = try CertificateHolder(pem: leaf.certificateChain)
        var der: UnsafeMutablePointer<UInt8>?
        let count = sotto_tls_make_staple(
            root.pointer, key.pointer, certificate.pointer, isRevoked ? 1 : 0, secondsSince1970() + validFor.components.seconds, &der)
        guard count > 0, let der else { throw Failure(step: "status response") }
        defer { CRYPTO_free(der, nil, 0) }
        return Array(UnsafeBufferPointer(start: der, count: Int(count)))
    }
}

extension WallTime {
    /// The system's clock, which OpenSSL judges peers' certificates by.
    public static var systemNow: WallTime { WallTime(milliseconds: secondsSince1970() * 1_000) }
}

private func secondsSince1970() -> Int64 {
    guard let now = X509_gmtime_adj(nil, 0) else { return 0 }
    defer { ASN1_TIME_free(now) }
    return sotto_tls_seconds_since_1970(now)
}

private final class KeyHolder: @unchecked Sendable {  // proof: never changed after init
    let pointer: OpaquePointer

    init(_ kind: TestAuthority.KeyKind) throws(TestAuthority.Failure) {
        let made =
            switch kind {
            case .p256: sotto_tls_generate_ec("P-256")
            case .rsa2048: sotto_tls_generate_rsa(2_048)
            }
        guard let made else { throw TestAuthority.Failure(step: "key") }
        pointer = made
    }

    deinit { EVP_PKEY_free(pointer) }

    func pem() throws(TestAuthority.Failure) -> SecretBytes {
        guard let bio = BIO_new(BIO_s_mem()) else { throw TestAuthority.Failure(step: "bio") }
        defer { BIO_free(bio) }
        guard PEM_write_bio_PrivateKey(bio, pointer, nil, nil, 0, nil, nil) == 1 else { throw TestAuthority.Failure(step: "key PEM") }
        var start: UnsafePointer<CChar>?
        let count = sotto_tls_memory(bio, &start)
        return SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: count))
    }
}

private final class CertificateHolder: @unchecked Sendable {  // proof: changed only by fill, before it is shared
    let pointer: OpaquePointer

    init() throws(TestAuthority.Failure) {
        guard let made = X509_new() else { throw TestAuthority.Failure(step: "certificate") }
        pointer = made
    }

    init(pem: [UInt8]) throws(TestAuthority.Failure) {
        let read = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return sotto_tls_read_certificate(bio)
        }
        guard let read else { throw TestAuthority.Failure(step: "certificate") }
        pointer = read
    }

    deinit { X509_free(pointer) }

    func fill(
        _ leaf: TestAuthority.Leaf, key: KeyHolder, issuer: CertificateHolder, signer: KeyHolder, extensions: [(Int32, String)]
    ) throws(TestAuthority.Failure) {
        X509_set_version(pointer, 2)
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(pointer), UInt64.random(in: 1...UInt64.max))
        let from = Int(leaf.validFrom.components.seconds)
        X509_gmtime_adj(X509_getm_notBefore(pointer), from)
        X509_gmtime_adj(X509_getm_notAfter(pointer), from + Int(leaf.validFor.components.seconds))
        if let name = leaf.commonName {
            X509_NAME_add_entry_by_NID(
                X509_get_subject_name(pointer), NID_commonName, MBSTRING_ASC, Array(name.utf8), Int32(name.utf8.count), -1, 0)
        }
        X509_set_issuer_name(pointer, X509_get_subject_name(issuer.pointer))
        X509_set_pubkey(pointer, key.pointer)
        for (nid, value) in extensions where sotto_tls_add_extension(pointer, issuer.pointer, nid, value) != 1 {
            throw TestAuthority.Failure(step: "extension \(value)")
        }
        guard X509_sign(pointer, signer.pointer, EVP_sha256()) > 0 else { throw TestAuthority.Failure(step: "signature") }
    }

    func pem() throws(TestAuthority.Failure) -> [UInt8] {
        try Self.text("certificate PEM") { PEM_write_bio_X509($0, pointer) }
    }

    static func text(_ step: String, _ write: (OpaquePointer) -> Int32) throws(TestAuthority.Failure) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { throw TestAuthority.Failure(step: "bio") }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { throw TestAuthority.Failure(step: step) }
        var start: UnsafePointer<CChar>?
        let count = sotto_tls_memory(bio, &start)
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
