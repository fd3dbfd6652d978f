public import SottoBase

/// A trunk by tenant and name.
public struct TrunkReference: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let tenant: TenantName
    public let trunk: TrunkName

    public init(tenant: TenantName, trunk: TrunkName) {
        self.tenant = tenant
        self.trunk = trunk
    }

    public var description: String { "\(tenant)/\(trunk)" }
    public static func < (a: TrunkReference, b: TrunkReference) -> Bool { (a.tenant, a.trunk) < (b.tenant, b.trunk) }
}

/// What a trunk may use at once and per second.
public struct TrunkLimits: Hashable, Sendable {
    /// Calls at the same time, both directions together, 1 to 100,000.
    public let calls: Int
    /// New calls per second, both directions together, 0.1 to 10,000.
    public let callsPerSecond: Double
    /// New calls that may come at once before the rate counts, at least 1.
    public let burst: Int
    public let location: SourceLocation

    public init(calls: Int, callsPerSecond: Double, burst: Int, location: SourceLocation = .builtIn) {
        self.calls = calls
        self.callsPerSecond = callsPerSecond
        self.burst = burst
        self.location = location
    }

    public static let standard = TrunkLimits(calls: 100, callsPerSecond: 10, burst: 20)
}

/// A carrier's or PBX's door: who may use it and what it may negotiate.
public struct TrunkPolicy: Hashable, Sendable {
    /// What must hold for a peer to be this trunk. At least one of them is named.
    public struct Identity: Hashable, Sendable {
        /// Addresses that the peer must come from; empty: any.
        public let peers: [AddressRange]
        /// Names of which the peer's verified certificate must carry one (RFC 5922 §7.1: a SIP URI or DNS name, compared whole and
        /// without case); empty: no certificate is asked for.
        public let certificateIdentities: [String]
        /// When both are named: true (the default) asks for both, false is content with either.
        public let needsBoth: Bool

        public init(peers: [AddressRange], certificateIdentities: [String], needsBoth: Bool = true) {
            self.peers = peers
            self.certificateIdentities = certificateIdentities.map(Self.canonical)
            self.needsBoth = needsBoth
        }

        /// Lower case, without `sip:`/`sips:`/`DNS:` in front and a dot at the end.
        public static func canonical(_ identity: String) -> String {
            var text = identity.lowercased()
            for prefix in ["sips:", "sip:", "dns:"] where text.hasPrefix(prefix) { text = String(text.dropFirst(prefix.utf8.count)) }
            if text.hasSuffix(".") { text.removeLast() }
            return text
        }
    }

    public let name: TrunkName
    public let identity: Identity
    public let media: MediaPolicy
    public let limits: TrunkLimits
    public let numberStyle: NumberStyle
    /// P-Asserted-Identity from this trunk is believed, and told to it (RFC 3325 §5).
    public let isTrusted: Bool
    public let refer: Refer
    public let sessionTimer: SessionTimerPolicy
    /// How calls get out by this trunk; nil: it only brings calls.
    public let outbound: OutboundTrunk?
    public let location: SourceLocation

    /// What is done with a REFER that the trunk sends within a call.
    public enum Refer: String, Hashable, Sendable, CaseIterable {
        /// 603: who it is does not let it move calls (RFC 3515 §2.4.2 leaves it to us).
        case refuse
        /// The call is moved: to a number by the tenant's routes, or to a call of ours by Replaces.
        case obey
    }

    public init(
        name: TrunkName, identity: Identity, media: MediaPolicy = .standard, limits: TrunkLimits = .standard,
        numberStyle: NumberStyle = .plus, isTrusted: Bool = false, refer: Refer = .refuse, sessionTimer: SessionTimerPolicy = .standard,
        outbound: OutboundTrunk? = nil, location: SourceLocation = .builtIn
    ) {
        self.name = name
        self.identity = identity
        self.media = media
        self.limits = limits
        self.numberStyle = numberStyle
        self.isTrusted = isTrusted
        self.refer = refer
        self.sessionTimer = sessionTimer
        self.outbound = outbound
        self.location = location
    }

    public var rule: RuleReference { RuleReference("trunk \(name)", at: location) }
}
