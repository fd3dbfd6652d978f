public import SottoBase

/// A header's name. Known names compare without case and with their compact forms (RFC 3261 §7.3.3); all others are `.other`.
public enum SIPHeaderName: UInt8, Hashable, Sendable, CaseIterable {
    case accept
    case acceptContact
    case acceptEncoding
    case acceptLanguage
    case alertInfo
    case allow
    case allowEvents
    case authenticationInfo
    case authorization
    case callID
    case callInfo
    case contact
    case contentDisposition
    case contentEncoding
    case contentLanguage
    case contentLength
    case contentType
    case cseq
    case date
    case diversion
    case errorInfo
    case event
    case expires
    case from
    case historyInfo
    case identity
    case identityInfo
    case inReplyTo
    case maxForwards
    case mimeVersion
    case minExpires
    case minSE
    case organization
    case path
    case pAssertedIdentity
    case pPreferredIdentity
    case priority
    case privacy
    case proxyAuthenticate
    case proxyAuthorization
    case proxyRequire
    case rack
    case reason
    case recordRoute
    case referTo
    case referredBy
    case rejectContact
    case remotePartyID
    case replaces
    case replyTo
    case requestDisposition
    case require
    case retryAfter
    case route
    case rseq
    case server
    case sessionExpires
    case subject
    case subscriptionState
    case supported
    case timestamp
    case to
    case unsupported
    case userAgent
    case via
    case warning
    case wwwAuthenticate
    /// Not in this list: `SIPHeader.spelling` has the name.
    case other

    /// As the RFC that defines it writes it.
    public var spelling: StaticString {
        switch self {
        case .accept: "Accept"
        case .acceptContact: "Accept-Contact"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .alertInfo: "Alert-Info"
        case .allow: "Allow"
        case .allowEvents: "Allow-Events"
        case .authenticationInfo: "Authentication-Info"
        case .authorization: "Authorization"
        case .callID: "Call-ID"
        case .callInfo: "Call-Info"
        case .contact: "Contact"
        case .contentDisposition: "Content-Disposition"
        case .contentEncoding: "Content-Encoding"
        case .contentLanguage: "Content-Language"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .cseq: "CSeq"
        case .date: "Date"
        case .diversion: "Diversion"
        case .errorInfo: "Error-Info"
        case .event: "Event"
        case .expires: "Expires"
        case .from: "From"
        case .historyInfo: "History-Info"
        case .identity: "Identity"
        case .identityInfo: "Identity-Info"
        case .inReplyTo: "In-Reply-To"
        case .maxForwards: "Max-Forwards"
        case .mimeVersion: "MIME-Version"
        case .minExpires: "Min-Expires"
        case .minSE: "Min-SE"
        case .organization: "Organization"
        case .path: "Path"
        case .pAssertedIdentity: "P-Asserted-Identity"
        case .pPreferredIdentity: "P-Preferred-Identity"
        case .priority: "Priority"
        case .privacy: "Privacy"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .proxyAuthorization: "Proxy-Authorization"
        case .proxyRequire: "Proxy-Require"
        case .rack: "RAck"
        case .reason: "Reason"
        case .recordRoute: "Record-Route"
        case .referTo: "Refer-To"
        case .referredBy: "Referred-By"
        case .rejectContact: "Reject-Contact"
        case .remotePartyID: "Remote-Party-ID"
        case .replaces: "Replaces"
        case .replyTo: "Reply-To"
        case .requestDisposition: "Request-Disposition"
        case .require: "Require"
        case .retryAfter: "Retry-After"
        case .route: "Route"
        case .rseq: "RSeq"
        case .server: "Server"
        case .sessionExpires: "Session-Expires"
        case .subject: "Subject"
        case .subscriptionState: "Subscription-State"
        case .supported: "Supported"
        case .timestamp: "Timestamp"
        case .to: "To"
        case .unsupported: "Unsupported"
        case .userAgent: "User-Agent"
        case .via: "Via"
        case .warning: "Warning"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .other: ""
        }
    }

    /// The one-letter form, if there is one.
    var compactForm: UInt8? {
        switch self {
        case .acceptContact: UInt8(ascii: "a")
        case .allowEvents: UInt8(ascii: "u")
        case .callID: UInt8(ascii: "i")
        case .contact: UInt8(ascii: "m")
        case .contentEncoding: UInt8(ascii: "e")
        case .contentLength: UInt8(ascii: "l")
        case .contentType: UInt8(ascii: "c")
        case .event: UInt8(ascii: "o")
        case .from: UInt8(ascii: "f")
        case .identity: UInt8(ascii: "y")
        case .identityInfo: UInt8(ascii: "n")
        case .referTo: UInt8(ascii: "r")
        case .referredBy: UInt8(ascii: "b")
        case .rejectContact: UInt8(ascii: "j")
        case .requestDisposition: UInt8(ascii: "d")
        case .sessionExpires: UInt8(ascii: "x")
        case .subject: UInt8(ascii: "s")
        case .supported: UInt8(ascii: "k")
        case .to: UInt8(ascii: "t")
        case .via: UInt8(ascii: "v")
        default: nil
        }
    }

    /// Values that are credentials: they live in `SecretBytes` alone.
    var isSecret: Bool {
        switch self {
        case .authorization, .proxyAuthorization, .identity: true
        default: false
        }
    }
}

extension SIPHeaderName {
    /// Up to 24 letters of a name, lower case, as three words: comparing two names is three comparisons.
    private struct Key: Equatable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
    }

    private struct Entry {
        let key: Key
        let name: SIPHeaderName
    }

    /// Entries by length of name, and where each length starts.
    private static let table: (entries: [Entry], starts: [Int]) = {
        var byLength: [[Entry]] = Array(repeating: [], count: 25)
        for name in allCases where name != .other {
            let spelling = Array(name.spelling.description.utf8)
            byLength[spelling.count].append(Entry(key: key(spelling.span, 0, spelling.count), name: name))
            if let letter = name.compactForm { byLength[1].append(Entry(key: key([letter].span, 0, 1), name: name)) }
        }
        var entries: [Entry] = []
        var starts: [Int] = []
        for bucket in byLength {
            starts.append(entries.count)
            entries += bucket
        }
        return (entries, starts + [entries.count])
    }()

    /// Setting bit 5 folds case. Known names are of letters and `-`: only a CR could pass for the hyphen, and a line with a bare CR is a
    /// defect anyway.
    @inline(__always) private static func key(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Key {
        func word(_ from: Int) -> UInt64 {
            let length = min(end - from, 8)
            guard length > 0 else { return 0 }
            if from + 8 <= bytes.count {
                let loaded = UInt64(bigEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: from, as: UInt64.self))
                return (loaded | 0x2020_2020_2020_2020) &>> UInt64(64 - 8 * length)
            }
            var word: UInt64 = 0
            for index in from..<from + length { word = word &<< 8 | UInt64(bytes[index] | 0x20) }
            return word
        }
        return Key(first: word(start), second: word(start + 8), third: word(start + 16))
    }

    /// The name at `start..<end`.
    static func lookup(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> SIPHeaderName {
        let length = end - start
        guard length > 0, length <= 24 else { return .other }
        let key = key(bytes, start, end)
        let table = table
        var index = table.starts[length]
        let last = table.starts[length + 1]
        while index < last {
            if table.entries[index].key == key { return table.entries[index].name }
            index += 1
        }
        return .other
    }

    /// The name that `text` spells, in any case or compact form.
    public init(_ text: WireText) {
        self = Self.lookup(text.storage.span, text.range.lowerBound, text.range.upperBound)
    }
}

/// A header that is not typed in `SIPFields`, in the order it came.
public struct SIPHeader: Equatable, Sendable {
    public enum Value: Equatable, Sendable {
        case text(WireText)
        /// Authorization, Proxy-Authorization, Identity.
        case secret(SecretBytes)
    }

    public let name: SIPHeaderName
    /// The name as it came, for `.other`; empty for known ones.
    public let otherName: WireText
    public let value: Value

    public init(_ name: SIPHeaderName, _ value: WireText) {
        self.name = name
        otherName = WireText([])
        self.value = .text(value)
    }

    public init(_ name: SIPHeaderName, secret: SecretBytes) {
        self.name = name
        otherName = WireText([])
        value = .secret(secret)
    }

    /// A header with a name that is not in `SIPHeaderName`.
    public init(otherName: WireText, _ value: WireText) {
        name = .other
        self.otherName = otherName
        self.value = .text(value)
    }

    /// The value, unless it is a secret.
    public var text: WireText? {
        if case .text(let text) = value { text } else { nil }
    }
}
