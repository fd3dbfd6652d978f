public import SottoBase

/// What requests and responses have in common: the typed headers, the others in order, and the body.
///
/// Typed headers are not in `headers`. Content-Length is not kept: it follows from the body.
public struct SIPFields: Equatable, Sendable {
    /// Topmost first.
    public var vias: [Via] = []
    public var from: NameAddress = .absent
    public var to: NameAddress = .absent
    public var callID = SIPCallID(WireText([]))
    public var cseq = CSeq(0, .options)
    /// 0–255; nil when the header is absent.
    public var maxForwards: UInt8?
    public var contacts: [NameAddress] = []
    /// `Contact: *` (REGISTER).
    public var contactIsWildcard = false
    public var routes: [NameAddress] = []
    public var recordRoutes: [NameAddress] = []
    public var contentType: SIPContentType?
    /// All other headers in the order they came, secrets in `SecretBytes`.
    public var headers: [SIPHeader] = []
    public var body: SIPBody = .empty
    /// What breaks the grammar. A message with defects is represented so that it can be answered; nothing else may be done with it.
    public internal(set) var defects: [SIPDefect] = []

    public init() {}
}

/// A request or a response: gives the shared fields by their names.
public protocol SIPMessageFields: Equatable, Sendable {
    var fields: SIPFields { get set }
}

/// A request (RFC 3261 §7.1).
public struct SIPRequest: SIPMessageFields, CustomStringConvertible, CustomReflectable {
    public var method: SIPMethod
    public var requestURI: SIPURI
    public var fields: SIPFields

    public init(method: SIPMethod, requestURI: SIPURI, fields: SIPFields) {
        self.method = method
        self.requestURI = requestURI
        self.fields = fields
    }

    /// Only the method: a message is full of personal data.
    public var description: String { "SIPRequest(\(method))" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A response (RFC 3261 §7.2).
public struct SIPResponse: SIPMessageFields, CustomStringConvertible, CustomReflectable {
    /// 100–699.
    public var status: UInt16
    /// May be empty.
    public var reasonPhrase: WireText
    public var fields: SIPFields

    public init(status: UInt16, reasonPhrase: WireText, fields: SIPFields) {
        self.status = status
        self.reasonPhrase = reasonPhrase
        self.fields = fields
    }

    public var isProvisional: Bool { status < 200 }
    public var isSuccess: Bool { (200..<300).contains(status) }
    public var isFinal: Bool { status >= 200 }

    public var description: String { "SIPResponse(\(status))" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

public enum SIPMessage: Equatable, Sendable, CustomStringConvertible {
    case request(SIPRequest)
    case response(SIPResponse)

    public var fields: SIPFields {
        switch self {
        case .request(let request): request.fields
        case .response(let response): response.fields
        }
    }

    public var description: String {
        switch self {
        case .request(let request): request.description
        case .response(let response): response.description
        }
    }
}

extension SIPMessageFields {
    public var vias: [Via] {
        get { fields.vias }
        set { fields.vias = newValue }
    }
    /// Nil only when the message has none, which the validator refuses.
    public var topVia: Via? { fields.vias.first }
    public var from: NameAddress {
        get { fields.from }
        set { fields.from = newValue }
    }
    public var to: NameAddress {
        get { fields.to }
        set { fields.to = newValue }
    }
    public var callID: SIPCallID {
        get { fields.callID }
        set { fields.callID = newValue }
    }
    public var cseq: CSeq {
        get { fields.cseq }
        set { fields.cseq = newValue }
    }
    public var maxForwards: UInt8? {
        get { fields.maxForwards }
        set { fields.maxForwards = newValue }
    }
    public var contacts: [NameAddress] {
        get { fields.contacts }
        set { fields.contacts = newValue }
    }
    public var routes: [NameAddress] {
        get { fields.routes }
        set { fields.routes = newValue }
    }
    public var recordRoutes: [NameAddress] {
        get { fields.recordRoutes }
        set { fields.recordRoutes = newValue }
    }
    public var contentType: SIPContentType? {
        get { fields.contentType }
        set { fields.contentType = newValue }
    }
    public var headers: [SIPHeader] {
        get { fields.headers }
        set { fields.headers = newValue }
    }
    public var body: SIPBody {
        get { fields.body }
        set { fields.body = newValue }
    }
    public var defects: [SIPDefect] { fields.defects }

    // MARK: Headers on demand

    /// The first value of `name` among the headers that are not typed; nil for secrets.
    public func header(_ name: SIPHeaderName) -> WireText? {
        for header in fields.headers where header.name == name {
            if let text = header.text { return text }
        }
        return nil
    }

    /// The first value of a header that `SIPHeaderName` does not know; the name compares without case.
    public func header(otherName: WireText) -> WireText? {
        for header in fields.headers where header.name == .other && header.otherName.equalsIgnoringCase(otherName) {
            if let text = header.text { return text }
        }
        return nil
    }

    /// The first credential of `name`.
    public func secret(_ name: SIPHeaderName) -> SecretBytes? {
        for header in fields.headers where header.name == name {
            if case .secret(let secret) = header.value { return secret }
        }
        return nil
    }

    /// All values of a header whose grammar is a list, over all its lines.
    public func list(_ name: SIPHeaderName) -> [WireText] {
        fields.headers.filter { $0.name == name }.compactMap(\.text).flatMap { commaSeparated($0) }
    }

    /// True when one of the list's tokens is `token`, without case.
    public func has(_ token: StaticString, in name: SIPHeaderName) -> Bool { list(name).contains { $0.equalsIgnoringCase(token) } }

    public var require: [WireText] { list(.require) }
    public var supported: [WireText] { list(.supported) }
    public var allow: [SIPMethod] { list(.allow).map { SIPMethod($0) } }
    /// RFC 3326; for the call record.
    public var reasons: [SIPReason] { fields.headers.filter { $0.name == .reason }.compactMap(\.text).flatMap { SIPReason.parseList($0) } }
    /// RFC 3325 §9.1: at most a sip(s) and a tel URI. Only from a trusted peer may it be believed.
    public var assertedIdentities: [NameAddress] { list(.pAssertedIdentity).map { NameAddress($0) }.filter(\.isWellFormed) }
    /// Retry-After or Expires and the like: delta-seconds at the value's start.
    public func seconds(_ name: SIPHeaderName) -> UInt32? {
        guard let text = header(name) else { return nil }
        var index = text.range.lowerBound
        return Scan.decimal(text.storage.span, &index, text.range.upperBound, limit: UInt64(UInt32.max)).map { UInt32($0) }
    }

    // MARK: Changing

    /// Adds at the end.
    public mutating func add(_ header: SIPHeader) { fields.headers.append(header) }
    public mutating func add(_ name: SIPHeaderName, _ value: WireText) { fields.headers.append(SIPHeader(name, value)) }
    public mutating func removeHeaders(_ name: SIPHeaderName) { fields.headers.removeAll { $0.name == name } }

    public mutating func setBody(_ body: SIPBody, type: SIPContentType) {
        fields.body = body
        fields.contentType = type
    }
}
