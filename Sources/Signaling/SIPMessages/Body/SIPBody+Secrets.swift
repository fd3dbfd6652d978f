internal import SottoBase

extension SIPBody {
    /// Copies `range` of `raw` into chunks, keys apart; nil when there are more than `limit` keys. The caller wipes `raw`.
    static func separatingSecrets(_ raw: [UInt8], _ range: Range<Int>, limit: Int) -> SIPBody? {
        let bytes = raw.span
        var chunks: [Chunk] = []
        chunks.reserveCapacity(12)
        var copied = range.lowerBound
        var secrets = 0
        var line = range.lowerBound
        let end = range.upperBound

        func take(_ secret: Range<Int>) -> Bool {
            guard !secret.isEmpty else { return true }
            secrets += 1
            guard secrets <= limit else { return false }
            if secret.lowerBound > copied { chunks.append(.bytes(Array(raw[copied..<secret.lowerBound]))) }
            chunks.append(.secret(SecretBytes(copying: raw[secret])))
            copied = secret.upperBound
            return true
        }

        while line < end {
            if bytes[line] == 0x0A {
                line += 1
                continue
            }
            let lineEnd = bytes.firstLineEnd(from: line, to: end)
            if lineEnd - line > 7, bytes[line + 1] | 0x20 == 0x69, Scan.hasPrefix(bytes, line, lineEnd, "signal") {
                // A pressed key (`application/dtmf-relay`) may be a card number's.
                var index = line + 6
                while index < lineEnd, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
                if index < lineEnd, bytes[index] == 0x3D {
                    guard take(index + 1..<lineEnd) else { return nil }
                }
            } else if lineEnd - line > 2, bytes[line + 1] == 0x3D {
                switch bytes[line] | 0x20 {
                case 0x6B:  // k=
                    guard take(line + 2..<lineEnd) else { return nil }
                case 0x61 where Scan.hasPrefix(bytes, line + 2, lineEnd, "key-mgmt:"):
                    guard take(line + 11..<lineEnd) else { return nil }
                case 0x61 where Scan.hasPrefix(bytes, line + 2, lineEnd, "crypto:"):
                    var index = line + 9
                    while true {
                        index = bytes.firstIndex(of: 0x69, or: 0x49, from: index, to: lineEnd)
                        guard index < lineEnd else { break }
                        guard Scan.hasPrefix(bytes, index, lineEnd, "inline:") else {
                            index += 1
                            continue
                        }
                        let keyStart = index + 7
                        index = bytes.firstIndex(of: 0x7C, or: 0x20, from: keyStart, to: lineEnd)
                        index = bytes.firstIndex(of: 0x3B, or: 0x3B, from: keyStart, to: index)
                        guard take(keyStart..<index) else { return nil }
                    }
                default: break
                }
            }
            line = lineEnd + 1
        }
        if copied < end { chunks.append(.bytes(Array(raw[copied..<end]))) }
        return SIPBody(chunks: chunks)
    }

    /// Bytes of a body that carries pressed keys; a larger one is searched like any other.
    static let largestKeyBody = 4096

    /// True when the Content-Type at `range` is one of those in which gateways send pressed keys.
    static func carriesPressedKeys(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let types: [StaticString] = [
            "application/dtmf", "application/vnd.nortelnetworks.digits", "application/kpml", "audio/telephone-event",
        ]
        return types.contains { Scan.hasPrefix(bytes, range.lowerBound, range.upperBound, $0) }
    }

    /// A body of our own that was written as one array; the array is wiped. Nil beyond 64 keys.
    public init?(separatingSecretsOf bytes: inout [UInt8]) {
        defer { wipe(&bytes) }
        guard let body = Self.separatingSecrets(bytes, 0..<bytes.count, limit: SIPLimits.standard.secrets) else { return nil }
        self = body
    }
}
