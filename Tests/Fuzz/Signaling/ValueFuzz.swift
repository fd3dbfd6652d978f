public import FuzzKit
import SDP
import SIPMessages
import SottoBase

/// Headers that are typed on demand, as a message brings them.
func fuzzValues(of fields: SIPFields) -> FuzzFinding? {
    let request = SIPRequest(method: .options, requestURI: SIPURI("sip:h"), fields: fields)
    for header in fields.headers {
        if let text = header.text, let finding = fuzzValue(text) { return finding }
    }
    guard request.challenges(.wwwAuthenticate).count <= SIPChallenge.maximumCount else {
        return FuzzFinding(property: "challenges bounded")
    }
    _ = (request.sessionExpires, request.minimumSessionExpires, request.responseNumber, request.rack, request.event, request.privacy)
    _ = (request.referTo, request.referredBy, request.replaces, request.subscriptionState, request.path, request.serviceRoutes)
    _ = (request.contentDisposition, request.wantsReferSubscription, request.preferredIdentities)
    if case .description(let body) = request.sessionBody, body.count > request.body.count {
        return FuzzFinding(property: "a part is no longer than the whole")
    }
    return nil
}

/// One header's value under every grammar. What is read and written is read the same again.
public func fuzzValue(_ bytes: [UInt8]) -> FuzzFinding? { fuzzValue(WireText(bytes)) }

func fuzzValue(_ text: WireText) -> FuzzFinding? {
    func isKept<Value: Equatable>(_ value: Value?, _ header: (Value) -> SIPHeader, _ read: (WireText) -> Value?) -> Bool {
        guard let value else { return true }
        return header(value).text.flatMap(read) == value
    }
    guard isKept(SIPSessionExpires(text), \.header, { SIPSessionExpires($0) }) else { return FuzzFinding(property: "Session-Expires kept") }
    guard isKept(SIPRAck(text), \.header, { SIPRAck($0) }) else { return FuzzFinding(property: "RAck kept") }
    guard isKept(SIPReplaces(text), \.header, { SIPReplaces($0) }) else { return FuzzFinding(property: "Replaces kept") }
    guard isKept(SIPEventPackage(text), \.header, { SIPEventPackage($0) }) else { return FuzzFinding(property: "Event kept") }
    if let state = SIPSubscriptionState(text), state.state != .other {
        guard isKept(state, \.header, { SIPSubscriptionState($0) }) else { return FuzzFinding(property: "Subscription-State kept") }
    }
    if let replaces = SIPReplaces(text) {
        let uri = SIPURI("sip:h").withHeaders(replaces.embedded)
        guard uri.isWellFormed, SIPReplaces(in: uri) == replaces else { return FuzzFinding(property: "Replaces in a URI kept") }
    }
    if let fragment = SIPFragment(SIPBody(Array(text.bytes))) {
        guard SIPFragment(fragment.body) == fragment else { return FuzzFinding(property: "sipfrag kept") }
    }
    if let fingerprint = CertificateFingerprint(text) {
        guard fingerprint.attribute.value.flatMap({ CertificateFingerprint($0) }) == fingerprint else {
            return FuzzFinding(property: "fingerprint kept")
        }
    }
    var fields = SIPFields()
    fields.headers = [SIPHeader(.wwwAuthenticate, text)]
    let response = SIPResponse(status: 401, reasonPhrase: "", fields: fields)
    for challenge in response.challenges(.wwwAuthenticate) {
        _ = (challenge.realm, challenge.nonce, challenge.opaque, challenge.algorithm, challenge.qualities, challenge.isStale)
        guard challenge.parameters.count <= 32 else { return FuzzFinding(property: "parameters bounded") }
    }
    _ = (SIPPrivacy(text), SIPContentDisposition(text), NameAddress(text), SIPURI(text).embeddedHeader("Replaces"))
    return nil
}

/// A body between `--x` delimiters.
public func fuzzMultipart(_ bytes: [UInt8]) -> FuzzFinding? {
    var copy = bytes
    guard let body = SIPBody(separatingSecretsOf: &copy) else { return nil }
    let type = SIPContentType("multipart/mixed;boundary=x")
    guard let parts = try? body.parts(of: type) else { return nil }
    guard (1...SIPBody.maximumParts).contains(parts.count), parts.reduce(0, { $0 + $1.body.count }) <= body.count else {
        return FuzzFinding(property: "parts within bounds")
    }
    // No part holds a delimiter, so that written again they are the same parts.
    var chunks: [SIPBody.Chunk] = []
    for part in parts { chunks += [.bytes(Array("--x\r\n\r\n".utf8))] + part.body.chunks + [.bytes([0x0D, 0x0A])] }
    chunks.append(.bytes(Array("--x--\r\n".utf8)))
    guard let again = try? SIPBody(chunks: chunks).parts(of: type), again.map(\.body) == parts.map(\.body) else {
        return FuzzFinding(property: "parts written are the same parts")
    }
    var fields = SIPFields()
    fields.contentType = type
    fields.body = body
    _ = SIPRequest(method: .invite, requestURI: SIPURI("sip:h"), fields: fields).sessionBody
    return nil
}
