internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// What may be told to a trunk about the caller, and how often the call may still be handed on. Made of the caller's INVITE once, so that
/// nothing else of it can reach the far leg.
struct OutboundIdentity: Equatable, Sendable {
    let caller: CallerIdentity
    /// What arrived, less one (RFC 7332: a B2BUA that counts on ends loops).
    let maxForwards: UInt8

    /// nil: the request may not be handed on any more, 483 is owed.
    init?(_ request: SIPRequest, trunk: TrunkPolicy) {
        let left = request.maxForwards ?? 70
        guard left > 0 else { return nil }
        maxForwards = min(left - 1, 70)
        let privacy = PrivacyRequest(request)
        let asserted = trunk.isTrusted ? request.assertedIdentities.lazy.compactMap(\.uri.calledNumber).first : nil
        let from = request.from.uri
        var shown: String?
        if !from.host.equalsIgnoringCase("anonymous.invalid"), let user = from.calledNumber, user.lowercased() != "anonymous" {
            shown = user
        }
        caller = CallerIdentity(
            number: (asserted ?? shown).map { DialledNumber(user: $0, style: trunk.numberStyle) }, isAsserted: asserted != nil,
            privacy: privacy)
    }
}

extension PrivacyRequest {
    init(_ request: SIPRequest) {
        self.init(
            values: request.headers.filter { $0.name == .privacy }.compactMap(\.text).flatMap { text in
                text.string.split { ";, \t".contains($0) }
            })
    }
}

extension OutgoingInvite {
    /// The INVITE to a trunk. Topology is hidden by construction: nothing of the inner leg is an argument but a number or two.
    init(
        attempt: AttemptID, hop: DialledHop, trunk: TrunkPolicy, outbound: OutboundTrunk, dialled: DialledNumber, redirect: SIPURI?,
        identity: OutboundIdentity, offer: SessionDescription, extra: [SIPHeader]
    ) {
        let user = dialled.user(style: trunk.numberStyle)
        let scheme: SIPURI.Scheme = outbound.scheme == .sips ? .sips : .sip
        var parameters = outbound.scheme == .sips ? "" : ";transport=tls"
        if dialled.isInternational { parameters += ";user=phone" }
        let target =
            redirect
            ?? SIPURI(
                scheme: scheme, user: user, host: WireText(outbound.domain.uriHost), parameters: SIPParameters(WireText(parameters)))
        let shown = trunk.shownIdentity(of: identity.caller)
        let fromHost = WireText((outbound.fromDomain ?? hop.localHost ?? outbound.domain).uriHost)
        let from: NameAddress
        if let number = shown.from {
            from = NameAddress(SIPURI(scheme: scheme, user: number.user(style: trunk.numberStyle), host: fromHost))
        } else {
            // RFC 3323 §4.1.1.3
            from = NameAddress(SIPURI(user: "anonymous", host: "anonymous.invalid"), displayName: "Anonymous")
        }
        self.init(
            attempt: attempt, connection: hop.connection, requestURI: target,
            to: NameAddress(SIPURI(scheme: scheme, user: user, host: WireText(outbound.domain.uriHost))), from: from,
            body: SIPBody(sdp: offer))
        if let asserted = shown.asserted {
            let uri = SIPURI(scheme: scheme, user: asserted.user(style: trunk.numberStyle), host: fromHost)
            headers.append(SIPHeader(.pAssertedIdentity, NameAddress(uri).text))
        }
        if shown.asksForPrivacy { headers.append(SIPHeader(.privacy, "id")) }
        headers += extra
        expires = outbound.ringTime
        sessionExpires = trunk.sessionTimer.isOffered ? UInt32(clamping: trunk.sessionTimer.expires.wholeMilliseconds / 1_000) : nil
        routes = hop.routes
        contactUser = hop.contactUser
        credentials = hop.credentials
        maxForwards = identity.maxForwards
    }
}

extension SIPURI {
    /// A redirect's target in the form in which we call it: user, host and port, and nothing else that a peer wrote. Never less secure than
    /// it was written (RFC 3261 §26.2.2).
    func plain(scheme trunk: OutboundTrunk.Scheme) -> SIPURI {
        let isSecure = scheme == .sips || trunk == .sips
        return SIPURI(
            scheme: isSecure ? .sips : .sip, user: unescapedUser, host: host, port: port,
            parameters: SIPParameters(isSecure ? "" : ";transport=tls"))
    }
}

extension String {
    /// A host as URIs write it: IPv6 in brackets.
    var uriHost: String { contains(":") && !hasPrefix("[") ? "[\(self)]" : self }
}
