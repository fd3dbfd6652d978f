/// Whom a certificate names, for SIP (RFC 5922 §7.1).
public struct CertificateIdentities: Hashable, Sendable {
    /// subjectAltName URIs as they stand.
    public let uris: [String]
    /// subjectAltName DNS names as they stand.
    public let dnsNames: [String]
    /// The subject's common name; of use only without a subjectAltName.
    public let commonName: String?
    /// True when the certificate has a subjectAltName of any kind, also an empty or odd one.
    public let hasAlternativeNames: Bool

    public init(uris: [String] = [], dnsNames: [String] = [], commonName: String? = nil, hasAlternativeNames: Bool) {
        self.uris = uris
        self.dnsNames = dnsNames
        self.commonName = commonName
        self.hasAlternativeNames = hasAlternativeNames
    }

    /// The SIP domains, lower case: the hosts of `sip:` URIs without a user part; if there are none the DNS names; the common name
    /// only when there is no subjectAltName at all (RFC 5922 §7.1).
    public var domains: [String] {
        let fromURIs = uris.compactMap(Self.domain(ofURI:))
        if !fromURIs.isEmpty { return fromURIs }
        if hasAlternativeNames { return dnsNames.map(Self.normalized) }
        return commonName.map { [Self.normalized($0)] } ?? []
    }

    /// Whether the certificate speaks for `domain`: a whole, case-insensitive match of DNS names (RFC 5922 §7.2).
    ///
    /// Deviation: with `allowWildcard`, `*.example.com` matches exactly one more label, because some large carriers present such
    /// certificates. RFC 5922 forbids it, so only outbound connections of a trunk that says so may ask for it.
    public func matches(_ domain: String, allowWildcard: Bool = false) -> Bool {
        let wanted = Self.normalized(domain)
        guard !wanted.isEmpty else { return false }
        return domains.contains { name in
            if name == wanted { return !name.contains("*") }
            guard allowWildcard, name.hasPrefix("*."), let dot = wanted.firstIndex(of: "."), dot != wanted.startIndex else { return false }
            let parent = name.dropFirst(2)
            return parent.contains(".") && !parent.contains("*") && wanted[wanted.index(after: dot)...] == parent
        }
    }

    private static func normalized(_ name: String) -> String {
        let lower = String(decoding: name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    /// The host of `sip:host`, without parameters and port; nil for another scheme or with a user part.
    private static func domain(ofURI uri: String) -> String? {
        guard let colon = uri.firstIndex(of: ":"), normalized(String(uri[..<colon])) == "sip" else { return nil }
        let rest = uri[uri.index(after: colon)...]
        guard !rest.contains("@") else { return nil }
        let host = rest.prefix { $0 != ";" && $0 != "?" && $0 != ":" }
        return host.isEmpty ? nil : normalized(String(host))
    }
}

/// The peer's certificate after a handshake that checked it.
public struct PeerCertificate: Hashable, Sendable {
    public let identities: CertificateIdentities
    /// SHA-256 of the leaf (DER).
    public let fingerprint: [UInt8]
    /// SHA-256 of the leaf's public key bits.
    public let publicKeyFingerprint: [UInt8]
    /// SHA-256 of the leaf's SubjectPublicKeyInfo, which pins name (RFC 7469 §2.4). It survives a renewal with the same key.
    public let keyPin: [UInt8]

    public init(identities: CertificateIdentities, fingerprint: [UInt8], publicKeyFingerprint: [UInt8], keyPin: [UInt8] = []) {
        self.keyPin = keyPin
        self.identities = identities
        self.fingerprint = fingerprint
        self.publicKeyFingerprint = publicKeyFingerprint
    }
}

/// Fired through the pipeline once, before the first plaintext.
public struct TLSHandshakeCompleted: Hashable, Sendable {
    public let version: TLSVersion
    /// OpenSSL's name of the cipher suite.
    public let cipher: String
    /// nil when the client came without a certificate.
    public let peerCertificate: PeerCertificate?
    /// An earlier session goes on; its peer was judged anew.
    public let isResumed: Bool

    public init(version: TLSVersion, cipher: String, peerCertificate: PeerCertificate?, isResumed: Bool = false) {
        self.isResumed = isResumed
        self.version = version
        self.cipher = cipher
        self.peerCertificate = peerCertificate
    }
}
