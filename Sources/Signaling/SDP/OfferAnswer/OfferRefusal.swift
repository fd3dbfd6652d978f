/// Why an offer or an answer cannot be used. The status owed is 488 (RFC 3261 §21.4.26) with this Warning (§20.43).
public enum OfferRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// No audio line that is not disabled.
    case noAudio
    /// Audio only over RTP/AVP or something else without SRTP, also when it carries `a=crypto`.
    case notSecure
    /// No codec that policy allows.
    case noCommonCodec
    /// No usable crypto line with a suite that policy allows.
    case noCommonSuite
    /// Keys by DTLS, and no fingerprint of a hash that we trust, or an `a=setup` that fits no role (RFC 5763 §5).
    case noFingerprint
    /// The address is a host name, or missing.
    case address
    case multicast
    /// An answer that does not fit our offer: other number of lines, unknown crypto tag, a codec we did not offer.
    case answerMismatch

    public var status: UInt16 { 488 }

    public var warningCode: UInt16 {
        switch self {
        case .noAudio: 304
        case .notSecure: 302
        case .noCommonCodec: 305
        case .noCommonSuite, .noFingerprint: 306
        case .address: 301
        case .multicast: 330
        case .answerMismatch: 399
        }
    }

    public var warningText: String {
        switch self {
        case .noAudio: "Media type not available: audio is required"
        case .notSecure: "Incompatible transport protocol: SRTP with keys that both sides can agree on is required"
        case .noCommonCodec: "Incompatible media format"
        case .noCommonSuite: "Attribute not understood: no usable a=crypto with a common suite"
        case .noFingerprint: "Attribute not understood: no usable a=fingerprint and a=setup"
        case .address: "Incompatible network address format"
        case .multicast: "Multicast not available"
        case .answerMismatch: "Answer does not match the offer"
        }
    }
}
