/// Where something lies that policy names and never holds: `file:/etc/sotto/pbx.key` or `credential:pbx-password`. SottoConfiguration
/// made it and resolves it; its text is harmless to show.
public struct ContentReference: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) { self.text = text }

    public var description: String { text }
}

/// A certificate chain and its key: what we show to a server that asks.
public struct CertificateReference: Hashable, Sendable {
    /// PEM, the certificate first, then its issuers.
    public let chain: ContentReference
    public let key: ContentReference

    public init(chain: ContentReference, key: ContentReference) {
        self.chain = chain
        self.key = key
    }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo: a server must have it beside a valid chain. It outlives renewals that keep the key.
public struct PinnedKey: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    public let digest: [UInt8]

    /// nil unless there are 32 bytes.
    public init?(digest: [UInt8]) {
        guard digest.count == 32 else { return nil }
        self.digest = digest
    }

    /// As files write it (RFC 7469 §2.4): `sha256/` and 44 characters of base64.
    public init?(_ text: String) {
        guard text.hasPrefix("sha256/"), let bytes = Self.base64(text.utf8.dropFirst(7)) else { return nil }
        self.init(digest: bytes)
    }

    public var description: String {
        var text = "sha256/"
        for start in stride(from: 0, to: 30, by: 3) {
            let word = UInt32(digest[start]) << 16 | UInt32(digest[start + 1]) << 8 | UInt32(digest[start + 2])
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(Self.character(word >> shift)) }
        }
        let last = UInt32(digest[30]) << 10 | UInt32(digest[31]) << 2
        for shift in [12, 6, 0] as [UInt32] { text.append(Self.character(last >> shift)) }
        return text + "="
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func character(_ word: UInt32) -> Character { Character(UnicodeScalar(alphabet[Int(word & 63)])) }

    /// 32 bytes out of 43 digits and one `=`; nil for anything else, also for bits that no byte holds.
    private static func base64(_ text: Substring.UTF8View) -> [UInt8]? {
        let digits = Array(text)
        guard digits.count == 44, digits.last == UInt8(ascii: "=") else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for digit in digits.dropLast() {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        return word & ((1 << bits) - 1) == 0 ? bytes : nil
    }
}
