internal import COpenSSL
public import SottoBase

/// What the first certificate of a PEM file says.
public struct CertificateFacts: Hashable, Sendable {
    public let notBefore: WallTime
    public let notAfter: WallTime
    /// DNS names and the hosts of `sip:` URIs of the subjectAltName, in lower case; the common name when there is no subjectAltName.
    public let names: [String]
    /// The subjectAltName's addresses; their port is 0.
    public let addresses: [PeerAddress]
    /// How many certificates the file holds, at most 1,024.
    public let count: Int
    /// OpenSSL's estimate for the public key: 112 is RSA of 2,048 bits, which TLS accepts at least.
    public let securityBits: Int
}

/// What a file of certificate revocation lists says.
public struct RevocationListFacts: Hashable, Sendable {
    public let count: Int
    /// When the first of them is out of date; nil when none says so.
    public let nextUpdate: WallTime?
}

/// What an authority's OCSP answer says of one certificate.
public struct OCSPFacts: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case good, revoked, unknown
    }

    public let status: Status
    public let thisUpdate: WallTime
    /// nil: newer answers are there at any time.
    public let nextUpdate: WallTime?
}

/// Why a file is not what it should be. Harmless to show.
public enum InspectionFault: Error, Hashable, Sendable, CustomStringConvertible {
    case noCertificate
    case noPrivateKey
    /// It asks for a pass phrase.
    case encryptedKey
    case noRevocationList
    case noAnswer
    /// An OCSP answer that says "try later", "unauthorized" or the like.
    case refusedAnswer(status: Int)

    public var description: String {
        switch self {
        case .noCertificate: "it holds no certificate in PEM"
        case .noPrivateKey: "it holds no private key in PEM"
        case .encryptedKey: "its private key is protected by a pass phrase"
        case .noRevocationList: "it holds no revocation list in PEM"
        case .noAnswer: "it holds no OCSP answer in DER"
        case .refusedAnswer(let status): "the authority gave no answer (OCSP status \(status))"
        }
    }
}

/// Looks at files of certificates and keys, for whoever checks a configuration before it counts. Nothing here is trusted or used.
public enum CertificateInspection {
    public static func certificate(_ pem: [UInt8]) -> Result<CertificateFacts, InspectionFault> {
        withMemory(pem) { bio in
            var first: CertificateFacts?
            var count = 0
            while count < 1_024, let certificate = sotto_tls_read_certificate(bio) {
                defer { X509_free(certificate) }
                if count == 0 { first = facts(certificate) }
                count += 1
            }
            // The end of the file shows as "no start line"; anything else is a damaged block.
            guard isEndOfPEM(), let first else { return .failure(.noCertificate) }
            return .success(
                CertificateFacts(
                    notBefore: first.notBefore, notAfter: first.notAfter, names: first.names, addresses: first.addresses, count: count,
                    securityBits: first.securityBits))
        } ?? .failure(.noCertificate)
    }

    /// Whether the private key belongs to the file's first certificate.
    public static func key(_ key: SecretBytes, belongsTo pem: [UInt8]) -> Result<Bool, InspectionFault> {
        let result: Result<Bool, InspectionFault>? = withMemory(pem) { bio in
            guard let certificate = sotto_tls_read_certificate(bio) else { return .failure(.noCertificate) }
            defer { X509_free(certificate) }
            return key.withBytes { bytes in
                guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return .failure(.noPrivateKey) }
                defer { BIO_free(bio) }
                ERR_clear_error()
                guard let pair = sotto_tls_read_private_key(bio) else { return .failure(keyFault()) }
                defer { EVP_PKEY_free(pair) }
                let fits = X509_check_private_key(certificate, pair) == 1
                ERR_clear_error()
                return .success(fits)
            }
        }
        return result ?? .failure(.noCertificate)
    }

    public static func revocationLists(_ pem: [UInt8]) -> Result<RevocationListFacts, InspectionFault> {
        withMemory(pem) { bio in
            var count = 0
            var nextUpdate: WallTime?
            while count < 1_024, let list = sotto_read_revocation_list(bio) {
                defer { X509_CRL_free(list) }
                count += 1
                if let time = time(X509_CRL_get0_nextUpdate(list)) { nextUpdate = min(nextUpdate ?? time, time) }
            }
            guard isEndOfPEM(), count > 0 else { return .failure(.noRevocationList) }
            return .success(RevocationListFacts(count: count, nextUpdate: nextUpdate))
        } ?? .failure(.noRevocationList)
    }

    public static func ocspAnswer(_ der: [UInt8]) -> Result<OCSPFacts, InspectionFault> {
        der.withUnsafeBytes { bytes in
            defer { ERR_clear_error() }
            var next = bytes.bindMemory(to: UInt8.self).baseAddress
            guard let response = d2i_OCSP_RESPONSE(nil, &next, bytes.count) else { return .failure(.noAnswer) }
            defer { OCSP_RESPONSE_free(response) }
            let status = OCSP_response_status(response)
            guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else { return .failure(.refusedAnswer(status: Int(status))) }
            guard let basic = OCSP_response_get1_basic(response) else { return .failure(.noAnswer) }
            defer { OCSP_BASICRESP_free(basic) }
            guard OCSP_resp_count(basic) > 0, let single = OCSP_resp_get0(basic, 0) else { return .failure(.noAnswer) }
            var this: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            var end: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            let found = OCSP_single_get0_status(single, nil, nil, &this, &end)
            guard let thisUpdate = time(this) else { return .failure(.noAnswer) }
            let what: OCSPFacts.Status =
                switch found {
                case V_OCSP_CERTSTATUS_GOOD: .good
                case V_OCSP_CERTSTATUS_REVOKED: .revoked
                default: .unknown
                }
            return .success(OCSPFacts(status: what, thisUpdate: thisUpdate, nextUpdate: time(end)))
        }
    }

    // MARK: -

    private static func withMemory<Value>(_ bytes: [UInt8], _ body: (OpaquePointer) -> Result<Value, InspectionFault>)
        -> Result<Value, InspectionFault>?
    {
        bytes.withUnsafeBytes { raw in
            ERR_clear_error()
            guard raw.count > 0, raw.count <= Int32.max, let bio = BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else { return nil }
            defer {
                BIO_free(bio)
                ERR_clear_error()
            }
            return body(bio)
        }
    }

    private static func isEndOfPEM() -> Bool {
        let code = ERR_peek_last_error()
        return code == 0 || (sotto_tls_error_library(code) == ERR_LIB_PEM && sotto_tls_error_reason(code) == PEM_R_NO_START_LINE)
    }

    /// An encrypted key fails in the callback that would ask for its pass phrase.
    private static func keyFault() -> InspectionFault {
        var isEncrypted = false
        while case let code = ERR_get_error(), code != 0 {
            let reason = sotto_tls_error_reason(code)
            if sotto_tls_error_library(code) == ERR_LIB_PEM, reason == PEM_R_BAD_PASSWORD_READ || reason == PEM_R_BAD_DECRYPT {
                isEncrypted = true
            }
        }
        return isEncrypted ? .encryptedKey : .noPrivateKey
    }

    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> WallTime? {
        time.map { WallTime(milliseconds: sotto_tls_seconds_since_1970($0) &* 1_000) }
    }

    private static func facts(_ certificate: OpaquePointer) -> CertificateFacts {
        var present: Int32 = 0
        let list = sotto_tls_alternative_names(certificate, &present)
        defer { sotto_tls_names_free(list) }
        var names: [String] = []
        var addresses: [PeerAddress] = []
        if let list {
            for index in 0..<min(64, sotto_tls_name_count(list)) {
                var kind: Int32 = 0
                var count: Int32 = 0
                if let bytes = sotto_tls_name(list, index, &kind, &count), let text = text(bytes, count) {
                    if kind != GEN_URI { names.append(text) } else if text.hasPrefix("sip:") { names.append(String(text.dropFirst(4))) }
                } else if let bytes = sotto_address_name(list, index, &count),
                    let address = PeerAddress(bytes: Array(UnsafeBufferPointer(start: bytes, count: Int(count))), port: 0)
                {
                    addresses.append(address)
                }
            }
        }
        if present == 0 {
            var count: Int32 = 0
            if let bytes = sotto_tls_common_name(certificate, &count), let name = text(bytes, count) { names.append(name) }
        }
        let bits = X509_get0_pubkey(certificate).map { EVP_PKEY_get_security_bits($0) } ?? 0
        return CertificateFacts(
            notBefore: time(X509_get0_notBefore(certificate)) ?? WallTime(milliseconds: 0),
            notAfter: time(X509_get0_notAfter(certificate)) ?? WallTime(milliseconds: 0), names: names, addresses: addresses, count: 1,
            securityBits: Int(bits))
    }

    /// Printable ASCII in lower case, at most 255 characters: a NUL inside a name is how certificates lie about it.
    private static func text(_ bytes: UnsafePointer<UInt8>, _ count: Int32) -> String? {
        guard (1...255).contains(count) else { return nil }
        let text = UnsafeBufferPointer(start: bytes, count: Int(count))
        guard text.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: text, as: UTF8.self).lowercased()
    }
}
