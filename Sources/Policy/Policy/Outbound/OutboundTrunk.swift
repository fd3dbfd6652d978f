internal import SottoBase

/// A server of a trunk: a SIP domain, a host, or an address, found by RFC 3263.
public struct TrunkServer: Hashable, Sendable, CustomStringConvertible {
    /// A name in lower case (`sip.carrier.example`) or an address as text, IPv6 without brackets.
    public let host: String
    /// nil for a name: NAPTR and SRV records are asked (RFC 3263 §4.2); nil for an address: 5061.
    public let port: UInt16?
    /// `host` is an address: nothing is resolved.
    public let isAddress: Bool

    /// Reads `sip.carrier.example`, `pbx.example:5071`, `192.0.2.7`, `192.0.2.7:5061`, `2001:db8::7`, `[2001:db8::7]:5061`.
    /// nil for anything else; an unspecified address is none.
    public init?(_ text: String) {
        if let address = PeerAddress(host: text, port: 0) {
            guard !address.isUnspecified else { return nil }
            self.init(host: address.hostText, port: nil, isAddress: true)
            return
        }
        var host = Substring(text)
        var port: UInt16?
        if let colon = text.lastIndex(of: ":") {
            let digits = text[text.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(digits), number > 0
            else { return nil }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        if let address = PeerAddress(host: host, port: 0) {
            guard !address.isUnspecified else { return nil }
            self.init(host: address.hostText, port: port, isAddress: true)
        } else {
            guard Self.isHostName(host) else { return nil }
            self.init(host: host.lowercased(), port: port, isAddress: false)
        }
    }

    private init(host: String, port: UInt16?, isAddress: Bool) {
        self.host = host
        self.port = port
        self.isAddress = isAddress
    }

    public var description: String {
        guard let port else { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Host names as RFC 1123 §2.1 allows them; the last label is never all digits (it would be a broken address).
    public static func isHostName(_ text: some StringProtocol) -> Bool {
        let labels = Array(text.utf8).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...253).contains(text.utf8.count), let last = labels.last, !last.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return false
        }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
                && label.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
                }
        }
    }
}

/// Name and password for a trunk that asks for digest (RFC 3261 §22, RFC 8760).
public struct TrunkCredentials: Hashable, Sendable {
    public let user: String
    public let password: ContentReference
    /// The only realm that is answered; nil: any of the trunk's servers.
    public let realm: String?
    /// MD5 is answered where the trunk offers nothing better (RFC 8760 §2.4: the topmost that is understood counts). Off by default.
    public let allowsMD5: Bool

    public init(user: String, password: ContentReference, realm: String? = nil, allowsMD5: Bool = false) {
        self.user = user
        self.password = password
        self.realm = realm
        self.allowsMD5 = allowsMD5
    }
}

/// Registration with the trunk (SIPconnect 2.0 §9, registration mode).
public struct TrunkRegistration: Hashable, Sendable {
    /// User part of the address of record; its domain is the trunk's `domain`.
    public let user: String
    /// User part of the contact: what the trunk puts into the Request-URI of calls to us.
    public let contactUser: String
    /// What is asked for, 60 s to 1 day. The trunk's answer counts.
    public let expires: Duration

    public init(user: String, contactUser: String? = nil, expires: Duration = .seconds(600)) {
        self.user = user
        self.contactUser = contactUser ?? user
        self.expires = expires
    }
}

/// When a server that fails is left alone.
public struct CircuitBreakerPolicy: Hashable, Sendable {
    /// So many failures in a row (503, timeout, refused connection) open the breaker, 1 to 100.
    public let failures: Int
    /// How long an open breaker stays open before one attempt is let through, 1 s to 1 h.
    public let retryAfter: Duration

    public init(failures: Int = 3, retryAfter: Duration = .seconds(30)) {
        self.failures = failures
        self.retryAfter = retryAfter
    }
}

/// How calls get out by a trunk: its servers, how they prove who they are, how we do, and what is done on the way.
public struct OutboundTrunk: Hashable, Sendable {
    /// What is done with a 3xx to a call of ours.
    public enum Redirects: String, Hashable, Sendable, CaseIterable {
        /// The call fails as if it was refused.
        case refuse
        /// Contacts within the trunk's own domains are tried; others are passed over.
        case follow
    }

    /// How the agent hands a caller over by this trunk.
    public enum Transfer: String, Hashable, Sendable, CaseIterable {
        /// A second leg is called and bridged; Sotto stays in the path.
        case dial
        /// The caller's trunk is asked by REFER; with Replaces when a second leg was called first.
        case refer
    }

    /// How URIs of our requests are spelled. Both are TLS.
    public enum Scheme: String, Hashable, Sendable, CaseIterable {
        /// `sip:…;transport=tls`: what most carriers speak.
        case sip
        /// RFC 5630
        case sips
    }

    /// Never empty, in order of preference.
    public let servers: [TrunkServer]
    /// The one name that a server's certificate must carry (RFC 5922); nil: each server's own name. See `expectedName(of:)`.
    public let tlsName: String?
    /// A wildcard in the leftmost label of a certificate's name counts. Deviation: RFC 5922 §7.2 says never; some carriers show them.
    public let allowsWildcard: Bool
    /// When there are any, a server must have one of these keys, beside a chain that ends at a known authority.
    public let pinnedKeys: [PinnedKey]
    /// PEM file of the authorities, or of the servers' own certificates, that this trunk is checked against; nil: the machine's.
    public let serverCA: ContentReference?
    /// nil: the machine's (`[sip.outbound]`), if it has one.
    public let clientCertificate: CertificateReference?
    public let credentials: TrunkCredentials?
    /// nil: static mode.
    public let registration: TrunkRegistration?
    /// How often a server is asked by OPTIONS; nil: never.
    public let probeInterval: Duration?
    public let breaker: CircuitBreakerPolicy
    public let redirects: Redirects
    public let transfer: Transfer
    public let callerID: CallerIDRule
    /// Host part of To, Request-URI and the address of record; an IPv6 address stands in brackets.
    public let domain: String
    /// Host part of From and P-Asserted-Identity; nil: what the listener advertises.
    public let fromDomain: String?
    public let scheme: Scheme
    /// How long a call may ring until the next server, trunk or answer is tried, 5 s to 5 min.
    public let ringTime: Duration
    /// Name of the listener by which calls go out (its advertised host is in Via and Contact); nil: the machine's first.
    public let listener: String?
    public let location: SourceLocation

    public init(
        servers: [TrunkServer], tlsName: String? = nil, allowsWildcard: Bool = false, pinnedKeys: [PinnedKey] = [],
        serverCA: ContentReference? = nil, clientCertificate: CertificateReference? = nil, credentials: TrunkCredentials? = nil, registration: TrunkRegistration? = nil,
        probeInterval: Duration? = .seconds(60), breaker: CircuitBreakerPolicy = CircuitBreakerPolicy(), redirects: Redirects = .refuse,
        transfer: Transfer = .dial, callerID: CallerIDRule = .pass, domain: String? = nil, fromDomain: String? = nil,
        scheme: Scheme = .sip, ringTime: Duration = .seconds(60), listener: String? = nil, location: SourceLocation = .builtIn
    ) {
        precondition(!servers.isEmpty, "a trunk without servers has no outbound part")
        self.servers = servers
        self.tlsName = tlsName
        self.allowsWildcard = allowsWildcard
        self.pinnedKeys = pinnedKeys
        self.serverCA = serverCA
        self.clientCertificate = clientCertificate
        self.credentials = credentials
        self.registration = registration
        self.probeInterval = probeInterval
        self.breaker = breaker
        self.redirects = redirects
        self.transfer = transfer
        self.callerID = callerID
        self.domain = domain ?? (servers[0].host.contains(":") ? "[\(servers[0].host)]" : servers[0].host)
        self.fromDomain = fromDomain
        self.scheme = scheme
        self.ringTime = ringTime
        self.listener = listener
        self.location = location
    }

    /// The name that `server`'s certificate must carry: the configured one, never what a record or an address said (RFC 5922 §7.1).
    /// nil for an address without a `tls-name`, which the loader accepts with pinned keys alone.
    public func expectedName(of server: TrunkServer) -> String? { tlsName ?? (server.isAddress ? nil : server.host) }

    /// Whether a redirect's or a REFER's host is the trunk's own: one of its servers, its domain, or a name below them.
    public func isOwn(host: String) -> Bool {
        var text = host.lowercased()
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        if text.hasSuffix(".") { text.removeLast() }
        let address = PeerAddress(host: text, port: 0)?.hostText
        return (servers.map(\.host) + [domain]).contains { own in
            own == address ?? text || (address == nil && PeerAddress(host: own, port: 0) == nil && text.hasSuffix("." + own))
        }
    }
}
