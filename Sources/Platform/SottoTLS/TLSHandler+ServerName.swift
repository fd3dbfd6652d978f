internal import SottoBase

extension TLSHandler {
    /// Whom a client wants to reach.
    public struct ServerName: Sendable, Hashable {
        /// The configured domain, never an address it resolved to (RFC 5922 §7.3). Also sent as SNI.
        public let domain: String
        /// Deviation from RFC 5922 §7.2; see `CertificateIdentities.matches`.
        public let allowsWildcard: Bool
        /// SHA-256 of SubjectPublicKeyInfos: the server's key must be one of them, beside everything else. Empty: no pin.
        public let pinnedKeys: [[UInt8]]

        public init(_ domain: String, allowsWildcard: Bool = false, pinnedKeys: [[UInt8]] = []) {
            self.domain = domain
            self.allowsWildcard = allowsWildcard
            self.pinnedKeys = pinnedKeys
        }

        /// A SIP certificate names no address, so that only a pin can vouch for one.
        var isAddress: Bool { PeerAddress(host: domain, port: 0) != nil }

        /// Nil: the certificate speaks for the domain (RFC 5922 §7.2), with a pinned key where one is asked for.
        public func fault(in certificate: PeerCertificate?) -> TLSError? {
            guard let certificate else { return .serverNameMismatch }
            if !isAddress || pinnedKeys.isEmpty {
                guard certificate.identities.matches(domain, allowWildcard: allowsWildcard) else { return .serverNameMismatch }
            }
            return pinnedKeys.isEmpty || pinnedKeys.contains(certificate.keyPin) ? nil : .keyNotPinned
        }
    }
}
