/// Sotto's own name of a call: random, so that it tells nothing about the peer, and safe in logs, file names and records.
/// (The SIP Call-ID header is another thing: SIPSessions' `SIPCallID`.)
public struct CallID: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let high: UInt64
    public let low: UInt64

    /// `high` and `low` come from the caller's random source: 128 unpredictable bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private static let alphabet: [UInt8] = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// 26 characters of Crockford's base 32, lower case.
    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(26)
        for index in stride(from: 125, through: 0, by: -5) {
            let value: UInt64
            if index >= 64 {
                value = high >> UInt64(index - 64)
            } else if index > 59 {
                value = (low >> UInt64(index)) | (high << UInt64(64 - index))
            } else {
                value = low >> UInt64(index)
            }
            text.append(Self.alphabet[Int(value & 31)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads what `description` wrote; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 26 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (position, byte) in text.utf8.enumerated() {
            guard let value = Self.alphabet.firstIndex(of: byte) else { return nil }
            if position == 0 && value > 7 { return nil }  // 26 × 5 = 130 bits: the first two must be zero
            high = (high << 5) | (low >> 59)
            low = (low << 5) | UInt64(value)
        }
        self.init(high: high, low: low)
    }

    public static func < (a: CallID, b: CallID) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// A tenant's name as its policy file spells it: `[a-z0-9-]`, 1–63 characters, so that it is safe in paths.
public struct TenantName: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let text: String
    public var description: String { text }

    public init?(_ text: String) {
        guard isName(text) else { return nil }
        self.text = text
    }

    public static func < (a: TenantName, b: TenantName) -> Bool { a.text < b.text }
}

/// A trunk's name within its tenant: the same alphabet as `TenantName`.
public struct TrunkName: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let text: String
    public var description: String { text }

    public init?(_ text: String) {
        guard isName(text) else { return nil }
        self.text = text
    }

    public static func < (a: TrunkName, b: TrunkName) -> Bool { a.text < b.text }
}

private func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...63).contains(bytes.count), bytes.first != 0x2D, bytes.last != 0x2D else { return false }
    return bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
}

/// Which side of a call a frame, a word or a line belongs to.
public enum Speaker: UInt8, Hashable, Sendable, CaseIterable {
    /// The far end of the inbound leg.
    case caller = 0
    /// Sotto's own voice, or the person that the call was handed to.
    case agent = 1
}

/// A transport address as text without a name: `192.0.2.1` or `2001:db8::1`, never resolved.
public struct PeerAddress: Hashable, Sendable {
    /// Network order, 4 or 16 bytes. An IPv4-mapped IPv6 address is stored as its 4 bytes.
    public let bytes: [UInt8]
    public let port: UInt16

    public init?(bytes: [UInt8], port: UInt16) {
        if bytes.count == 16, bytes[0..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            self.bytes = Array(bytes[12...])
        } else if bytes.count == 4 || bytes.count == 16 {
            self.bytes = bytes
        } else {
            return nil
        }
        self.port = port
    }

    public var isIPv6: Bool { bytes.count == 16 }
}
