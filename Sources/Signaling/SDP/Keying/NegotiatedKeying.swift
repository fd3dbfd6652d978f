public import SottoBase

/// A way to agree on SRTP keys.
public enum KeyingMethod: Hashable, Sendable, CaseIterable {
    /// `a=crypto` over protected signaling (RFC 4568).
    case sdes
    /// A DTLS handshake on the media path, its certificates' fingerprints in the description (RFC 5763, RFC 8842).
    case dtls
}

/// Our end of DTLS-SRTP, for `LocalMedia`.
public struct LocalDTLS: Hashable, Sendable {
    /// Of the certificate that the media side shows.
    public var fingerprint: CertificateFingerprint
    /// A fresh `a=tls-id` (RFC 8842 §4) for an association that may be begun: 20 to 255 of letters, digits, `+/-_`, by chance. It is
    /// written only when a new association begins; until then the one that holds is kept.
    public var associationID: WireText

    public init(fingerprint: CertificateFingerprint, associationID: WireText) {
        self.fingerprint = fingerprint
        self.associationID = associationID
    }
}

/// What offer and answer agreed on for a DTLS association. No media may flow before the peer's certificate matched (RFC 5763 §6.2).
public struct DTLSAgreement: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        /// We send the ClientHello (`a=setup:active`).
        case active
        case passive
    }

    public var role: Role
    /// The peer's certificate must match one of them. 1 to 8, all of one hash function.
    public var remoteFingerprints: [CertificateFingerprint]
    public var localFingerprint: CertificateFingerprint
    /// Our `a=tls-id`; nil when the peer does not know the attribute.
    public var localAssociationID: WireText?
    public var remoteAssociationID: WireText?
    /// Rises by one with each new association in the life of the session (RFC 8842 §3.1); while it stays the keys of the old one hold,
    /// wherever the media moves.
    public var generation: UInt32

    public init(
        role: Role, remoteFingerprints: [CertificateFingerprint], localFingerprint: CertificateFingerprint,
        localAssociationID: WireText? = nil, remoteAssociationID: WireText? = nil, generation: UInt32 = 0
    ) {
        self.role = role
        self.remoteFingerprints = remoteFingerprints
        self.localFingerprint = localFingerprint
        self.localAssociationID = localAssociationID
        self.remoteAssociationID = remoteAssociationID
        self.generation = generation
    }
}

/// Where the keys of a negotiated session come from.
public enum NegotiatedKeying: Equatable, Sendable {
    /// The suite is `remote.suite`; `localKey` is our master key and salt.
    case sdes(remote: CryptoAttribute, localKey: SecretBytes)
    case dtls(DTLSAgreement)
}
