/// Deterministic mutations: the same seed makes the same inputs, so that a finding can be repeated.
public struct Mutator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    public mutating func below(_ limit: Int) -> Int { limit <= 0 ? 0 : Int(next() % UInt64(limit)) }

    /// Bytes that mean something to the grammars, and numbers at their edges.
    private static let tokens: [[UInt8]] = [
        "\r\n", "\r\n\r\n", "\r\n ", ":", ";", ",", "\"", "\\", "<", ">", "@", "?", "=", "%", "[", "]", "/", "\0", "\n", "\r", " ", "\t",
        "65535", "65536", "4294967296", "18446744073709551616", "-1", "0", "SIP/2.0", "Via: ", "Content-Length: 0\r\n", "l: 5\r\n",
        ";tag=", ";branch=z9hG4bK", ";rport", ";received=", "sip:", "tel:+", "[::1]", "a=crypto:1 ", "inline:", "|2^48", "|1:4",
        "m=audio 1 RTP/SAVP 0\r\n",
        "a=rtpmap:0 ", "c=IN IP4 0.0.0.0\r\n", "k=clear:", "\u{FF}", "a=fingerprint:sha-256 ", "a=setup:actpass\r\n", "a=tls-id:",
        "UDP/TLS/RTP/SAVP", "--x\r\n", "--x--", "boundary=x",
        "Signal=", "Content-Type: multipart/mixed;boundary=x\r\n", "Digest ", "nonce=\"", ";to-tag=", ";refresher=uac", "%40",
    ].map { Array($0.utf8) }

    /// Bytes of no grammar at all, for events of machines.
    public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    /// One to four changes to `input`, sometimes a splice with `other`.
    public mutating func mutate(_ input: [UInt8], with other: [UInt8]) -> [UInt8] { mutate(input, with: other, tokens: Self.tokens) }

    /// The same with another grammar's `tokens`.
    public mutating func mutate(_ input: [UInt8], with other: [UInt8], tokens: [[UInt8]]) -> [UInt8] {
        var bytes = input
        for _ in 0...below(4) {
            switch below(8) {
            case 0 where !bytes.isEmpty:
                bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
            case 1 where !bytes.isEmpty:
                bytes[below(bytes.count)] = UInt8(below(256))
            case 2:
                bytes = Array(bytes.prefix(below(bytes.count + 1)))
            case 3:
                let token = tokens[below(tokens.count)]
                bytes.insert(contentsOf: token, at: below(bytes.count + 1))
            case 4 where !bytes.isEmpty:
                let start = below(bytes.count)
                bytes.removeSubrange(start..<min(bytes.count, start + 1 + below(20)))
            case 5 where !bytes.isEmpty:
                let start = below(bytes.count)
                let part = Array(bytes[start..<min(bytes.count, start + 1 + below(60))])
                bytes.insert(contentsOf: part, at: below(bytes.count + 1))
            case 6:
                let start = below(other.count)
                bytes = Array(bytes.prefix(below(bytes.count + 1))) + Array(other[min(start, other.count)...])
            default:
                guard !bytes.isEmpty else { continue }
                let token = tokens[below(tokens.count)]
                let start = below(bytes.count)
                bytes.replaceSubrange(start..<min(bytes.count, start + token.count), with: token)
            }
        }
        return bytes
    }
}
