internal import SottoBase

/// What is asked of the name system.
struct DNSQuestion: Hashable, Sendable {
    enum Kind: UInt16, Hashable, Sendable {
        case a = 1
        case aaaa = 28
        case srv = 33
        case naptr = 35
    }

    /// Lower case, without the last dot.
    let name: String
    let kind: Kind
}

struct DNSRecord: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        case address([UInt8])
        /// RFC 2782. An empty target is the root: "no such service".
        case server(priority: UInt16, weight: UInt16, port: UInt16, target: String)
        /// RFC 3403 §4.1; what a regular expression would rewrite is no use to SIP (RFC 3263 §4.1).
        case pointer(order: UInt16, preference: UInt16, flags: String, service: String, hasExpression: Bool, replacement: String)
        case alias(String)
    }

    let owner: String
    let lifetime: UInt32
    let content: Content
}

/// An answer, as a plan uses it and the cache keeps it.
enum DNSAnswer: Hashable, Sendable {
    /// At least one.
    case records([DNSRecord.Content], lifetime: Duration)
    /// The name or the kind does not exist.
    case none(lifetime: Duration)
    case failed(NameFailure)

    var lifetime: Duration {
        switch self {
        case .records(_, let lifetime), .none(let lifetime): lifetime
        case .failed: .zero
        }
    }

    func with(lifetime: Duration) -> DNSAnswer {
        switch self {
        case .records(let records, _): .records(records, lifetime: lifetime)
        case .none: .none(lifetime: lifetime)
        case .failed: self
        }
    }
}

/// A host name as DNS wants it: lower case, no last dot; nil for anything that cannot be one.
func dnsName(_ text: some StringProtocol) -> String? {
    var bytes = Array(text.utf8)
    if bytes.last == 0x2E { bytes.removeLast() }
    guard (1...253).contains(bytes.count) else { return nil }
    for index in bytes.indices where (0x41...0x5A).contains(bytes[index]) { bytes[index] |= 0x20 }
    let labels = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
    let isName = labels.allSatisfy { label in
        (1...63).contains(label.count)
            && label.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
    }
    return isName ? String(decoding: bytes, as: UTF8.self) : nil
}
