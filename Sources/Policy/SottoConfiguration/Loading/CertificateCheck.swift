internal import Policy
internal import SottoBase
internal import SottoCrypto

extension FileCheck {
    /// A certificate that ends sooner is warned of.
    private static let notice: Int64 = 14 * 86_400_000

    /// A certificate and its key: what TLS would refuse at start is an error here.
    mutating func pair(_ certificate: FileReference, _ key: FileReference, _ section: SourceLocation) -> CertificateFacts? {
        let pem = read("certificate", certificate, section)
        var facts: CertificateFacts?
        if let pem {
            switch CertificateInspection.certificate(pem) {
            case .failure:
                error(
                    "certificate", section, "certificate \(certificate) holds no certificate",
                    "it is a PEM file with -----BEGIN CERTIFICATE-----")
            case .success(let read):
                facts = read
                validity(of: read, certificate, section)
            }
        }
        guard let secret = readSecret("key", key, section) else { return facts }
        switch CertificateInspection.key(secret, belongsTo: facts == nil ? [] : pem ?? []) {
        case .success(true): break
        case .success(false):
            error(
                "key", section, "key \(key) does not belong to certificate \(certificate)",
                "compare: openssl pkey -in KEY -pubout; openssl x509 -in CERTIFICATE -noout -pubkey")
        case .failure(.encryptedKey):
            error(
                "key", section, "key \(key) is protected by a pass phrase",
                "nobody is there to type it: openssl pkey -in KEY -out NEWKEY; chmod 600 NEWKEY")
        case .failure(.noCertificate):
            // Without a certificate, at least the kind of file is looked at.
            if !secret.withBytes({ BytesSearch.contains($0[...], "PRIVATE KEY-----") }) { reportNoKey(key, section) }
        case .failure: reportNoKey(key, section)
        }
        return facts
    }

    private mutating func reportNoKey(_ key: FileReference, _ section: SourceLocation) {
        error("key", section, "key \(key) holds no private key", "it is a PEM file with -----BEGIN PRIVATE KEY-----")
    }

    private mutating func validity(of facts: CertificateFacts, _ certificate: FileReference, _ section: SourceLocation) {
        let now = files.now()
        if facts.notAfter < now {
            error("certificate", section, "certificate \(certificate) expired at \(facts.notAfter.rfc3339)", "renew it, then sotto reload")
        } else if facts.notBefore > now {
            error(
                "certificate", section, "certificate \(certificate) is valid only from \(facts.notBefore.rfc3339)",
                "is this machine's clock right? It is \(now.rfc3339)")
        } else if facts.notAfter.milliseconds &- now.milliseconds < Self.notice {
            let days = (facts.notAfter.milliseconds &- now.milliseconds) / 86_400_000
            warning(
                "certificate", section,
                "certificate \(certificate) expires in \(days) day\(days == 1 ? "" : "s"), at \(facts.notAfter.rfc3339)",
                "renew it, then sotto reload: no connection is dropped")
        }
        if facts.securityBits < 112 {
            error(
                "certificate", section, "certificate \(certificate) has too weak a key for TLS",
                "make a new one: P-256, or RSA of 2048 bits at least")
        }
    }

    /// What peers are told to call should be what the certificate names (RFC 5922 §7.1: whole names, no wildcards).
    mutating func names(of facts: CertificateFacts, _ listener: SIPListener) {
        let host = listener.advertisedHost
        guard TrunkServer.isHostName(host), !facts.names.contains(host) else { return }
        let names = facts.names.isEmpty ? "nobody" : facts.names.prefix(8).map(\.shortened).joined(separator: ", ")
        warning(
            "certificate", listener.location, "certificate \(listener.certificate) names \(names), but peers are told \(host)",
            "peers that check names (RFC 5922) will not believe it: use a certificate for \(host), or change advertise")
    }

    mutating func authorities(_ key: String, _ reference: FileReference, _ section: SourceLocation) {
        guard let pem = read(key, reference, section) else { return }
        switch CertificateInspection.certificate(pem) {
        case .failure:
            error(key, section, "\(key) \(reference) holds no certificate", "it is a PEM file with -----BEGIN CERTIFICATE-----")
        case .success(let facts):
            if facts.count == 1, facts.notAfter < files.now() {
                warning(
                    key, section, "\(key) \(reference) expired at \(facts.notAfter.rfc3339)", "nobody whom it vouches for is believed now")
            }
        }
    }

    mutating func revocationLists(_ key: String, _ reference: FileReference, _ section: SourceLocation) {
        guard let pem = read(key, reference, section) else { return }
        switch CertificateInspection.revocationLists(pem) {
        case .failure:
            error(key, section, "\(key) \(reference) holds no revocation list", "it is a PEM file with -----BEGIN X509 CRL-----")
        case .success(let facts):
            if let next = facts.nextUpdate, next < files.now() {
                warning(
                    key, section, "\(key) \(reference) is out of date since \(next.rfc3339)",
                    "fetch the authority's new list, then sotto reload")
            }
        }
    }

    mutating func staple(_ reference: FileReference, _ section: SourceLocation) {
        let key = "ocsp-staple"
        guard let der = read(key, reference, section) else { return }
        switch CertificateInspection.ocspAnswer(der) {
        case .failure(let fault):
            error(
                key, section, "\(key) \(reference) cannot be used: \(fault)",
                "openssl ocsp -issuer CA -cert CERTIFICATE -url URL -respout FILE")
        case .success(let facts):
            switch facts.status {
            case .good: break
            case .revoked:
                warning(key, section, "\(key) \(reference) says that the certificate is revoked", "get a new certificate")
            case .unknown:
                warning(key, section, "\(key) \(reference) does not know the certificate", "ask the authority that issued it")
            }
            if let next = facts.nextUpdate, next < files.now() {
                warning(key, section, "\(key) \(reference) is out of date since \(next.rfc3339)", "fetch a new one, then sotto reload")
            }
        }
    }
}

private enum BytesSearch {
    static func contains(_ bytes: some RandomAccessCollection<UInt8>, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { wanted in
            guard let first = wanted.first, bytes.count >= wanted.count else { return false }
            var rest = bytes[...]
            while let start = rest.firstIndex(of: first) {
                if rest[start...].starts(with: wanted) { return true }
                rest = rest[rest.index(after: start)...]
            }
            return false
        }
    }
}
