/// A response of a name server (RFC 1035 §4), read without trust: every length is checked, a pointer only goes back, and there is a limit
/// to everything.
struct DNSMessage: Equatable {
    static let maximumRecords = 256

    let code: UInt8
    let answers: [DNSRecord]
    /// Of the zone's SOA: how long "no" may be believed (RFC 2308 §5).
    let negativeLifetime: UInt32?

    /// Nil: not a response that can be read.
    init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes)
        guard bytes.count >= 12, bytes[2] & 0x80 != 0 else { return nil }
        code = bytes[3] & 0x0F
        reader.position = 4
        guard let questions = reader.short(), let answerCount = reader.short(), let authorities = reader.short(), reader.short() != nil,
            questions <= 4
        else { return nil }
        for _ in 0..<questions {
            guard reader.name() != nil, reader.skip(4) else { return nil }
        }
        var answers: [DNSRecord] = []
        for _ in 0..<min(Int(answerCount), Self.maximumRecords) {
            guard let record = reader.record() else { return nil }
            if case .use(let record) = record { answers.append(record) }
        }
        self.answers = answers
        var negative: UInt32?
        if answerCount <= Self.maximumRecords {
            for _ in 0..<min(Int(authorities), Self.maximumRecords) {
                // What is damaged here only costs its lifetime.
                guard let record = reader.record() else { break }
                if case .startOfAuthority(let lifetime) = record { negative = min(negative ?? lifetime, lifetime) }
            }
        }
        negativeLifetime = negative
    }

    /// Follows aliases (RFC 1034 §3.6.2), at most eight, and takes the records that belong to the question.
    func answer(to question: DNSQuestion) -> (records: [DNSRecord.Content], lifetime: UInt32)? {
        var owner = question.name
        var lifetime = UInt32.max
        for _ in 0..<8 {
            let own = answers.filter { $0.owner == owner && $0.content.isAnswer(to: question.kind) }
            if !own.isEmpty { return (own.map(\.content), own.map(\.lifetime).reduce(lifetime, min)) }
            guard let alias = answers.first(where: { $0.owner == owner && $0.content.alias != nil }),
                let target = alias.content.alias
            else { return nil }
            owner = target
            lifetime = min(lifetime, alias.lifetime)
        }
        return nil
    }
}

extension DNSRecord.Content {
    var alias: String? { if case .alias(let target) = self { target } else { nil } }

    func isAnswer(to kind: DNSQuestion.Kind) -> Bool {
        switch (self, kind) {
        case (.address(let bytes), .a): bytes.count == 4
        case (.address(let bytes), .aaaa): bytes.count == 16
        case (.server, .srv), (.pointer, .naptr): true
        default: false
        }
    }
}

private struct Reader {
    enum Record {
        case use(DNSRecord)
        case startOfAuthority(lifetime: UInt32)
        case skip
    }

    let bytes: [UInt8]
    var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func short() -> UInt16? {
        guard let high = byte(), let low = byte() else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    mutating func long() -> UInt32? {
        guard let high = short(), let low = short() else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count <= bytes.count - position else { return false }
        position += count
        return true
    }

    /// A character string (RFC 1035 §3.3), at most 255 bytes; odd bytes make it useless, not the message.
    mutating func string(before end: Int) -> String? {
        guard let count = byte(), Int(count) <= end - position else { return nil }
        defer { position += Int(count) }
        return String(decoding: bytes[position..<(position + Int(count))], as: UTF8.self)
    }

    /// A name, lower case; the root is empty. A name with bytes that no host has is "\u{0}", which equals nothing that is asked.
    mutating func name() -> String? {
        var text: [UInt8] = []
        var isOdd = false
        var cursor = position
        var limit = position  // a pointer leads before this
        var next: Int?
        var total = 0
        while true {
            guard cursor < bytes.count else { return nil }
            let length = Int(bytes[cursor])
            switch length {
            case 0:
                position = next ?? cursor + 1
                return isOdd ? "\u{0}" : String(decoding: text, as: UTF8.self)
            case 1...63:
                guard cursor + 1 + length <= bytes.count else { return nil }
                total += length + 1
                guard total <= 255 else { return nil }
                if !text.isEmpty { text.append(0x2E) }
                for byte in bytes[(cursor + 1)...(cursor + length)] {
                    if !(0x21...0x7E).contains(byte) || byte == 0x2E { isOdd = true }
                    text.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
                }
                cursor += length + 1
            case 0xC0...0xFF:
                guard cursor + 1 < bytes.count else { return nil }
                let target = (length & 0x3F) << 8 | Int(bytes[cursor + 1])
                guard target < limit else { return nil }
                if next == nil { next = cursor + 2 }
                limit = target
                cursor = target
            default:
                return nil
            }
        }
    }

    /// Nil: the message cannot be read any further.
    mutating func record() -> Record? {
        guard let owner = name(), let kind = short(), let class_ = short(), let lifetime = long(), let length = short(),
            Int(length) <= bytes.count - position
        else { return nil }
        let end = position + Int(length)
        defer { position = end }
        guard class_ == 1 else { return .skip }
        // RFC 2181 §8: a lifetime with the highest bit set is none.
        let kept = lifetime > UInt32(Int32.max) ? 0 : lifetime
        switch kind {
        case 1, 28:
            guard Int(length) == (kind == 1 ? 4 : 16) else { return .skip }
            return .use(DNSRecord(owner: owner, lifetime: kept, content: .address(Array(bytes[position..<end]))))
        case 5:
            guard let target = name(), position <= end else { return .skip }
            return .use(DNSRecord(owner: owner, lifetime: kept, content: .alias(target)))
        case 33:
            guard let priority = short(), let weight = short(), let port = short(), let target = name(), position <= end
            else { return .skip }
            return .use(
                DNSRecord(
                    owner: owner, lifetime: kept, content: .server(priority: priority, weight: weight, port: port, target: target)))
        case 35:
            guard let order = short(), let preference = short(), let flags = string(before: end), let service = string(before: end),
                let expression = string(before: end), let replacement = name(), position <= end
            else { return .skip }
            return .use(
                DNSRecord(
                    owner: owner, lifetime: kept,
                    content: .pointer(
                        order: order, preference: preference, flags: flags, service: service, hasExpression: !expression.isEmpty,
                        replacement: replacement)))
        case 6:
            guard name() != nil, name() != nil, skip(16), let minimum = long(), position <= end else { return .skip }
            return .startOfAuthority(lifetime: min(kept, minimum))
        default:
            return .skip
        }
    }
}
