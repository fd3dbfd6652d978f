public import Policy
public import SottoBase

/// Counts connections: in all, per source, in handshake; and how fast a source opens them.
///
/// The table of sources is bounded. When it is full, a source that is not in it is refused: a flood of sources must not push out the
/// counts of those that are already connected.
public struct ConnectionGate: Sendable {
    private struct Source {
        var connections = 0
        var bucket: TokenBucket
    }

    /// Sources that can be remembered at once.
    public static let sourcesAtMost = 16_384

    private var sources: [[UInt8]: Source] = [:]
    private var nextReap: Instant?
    private var nextFullReap: Instant?
    public private(set) var connections = 0
    public private(set) var handshakes = 0
    public private(set) var refused: UInt64 = 0

    public init() {}

    /// Sources that are remembered now: a gauge that returns to zero after `reap`.
    public var sourceCount: Int { sources.count }

    /// A connection was accepted; its handshake is about to begin. Each `.allow` is followed by `handshakeEnded` once and
    /// `connectionClosed` once.
    public mutating func connectionOpened(from peer: PeerAddress, limits: AdmissionLimits, now: Instant) -> ConnectionDecision {
        func rule(_ name: String) -> RuleReference { RuleReference("[limits] \(name)", at: limits.location) }
        reapIfDue(limits: limits, now: now)
        let key = Self.key(peer)
        if sources[key] == nil, sources.count >= Self.sourcesAtMost {
            // Looking through a full table for every newcomer would be work that a flood can ask for: once a second is enough.
            if nextFullReap.map({ now >= $0 }) ?? true {
                reap(limits: limits, now: now)
                nextFullReap = now + .seconds(1)
            }
            if sources.count >= Self.sourcesAtMost { return close(.sources, DecisionReason(rule("sources"), "too many sources")) }
        }
        var source = sources[key] ?? Source(bucket: TokenBucket(burst: limits.connectionBurstPerSource, now: now))
        defer { sources[key] = source }
        guard
            source.bucket.take(rate: limits.connectionsPerSecondPerSource, burst: limits.connectionBurstPerSource, now: now)
        else { return close(.sourceRate, DecisionReason(rule("connections-per-second-per-source"), "one source connects too fast")) }
        guard source.connections < limits.connectionsPerSource else {
            return close(.sourceConnections, DecisionReason(rule("connections-per-source"), "one source has too many connections"))
        }
        guard connections < limits.connections else {
            return close(.connections, DecisionReason(rule("connections"), "too many connections"))
        }
        guard handshakes < limits.handshakes else { return close(.handshakes, DecisionReason(rule("handshakes"), "too many handshakes")) }
        source.connections += 1
        connections += 1
        handshakes += 1
        return .allow
    }

    /// The handshake succeeded or failed.
    public mutating func handshakeEnded() { handshakes = max(0, handshakes - 1) }

    public mutating func connectionClosed(from peer: PeerAddress) {
        let key = Self.key(peer)
        guard let source = sources[key], source.connections > 0 else { return }
        sources[key]?.connections = source.connections - 1
        connections = max(0, connections - 1)
    }

    /// Forgets sources that have no connection and a full bucket.
    public mutating func reap(limits: AdmissionLimits, now: Instant) {
        sources = sources.filter { _, source in
            var bucket = source.bucket
            return source.connections > 0
                || !bucket.isFull(rate: limits.connectionsPerSecondPerSource, burst: limits.connectionBurstPerSource, now: now)
        }
        nextReap = now + .seconds(10)
    }

    private mutating func reapIfDue(limits: AdmissionLimits, now: Instant) {
        if nextReap.map({ now >= $0 }) ?? true { reap(limits: limits, now: now) }
    }

    private mutating func close(_ limit: ConnectionLimit, _ reason: DecisionReason) -> ConnectionDecision {
        refused &+= 1
        return .close(limit, reason)
    }

    /// An IPv6 peer counts by its /64: one holder has the rest of the bits to play with.
    static func key(_ peer: PeerAddress) -> [UInt8] { peer.isIPv6 ? Array(peer.bytes.prefix(8)) : peer.bytes }
}
