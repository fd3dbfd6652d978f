import SIPMessages
import SottoBase

/// One challenge of a 401 or 407 that we can answer (RFC 7616 §3.3): what an answer needs of it.
struct DigestChallenge: Hashable, Sendable {
    let isProxy: Bool
    let realm: String
    let nonce: String
    let opaque: String?
    let algorithm: SIPDigestAlgorithm
    /// As written, to be sent back; nil when the challenge names none (MD5).
    let algorithmName: WireText?
    let isSession: Bool
    /// Offers qop `auth`. False: there is no qop at all (RFC 2069).
    let hasQop: Bool
    let isStale: Bool

    /// Of each part that goes back to the peer, in bytes.
    private static let longest = 1_024

    /// All challenges of a response that can be answered, in order.
    static func all(in response: SIPResponse) -> [DigestChallenge] {
        let isProxy = response.status == 407
        return response.challenges(isProxy ? .proxyAuthenticate : .wwwAuthenticate).compactMap { DigestChallenge($0, isProxy: isProxy) }
    }

    private init?(_ challenge: SIPChallenge, isProxy: Bool) {
        guard challenge.isDigest, let realm = challenge.realm, let nonce = challenge.nonce, !nonce.isEmpty,
            let algorithm = challenge.algorithm, realm.utf8.count <= Self.longest, nonce.utf8.count <= Self.longest,
            (challenge.opaque?.utf8.count ?? 0) <= Self.longest
        else { return nil }
        if let qualities = challenge.qualities {
            guard qualities.contains("auth") else { return nil }  // auth-int alone would hash our keys
            hasQop = true
        } else {
            hasQop = false
        }
        self.isProxy = isProxy
        self.realm = realm
        self.nonce = nonce
        opaque = challenge.opaque
        self.algorithm = algorithm.hash
        algorithmName = challenge.algorithmName?.detached()
        isSession = algorithm.isSession
        isStale = challenge.isStale
    }
}

extension SIPDigestAlgorithm {
    /// Length of the digest in bytes.
    var size: Int { self == .md5 ? 16 : 32 }
}
