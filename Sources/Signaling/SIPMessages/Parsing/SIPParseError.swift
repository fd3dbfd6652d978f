/// A message that cannot be represented at all, and so cannot be answered: drop it and count it.
public struct SIPParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Rule: String, Sendable, CaseIterable {
        case messageTooLarge, startLine, statusCode, tooManyVias, tooManySecrets, noHeaderEnd
    }

    public let rule: Rule
    /// Byte offset in the message where it was noticed.
    public let offset: Int

    public init(rule: Rule, offset: Int) {
        self.rule = rule
        self.offset = offset
    }

    /// Harmless: names the rule and the place, never the bytes.
    public var description: String { "SIP message refused at byte \(offset): \(rule.rawValue)" }
}

/// What breaks the grammar in a message that could still be represented.
public enum SIPDefect: Hashable, Sendable, CustomStringConvertible {
    /// White space where the start line allows none.
    case startLine
    /// A version other than SIP/2.0.
    case version
    case requestURI
    /// A line that is no header, or a bare CR or LF in one.
    case headerLine
    /// The header's value breaks its grammar or range.
    case value(SIPHeaderName)
    case missing(SIPHeaderName)
    /// A header that occurs once at most came twice.
    case repeated(SIPHeaderName)
    /// More headers, or values of one, than `SIPLimits` allows, or a longer one: those beyond were left out.
    case tooLarge
    /// CSeq's method is not the request's.
    case methodMismatch
    /// The body is shorter than Content-Length says.
    case truncatedBody

    public var description: String {
        switch self {
        case .startLine: "start line"
        case .version: "SIP version"
        case .requestURI: "Request-URI"
        case .headerLine: "header line"
        case .value(let name): "value of \(name.spelling)"
        case .missing(let name): "missing \(name.spelling)"
        case .repeated(let name): "repeated \(name.spelling)"
        case .tooLarge: "too large"
        case .methodMismatch: "CSeq method"
        case .truncatedBody: "body shorter than Content-Length"
        }
    }
}

/// Bounds on what one message may hold.
public struct SIPLimits: Equatable, Sendable {
    /// Bytes of a whole message, at most 65,535 so that offsets stay small.
    public var message = 65_535
    /// Bytes of one header line, name included, and of the start line.
    public var header = 8_192
    public var headers = 128
    public var vias = 64
    /// Values of Contact, Route and Record-Route each.
    public var values = 64
    /// Secret chunks of a body.
    public var secrets = 64

    public init() {}

    public static let standard = SIPLimits()
}
