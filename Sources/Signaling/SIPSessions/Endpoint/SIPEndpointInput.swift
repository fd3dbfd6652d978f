public import SIPMessages

/// Everything that can happen to an endpoint.
public enum SIPEndpointInput: Equatable, Sendable {
    /// The TLS handshake is done and the peer is known. Must precede the connection's first message.
    case connectionOpened(ConnectionID, ConnectionProfile)
    /// The connection is gone, for whatever reason. Dialogs live on: their next request goes to another connection of the same peer.
    case connectionClosed(ConnectionID)
    /// A whole message, as the parser gave it. The endpoint validates it; the transport answers nothing itself.
    case received(SIPMessage, on: ConnectionID)
    /// A message of a `send` output that could not be written to any connection of its target.
    case sendFailed(SIPMessage)
    /// `nextDeadline` has come (or passed: being late is harmless, being early as well).
    case timerDue
    case command(SIPEndpointCommand)
}

/// What an endpoint wants done, in this order.
public enum SIPEndpointOutput: Equatable, Sendable {
    /// For the transport.
    case send(SIPMessage, on: ConnectionTarget)
    /// For the application.
    case event(SIPEndpointEvent)
}

/// Where a message goes: the first of these that works.
///
/// 1. `connection`, when it is still open: a response goes back on the connection of its request (RFC 3261 §18.2.2);
/// 2. any open connection of the peer `orPeerOf`, whatever name or address it was opened with (RFC 5923);
/// 3. a new connection to `redial`, when there is one: the next hop's URI of a request inside a dialog. Its host is the peer's word,
///    so the transport dials only what the peer's policy allows;
/// 4. otherwise the transport reports `sendFailed`.
public struct ConnectionTarget: Hashable, Sendable {
    /// Nil when the endpoint knows that none is open.
    public var connection: ConnectionID?
    public var orPeerOf: PeerID
    public var redial: SIPURI?

    public init(connection: ConnectionID?, orPeerOf peer: PeerID, redial: SIPURI? = nil) {
        self.connection = connection
        orPeerOf = peer
        self.redial = redial
    }
}
