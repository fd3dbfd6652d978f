public import SIPMessages

/// One outgoing call until it is answered or has failed. The application makes it up and never uses a value twice.
public struct AttemptID: Hashable, Sendable, CustomStringConvertible {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public var description: String { "attempt-\(value)" }
}

/// An INVITE that opens a dialog, as the application words it (RFC 3261 §13.2.1). The endpoint adds Via, the From tag, Call-ID, CSeq,
/// Contact, Allow, Supported, Session-Expires and Content-Length.
public struct OutgoingInvite: Equatable, Sendable {
    public var attempt: AttemptID
    /// Open already. One that is not ends the attempt with `unreachable`.
    public var connection: ConnectionID
    public var requestURI: SIPURI
    public var to: NameAddress
    /// Without a tag.
    public var from: NameAddress
    /// Further headers in order: P-Asserted-Identity, Privacy, Replaces, Referred-By, …
    public var headers: [SIPHeader] = []
    /// The offer. An INVITE without one is not supported.
    public var body: SIPBody
    public var contentType: SIPContentType = .sdp
    /// How long it may ring before it is withdrawn and counts as `timedOut`. Nil: the configuration's `answerDeadline`.
    public var expires: Duration?
    /// Session-Expires in seconds (RFC 4028), at least 90. Nil: no session timer is asked for; the callee may still ask for one.
    public var sessionExpires: UInt32? = 1_800
    /// Routes of the first request, e.g. a registrar's Service-Route (RFC 3608 §5).
    public var routes: [NameAddress] = []
    /// User part of our Contact.
    public var contactUser: String?
    /// A B2BUA hands on what arrived, less one, so that a loop through it ends (RFC 7332).
    public var maxForwards: UInt8 = 70
    /// `Require: 100rel`; without it the callee may choose (RFC 3262 §4).
    public var requiresReliableProvisionals = false
    /// For 401 and 407 to this INVITE and to the dialog's later requests.
    public var credentials: DigestCredentials?

    public init(
        attempt: AttemptID, connection: ConnectionID, requestURI: SIPURI, to: NameAddress, from: NameAddress, body: SIPBody
    ) {
        self.attempt = attempt
        self.connection = connection
        self.requestURI = requestURI
        self.to = to
        self.from = from
        self.body = body
    }
}

/// How an attempt ended without an answer.
public enum AttemptEnding: Equatable, Sendable {
    /// The first final response (300–699), acknowledged already. A redirection's targets are its `contacts`; a challenge that credentials
    /// did not answer comes as 401 or 407.
    case refused(SIPResponse)
    /// No response within 64·T1, or no final one within the attempt's time; then it is being withdrawn by CANCEL.
    case timedOut
    /// Its connection was not open, or broke before any response.
    case unreachable
    /// The application withdrew it. A 2xx that still comes gets its ACK and a BYE (RFC 5407 §3.1.1).
    case cancelled
}
