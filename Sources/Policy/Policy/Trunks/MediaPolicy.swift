/// SRTP suites by the names of RFC 4568 §6.2 and RFC 7714 §14.2, in Sotto's order of preference.
public enum MediaSuite: String, Hashable, Sendable, CaseIterable {
    case aeadAES256GCM = "AEAD_AES_256_GCM"
    case aeadAES128GCM = "AEAD_AES_128_GCM"
    case aes128CMSHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    /// A tag of 32 bits: only where a trunk's policy names it.
    case aes128CMSHA1_32 = "AES_CM_128_HMAC_SHA1_32"
}

public enum MediaCodec: String, Hashable, Sendable, CaseIterable {
    case opus
    case pcmu = "PCMU"
    case pcma = "PCMA"
}

/// How SRTP keys are agreed. DTLS-SRTP is not part of this version.
public enum MediaKeying: String, Hashable, Sendable, CaseIterable {
    /// `a=crypto` in SDP (RFC 4568), over TLS signaling alone.
    case sdes
}

/// What a trunk may negotiate.
public struct MediaPolicy: Hashable, Sendable {
    /// In order of preference; never empty.
    public let suites: [MediaSuite]
    public let keying: MediaKeying
    /// In order of preference; never empty.
    public let codecs: [MediaCodec]
    /// Length of the DTMF guard's delay line, 40 to 120 ms; nil: the machine's.
    public let guardMilliseconds: Int?

    public init(suites: [MediaSuite], keying: MediaKeying = .sdes, codecs: [MediaCodec], guardMilliseconds: Int? = nil) {
        self.suites = suites
        self.keying = keying
        self.codecs = codecs
        self.guardMilliseconds = guardMilliseconds
    }

    public static let standard = MediaPolicy(
        suites: [.aeadAES256GCM, .aeadAES128GCM, .aes128CMSHA1_80], codecs: [.opus, .pcmu, .pcma])
}
