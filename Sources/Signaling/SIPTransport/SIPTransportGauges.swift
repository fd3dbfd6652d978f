internal import Synchronization
internal import SottoBase

/// What the transport holds now, and what it has counted since its start.
public struct SIPTransportGauges: Hashable, Sendable {
    // Now; each returns to zero.
    /// Accepted sockets, handshakes included.
    public internal(set) var sockets = 0
    public internal(set) var handshakes = 0
    /// Peers that passed the accept decision, and servers that we dialled.
    public internal(set) var connections = 0
    /// Connections that we are opening.
    public internal(set) var dials = 0
    /// Messages that wait for one of them.
    public internal(set) var waitingMessages = 0
    /// Different addresses (IPv6: /64) among the sockets.
    public internal(set) var sources = 0

    // Since the start.
    public internal(set) var accepted: UInt64 = 0
    /// Connections that we opened, and those that failed.
    public internal(set) var dialled: UInt64 = 0
    public internal(set) var dialsFailed: UInt64 = 0
    public internal(set) var bytesReceived: UInt64 = 0
    public internal(set) var bytesSent: UInt64 = 0
    public internal(set) var messagesReceived: UInt64 = 0
    public internal(set) var messagesSent: UInt64 = 0
    /// Pings that were answered, by either side (RFC 5626 §3.5.1).
    public internal(set) var keepAlives: UInt64 = 0
    /// Every kind is there from the start.
    public internal(set) var faults: [SIPTransportFault: UInt64] =
        Dictionary(uniqueKeysWithValues: SIPTransportFault.allCases.map { ($0, 0) })
}

/// The gauges, shared by the loops.
final class TransportCounters: Sendable {
    private struct State {
        var gauges = SIPTransportGauges()
        var sources: [[UInt8]: Int] = [:]
    }

    private let state = Mutex(State())

    var gauges: SIPTransportGauges {
        state.withLock { state in
            var gauges = state.gauges
            gauges.sources = state.sources.count
            return gauges
        }
    }

    /// A socket came in, and its handshake begins. `release` follows.
    func admit(_ address: PeerAddress) {
        let source = Self.source(address)
        state.withLock { state in
            state.gauges.sockets += 1
            state.gauges.handshakes += 1
            state.gauges.accepted += 1
            state.sources[source, default: 0] += 1
        }
    }

    func release(_ address: PeerAddress) {
        let source = Self.source(address)
        state.withLock { state in
            state.gauges.sockets -= 1
            let left = state.sources[source, default: 1] - 1
            state.sources[source] = left > 0 ? left : nil
        }
    }

    func dialBegan() { state.withLock { $0.gauges.dials += 1 } }
    func dialEnded(opened: Bool) {
        state.withLock { state in
            state.gauges.dials -= 1
            if opened { state.gauges.dialled += 1 } else { state.gauges.dialsFailed += 1 }
        }
    }
    func messagesWait(_ change: Int) { state.withLock { $0.gauges.waitingMessages += change } }

    func handshakeEnded() { state.withLock { $0.gauges.handshakes -= 1 } }
    func connectionOpened() { state.withLock { $0.gauges.connections += 1 } }
    func connectionClosed() { state.withLock { $0.gauges.connections -= 1 } }
    func count(_ fault: SIPTransportFault) { state.withLock { $0.gauges.faults[fault, default: 0] += 1 } }

    func received(bytes: Int, messages: Int, keepAlives: Int) {
        state.withLock { state in
            state.gauges.bytesReceived &+= UInt64(bytes)
            state.gauges.messagesReceived &+= UInt64(messages)
            state.gauges.keepAlives &+= UInt64(keepAlives)
        }
    }

    func sent(bytes: Int, messages: Int) {
        state.withLock { state in
            state.gauges.bytesSent &+= UInt64(bytes)
            state.gauges.messagesSent &+= UInt64(messages)
        }
    }

    /// Who owns one IPv6 address owns its /64.
    private static func source(_ address: PeerAddress) -> [UInt8] { address.isIPv6 ? Array(address.bytes.prefix(8)) : address.bytes }
}
