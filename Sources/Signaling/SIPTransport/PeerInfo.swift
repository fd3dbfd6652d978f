public import SIPMessages
public import SIPSessions
public import SottoBase
public import SottoTLS

/// Who is at the far end of a connection, after the TLS handshake.
public struct PeerInfo: Hashable, Sendable {
    public let address: PeerAddress
    /// Our end.
    public let localAddress: PeerAddress
    /// What Contact and Via say on this connection.
    public let advertisedHost: String
    public let advertisedPort: UInt16
    /// TLS version, cipher, and the peer's certificate where it has one.
    public let tls: TLSHandshakeCompleted
    /// The configured domain that the peer proved, on a connection that we opened; nil on one that we accepted.
    public let dialledDomain: String?

    public init(
        address: PeerAddress, localAddress: PeerAddress, advertisedHost: String, advertisedPort: UInt16, tls: TLSHandshakeCompleted,
        dialledDomain: String? = nil
    ) {
        self.dialledDomain = dialledDomain
        self.address = address
        self.localAddress = localAddress
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
        self.tls = tls
    }

    func profile(as peer: PeerID) -> ConnectionProfile {
        ConnectionProfile(peer: peer, localHost: WireText(advertisedHost), localPort: advertisedPort, remote: address)
    }
}

extension PeerAddress {
    /// As a URI writes it: IPv6 in brackets.
    var uriHost: String { isIPv6 ? "[\(hostText)]" : hostText }
}

/// Whether a connection may speak.
public enum AcceptDecision: Hashable, Sendable {
    /// Every connection of one trunk gets the same `PeerID`.
    case accept(PeerID)
    /// Closed without a SIP byte; when it is asked again (`SIPConnections.recheck`), closed.
    case refuse
}

/// Why a connection was not taken, or was ended, or a message dropped. Each is counted.
public enum SIPTransportFault: String, Hashable, Sendable, CaseIterable {
    // Before TLS: what a door may say.
    case connectionLimit, handshakeLimit
    /// One source has too many connections, or opens them too fast.
    case sourceLimit, sourceRate
    /// Too many sources to count them all.
    case sourceTable
    // In the handshake.
    case handshakeFailed, handshakeTimedOut, certificateRejected
    /// The accept decision said no.
    case unknownPeer
    // Afterwards.
    case tlsFailed, framing, unreadableMessage, slowMessage, slowReader, idle, socket
    /// Our ping was not answered in time.
    case deadFlow
    /// Today's policy, authorities or revocation list refuse the peer that was accepted earlier.
    case noLongerAccepted
    /// A message found no connection to its peer.
    case undeliverable
}

/// How a connection that had been accepted ended.
public enum ConnectionEnding: Hashable, Sendable {
    case closedByPeer
    /// Drained, or shut down.
    case closedByUs
    case fault(SIPTransportFault)
}

/// For the log: names no byte that a peer sent. Told on a transport loop; must not block.
public enum SIPTransportNotice: Hashable, Sendable {
    /// Closed before its TLS handshake, or by it.
    case turnedAway(PeerAddress, SIPTransportFault, TLSError?)
    /// Closed by the accept decision.
    case unknownPeer(PeerInfo)
    /// A connection that we tried to open.
    case dialFailed(PeerID, PeerAddress, DialFailure)
    case opened(ConnectionID, PeerInfo)
    /// `detail` names the rule that was broken.
    case fault(ConnectionID, SIPTransportFault, detail: String)
    case closed(ConnectionID, ConnectionEnding)
}

/// Receives what the transport brings. Everything is called on the call loop, in order: opened, messages, closed.
public protocol SIPTransportDelegate: AnyObject, Sendable {
    func connectionOpened(_ connection: ConnectionID, _ info: PeerInfo, as peer: PeerID)
    func messagesReceived(_ messages: [SIPMessage], on connection: ConnectionID)
    func connectionClosed(_ connection: ConnectionID, _ ending: ConnectionEnding)
    /// A message for which `send` had found a connection could not be written there nor on another one.
    func undeliverable(_ message: SIPMessage)
}
