/// IP addresses as text: RFC 791 dotted decimal and RFC 4291 §2.2, written as RFC 5952 wants. Nothing is resolved.
extension PeerAddress {
    /// Reads `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`; nil for a name or anything else. A zone (`%eth0`) is refused.
    public init?(host: WireText, port: UInt16) {
        self.init(host: host.bytes, port: port)
    }

    public init?(host: some StringProtocol, port: UInt16) {
        self.init(host: Array(host.utf8)[...], port: port)
    }

    public init?(host: ArraySlice<UInt8>, port: UInt16) {
        var host = host
        if host.first == 0x5B {
            guard host.count > 2, host.last == 0x5D else { return nil }
            host = host.dropFirst().dropLast()
            guard host.contains(0x3A) else { return nil }
        }
        guard !host.isEmpty, host.count <= 45 else { return nil }
        guard let bytes = host.contains(0x3A) ? Self.readIPv6(host) : Self.readIPv4(host) else { return nil }
        self.init(bytes: bytes, port: port)
    }

    /// The address alone, without brackets: `192.0.2.1`, `2001:db8::1`.
    public var hostText: String {
        guard isIPv6 else { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        // RFC 5952 §4.2: the longest run of two or more zero groups is shortened, the first one of equals.
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > best.count, end - index >= 2 { best = index..<end }
            index = max(end, index + 1)
        }
        func write(_ range: Range<Int>) -> String { groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty ? write(0..<8) : write(0..<best.lowerBound) + "::" + write(best.upperBound..<8)
    }

    /// The host as a SIP URI or Via writes it: IPv6 in brackets.
    public var hostReference: String { isIPv6 ? "[" + hostText + "]" : hostText }

    /// All bits zero (`0.0.0.0`, `::`): the old way to say hold in SDP.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// Addresses that no peer can have: 0.0.0.0/8 (RFC 1122 §3.2.1.3), 240.0.0.0/4 with the broadcast address (RFC 1112 §4).
    public var isReserved: Bool { !isIPv6 && (bytes[0] == 0 || bytes[0] >= 240) }

    public var isMulticast: Bool { isIPv6 ? bytes[0] == 0xFF : (224...239).contains(bytes[0]) }

    private static func readIPv4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var octets: [UInt8] = []
        for part in text.split(separator: 0x2E, omittingEmptySubsequences: false) {
            guard (1...3).contains(part.count), octets.count < 4, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            let value = part.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            guard value <= 255 else { return nil }
            octets.append(UInt8(value))
        }
        return octets.count == 4 ? octets : nil
    }

    private static func readIPv6(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var head: [UInt8] = []
        var tail: [UInt8]?
        var index = text.startIndex
        if text.starts(with: [0x3A, 0x3A]) {
            tail = []
            index += 2
        }
        while index < text.endIndex {
            let end = text[index...].firstIndex(of: 0x3A) ?? text.endIndex
            let part = text[index..<end]
            var value: [UInt8]
            if part.contains(0x2E) {
                guard end == text.endIndex, let octets = readIPv4(part) else { return nil }
                value = octets
            } else {
                guard (1...4).contains(part.count), let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                    part.first != 0x2B
                else { return nil }
                value = [UInt8(group >> 8), UInt8(group & 0xFF)]
            }
            if tail != nil { tail?.append(contentsOf: value) } else { head.append(contentsOf: value) }
            if head.count + (tail?.count ?? 0) > 16 { return nil }
            index = end
            guard index < text.endIndex else { break }
            index += 1
            if index < text.endIndex, text[index] == 0x3A {
                guard tail == nil else { return nil }
                tail = []
                index += 1
            } else if index == text.endIndex {
                return nil
            }
        }
        guard let tail else { return head.count == 16 ? head : nil }
        let zeros = 16 - head.count - tail.count
        guard zeros >= 2 else { return nil }
        return head + [UInt8](repeating: 0, count: zeros) + tail
    }
}
