public import SottoBase

/// What a trunk's policy allows in a negotiation.
public struct MediaCapabilities: Equatable, Sendable {
    /// In our order of preference: the first that the peer also has is taken.
    public var suites: [SRTPSuite]
    /// Allowed codecs. In an answer the offer's order decides, in an offer of ours this one.
    public var codecs: [CodecName]
    /// Milliseconds of a packet when the peer does not say, 10–60.
    public var packetTime: UInt16
    /// RFC 4733 events are taken if offered, and offered by us.
    public var telephoneEvents: Bool
    /// RFC 5761: accepted if offered, and offered by us.
    public var multiplexesRTCP: Bool
    /// Lines with a master key identifier are usable only when the media side can handle one.
    public var allowsMKI: Bool
    /// Comfort noise at 8000 Hz (RFC 3389) is taken if offered, and offered by us.
    public var comfortNoise: Bool
    /// In our order of preference. An offer of ours uses the first alone; in an answer the first that an offered line can do is taken.
    /// `.dtls` counts only with `LocalMedia.dtls`.
    public var keying: [KeyingMethod]

    public init(
        suites: [SRTPSuite] = [.aeadAES256GCM, .aeadAES128GCM, .aes256CMHMACSHA1_80, .aesCM128HMACSHA1_80],
        codecs: [CodecName] = [.opus, .g722, .pcmu, .pcma], packetTime: UInt16 = 20, telephoneEvents: Bool = true,
        multiplexesRTCP: Bool = true, allowsMKI: Bool = false, comfortNoise: Bool = true, keying: [KeyingMethod] = [.sdes]
    ) {
        self.suites = suites
        self.codecs = codecs
        self.packetTime = packetTime
        self.telephoneEvents = telephoneEvents
        self.multiplexesRTCP = multiplexesRTCP
        self.allowsMKI = allowsMKI
        self.comfortNoise = comfortNoise
        self.keying = keying
    }
}

/// Our end of a media session: what the answer or offer says about us.
public struct LocalMedia: Equatable, Sendable {
    /// The advertised address and the RTP port. Never unspecified: SDP must not carry 0.0.0.0.
    public var address: PeerAddress
    public var rtcpPort: UInt16
    /// For `o=`: random, one per call leg.
    public var sessionID: UInt64
    /// For `o=` of a first description; later ones count on from `previous`.
    public var version: UInt64
    /// A fresh key and salt for every suite that may be chosen. Those not chosen are dropped unused.
    public var keys: [SRTPSuite: SecretBytes]
    /// Our certificate's fingerprint and a fresh association id; nil: DTLS is not negotiated.
    public var dtls: LocalDTLS?
    /// What we want: `.sendrecv`, or `.sendonly`/`.inactive` when we hold.
    public var direction: MediaDirection

    /// `rtcpPort` nil: the port above RTP's.
    public init(
        address: PeerAddress, rtcpPort: UInt16? = nil, sessionID: UInt64, version: UInt64 = 1, keys: [SRTPSuite: SecretBytes],
        dtls: LocalDTLS? = nil, direction: MediaDirection = .sendrecv
    ) {
        self.address = address
        self.rtcpPort = rtcpPort ?? (address.port == .max ? .max : address.port + 1)
        self.sessionID = sessionID
        self.version = version
        self.keys = keys
        self.dtls = dtls
        self.direction = direction
    }
}
