internal import SottoBase
internal import SottoCrypto

// An entry's one spelling: JSON without spaces, fields in a fixed order, absent ones left out, facts sorted by name.
//
//     {"v":1,"sequence":7,"time":"…","act":"call.started","outcome":"done","actor":{"kind":"daemon"},"tenant":"acme","call":"…",
//      "reason":"…","facts":{"…":"…"},"subjects":{"caller":"base 64 of the commitment"},"previous":"base 64 of the leaf hash before"}

extension AuditEntry {
    /// Longest entry: its length prefix in a bundle has 16 bits (c2sp.org/tlog-tiles).
    static let limit = 65_535

    func serialized(sequence: UInt64, time: WallTime, previous: [UInt8]) -> [UInt8] {
        var json = JSONWriter()
        json.open()
        json.field("v", number: 1)
        json.field("sequence", number: sequence)
        json.field("time", time.rfc3339)
        json.field("act", act.rawValue)
        json.field("outcome", outcome.rawValue)
        json.open("actor")
        switch actor {
        case .daemon:
            json.field("kind", "daemon")
        case .user(let id, let name, let role):
            json.field("kind", "user")
            json.field("id", number: UInt64(id))
            if let name { json.field("name", name) }
            json.field("role", role)
        case .trunk(let trunk):
            json.field("kind", "trunk")
            json.field("name", trunk.text)
        }
        json.close()
        if let tenant { json.field("tenant", tenant.text) }
        if let call { json.field("call", call.description) }
        if let reason { json.field("reason", reason) }
        if !facts.isEmpty {
            json.open("facts")
            for (name, value) in facts.sorted(by: { $0.key < $1.key }) { json.field(name, value) }
            json.close()
        }
        if !subjects.isEmpty {
            json.open("subjects")
            for subject in subjects { json.field(subject.field, Base64.encode(subject.commitment)) }
            json.close()
        }
        json.field("previous", Base64.encode(previous))
        json.close()
        return json.bytes
    }
}

/// Writes objects of strings and numbers (RFC 8259), without spaces.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func open(_ name: String? = nil) {
        if let name { self.name(name) }
        bytes.append(0x7B)
        needsComma = false
    }

    mutating func close() {
        bytes.append(0x7D)
        needsComma = true
    }

    mutating func field(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    mutating func field(_ name: String, number: UInt64) {
        self.name(name)
        bytes += Array(String(number).utf8)
    }

    private mutating func name(_ name: String) {
        if needsComma { bytes.append(0x2C) }
        string(name)
        bytes.append(0x3A)
        needsComma = true
    }

    private mutating func string(_ text: String) {
        bytes.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: bytes += [0x5C, byte]
            case 0x0A: bytes += [0x5C, 0x6E]
            case 0..<0x20, 0x7F: bytes += Array("\\u00".utf8) + [Self.digit(byte >> 4), Self.digit(byte & 15)]
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
}
