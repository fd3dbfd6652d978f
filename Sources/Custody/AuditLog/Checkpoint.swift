public import SottoCrypto

/// A log's head: how many entries, and the root over them (c2sp.org/tlog-checkpoint).
public struct AuditHead: Equatable, Sendable {
    /// The log's name: a key and a life of one node.
    public var origin: String
    public var size: UInt64
    /// 32 bytes.
    public var root: [UInt8]

    public init(origin: String, size: UInt64, root: [UInt8]) {
        self.origin = origin
        self.size = size
        self.root = root
    }

    /// One word for logs and command lines: `SIZE:ROOT`, the root in base 64.
    public var compact: String { "\(size):\(Base64.encode(root))" }

    /// Reads what `compact` wrote, for a log of a known origin; nil for anything else.
    public init?(origin: String, compact: some StringProtocol) {
        let parts = compact.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let size = UInt64(parts[0]), let root = Base64.decode(parts[1]), root.count == 32 else { return nil }
        self.init(origin: origin, size: size, root: root)
    }

    /// The signed text: three lines, no extensions.
    var text: String { "\(origin)\n\(size)\n\(Base64.encode(root))\n" }

    init?(text: some StringProtocol) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Extension lines are allowed by the format; ours has none.
        guard lines.count == 4, lines[3].isEmpty, !lines[0].isEmpty, let size = UInt64(lines[1]), String(size) == lines[1],
            let root = Base64.decode(lines[2]), root.count == 32
        else { return nil }
        self.init(origin: String(lines[0]), size: size, root: root)
    }
}

/// Signs checkpoints as signed notes (c2sp.org/signed-note, Ed25519). The key's name is the log's origin.
public struct CheckpointSigner: Sendable {
    public let origin: String
    private let key: Ed25519SigningKey

    /// nil for an origin that a note cannot carry: empty, too long, or with spaces or `+`.
    public init?(origin: String, key: Ed25519SigningKey) {
        guard CheckpointVerifier.isName(origin) else { return nil }
        self.origin = origin
        self.key = key
    }

    /// What an outsider needs to check the log: `NAME+HASH+KEY`.
    public var verifierKey: String {
        get throws(CryptoError) { try CheckpointVerifier(origin: origin, publicKey: key.publicKey).description }
    }

    func sign(_ head: AuditHead) throws(CryptoError) -> [UInt8] {
        let text = Array(head.text.utf8)
        let verifier = try CheckpointVerifier(origin: origin, publicKey: key.publicKey)
        let signature = try key.sign(text)
        return text + Array("\n\u{2014} \(origin) \(Base64.encode(verifier.keyHash + signature))\n".utf8)
    }

    var verifier: CheckpointVerifier {
        get throws(CryptoError) { try CheckpointVerifier(origin: origin, publicKey: key.publicKey) }
    }
}

/// Checks signed checkpoints with a public key alone.
public struct CheckpointVerifier: Equatable, Sendable, CustomStringConvertible {
    public let origin: String
    let publicKey: [UInt8]
    /// First four bytes of SHA-256(name ‖ LF ‖ 01 ‖ key).
    let keyHash: [UInt8]

    private static let ed25519: UInt8 = 1

    init(origin: String, publicKey: [UInt8]) throws(CryptoError) {
        guard publicKey.count == Ed25519.publicKeySize else { throw .wrongKeyLength }
        self.origin = origin
        self.publicKey = publicKey
        keyHash = Array(try SHA256.hash(Array(origin.utf8), [0x0A, Self.ed25519], publicKey)[0..<4])
    }

    static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x2B }
    }

    /// Reads `NAME+HASH+KEY`; nil when it is malformed or its hash is not the key's.
    public init?(_ text: String) {
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, Self.isName(parts[0]), let hash = Hex.decode(parts[1]), let key = Base64.decode(parts[2]),
            key.count == 1 + Ed25519.publicKeySize, key[0] == Self.ed25519,
            let verifier = try? CheckpointVerifier(origin: parts[0], publicKey: Array(key[1...])), verifier.keyHash == hash
        else { return nil }
        self = verifier
    }

    public var description: String { "\(origin)+\(Hex.encode(keyHash))+\(Base64.encode([Self.ed25519] + publicKey))" }

    /// The head that a note states. nil unless it is of this origin and carries a good signature of this key; other signatures
    /// (witnesses) are passed over.
    public func head(ofNote note: [UInt8]) -> AuditHead? {
        guard note.count <= 65_536, let text = String(validating: note, as: UTF8.self), let cut = text.range(ofLast: "\n\n") else {
            return nil
        }
        let signed = text[..<cut.lowerBound] + "\n"
        guard let head = AuditHead(text: signed), head.origin == origin, let key = try? Ed25519VerifyingKey(publicKey) else { return nil }
        let message = Array(signed.utf8)
        for line in text[cut.upperBound...].split(separator: "\n") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "\u{2014}", parts[1] == origin, let blob = Base64.decode(parts[2]),
                blob.count == 4 + Ed25519.signatureSize, Array(blob[0..<4]) == keyHash
            else { continue }
            return key.isValid(Array(blob[4...]), for: message) ? head : nil
        }
        return nil
    }
}

extension String {
    /// Of two line feeds in a row, the last pair.
    fileprivate func range(ofLast pattern: String) -> Range<String.Index>? {
        let bytes = Array(pattern.utf8)
        var end = utf8.endIndex
        while let start = utf8.index(end, offsetBy: -bytes.count, limitedBy: utf8.startIndex) {
            if utf8[start..<end].elementsEqual(bytes) { return start..<end }
            end = utf8.index(before: end)
            if end == utf8.startIndex { return nil }
        }
        return nil
    }
}
