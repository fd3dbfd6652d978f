public import SottoBase

/// A certificate's hash as `a=fingerprint` carries it (RFC 8122 §5). Not secret.
public struct CertificateFingerprint: Hashable, Sendable {
    /// MD5 and SHA-1 are never used: a certificate could be made to fit (§5.1).
    public enum Hash: UInt8, Hashable, Sendable, CaseIterable, Comparable {
        case sha256, sha384, sha512

        /// As it stands in the attribute.
        public var name: StaticString {
            switch self {
            case .sha256: "sha-256"
            case .sha384: "sha-384"
            case .sha512: "sha-512"
            }
        }

        /// Bytes of the hash.
        public var size: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }

        public static func < (a: Hash, b: Hash) -> Bool { a.rawValue < b.rawValue }
    }

    public let hash: Hash
    /// `hash.size` bytes.
    public let bytes: [UInt8]

    /// Nil when the length does not fit the hash.
    public init?(hash: Hash = .sha256, bytes: [UInt8]) {
        guard bytes.count == hash.size else { return nil }
        self.hash = hash
        self.bytes = bytes
    }

    /// The attribute's value: `sha-256 4A:AD:…`. Nil for another hash or a broken value. Lower case is read as well.
    public init?(_ value: WireText) {
        let words = value.words
        guard words.count == 2, let hash = Hash.allCases.first(where: { words[0].equalsIgnoringCase($0.name) }),
            words[1].count == hash.size * 3 - 1
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hash.size)
        for index in 0..<hash.size {
            guard let high = Self.digit(words[1].byte(at: 3 * index)), let low = Self.digit(words[1].byte(at: 3 * index + 1)),
                index + 1 == hash.size || words[1].byte(at: 3 * index + 2) == 0x3A
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.hash = hash
        self.bytes = bytes
    }

    public var attribute: SDPAttribute {
        var text = Array("\(hash.name) ".utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        for (index, byte) in bytes.enumerated() {
            if index > 0 { text.append(0x3A) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return SDPAttribute("fingerprint", WireText(text))
    }

    /// Of several hash functions only the strongest counts (RFC 8122 §5.1); at most eight. Session-level ones hold where a line has none.
    static func usable(_ media: MediaDescription, in description: SessionDescription) -> [CertificateFingerprint] {
        func read(_ attributes: [SDPAttribute]) -> [CertificateFingerprint] {
            attributes.lazy.filter { $0.isNamed("fingerprint") }.prefix(16).compactMap { $0.value.flatMap { Self($0) } }
        }
        let hasOwn = media.attributes.contains { $0.isNamed("fingerprint") }
        let all = read(hasOwn ? media.attributes : description.attributes)
        guard let strongest = all.map(\.hash).max() else { return [] }
        return Array(all.filter { $0.hash == strongest }.prefix(8))
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        switch byte {
        case .some(let byte) where byte &- 0x30 < 10: byte &- 0x30
        case .some(let byte) where (byte | 0x20) &- 0x61 < 6: (byte | 0x20) &- 0x57
        default: nil
        }
    }
}

/// `a=setup` (RFC 4145 §4): who sends the ClientHello.
public enum ConnectionSetup: Hashable, Sendable, CaseIterable {
    case active, passive, actpass
    /// Must not be used for DTLS-SRTP (RFC 5763 §5): such a line is refused.
    case holdconn

    public var name: StaticString {
        switch self {
        case .active: "active"
        case .passive: "passive"
        case .actpass: "actpass"
        case .holdconn: "holdconn"
        }
    }

    /// Nil for a word that is none of the four.
    public init?(_ value: WireText) {
        guard let setup = Self.allCases.first(where: { value.trimmed.equalsIgnoringCase($0.name) }) else { return nil }
        self = setup
    }
}
