public import SottoBase

/// A message's body as a list of chunks: keys never stand in an ordinary array, but in `SecretBytes` between the ordinary bytes.
///
/// The secrets of a session description are: the base64 key after each `inline:` of an `a=crypto` line (RFC 4568 §9.2), the value of a
/// `k=` line (RFC 4566 §5.12) and of `a=key-mgmt` (RFC 4567). They are found whatever the Content-Type says, and so is the key that was
/// pressed in a `Signal=` line. The whole body of an INFO, and of a type that carries pressed keys, is one secret.
public struct SIPBody: Equatable, Sendable {
    public enum Chunk: Equatable, Sendable {
        case bytes([UInt8])
        case secret(SecretBytes)
    }

    public private(set) var chunks: [Chunk]

    public static let empty = SIPBody(chunks: [])

    public init(chunks: [Chunk]) { self.chunks = chunks }

    /// A body that holds no secret.
    public init(_ bytes: [UInt8]) { chunks = bytes.isEmpty ? [] : [.bytes(bytes)] }

    /// Length in bytes as it goes over the wire.
    public var count: Int {
        chunks.reduce(0) { sum, chunk in
            switch chunk {
            case .bytes(let bytes): sum + bytes.count
            case .secret(let secret): sum + secret.count
            }
        }
    }

    public var isEmpty: Bool { chunks.isEmpty }

    /// True when a chunk is secret.
    public var holdsSecrets: Bool {
        chunks.contains {
            if case .secret = $0 { true } else { false }
        }
    }

    /// Appends the body with its secrets: for the last step before encryption alone. The caller wipes `output`.
    func write(to output: inout [UInt8]) {
        for chunk in chunks {
            switch chunk {
            case .bytes(let bytes): output.append(contentsOf: bytes)
            case .secret(let secret): secret.withBytes { output.append(contentsOf: $0) }
            }
        }
    }
}
