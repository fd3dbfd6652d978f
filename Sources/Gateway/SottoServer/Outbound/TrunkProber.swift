internal import Calls
internal import NIOCore
internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SIPTransport
internal import SottoBase

/// Asks the servers of trunks by OPTIONS whether they live, so that one that fails is out of rotation before a call finds out, and back
/// by itself (RFC 3261 §11; SIPconnect 2.0 §8). Call loop alone.
final class TrunkProber: @unchecked Sendable {  // proof: mutable state is touched on `loop` alone
    /// Servers of one trunk that are asked; DNS may name any number.
    private static let serversPerTrunk = 16

    private let loop: any EventLoop
    private let transport: SIPConnections
    private let resolver: NameResolver
    private let access: TrunkAccessTable
    private let directory: TrunkDirectory
    private let health: TrunkHealth
    private let perform: (SIPEndpointCommand) -> Void
    /// When a trunk is asked next.
    private var due: [TrunkReference: Instant] = [:]
    private var asked: [ProbeID: ServerHealth.Server] = [:]
    private var underWay: Set<ServerHealth.Server> = []
    private var nextProbe: UInt64 = 0
    private var entropy = SystemRandomNumberGenerator()

    init(
        loop: any EventLoop, transport: SIPConnections, resolver: NameResolver, access: TrunkAccessTable, directory: TrunkDirectory,
        health: TrunkHealth, perform: @escaping (SIPEndpointCommand) -> Void
    ) {
        self.loop = loop
        self.transport = transport
        self.resolver = resolver
        self.access = access
        self.directory = directory
        self.health = health
        self.perform = perform
    }

    /// Questions that wait for an answer.
    var count: Int { underWay.count }

    func ticked(now: Instant) {
        let trunks = access.trunks
        for trunk in trunks {
            guard let interval = access.access(trunk)?.outbound.probeInterval else {
                due[trunk] = nil
                continue
            }
            guard let at = due[trunk] else {
                // A restart of many gateways is no burst at the carrier.
                due[trunk] = now + .milliseconds(Int64.random(in: 0...2_000, using: &entropy))
                continue
            }
            guard at <= now else { continue }
            due[trunk] = now + interval
            probe(trunk)
        }
        if due.count > trunks.count { due = due.filter { trunks.contains($0.key) } }
    }

    private func probe(_ trunk: TrunkReference) {
        guard let servers = access.access(trunk)?.outbound.servers else { return }
        Task { [resolver, loop] in
            var hops: [(TrunkServer, HopPlan.Hop)] = []
            for server in servers {
                let target = HopTarget(host: server.host, port: server.port ?? (server.isAddress ? 5_061 : nil))
                if case .success(let plan) = await resolver.plan(target) { hops += plan.hops.map { (server, $0) } }
            }
            let found = hops.prefix(Self.serversPerTrunk)
            loop.execute {
                for (server, hop) in found { self.probe(trunk, server, hop) }
            }
        }
    }

    private func probe(_ trunk: TrunkReference, _ server: TrunkServer, _ hop: HopPlan.Hop) {
        let key = ServerHealth.Server(trunk: trunk, address: hop.address)
        guard let outbound = access.access(trunk)?.outbound, let peer = directory.peer(of: trunk),
            let target = access.hop(trunk, server: server, address: hop.address), underWay.insert(key).inserted
        else { return }
        transport.dial(target, as: peer, local: target.local).whenSuccess { [self] result in
            loop.execute { self.connected(key, outbound, result) }
        }
    }

    private func connected(_ key: ServerHealth.Server, _ outbound: OutboundTrunk, _ result: Result<ConnectionID, DialFailure>) {
        switch result {
        case .success(let connection):
            nextProbe &+= 1
            let probe = ProbeID(nextProbe)
            asked[probe] = key
            perform(.probe(probe, uri: outbound.domainURI, on: connection))
        case .failure(.draining), .failure(.tooManyDials):
            underWay.remove(key)
        case .failure:
            underWay.remove(key)
            health.report(.unreachable, of: key)
        }
    }

    func probed(_ probe: ProbeID, _ outcome: ProbeOutcome) {
        guard let key = asked.removeValue(forKey: probe) else { return }
        underWay.remove(key)
        switch outcome {
        case .answered(status: 503): health.report(.unavailable(retryAfter: 0), of: key)
        case .answered: health.report(.alive, of: key)
        case .timedOut: health.report(.silent, of: key)
        case .unreachable: health.report(.unreachable, of: key)
        }
    }
}

extension OutboundTrunk {
    /// The trunk's domain as a URI of its scheme.
    var domainURI: SIPURI {
        let host = domain.contains(":") ? "[\(domain)]" : domain
        return SIPURI(WireText(scheme == .sips ? "sips:\(host)" : "sip:\(host);transport=tls"))
    }
}
