public import Audio
public import SRTP
public import SottoBase
public import SottoTLS

/// Our direction in the sense of RFC 3264 §6.1.
public enum MediaDirection: Equatable, Sendable {
    case sendReceive
    case sendOnly
    case receiveOnly
    case inactive

    var sends: Bool { self == .sendReceive || self == .sendOnly }
    var receives: Bool { self == .sendReceive || self == .receiveOnly }
}

/// What becomes of the rollover counter of a peer that changes its key at the same address (RFC 3711 §3.3.1 keeps it).
public enum RekeyRollover: Equatable, Sendable {
    /// Both readings are tried; the first authentic packet decides.
    case automatic
    case keep
    case reset
}

/// Where the session's SRTP keys come from.
public enum MediaKeying: Sendable {
    /// From the signaling (RFC 4568).
    case sdes(SDESKeys)
    /// From a DTLS handshake on the media port (RFC 5764). Our certificate is the plane's.
    case dtls(DTLSKeying)
}

public struct SDESKeys: Sendable {
    public var profile: SRTPProfile
    /// `key ‖ salt` of what we send.
    public var localKey: SecretBytes
    /// `key ‖ salt` of what the peer sends.
    public var remoteKey: SecretBytes
    /// What we announced about our key (RFC 4568 §6.1). An identifier here is not sent.
    public var localTerms: SRTPKeyTerms
    /// What the peer announced about its key: how long it serves, and the identifier that its packets carry.
    public var remoteTerms: SRTPKeyTerms

    public init(
        profile: SRTPProfile, localKey: SecretBytes, remoteKey: SecretBytes, localTerms: SRTPKeyTerms = SRTPKeyTerms(),
        remoteTerms: SRTPKeyTerms = SRTPKeyTerms()
    ) {
        self.profile = profile
        self.localKey = localKey
        self.remoteKey = remoteKey
        self.localTerms = localTerms
        self.remoteTerms = remoteTerms
    }
}

/// A certificate's hash as `a=fingerprint` carries it (RFC 8122 §5).
public typealias MediaFingerprint = DTLSFingerprint

/// What signaling agreed on for a DTLS handshake.
///
/// An update with another role, fingerprint or `generation` starts a new handshake (RFC 8842 §5); the old keys serve until it is done.
/// An update that is equal in all three keeps the association, wherever the media moved.
public struct DTLSKeying: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        /// We send the ClientHello (`a=setup:active`).
        case active
        case passive
    }

    public var role: Role
    /// The peer's certificate must match one of them (RFC 8122 §5). At least one.
    public var remoteFingerprints: [MediaFingerprint]
    /// Raise it when the `tls-id` changed or a new association was agreed on for another reason.
    public var generation: UInt32

    public init(role: Role, remoteFingerprints: [MediaFingerprint], generation: UInt32 = 0) {
        self.role = role
        self.remoteFingerprints = remoteFingerprints
        self.generation = generation
    }
}

/// How to speak with the peer: what offer and answer agreed on. Sent with `.start` and again with `.update`.
public struct MediaSettings: Sendable {
    /// Where the peer said it receives RTP; nil while it has no address (`c=0.0.0.0`).
    public var remote: PeerAddress?
    /// The peer's RTCP port; nil means the RTP port + 1, or the RTP port itself with `rtcpMux`.
    public var remoteRTCPPort: UInt16?
    /// Both sides agreed to RFC 5761.
    public var rtcpMux: Bool
    public var direction: MediaDirection

    public var codec: AudioCodec
    /// RTP payload type of `codec`, 0 to 127 (not 64–95 with `rtcpMux`).
    public var payloadType: UInt8
    /// Payload type of RFC 4733 events and their clock rate; nil when not negotiated.
    public var telephoneEvent: UInt8?
    public var telephoneEventClockRate: Int
    /// Payload type of comfort noise (RFC 3389); nil when not negotiated. Then a peer's pauses are silence.
    public var comfortNoise: UInt8?
    /// Opus: send and use in-band forward error correction (RFC 7587 §6.1 `useinbandfec`).
    public var usesErrorCorrection: Bool
    /// Time that each packet we send covers, 10 to 60 ms in steps of 10. Any packet time is received.
    public var packetMilliseconds: Int

    public var keying: MediaKeying
    public var rekeyRollover: RekeyRollover

    public init(
        remote: PeerAddress?, remoteRTCPPort: UInt16? = nil, rtcpMux: Bool = false, direction: MediaDirection = .sendReceive,
        codec: AudioCodec, payloadType: UInt8, telephoneEvent: UInt8? = nil, telephoneEventClockRate: Int = 8_000,
        comfortNoise: UInt8? = nil, usesErrorCorrection: Bool = false, packetMilliseconds: Int = 20, keying: MediaKeying,
        rekeyRollover: RekeyRollover = .automatic
    ) {
        self.remote = remote
        self.remoteRTCPPort = remoteRTCPPort
        self.rtcpMux = rtcpMux
        self.direction = direction
        self.codec = codec
        self.payloadType = payloadType
        self.telephoneEvent = telephoneEvent
        self.telephoneEventClockRate = telephoneEventClockRate
        self.comfortNoise = comfortNoise
        self.usesErrorCorrection = usesErrorCorrection
        self.packetMilliseconds = packetMilliseconds
        self.keying = keying
        self.rekeyRollover = rekeyRollover
    }

    /// Keys from the signaling.
    public init(
        remote: PeerAddress?, remoteRTCPPort: UInt16? = nil, rtcpMux: Bool = false, direction: MediaDirection = .sendReceive,
        codec: AudioCodec, payloadType: UInt8, telephoneEvent: UInt8? = nil, telephoneEventClockRate: Int = 8_000,
        packetMilliseconds: Int = 20, profile: SRTPProfile, localKey: SecretBytes, remoteKey: SecretBytes
    ) {
        self.init(
            remote: remote, remoteRTCPPort: remoteRTCPPort, rtcpMux: rtcpMux, direction: direction, codec: codec,
            payloadType: payloadType, telephoneEvent: telephoneEvent, telephoneEventClockRate: telephoneEventClockRate,
            packetMilliseconds: packetMilliseconds,
            keying: .sdes(SDESKeys(profile: profile, localKey: localKey, remoteKey: remoteKey)))
    }
}

extension MediaSettings {
    /// nil with DTLS keys.
    var sdes: SDESKeys? {
        if case .sdes(let keys) = keying { keys } else { nil }
    }

    var dtls: DTLSKeying? {
        if case .dtls(let keying) = keying { keying } else { nil }
    }
}

extension DTLSFingerprint.Hash {
    var size: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }
}
