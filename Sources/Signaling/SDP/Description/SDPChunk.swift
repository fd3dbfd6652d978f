public import SottoBase

/// A piece of a session description. Keys stand in `.secret` as base64, between the ordinary bytes; the shape is that of a SIP body.
public enum SDPChunk: Equatable, Sendable {
    case bytes([UInt8])
    case secret(SecretBytes)
}

/// Collects chunks: ordinary bytes grow one array, a secret starts the next.
struct ChunkWriter {
    private(set) var chunks: [SDPChunk] = []
    private var pending: [UInt8] = []

    mutating func append(_ text: String) { pending.append(contentsOf: text.utf8) }
    /// A value from the wire: line ends in it become spaces, so that it can start no line of its own.
    mutating func append(_ text: WireText) { pending.append(contentsOf: text.bytes.lazy.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }) }

    mutating func append(_ secret: SecretBytes) {
        flush()
        chunks.append(.secret(secret))
    }

    mutating func finish() -> [SDPChunk] {
        flush()
        return chunks
    }

    private mutating func flush() {
        if !pending.isEmpty { chunks.append(.bytes(pending)) }
        pending = []
    }
}

enum Decimal {
    /// Digits up to `limit`, nil otherwise.
    static func read(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int, limit: UInt64) -> UInt64? {
        let start = index
        var value: UInt64 = 0
        while index < end, bytes[index] &- 0x30 < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(UInt64(bytes[index] &- 0x30))
            if overflow || overflow2 || sum > limit { return nil }
            value = sum
            index += 1
        }
        return index > start ? value : nil
    }

    /// The whole of `text`.
    static func read(_ text: WireText, limit: UInt64) -> UInt64? {
        let storage = text.storage
        var index = text.range.lowerBound
        guard let value = read(storage.span, &index, text.range.upperBound, limit: limit), index == text.range.upperBound else { return nil }
        return value
    }
}
