public import SottoBase

/// A peer that is known as a trunk.
public struct TrunkMatch: Hashable, Sendable {
    public let reference: TrunkReference
    public let trunk: TrunkPolicy
    public let reason: DecisionReason

    public init(reference: TrunkReference, trunk: TrunkPolicy, reason: DecisionReason) {
        self.reference = reference
        self.trunk = trunk
        self.reason = reason
    }
}

public enum TrunkDecision: Hashable, Sendable {
    case known(TrunkMatch)
    /// The connection is closed without a SIP byte.
    case unknown(DecisionReason)

    public var match: TrunkMatch? { if case .known(let match) = self { match } else { nil } }
}

extension PolicySnapshot {
    /// Which trunk a peer is.
    ///
    /// Among trunks whose conditions hold, one that names a certificate goes before one that names addresses alone, then the narrowest
    /// address range wins, then the order of the files.
    ///
    /// - Parameters:
    ///   - certificateIdentities: names out of the peer's certificate, *after* its chain was verified; empty when it showed none.
    public func identify(peer: PeerAddress, certificateIdentities: [String]) -> TrunkDecision {
        let shown = Set(certificateIdentities.prefix(64).map(TrunkPolicy.Identity.canonical))
        var best: (score: Int, match: TrunkMatch)?
        for tenant in tenants {
            for trunk in tenant.trunks {
                guard let (score, detail) = Self.score(trunk.identity, peer: peer, shown: shown), score > best?.score ?? -1 else {
                    continue
                }
                best = (
                    score,
                    TrunkMatch(
                        reference: TrunkReference(tenant: tenant.name, trunk: trunk.name), trunk: trunk,
                        reason: DecisionReason(trunk.rule, detail))
                )
            }
        }
        if let best { return .known(best.match) }
        return .unknown(
            DecisionReason(
                RuleReference("no trunk matches", at: location),
                shown.isEmpty ? "the peer showed no certificate and no trunk names its address" : "no trunk names the peer's certificate"))
    }

    private static func score(_ identity: TrunkPolicy.Identity, peer: PeerAddress, shown: Set<String>) -> (Int, String)? {
        let range = identity.peers.filter { $0.contains(peer) }.max { $0.prefixLength < $1.prefixLength }
        let name = identity.certificateIdentities.first { shown.contains($0) }
        switch (range, name) {
        case (let range?, let name?):
            return (1_000 + range.prefixLength + 1, "peers \(range) and certificate identity \(name)")
        case (nil, let name?):
            guard identity.peers.isEmpty || !identity.needsBoth else { return nil }
            return (1_000, "certificate identity \(name)")
        case (let range?, nil):
            guard identity.certificateIdentities.isEmpty || !identity.needsBoth else { return nil }
            return (range.prefixLength + 1, "peers \(range)")
        case (nil, nil):
            return nil
        }
    }

    /// A trunk by reference; nil when this snapshot has no such trunk.
    public func trunk(_ reference: TrunkReference) -> TrunkPolicy? {
        tenant(reference.tenant)?.trunks.first { $0.name == reference.trunk }
    }
}
