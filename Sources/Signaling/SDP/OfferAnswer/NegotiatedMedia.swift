public import SottoBase

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
    /// Payload type of comfort noise at 8000 Hz (RFC 3389); nil: none is to be sent or expected.
    public var comfortNoise: UInt8?
    public var keying: NegotiatedKeying
    /// Where RTP goes; nil while the peer holds by an unspecified address (`c=0.0.0.0`, `c=::`).
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

    public var answer: SessionDescription { local }
    public var remoteRTCPPort: UInt16? { remoteRTCPAddress?.port }
    /// The `m=` line of `local` that is used; nil only if somebody cut lines off.
    public var localLine: MediaDescription? { local.media.indices.contains(mediaIndex) ? local.media[mediaIndex] : nil }
    /// Our own address and RTP port as we wrote them.
    public var localAddress: PeerAddress? {
        localLine.flatMap { line in local.connection(of: line)?.peerAddress(port: line.port) }
    }

    public var dtls: DTLSAgreement? {
        if case .dtls(let agreement) = keying { agreement } else { nil }
    }

    // MARK: SDES

    /// The peer's crypto line; nil with DTLS.
    public var crypto: CryptoAttribute? {
        if case .sdes(let remote, _) = keying { remote } else { nil }
    }
    /// For records and logs: the suite's name, or `DTLS-SRTP` while the handshake decides.
    public var keyingName: String { crypto?.suite.name.description ?? "DTLS-SRTP" }

    // With DTLS these three say nothing: the suite that RFC 5764 §4.1.2 makes mandatory, and keys without bytes, which fit no suite.
    public var suite: SRTPSuite { crypto?.suite ?? .aesCM128HMACSHA1_80 }
    public var localKey: SecretBytes {
        if case .sdes(_, let key) = keying { key } else { Self.noKey }
    }
    /// Master key and salt of the peer.
    public var remoteKey: SecretBytes { crypto?.key ?? Self.noKey }
    public var remoteCrypto: CryptoAttribute { crypto ?? CryptoAttribute(tag: 0, suite: suite, key: Self.noKey) }

    private static let noKey = SecretBytes(copying: ArraySlice<UInt8>())
}

/// What changes for the media side from one agreement to the next.
public struct MediaChanges: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// We send under another key or suite. After a change of address: rollover counter 0 (RFC 4568 §7.1.4, RFC 3711 §3.3.1).
    public static let localKey = MediaChanges(rawValue: 1)
    /// The peer sends under another key or suite.
    public static let remoteKey = MediaChanges(rawValue: 2)
    /// The peer's address or port is another one. A hold by address is no change.
    public static let remoteAddress = MediaChanges(rawValue: 4)
    public static let localAddress = MediaChanges(rawValue: 8)
    public static let direction = MediaChanges(rawValue: 16)
    /// Codec, payload types, packet time, RTCP.
    public static let format = MediaChanges(rawValue: 32)
    /// A new DTLS association is to be made (RFC 8842 §3.1), or the keys come by another method.
    public static let association = MediaChanges(rawValue: 64)
}

extension NegotiatedMedia {
    /// What differs from `previous`, which holds until now.
    public func changes(since previous: NegotiatedMedia) -> MediaChanges {
        var changes: MediaChanges = []
        switch (keying, previous.keying) {
        case (.sdes(let remote, let key), .sdes(let oldRemote, let oldKey)):
            if key != oldKey || remote.suite != oldRemote.suite { changes.insert(.localKey) }
            if remote.key != oldRemote.key || remote.suite != oldRemote.suite || remote.mki != oldRemote.mki { changes.insert(.remoteKey) }
        case (.dtls(let now), .dtls(let before)):
            if now.generation != before.generation { changes.formUnion([.association, .localKey, .remoteKey]) }
        case (.sdes, .dtls), (.dtls, .sdes):
            changes.formUnion([.association, .localKey, .remoteKey])
        }
        if let now = remoteAddress, let before = previous.remoteAddress, now != before { changes.insert(.remoteAddress) }
        if localAddress != previous.localAddress { changes.insert(.localAddress) }
        if direction != previous.direction || (remoteAddress == nil) != (previous.remoteAddress == nil) { changes.insert(.direction) }
        if codec != previous.codec || telephoneEvent != previous.telephoneEvent || comfortNoise != previous.comfortNoise
            || packetTime != previous.packetTime || multiplexesRTCP != previous.multiplexesRTCP
            || (remoteAddress == previous.remoteAddress && remoteRTCPAddress != previous.remoteRTCPAddress)
        {
            changes.insert(.format)
        }
        return changes
    }
}
