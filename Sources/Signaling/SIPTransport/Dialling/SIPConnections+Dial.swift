public import NIOCore
public import SIPSessions
internal import SottoTLS

extension SIPConnections {
    /// A connection to `peer` by way of `hop`: a live one that proved the hop's domain, whatever name or address it was opened with
    /// (RFC 5923 §8), else a new one. From any thread; the future completes on the call loop, after `connectionOpened` was told.
    ///
    /// Dials of one peer to one address are one dial. `local` replaces the hop's.
    public func dial(
        _ hop: DialHop, as peer: PeerID, local: AdvertisedAddress? = nil
    ) -> EventLoopFuture<Result<ConnectionID, DialFailure>> {
        var hop = hop
        if let local { hop.local = local }
        let chosen = hop
        return callLoop.flatSubmit { [link] in link.dialler.dial(chosen, as: peer, link) }
    }

    /// Asks the accept decision again, and judges every peer certificate by today's trust and revocation list: for a reload of policy,
    /// CA or CRL. Closes the connections that are refused now, or that belong to another peer now, and no other. Their number.
    @discardableResult
    public func recheck() async -> Int {
        let channels = (try? await callLoop.submit { [link] in link.connections.value.channels }.get()) ?? []
        var closed = 0
        for channel in channels {
            let goesOn = channel.eventLoop.submit {
                guard let context = try? channel.pipeline.syncOperations.context(handlerType: SIPConnectionHandler.self),
                    let handler = context.handler as? SIPConnectionHandler
                else { return true }
                return handler.recheck(context: context)
            }
            if (try? await goesOn.get()) == false { closed += 1 }
        }
        return closed
    }

    /// Closes what `peer` has open.
    public func closeConnections(of peer: PeerID) {
        callLoop.execute { [link] in
            for channel in link.connections.value.channels(of: peer) { channel.close(promise: nil) }
        }
    }
}
