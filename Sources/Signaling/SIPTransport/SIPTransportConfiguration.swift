public import NIOCore
public import SIPMessages
public import SottoTLS

/// Limits and times of each connection. Each bounds something that a peer could otherwise make grow; how many connections there may be is
/// the door's matter (`SIPDoor`).
public struct SIPTransportConfiguration: Sendable {
    /// From accept to the handshake's end.
    public var handshakeDeadline = TimeAmount.seconds(5)
    /// How long a closing connection waits for the peer's close_notify.
    public var closeDeadline = TimeAmount.seconds(2)
    /// A connection without any byte from its peer is closed. Peers that keep a flow alive ping more often (RFC 5626 §4.4.1); the default
    /// of one hour is for the others, whose calls would lose their connection. A dead peer is found earlier, by TCP keep-alive.
    public var idleDeadline = TimeAmount.hours(1)
    /// From a message's first byte to its last.
    public var messageDeadline = TimeAmount.seconds(10)
    /// Bytes that wait for a peer that does not read; more closes the connection.
    public var maximumOutboundBytes = 1_048_576
    /// Messages of one hop to the call loop.
    public var messagesPerBatch = 64
    /// Messages of one connection that the call loop has not taken yet; from there on the connection is not read.
    public var maximumBacklog = 256
    /// Messages that cannot be read, after which the connection is closed.
    public var maximumUnreadableMessages = 8
    public var messageLimits = SIPLimits.standard
    /// From our ping to its answer; without one the flow is dead (RFC 5626 §4.4.1).
    public var pongDeadline = TimeAmount.seconds(10)
    /// Connections that are being opened at the same time.
    public var maximumDials = 256
    /// Messages that wait for connections that are being opened.
    public var maximumWaitingMessages = 1_024

    public init() {}

    var tls: TLSHandler.Limits { TLSHandler.Limits(handshakeDeadline: handshakeDeadline, closeDeadline: closeDeadline) }
}

/// One address to listen at, for SIP over TLS.
public struct SIPListener: Sendable {
    /// An IPv4 or IPv6 address.
    public var bindAddress: String
    /// 0: the kernel chooses.
    public var port: UInt16
    /// What Contact and Via say (1:1 NAT): a name or an address, IPv6 in brackets. Nil: the bound address.
    public var advertisedHost: String?
    /// Nil: the bound port.
    public var advertisedPort: UInt16?
    /// Certificates for new connections; replace its content to reload.
    public let context: ServedTLSContext
    /// Differentiated services code point of what its connections send, 0 to 63.
    public var dscp: UInt8

    public init(
        bindAddress: String, port: UInt16, advertisedHost: String? = nil, advertisedPort: UInt16? = nil, context: ServedTLSContext,
        dscp: UInt8 = 0
    ) {
        self.dscp = dscp
        self.bindAddress = bindAddress
        self.port = port
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
        self.context = context
    }
}

/// Why a listener could not be opened.
public enum SIPListenError: Error, Hashable, Sendable, CustomStringConvertible {
    case invalidAddress(String)
    case addressInUse(String, port: UInt16)
    case addressNotAvailable(String)
    case notPermitted(port: UInt16)
    case system(errno: Int32)

    public var description: String {
        switch self {
        case .invalidAddress(let address): "'\(address)' is not an IPv4 or IPv6 address"
        case .addressInUse(let address, let port): "port \(port) of \(address) is in use by another program"
        case .addressNotAvailable(let address): "this machine has no address \(address)"
        case .notPermitted(let port): "listening at port \(port) is not permitted"
        case .system(let errno): "listening failed (errno \(errno))"
        }
    }
}
