internal import SottoBase

extension SIPBody {
    /// Copies `range` of `raw` into chunks, keys apart; nil when there are more than `limit` keys. The caller wipes `raw`.
    static func separatingSecrets(_ raw: [UInt8], _ range: Range<Int>, limit: Int) -> SIPBody? {
        let bytes = raw.span
        var chunks: [Chunk] = []
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
            let lineEnd = bytes.firstIndex(of: 0x0D, or: 0x0A, from: line, to: end)
            if lineEnd - line > 2, bytes[line + 1] == 0x3D {
                switch bytes[line] | 0x20 {
                case 0x6B:  // k=
                    guard take(line + 2..<lineEnd) else { return nil }
                case 0x61 where hasPrefix(bytes, line + 2, lineEnd, "key-mgmt:"):
                    guard take(line + 11..<lineEnd) else { return nil }
                case 0x61 where hasPrefix(bytes, line + 2, lineEnd, "crypto:"):
                    var index = line + 9
                    while index < lineEnd {
                        guard hasPrefix(bytes, index, lineEnd, "inline:") else {
                            index += 1
                            continue
                        }
                        index += 7
                        let keyStart = index
                        while index < lineEnd, bytes[index] != 0x7C, bytes[index] != 0x20, bytes[index] != 0x3B { index += 1 }
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

    /// A body of our own that was written as one array; the array is wiped. Nil beyond 64 keys.
    public init?(separatingSecretsOf bytes: inout [UInt8]) {
        defer { wipe(&bytes) }
        guard let body = Self.separatingSecrets(bytes, 0..<bytes.count, limit: SIPLimits.standard.secrets) else { return nil }
        self = body
    }

    /// Without case, because a key under a misspelt name is a key as well.
    @inline(__always) private static func hasPrefix(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard end - start >= count else { return false }
        let letters = UnsafeBufferPointer(start: literal.utf8Start, count: count)
        for offset in 0..<count where (bytes[start + offset] | 0x20) != (letters[offset] | 0x20) { return false }
        return true
    }
}
