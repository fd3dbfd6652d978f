/// SRTP suites by the names of RFC 4568 §6.2, RFC 6188 §4.1 and RFC 7714 §14.2, in Sotto's order of preference.
public enum MediaSuite: String, Hashable, Sendable, CaseIterable {
    case aeadAES256GCM = "AEAD_AES_256_GCM"
    case aeadAES128GCM = "AEAD_AES_128_GCM"
    case aes256CMSHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    case aes128CMSHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    /// A tag of 32 bits: only where a trunk's policy names it.
    case aes128CMSHA1_32 = "AES_CM_128_HMAC_SHA1_32"
}

public enum MediaCodec: String, Hashable, Sendable, CaseIterable {
    case opus
    case g722 = "G722"
    case pcmu = "PCMU"
    case pcma = "PCMA"
}

/// How SRTP keys are agreed.
public enum MediaKeying: String, Hashable, Sendable, CaseIterable {
    /// `a=crypto` in SDP (RFC 4568), over TLS signaling alone.
    case sdes
    /// A DTLS handshake on the media path, its fingerprints in SDP (RFC 5763, RFC 5764).
    case dtls
    /// What the peer offers; SDES is what our own offers hold.
    case any
}

/// What a trunk does with the SRTP rollover counter when a re-INVITE brings a new key (RFC 3711 §3.3.1 leaves it to signaling).
public enum RolloverOnRekey: String, Hashable, Sendable, CaseIterable {
    /// Whichever of both authenticates its first packet.
    case auto
    /// The counter goes on: what the RFC's reading of a master key change asks for.
    case keep
    /// It begins again at zero.
    case reset
}

/// What a peer hears that waits: one on hold, or one whose far leg is not there yet.
public enum HoldSound: String, Hashable, Sendable, CaseIterable {
    /// A soft melody that the machine makes.
    case music = "melody"
    /// Faint noise, so that nobody takes the call for dead.
    case noise
    case silence
}

/// What becomes of media that comes before the answer of a bridged call.
public enum EarlyMedia: String, Hashable, Sendable, CaseIterable {
    /// It is passed to the caller (183 with SDP).
    case pass
    /// The caller hears a ring-back of our own (180).
    case ring
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
    /// The packet time that we ask for: 10, 20, 30, 40, 50 or 60 ms. What the peer asks for is followed between 10 and 60.
    public let packetMilliseconds: Int
    public let rollover: RolloverOnRekey
    public let holdSound: HoldSound
    public let earlyMedia: EarlyMedia
    /// Comfort noise (RFC 3389) is offered and sent in pauses.
    public let usesComfortNoise: Bool

    public init(
        suites: [MediaSuite], keying: MediaKeying = .sdes, codecs: [MediaCodec], guardMilliseconds: Int? = nil,
        packetMilliseconds: Int = 20, rollover: RolloverOnRekey = .auto, holdSound: HoldSound = .music, earlyMedia: EarlyMedia = .pass,
        usesComfortNoise: Bool = false
    ) {
        self.suites = suites
        self.keying = keying
        self.codecs = codecs
        self.guardMilliseconds = guardMilliseconds
        self.packetMilliseconds = packetMilliseconds
        self.rollover = rollover
        self.holdSound = holdSound
        self.earlyMedia = earlyMedia
        self.usesComfortNoise = usesComfortNoise
    }

    public static let standard = MediaPolicy(
        suites: [.aeadAES256GCM, .aeadAES128GCM, .aes256CMSHA1_80, .aes128CMSHA1_80], codecs: [.opus, .g722, .pcmu, .pcma])
}
