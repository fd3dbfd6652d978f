public import Policy
public import SIPMessages
public import SIPSessions

/// One wish of a call to reach somebody: a resolution of the trunk's servers into an ordered list of hops, of which one after the other
/// is tried (RFC 3263 §4.3). Unique in the process's life.
public struct DialID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (a: DialID, b: DialID) -> Bool { a.value < b.value }
    public var description: String { "dial-\(value)" }
}

/// What became of a hop: what the health of the trunk's servers is kept by.
public enum HopOutcome: Hashable, Sendable {
    /// It answered anything but 503: it lives.
    case alive
    /// 503; for so many seconds nothing is to be sent there (RFC 3261 §21.5.4), 0 when it does not say.
    case unavailable(retryAfter: UInt32)
    /// No answer to the INVITE in time.
    case silent
    /// The connection broke, or could not carry the request.
    case unreachable
}

/// What a call wants of whoever knows the trunks' servers. `begin` and `next` are answered by one `CallTable.Input.dialled` or
/// `.notDialled`, unless `over` comes first; both may then still come and do nothing.
public enum DialInstruction: Equatable, Sendable {
    /// Resolve the trunk's servers, choose the best healthy hop, open or reuse a connection to it.
    case begin(DialID, TrunkReference, redirect: SIPURI?)
    /// That hop could not do it: the next one of the same list. `.notDialled` when there is none.
    case next(DialID, after: HopOutcome)
    /// No more hops are wanted; the list may be forgotten. nil: no hop was tried, or nothing is known of it.
    case over(DialID, HopOutcome?)
}

/// A hop with an open connection, as the dialler tells the call.
public struct DialledHop: Equatable, Sendable {
    public var connection: ConnectionID
    /// Who it is, for the log and the record: the server's configured name, never the caller's words.
    public var name: String
    /// The trunk's, where its policy names any.
    public var credentials: DigestCredentials?
    /// A registrar's Service-Route (RFC 3608 §5).
    public var routes: [NameAddress]
    /// User part of our Contact.
    public var contactUser: String?
    /// The advertised host of the listener that the connection belongs to: in From where policy names no domain of ours.
    public var localHost: String?
    /// The family of the connection's address: the leg's media takes the same. nil: unknown, then the caller's.
    public var isIPv6: Bool?

    public init(
        connection: ConnectionID, name: String, credentials: DigestCredentials? = nil, routes: [NameAddress] = [],
        contactUser: String? = nil, localHost: String? = nil, isIPv6: Bool? = nil
    ) {
        self.connection = connection
        self.name = name
        self.credentials = credentials
        self.routes = routes
        self.contactUser = contactUser
        self.localHost = localHost
        self.isIPv6 = isIPv6
    }
}
