public import NIOCore
public import SottoBase
public import SottoTLS

/// What Contact and Via say on a connection of ours: where the peer reaches our listener.
public struct AdvertisedAddress: Hashable, Sendable {
    /// A name or an address, IPv6 in brackets.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// One place to connect to, and what must be true of who answers there.
public struct DialHop: Sendable {
    /// An address that the name resolved to, or the configured one.
    public var address: PeerAddress
    /// The configured domain: sent as SNI, and the certificate must speak for it (RFC 5922 §7.3). Never what it resolved to. An IP
    /// address is possible only with `pinnedKeys`, as SIP certificates name domains.
    public var domain: String
    /// Deviation from RFC 5922 §7.2; see `CertificateIdentities.matches`.
    public var allowsWildcard: Bool
    /// SHA-256 of the SubjectPublicKeyInfo (RFC 7469 §2.4): the server's key must be one of them. Empty: no pin.
    public var pinnedKeys: [[UInt8]]
    /// A client's context: whom we trust, our certificate, the least TLS version. Replace its content to reload.
    public var context: ServedTLSContext
    /// What our messages on this connection name as our address.
    public var local: AdvertisedAddress
    /// Until TCP is connected; the handshake has `SIPTransportConfiguration.handshakeDeadline` more.
    public var connectDeadline: TimeAmount
    /// Our ping's longest interval; each one is drawn from 80 to 100 % of it (RFC 5626 §4.4.1). Nil: no pings.
    public var keepAlive: TimeAmount?

    public init(
        address: PeerAddress, domain: String, allowsWildcard: Bool = false, pinnedKeys: [[UInt8]] = [], context: ServedTLSContext,
        local: AdvertisedAddress, connectDeadline: TimeAmount = .seconds(4), keepAlive: TimeAmount? = .seconds(120)
    ) {
        self.address = address
        self.domain = domain
        self.allowsWildcard = allowsWildcard
        self.pinnedKeys = pinnedKeys
        self.context = context
        self.local = local
        self.connectDeadline = connectDeadline
        self.keepAlive = keepAlive
    }
}

/// Why no connection came of a dial. Harmless to log.
public enum DialFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody listens there.
    case refused
    /// TCP did not connect in time.
    case timedOut
    /// The network said no.
    case unreachable(errno: Int32)
    /// TLS failed; a wrong name is `.serverNameMismatch`.
    case tls(TLSError)
    /// The server's key is none of the pinned ones.
    case keyNotPinned
    /// As many dials are under way as the transport permits.
    case tooManyDials
    /// The transport drains or is shut down.
    case draining

    public var description: String {
        switch self {
        case .refused: "connection refused"
        case .timedOut: "the connection timed out"
        case .unreachable(let errno): "the peer cannot be reached (errno \(errno))"
        case .tls(let error): error.description
        case .keyNotPinned: "the server's key is not a pinned one"
        case .tooManyDials: "too many connections are being opened"
        case .draining: "the transport takes no new connection"
        }
    }
}
