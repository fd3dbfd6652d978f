public import SottoBase

/// Codecs that can be negotiated here.
public enum CodecName: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case pcmu, pcma, opus

    /// As `a=rtpmap` writes it.
    public var encoding: StaticString {
        switch self {
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        case .opus: "opus"
        }
    }

    /// Hz of the RTP clock. Opus is always 48,000 (RFC 7587 §4.1).
    public var clockRate: UInt32 { self == .opus ? 48000 : 8000 }
    /// In `a=rtpmap`. Opus is always written as 2 (RFC 7587 §7), whatever is sent.
    public var channels: UInt8 { self == .opus ? 2 : 1 }
    /// The static type (RFC 3551 §6); Opus has none, and we offer 96 for it.
    public var offeredPayloadType: UInt8 {
        switch self {
        case .pcmu: 0
        case .pcma: 8
        case .opus: 96
        }
    }

    public var description: String { encoding.description }
}

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

    public init(
        suites: [SRTPSuite] = [.aeadAES256GCM, .aeadAES128GCM, .aesCM128HMACSHA1_80], codecs: [CodecName] = [.opus, .pcmu, .pcma],
        packetTime: UInt16 = 20, telephoneEvents: Bool = true, multiplexesRTCP: Bool = true, allowsMKI: Bool = false
    ) {
        self.suites = suites
        self.codecs = codecs
        self.packetTime = packetTime
        self.telephoneEvents = telephoneEvents
        self.multiplexesRTCP = multiplexesRTCP
        self.allowsMKI = allowsMKI
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
    /// What we want: `.sendrecv`, or `.sendonly`/`.inactive` when we hold.
    public var direction: MediaDirection

    /// `rtcpPort` nil: the port above RTP's.
    public init(
        address: PeerAddress, rtcpPort: UInt16? = nil, sessionID: UInt64, version: UInt64 = 1, keys: [SRTPSuite: SecretBytes],
        direction: MediaDirection = .sendrecv
    ) {
        self.address = address
        self.rtcpPort = rtcpPort ?? (address.port == .max ? .max : address.port + 1)
        self.sessionID = sessionID
        self.version = version
        self.keys = keys
        self.direction = direction
    }
}

/// A codec with the payload type that both sides use for it.
public struct NegotiatedCodec: Hashable, Sendable {
    public var name: CodecName
    public var payloadType: UInt8
    /// The payload type that the peer expects from us: the one it wrote. Differs from `payloadType` only when its answer renumbered ours.
    public var sendPayloadType: UInt8
    public var clockRate: UInt32
    public var channels: UInt8
    /// The peer's `a=fmtp`, nil when there is none.
    public var parameters: WireText?

    public init(
        name: CodecName, payloadType: UInt8, sendPayloadType: UInt8? = nil, clockRate: UInt32, channels: UInt8, parameters: WireText? = nil
    ) {
        self.name = name
        self.payloadType = payloadType
        self.sendPayloadType = sendPayloadType ?? payloadType
        self.clockRate = clockRate
        self.channels = channels
        self.parameters = parameters
    }
}

/// RFC 4733 events.
public struct TelephoneEvent: Hashable, Sendable {
    public var payloadType: UInt8
    /// The codec's clock where the peer offers that, else 8000.
    public var clockRate: UInt32

    public init(payloadType: UInt8, clockRate: UInt32) {
        self.payloadType = payloadType
        self.clockRate = clockRate
    }
}

/// The outcome of an offer and its answer: all that the media side needs.
public struct NegotiatedMedia: Equatable, Sendable {
    /// Our description: the answer that we give, or the offer of ours that was answered.
    public var local: SessionDescription
    /// Index of the `m=` line that is used.
    public var mediaIndex: Int
    public var codec: NegotiatedCodec
    public var telephoneEvent: TelephoneEvent?
    public var suite: SRTPSuite
    public var remoteCrypto: CryptoAttribute
    public var localKey: SecretBytes
    /// Where RTP goes; nil while the peer holds by an unspecified address (`c=0.0.0.0`).
    public var remoteAddress: PeerAddress?
    /// Where RTCP goes; equals RTP's when multiplexed.
    public var remoteRTCPAddress: PeerAddress?
    public var multiplexesRTCP: Bool
    /// As we see it: `sends` says whether we send.
    public var direction: MediaDirection
    /// Milliseconds per packet that we send, 10–60.
    public var packetTime: UInt16
    /// True when `local` differs from the description before it, so that `o=`'s version rose.
    public var isChanged: Bool

    /// Master key and salt of the peer.
    public var remoteKey: SecretBytes { remoteCrypto.key }
    public var answer: SessionDescription { local }
    public var remoteRTCPPort: UInt16? { remoteRTCPAddress?.port }
}

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
        case .noCommonSuite: 306
        case .address: 301
        case .multicast: 330
        case .answerMismatch: 399
        }
    }

    public var warningText: String {
        switch self {
        case .noAudio: "Media type not available: audio is required"
        case .notSecure: "Incompatible transport protocol: RTP/SAVP or RTP/SAVPF is required"
        case .noCommonCodec: "Incompatible media format"
        case .noCommonSuite: "Attribute not understood: no usable a=crypto with a common suite"
        case .address: "Incompatible network address format"
        case .multicast: "Multicast not available"
        case .answerMismatch: "Answer does not match the offer"
        }
    }
}
