import SIPMessages
import SottoBase

/// One challenge of a 401 or 407 (RFC 7616 §3.3): what we need of it to answer.
struct DigestChallenge: Hashable, Sendable {
    enum Algorithm: Hashable, Sendable {
        case sha256, sha512_256, md5

        /// Length of the digest in bytes.
        var size: Int { self == .md5 ? 16 : 32 }
    }

    let isProxy: Bool
    /// Without quotes and escapes.
    let realm: String
    let nonce: String
    let opaque: String?
    let algorithm: Algorithm
    /// As written, to be sent back; nil when the challenge names none (MD5).
    let algorithmName: WireText?
    let isSession: Bool
    /// Offers qop `auth`. False: there is no qop at all (RFC 2069).
    let hasQop: Bool
    let isStale: Bool

    private static let longest = 1_024

    /// All challenges of a response that can be answered, in order. What is malformed, too long or of another scheme is left out.
    static func all(in response: SIPResponse) -> [DigestChallenge] {
        let isProxy = response.status == 407
        // A challenge is itself a list with commas: a part that starts with a scheme and a blank begins the next one.
        var groups: [[WireText]] = []
        for part in response.list(isProxy ? .proxyAuthenticate : .wwwAuthenticate).prefix(128) {
            if let rest = afterScheme(part) {
                groups.append(rest.isDigest ? [rest.rest] : [])
            } else if !groups.isEmpty, !groups[groups.count - 1].isEmpty {
                groups[groups.count - 1].append(part)
            }
        }
        return groups.prefix(16).compactMap { DigestChallenge($0, isProxy: isProxy) }
    }

    private static func afterScheme(_ part: WireText) -> (isDigest: Bool, rest: WireText)? {
        let bytes = part.bytes
        guard let blank = bytes.firstIndex(where: { $0 == 0x20 || $0 == 0x09 }), !bytes[..<blank].contains(0x3D) else { return nil }
        let offset = blank - part.range.lowerBound
        return (part.slice(0..<offset).equalsIgnoringCase("Digest"), part.slice(offset..<part.count))
    }

    private init?(_ parts: [WireText], isProxy: Bool) {
        guard !parts.isEmpty else { return nil }
        var joined: [UInt8] = []
        for part in parts {
            joined.append(0x3B)
            joined += part.bytes
        }
        let parameters = SIPParameters(WireText(joined))
        guard let realm = parameters.unquotedValue("realm"), let nonce = parameters.unquotedValue("nonce"), !nonce.isEmpty,
            realm.utf8.count <= Self.longest, nonce.utf8.count <= Self.longest
        else { return nil }
        let opaque = parameters.unquotedValue("opaque")
        guard opaque.map({ $0.utf8.count <= Self.longest }) ?? true else { return nil }
        let name = parameters.value("algorithm")
        switch parameters.unquotedValue("algorithm").map({ $0.uppercased() }) {
        case nil, "MD5": (algorithm, isSession) = (.md5, false)
        case "MD5-SESS": (algorithm, isSession) = (.md5, true)
        case "SHA-256": (algorithm, isSession) = (.sha256, false)
        case "SHA-256-SESS": (algorithm, isSession) = (.sha256, true)
        case "SHA-512-256": (algorithm, isSession) = (.sha512_256, false)
        case "SHA-512-256-SESS": (algorithm, isSession) = (.sha512_256, true)
        default: return nil
        }
        if let qop = parameters.unquotedValue("qop") {
            let tokens = qop.split(whereSeparator: { $0 == "," || $0 == " " })
            guard tokens.contains(where: { $0.lowercased() == "auth" }) else { return nil }  // auth-int alone would hash our keys
            hasQop = true
        } else {
            hasQop = false
        }
        self.isProxy = isProxy
        self.realm = realm
        self.nonce = nonce
        self.opaque = opaque
        algorithmName = name
        isStale = parameters.unquotedValue("stale")?.lowercased() == "true"
    }
}
