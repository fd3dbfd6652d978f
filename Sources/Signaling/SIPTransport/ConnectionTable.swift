internal import NIOCore
internal import SIPSessions
internal import SottoTLS

/// The open connections, as the call loop knows them.
struct ConnectionTable {
    private struct Entry {
        let peer: PeerID
        let channel: any Channel
        let info: PeerInfo
        var outbox: [SIPBatch.Envelope] = []
    }

    var delegate: (any SIPTransportDelegate)?
    private var entries: [ConnectionID: Entry] = [:]
    /// The latest last.
    private var peers: [PeerID: [ConnectionID]] = [:]
    /// Connections with something in their outbox, in the order of its first message.
    private var unsent: [ConnectionID] = []

    var channels: [any Channel] { entries.values.map(\.channel) }
    func channel(of id: ConnectionID) -> (any Channel)? { entries[id]?.channel }

    func channels(of peer: PeerID) -> [any Channel] { (peers[peer] ?? []).compactMap { entries[$0]?.channel } }

    /// The latest connection of `peer` whose other end proved the hop's domain by its certificate, whatever name, address or SNI it was
    /// opened with (RFC 5923 §8.1). One that came in without a certificate proves nothing and is never an alias (RFC 5923 §5).
    func reusable(for hop: DialHop, of peer: PeerID) -> ConnectionID? {
        let name = TLSHandler.ServerName(hop.domain, allowsWildcard: hop.allowsWildcard, pinnedKeys: hop.pinnedKeys)
        return peers[peer]?.last { id in
            guard let info = entries[id]?.info, let certificate = info.tls.peerCertificate else { return false }
            // A wildcard speaks for servers that we dialled only.
            if info.dialledDomain == nil, !certificate.identities.matches(hop.domain) { return false }
            return name.fault(in: certificate) == nil
        }
    }

    mutating func insert(_ id: ConnectionID, _ peer: PeerID, _ channel: any Channel, _ info: PeerInfo) {
        entries[id] = Entry(peer: peer, channel: channel, info: info)
        peers[peer, default: []].append(id)
    }

    mutating func remove(_ id: ConnectionID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        peers[entry.peer]?.removeAll { $0 == id }
        if peers[entry.peer]?.isEmpty == true { peers[entry.peer] = nil }
    }

    mutating func post(_ envelope: SIPBatch.Envelope, except: ConnectionID?) -> Bool {
        let named = envelope.target.connection.flatMap { $0 != except && entries[$0] != nil ? $0 : nil }
        guard let id = named ?? peers[envelope.target.orPeerOf]?.last(where: { $0 != except }) else { return false }
        if entries[id]?.outbox.isEmpty == true { unsent.append(id) }
        entries[id]?.outbox.append(envelope)
        return true
    }

    mutating func takeOutboxes() -> [(ConnectionID, any Channel, SIPBatch)] {
        let waiting = unsent
        unsent = []
        return waiting.compactMap { id in
            guard let entry = entries[id], !entry.outbox.isEmpty else { return nil }
            entries[id]?.outbox = []
            return (id, entry.channel, SIPBatch(envelopes: entry.outbox))
        }
    }
}
