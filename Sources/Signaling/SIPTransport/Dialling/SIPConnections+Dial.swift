public import NIOCore
public import SIPSessions

extension SIPConnections {
    /// A connection to `peer` by way of `hop`: a live one that proved the hop's domain, whatever name or address it was opened with
    /// (RFC 5923 §8), else a new one. From any thread; the future completes on the call loop, after `connectionOpened` was told.
    ///
    /// Dials of one peer to one address are one dial.
    public func dial(
        _ hop: DialHop, as peer: PeerID, local: AdvertisedAddress? = nil
    ) -> EventLoopFuture<Result<ConnectionID, DialFailure>> {
        callLoop.makeSucceededFuture(.failure(.draining))
    }

    /// Asks the accept decision again, and judges every peer certificate by today's trust and revocation list: for a reload of policy,
    /// CA or CRL. Closes the connections that are refused now, or that belong to another peer now, and no other. Their number.
    @discardableResult
    public func recheck() async -> Int { 0 }

    /// Closes what `peer` has open.
    public func closeConnections(of peer: PeerID) {}
}
