public import SottoBase

/// Decides before TLS whether a socket that was just accepted stays, and counts those that do.
///
/// The transport has no limits of its own on how many come or how fast: they are policy, and may change while it runs. Everything is called
/// on the connections' loops, several at a time; nothing may block.
public protocol SIPDoor: Sendable {
    /// Nil: its handshake may begin, and `handshakeEnded` and `connectionClosed` follow once each. Else what forbids it: it is closed
    /// without a byte, and nothing follows.
    func connectionArrived(from address: PeerAddress) -> SIPTransportFault?
    /// One handshake succeeded or failed.
    func handshakeEnded()
    /// The socket is closed.
    func connectionClosed(from address: PeerAddress)
}
