public import SottoBase

/// A request's method (RFC 3261 §7.1). Methods are case-sensitive: `invite` is an unknown method.
public enum SIPMethod: Hashable, Sendable, CustomStringConvertible {
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update
    /// Any other token, kept as it came.
    case other(WireText)

    /// Methods are told apart by length and letters; a text that is no token still makes `.other`.
    public init(_ text: WireText) {
        // Most of all messages.
        if text.equals("INVITE") {
            self = .invite
            return
        }
        for method in Self.known where text.count == method.spelling.utf8CodeUnitCount && text.equals(method.spelling) {
            self = method
            return
        }
        self = .other(text)
    }

    public var text: WireText {
        if case .other(let text) = self { return text }
        return WireText(spelling.description)
    }

    /// The method's name; an unknown method reads `other`, since its text is the peer's.
    public var description: String { spelling.description }

    static let known: [SIPMethod] = [
        .invite, .ack, .bye, .options, .cancel, .register, .prack, .subscribe, .notify, .publish, .info, .refer, .message, .update,
    ]

    var spelling: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        case .other: "other"
        }
    }

    func write(to output: inout [UInt8]) {
        if case .other(let text) = self { return output.append(contentsOf: text.bytes) }
        append(spelling, to: &output)
    }
}

/// Appends a literal's bytes without making a `String`.
func append(_ literal: StaticString, to output: inout [UInt8]) {
    literal.withUTF8Buffer { output.append(contentsOf: $0) }
}
