internal import Policy
internal import SIPTransport
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// The access of every trunk, for whoever dials. A reload swaps it; a connection that is being opened uses what is in force then.
final class TrunkAccessTable: Sendable {
    private struct Entry {
        var access: TrunkAccess
        let served: ServedTLSContext
    }

    private struct State {
        var entries: [TrunkReference: Entry] = [:]
        /// The server that was connected to last.
        var last: [TrunkReference: (TrunkServer, PeerAddress)] = [:]
        /// The listeners' addresses as peers see them, the first one first.
        var listeners: [(name: String, address: AdvertisedAddress)] = []
    }

    private let state: Mutex<State>

    init(_ access: [TrunkReference: TrunkAccess]) {
        state = Mutex(State())
        replace(access)
    }

    func replace(_ access: [TrunkReference: TrunkAccess]) {
        state.withLock { state in
            var entries: [TrunkReference: Entry] = [:]
            for (trunk, access) in access {
                let served = state.entries[trunk]?.served ?? ServedTLSContext(access.context)
                served.replace(with: access.context)
                entries[trunk] = Entry(access: access, served: served)
            }
            state.entries = entries
            state.last = state.last.filter { entries[$0.key] != nil }
        }
    }

    func add(listener name: String, _ address: AdvertisedAddress) {
        state.withLock { $0.listeners.append((name, address)) }
    }

    var trunks: [TrunkReference] { state.withLock { $0.entries.keys.sorted() } }
    func access(_ trunk: TrunkReference) -> TrunkAccess? { state.withLock { $0.entries[trunk]?.access } }

    /// Where a request inside a dialog goes when no connection of its trunk is left: the server that was connected to last.
    func redial(_ trunk: TrunkReference) -> DialHop? {
        guard let (server, address) = state.withLock({ $0.last[trunk] }) else { return nil }
        return hop(trunk, server: server, address: address)
    }

    func connected(_ trunk: TrunkReference, _ server: TrunkServer, _ address: PeerAddress) {
        state.withLock { state in
            if state.entries[trunk] != nil { state.last[trunk] = (server, address) }
        }
    }

    /// How to get to `address`, which is one of `server`'s. nil: the trunk is gone, or there is no listener to name in Via.
    func hop(_ trunk: TrunkReference, server: TrunkServer, address: PeerAddress) -> DialHop? {
        state.withLock { state in
            guard let entry = state.entries[trunk] else { return nil }
            let outbound = entry.access.outbound
            let named = state.listeners.first { $0.name == entry.access.listener } ?? state.listeners.first
            guard let local = named?.address else { return nil }
            // No pings of ours: a peer that never promised pongs (RFC 6223 §4.3) would lose a live flow over the first one. OPTIONS ask after
            // a trunk's health, and TCP finds what is dead.
            return DialHop(
                address: address, domain: outbound.expectedName(of: server) ?? server.host, allowsWildcard: outbound.allowsWildcard,
                pinnedKeys: outbound.pinnedKeys.map(\.digest), context: entry.served, local: local, keepAlive: nil)
        }
    }
}
