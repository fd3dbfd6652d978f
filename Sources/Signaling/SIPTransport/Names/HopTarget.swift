public import SottoBase

/// What a trunk's configuration names as its server.
public struct HopTarget: Hashable, Sendable {
    /// A domain name, an IPv4 address, or an IPv6 address with or without brackets.
    public var host: String
    /// Given: neither NAPTR nor SRV are asked (RFC 3263 §4.2).
    public var port: UInt16?

    public init(host: String, port: UInt16? = nil) {
        self.host = host
        self.port = port
    }
}

/// Where to connect, in the order to try (RFC 3263 §4.3: the next one after a 503, a timeout or a refusal).
public struct HopPlan: Hashable, Sendable {
    public struct Hop: Hashable, Sendable {
        public let address: PeerAddress
        /// The SRV target or host that has this address: for logs, never for the certificate check.
        public let name: String

        public init(address: PeerAddress, name: String) {
            self.address = address
            self.name = name
        }
    }

    /// At least one.
    public let hops: [Hop]
    /// How long the plan may be used; of the shortest-lived record. For an IP address: an hour.
    public let lifetime: Duration

    public init(hops: [Hop], lifetime: Duration) {
        self.hops = hops
        self.lifetime = lifetime
    }
}

/// Why a name gave no hop. Harmless to log.
public enum NameFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Neither a name nor an address.
    case invalidName
    /// The name does not exist, or has no address.
    case noRecords
    /// The domain says that it offers no SIP over TLS (SRV target `.`, RFC 2782).
    case noService
    /// No server answered in time.
    case timedOut
    /// Servers failed, refused, or answered nonsense.
    case serverFailed
    /// More questions are open than the resolver takes.
    case overloaded
    case cancelled
    /// The resolver was stopped.
    case stopped

    public var description: String {
        switch self {
        case .invalidName: "not a host name"
        case .noRecords: "the name has no address"
        case .noService: "the domain offers no SIP over TLS"
        case .timedOut: "no name server answered in time"
        case .serverFailed: "the name servers failed"
        case .overloaded: "too many names are being resolved"
        case .cancelled: "resolution was cancelled"
        case .stopped: "the resolver was stopped"
        }
    }
}
