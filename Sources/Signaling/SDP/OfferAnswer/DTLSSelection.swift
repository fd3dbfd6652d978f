internal import SottoBase

/// Offer and answer of DTLS-SRTP (RFC 5763 §5 as updated by RFC 8842 §5).
enum DTLSSelection {
    /// What the peer's line says of its end.
    private struct Remote {
        let fingerprints: [CertificateFingerprint]
        let setup: ConnectionSetup
        let associationID: WireText?

        /// `unsaid`: what a missing `a=setup` means, `active` in an offer, `passive` in an answer (RFC 4145 §4.1).
        init?(_ media: MediaDescription, in description: SessionDescription, unsaid: ConnectionSetup) {
            fingerprints = CertificateFingerprint.usable(media, in: description)
            guard !fingerprints.isEmpty else { return nil }
            if let value = media.attribute("setup")?.value ?? description.attribute("setup")?.value {
                guard let read = ConnectionSetup(value) else { return nil }
                setup = read
            } else {
                setup = unsaid
            }
            associationID = DTLSSelection.associationID(of: media)
        }
    }

    /// RFC 8842 §4: 20 to 255 of letters, digits and `+/-_`. Another value counts as none.
    static func associationID(of media: MediaDescription) -> WireText? {
        guard let value = media.attribute("tls-id")?.value, (20...255).contains(value.count) else { return nil }
        let isID = value.bytes.allSatisfy { byte in
            (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2F || byte == 0x2D || byte == 0x5F
        }
        return isID ? value : nil
    }

    // MARK: - Answering

    static func answer(
        _ media: MediaDescription, in offer: SessionDescription, local: LocalMedia, remoteAddress: PeerAddress?, previous: NegotiatedMedia?
    ) -> DTLSAgreement? {
        guard let own = local.dtls, let remote = Remote(media, in: offer, unsaid: .active) else { return nil }
        // RFC 8842 §5.3: an answerer that may choose is active, so that its hello opens the way for the offerer's.
        let free: DTLSAgreement.Role
        switch remote.setup {
        case .actpass, .passive: free = .active
        case .active: free = .passive
        case .holdconn: return nil  // RFC 5763 §5
        }
        var agreement = DTLSAgreement(
            role: free, remoteFingerprints: remote.fingerprints, localFingerprint: own.fingerprint,
            // §5.3: only to an offer that has one.
            localAssociationID: remote.associationID == nil ? nil : own.associationID, remoteAssociationID: remote.associationID)
        guard let previous, let before = previous.dtls else { return agreement }
        let fits = remote.setup == .actpass || (remote.setup == .active) == (before.role == .passive)
        let isOther =
            remote.associationID == nil && before.remoteAssociationID == nil
            ? isMoved(from: previous, local: local.address, remote: remoteAddress) : remote.associationID != before.remoteAssociationID
        if fits, !isOther, before.localFingerprint == own.fingerprint, Set(before.remoteFingerprints) == Set(remote.fingerprints) {
            return before
        }
        agreement.generation = before.generation &+ 1
        return agreement
    }

    // MARK: - Offering

    /// `a=fingerprint`, `a=setup`, `a=tls-id` of an offer of ours. The association id stays while the certificate does (RFC 8842 §5.5).
    static func offered(_ own: LocalDTLS, previous: NegotiatedMedia?) -> [SDPAttribute] {
        var id = own.associationID
        if let previous, previous.dtls?.localFingerprint == own.fingerprint, let line = previous.localLine {
            id = associationID(of: line) ?? id
        }
        // RFC 8842 §5.2: an offer says actpass.
        return attributes(own.fingerprint, .actpass, id)
    }

    static func answered(_ agreement: DTLSAgreement) -> [SDPAttribute] {
        attributes(agreement.localFingerprint, agreement.role == .active ? .active : .passive, agreement.localAssociationID)
    }

    private static func attributes(
        _ fingerprint: CertificateFingerprint, _ setup: ConnectionSetup, _ id: WireText?
    ) -> [SDPAttribute] {
        [fingerprint.attribute, SDPAttribute("setup", WireText(setup.name.description))] + (id.map { [SDPAttribute("tls-id", $0)] } ?? [])
    }

    /// What the peer's answer makes of our offered line.
    static func accept(
        _ media: MediaDescription, in answer: SessionDescription, to offered: MediaDescription, of offer: SessionDescription,
        local: PeerAddress?, remoteAddress: PeerAddress?, previous: NegotiatedMedia?
    ) -> DTLSAgreement? {
        guard let own = CertificateFingerprint.usable(offered, in: offer).first, let remote = Remote(media, in: answer, unsaid: .passive)
        else { return nil }
        let role: DTLSAgreement.Role
        switch remote.setup {
        case .active: role = .passive
        case .passive: role = .active
        case .actpass, .holdconn: return nil  // RFC 8842 §5.3: an answer chooses
        }
        let ownID = associationID(of: offered)
        var agreement = DTLSAgreement(
            role: role, remoteFingerprints: remote.fingerprints, localFingerprint: own,
            localAssociationID: remote.associationID == nil ? nil : ownID, remoteAssociationID: remote.associationID)
        guard let previous, let before = previous.dtls else { return agreement }
        let isOther =
            remote.associationID == nil && before.remoteAssociationID == nil
            ? isMoved(from: previous, local: local, remote: remoteAddress)
            : remote.associationID != before.remoteAssociationID || ownID != before.localAssociationID
        if before.role == role, !isOther, before.localFingerprint == own, Set(before.remoteFingerprints) == Set(remote.fingerprints) {
            return before
        }
        agreement.generation = before.generation &+ 1
        return agreement
    }

    /// RFC 8842 §4: between peers that do not both write `a=tls-id`, other transport addresses mean another association. A hold by
    /// address is no move.
    private static func isMoved(from previous: NegotiatedMedia, local: PeerAddress?, remote: PeerAddress?) -> Bool {
        if previous.localAddress != local { return true }
        guard let before = previous.remoteAddress, let remote else { return false }
        return before != remote
    }
}
