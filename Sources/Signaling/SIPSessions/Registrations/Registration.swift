public import SIPMessages

/// One registration at a carrier's registrar; the application chooses it.
public struct RegistrationID: Hashable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var description: String { "registration-\(value)" }
}

/// What to register (RFC 3261 §10.2).
public struct Registration: Equatable, Sendable {
    /// Open already; another open connection of the same peer serves as well.
    public var connection: ConnectionID
    /// The Request-URI: the registrar's domain without a user.
    public var registrar: SIPURI
    /// To and From: who can be reached. Without a tag.
    public var addressOfRecord: NameAddress
    /// User part of the Contact.
    public var contactUser: String?
    /// Seconds to ask for, 60–86,400. Default one hour.
    public var expires: UInt32 = 3_600
    public var routes: [NameAddress] = []
    public var headers: [SIPHeader] = []
    public var credentials: DigestCredentials?

    public init(connection: ConnectionID, registrar: SIPURI, addressOfRecord: NameAddress) {
        self.connection = connection
        self.registrar = registrar
        self.addressOfRecord = addressOfRecord
    }
}

/// What the registrar granted.
public struct RegistrationGrant: Equatable, Sendable {
    /// Seconds. It is refreshed before they are over.
    public let expires: UInt32
    /// Routes for the requests that we send as this user (RFC 3608 §5), in order.
    public let serviceRoutes: [NameAddress]
    /// The Path that requests to us will take (RFC 3327 §5.2), in order.
    public let path: [NameAddress]
}

public enum RegistrationFailure: Equatable, Sendable {
    /// A final response other than 2xx that nothing more could be done about.
    case refused(status: UInt16)
    /// 430, or the connection closed: the flow is gone (RFC 5626 §4.2). Dial a new one and `reregister` on it.
    case flowFailed
    case timedOut
    /// No connection of the peer is open.
    case unreachable
}
