/// What a message's body says of a session: the description itself, wherever it stands.
public enum SIPSessionBody: Equatable, Sendable {
    /// No body, or one that may be passed over: the peer wants our offer, or gives no answer.
    case none
    /// `application/sdp`, alone or as a part.
    case description(SIPBody)
    /// Another type, an encoded part, or a part that must be understood and is not: 415 is owed (RFC 3261 §21.4.13).
    case unsupported
    /// A multipart body that cannot be taken apart: 400 is owed.
    case malformed
}

extension SIPMessageFields {
    /// The session description of the body, alone or inside `multipart/mixed`, `/alternative` or `/related` (RFC 5621 §3), at most three
    /// deep.
    ///
    /// Deviation: a part without `handling` counts as optional, though RFC 3261 §20.11 says required: carriers add ISUP and location so.
    public var sessionBody: SIPSessionBody {
        if body.isEmpty { return .none }
        guard let type = contentType else { return .description(body) }
        let found = Self.session(in: body, type, depth: 0)
        guard found == .unsupported, !type.isMultipart else { return found }
        // RFC 3261 §20.11
        return header(.contentDisposition).flatMap { SIPContentDisposition($0) }?.isOptional ?? false ? .none : .unsupported
    }

    private static func session(in body: SIPBody, _ type: SIPContentType, depth: Int) -> SIPSessionBody {
        if type.isSDP { return .description(body) }
        guard type.isMultipart else { return .unsupported }
        guard depth < 3, let parts = try? body.parts(of: type) else { return .malformed }
        var found: SIPBody?
        for part in parts {
            guard let partType = part.contentType else { continue }  // text/plain (RFC 2046 §5.1)
            if !partType.isSDP, !partType.isMultipart {
                if part.disposition?.isRequired ?? false { return .unsupported }
                continue
            }
            if let disposition = part.disposition, !disposition.isSession { continue }  // early-session (RFC 3959)
            guard part.isPlain else { return .unsupported }
            switch session(in: part.body, partType, depth: depth + 1) {
            case .description(let description):
                // RFC 2046 §5.1.4: of alternatives the last that is understood.
                if found == nil || type.isType("multipart/alternative") { found = description }
            case .malformed: return .malformed
            case .none, .unsupported: break
            }
        }
        return found.map { .description($0) } ?? .unsupported
    }
}
