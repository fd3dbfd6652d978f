/// Decisions read from a fuzzer's input, so that a machine's events are what it mutates: one byte decides most, and what comes after the
/// input's end is zero.
public struct ByteChance {
    private let bytes: [UInt8]
    private var index = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var isSpent: Bool { index >= bytes.count }

    public mutating func byte() -> UInt8 {
        guard index < bytes.count else { return 0 }
        defer { index += 1 }
        return bytes[index]
    }

    /// 0 to `limit` - 1; `limit` is 1 to 65,536.
    public mutating func below(_ limit: Int) -> Int {
        limit <= 256 ? Int(byte()) % max(1, limit) : (Int(byte()) << 8 | Int(byte())) % limit
    }

    public mutating func word() -> UInt32 { (0..<4).reduce(0) { value, _ in value << 8 | UInt32(byte()) } }

    public mutating func isOne(of sides: Int) -> Bool { below(sides) == 0 }

    /// The next `count` bytes, or as many as there are.
    public mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, index + max(0, count))
        defer { index = end }
        return Array(bytes[index..<end])
    }
}
