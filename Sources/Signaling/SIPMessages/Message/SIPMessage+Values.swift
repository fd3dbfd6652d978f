internal import SottoBase

/// Headers that are typed on demand. Each is nil when the header is missing or breaks its grammar; `has`/`header` tell which.
extension SIPMessageFields {
    /// True when a header of this name is there, whatever it says.
    public func contains(_ name: SIPHeaderName) -> Bool { fields.headers.contains { $0.name == name } }

    /// RFC 4028 §4.
    public var sessionExpires: SIPSessionExpires? { header(.sessionExpires).flatMap { SIPSessionExpires($0) } }
    /// Seconds, as written (RFC 4028 §5).
    public var minimumSessionExpires: UInt32? { header(.minSE).flatMap { SIPSessionExpires($0)?.seconds } }

    /// The number of a reliable provisional response, from 1 (RFC 3262 §7.1).
    public var responseNumber: UInt32? {
        guard let value = header(.rseq)?.decimal(), value > 0 else { return nil }
        return UInt32(value)
    }
    public var rack: SIPRAck? { header(.rack).flatMap { SIPRAck($0) } }

    /// The one Refer-To (RFC 3515 §2.4.2: none or several are owed 400). Its URI's `embeddedHeader` may hold Replaces.
    public var referTo: NameAddress? {
        let values = fields.headers.filter { $0.name == .referTo }.compactMap(\.text)
        guard values.count == 1 else { return nil }
        let address = NameAddress(values[0])
        return address.isWellFormed ? address : nil
    }
    /// Who sent the REFER (RFC 3892 §3). Says nothing that was proved.
    public var referredBy: NameAddress? { header(.referredBy).map { NameAddress($0) }.flatMap { $0.isWellFormed ? $0 : nil } }
    /// RFC 4488: false when the referrer wants no subscription.
    public var wantsReferSubscription: Bool {
        guard let value = header(otherName: "Refer-Sub").flatMap({ SIPTokenValue($0) }) else { return true }
        return !value.token.equalsIgnoringCase("false")
    }

    /// The one Replaces (RFC 3891 §6.1: several are owed 400).
    public var replaces: SIPReplaces? {
        let values = fields.headers.filter { $0.name == .replaces }.compactMap(\.text)
        return values.count == 1 ? SIPReplaces(values[0]) : nil
    }

    public var event: SIPEventPackage? { header(.event).flatMap { SIPEventPackage($0) } }
    public var subscriptionState: SIPSubscriptionState? { header(.subscriptionState).flatMap { SIPSubscriptionState($0) } }
    public var contentDisposition: SIPContentDisposition? { header(.contentDisposition).flatMap { SIPContentDisposition($0) } }

    /// What all Privacy headers together ask for (RFC 3323 §4.2).
    public var privacy: SIPPrivacy {
        fields.headers.reduce(into: []) { privacy, header in
            if header.name == .privacy, let text = header.text { privacy.formUnion(SIPPrivacy(text)) }
        }
    }
    /// RFC 3325 §9.2, from a user agent that asks to be asserted so.
    public var preferredIdentities: [NameAddress] { addresses(.pPreferredIdentity) }

    /// Proxies that requests to a registered contact pass (RFC 3327), in order.
    public var path: [NameAddress] { addresses(.path) }
    /// Proxies that our requests pass after a registration (RFC 3608 §6), in order.
    public var serviceRoutes: [NameAddress] {
        fields.headers.filter { $0.name == .other && $0.otherName.equalsIgnoringCase("Service-Route") }.compactMap(\.text)
            .flatMap { commaSeparated($0) }.prefix(SIPLimits.standard.values).map { NameAddress($0) }.filter(\.isWellFormed)
    }

    private func addresses(_ name: SIPHeaderName) -> [NameAddress] {
        list(name).prefix(SIPLimits.standard.values).map { NameAddress($0) }.filter(\.isWellFormed)
    }
}
