import SIPMessages
import SottoBase

extension SIPMessageFields {
    /// The address in Contact that requests can be sent to; nil when there is none.
    var contactURI: SIPURI? {
        guard let contact = contacts.first, contact.isWellFormed else { return nil }
        return contact.uri.scheme == .sip || contact.uri.scheme == .sips ? contact.uri : nil
    }
}

extension SIPURI {
    /// In a buffer of its own, for what outlives the message.
    func detached() -> SIPURI { SIPURI(text.detached()) }
}

extension SIPMethod {
    /// In a buffer of its own.
    var detached: SIPMethod {
        if case .other(let text) = self { .other(text.detached()) } else { self }
    }
}

extension WireText {
    static func list(_ parts: [WireText]) -> WireText { WireText(Array(parts.map(\.bytes).joined(separator: Array(", ".utf8)))) }
}

extension SIPRequest {
    /// An INFO of a package (RFC 6086).
    var hasInfoPackage: Bool { method == .info && header(otherName: "Info-Package") != nil }

    /// RFC 4488 §3.
    static let noSubscription = SIPHeader(otherName: "Refer-Sub", "false")

    /// Above this many bytes of header a template is copied out of the message's buffer, so that a large message is not kept for a
    /// transaction's life.
    private static let sharedBufferLimit = 4096

    /// What responses copy (RFC 3261 §8.2.6), and an ACK or CANCEL of ours (§17.1.1.3): no body, no credentials, nothing else.
    var template: SIPRequest {
        let isLarge = (topVia?.text.storage.count ?? 0) > Self.sharedBufferLimit
        func kept(_ address: NameAddress) -> NameAddress { isLarge ? address.detached() : address }
        var fields = SIPFields()
        fields.vias = isLarge ? vias.map { Via($0.text.detached()) } : vias
        fields.from = kept(from)
        fields.to = kept(to)
        fields.callID = isLarge ? callID.detached() : callID
        fields.cseq = CSeq(cseq.number, cseq.method.detached)
        fields.routes = routes.map(kept)
        fields.recordRoutes = recordRoutes.map(kept)
        fields.maxForwards = maxForwards
        if let timestamp = header(.timestamp) { fields.headers = [SIPHeader(.timestamp, timestamp.detached())] }
        if method == .refer, !wantsReferSubscription { fields.headers.append(Self.noSubscription) }
        return SIPRequest(method: method.detached, requestURI: isLarge ? requestURI.detached() : requestURI, fields: fields)
    }

    /// The ACK of a final non-2xx response: it belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
    static func acknowledgement(of response: SIPResponse, to invite: SIPRequest) -> SIPRequest {
        var fields = SIPFields()
        fields.vias = Array(invite.vias.prefix(1))
        fields.from = invite.from
        fields.to = response.to.detached()
        fields.callID = invite.callID
        fields.cseq = CSeq(invite.cseq.number, .ack)
        fields.routes = invite.routes
        fields.maxForwards = 70
        return SIPRequest(method: .ack, requestURI: invite.requestURI, fields: fields)
    }
}

extension Via {
    /// The Via of a request of ours. `rport` is asked for, because the answer comes back on the connection anyway.
    static func own(branch: WireText, profile: ConnectionProfile) -> Via {
        Via(transport: .tls, host: profile.localHost, port: profile.localPort, branch: branch)
    }
}

extension NameAddress {
    /// Our Contact as the peer must reach it: the listener's own port; `sips:` where the peer used that, else `sip:` with
    /// `transport=tls` (RFC 3261 §12.1.1, RFC 5630 §5.1.2).
    static func contact(of profile: ConnectionProfile, for request: SIPRequest) -> NameAddress {
        let recorded = request.recordRoutes.first?.uri ?? request.contactURI
        return contact(of: profile, isSecureScheme: request.requestURI.scheme == .sips || recorded?.scheme == .sips)
    }

    static func contact(of profile: ConnectionProfile, isSecureScheme: Bool, user: String? = nil) -> NameAddress {
        NameAddress(
            isSecureScheme
                ? SIPURI(scheme: .sips, user: user, host: profile.localHost, port: profile.localPort)
                : SIPURI(
                    scheme: .sip, user: user, host: profile.localHost, port: profile.localPort,
                    parameters: SIPParameters(";transport=tls")))
    }
}

extension SIPResponse {
    /// A response with the application's or the endpoint's own words. `tag` is added when To has none.
    static func answer(
        to request: SIPRequest, _ answer: SIPAnswer, tag: WireText?, contact: NameAddress? = nil, headers: [SIPHeader] = []
    ) -> SIPResponse {
        var response = SIPResponse(answer.status, reasonPhrase: answer.reason.map { WireText($0) }, to: request, toTag: tag)
        if let contact { response.contacts = [contact] }
        response.headers += headers + answer.headers
        if let body = answer.body { response.setBody(body, type: answer.contentType) }
        return response
    }

    /// As above, with nothing but a status and headers.
    static func answer(to request: SIPRequest, _ status: UInt16, tag: WireText?, headers: [SIPHeader] = []) -> SIPResponse {
        answer(to: request, SIPAnswer(status, headers: headers), tag: tag)
    }
}
