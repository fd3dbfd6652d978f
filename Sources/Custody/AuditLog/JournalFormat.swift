internal import SottoCrypto

// The journal: what is durable before anything is answered. Everything else in the folder is derived from it.
//
//     journal = header ‖ group … ‖ zeros of reserved room
//     header  = "sotto audit journal v1\n" ‖ u16 origin length ‖ origin ‖ u64 first sequence ‖ u8 hashes ‖ hash(32) …
//               ‖ previous leaf hash(32) ‖ SHA-256 of it all
//     group   = "SAGR" ‖ u32 body length ‖ body ‖ SHA-256 of all before
//     body    = u64 first sequence ‖ u16 entries ‖ (u16 length ‖ entry) … ‖ the signed checkpoint that covers them
//
// All numbers in network order. A group that is not whole was never acknowledged.

struct JournalHeader: Equatable {
    var origin: String
    var frontier: MerkleFrontier
    /// Leaf hash of the entry before the first one; zeros at the log's start.
    var previous: [UInt8]

    static let magic = Array("sotto audit journal v1\n".utf8)

    func serialized() throws(CryptoError) -> [UInt8] {
        var bytes = Self.magic
        bytes.appendInteger(UInt16(origin.utf8.count))
        bytes += Array(origin.utf8)
        bytes.appendInteger(frontier.size)
        bytes.append(UInt8(frontier.hashes.count))
        for hash in frontier.hashes { bytes += hash }
        bytes += previous
        return bytes + (try SHA256.hash(bytes))
    }

    /// nil when it is torn or malformed. `size` is where the first group begins.
    static func read(_ bytes: [UInt8]) throws(CryptoError) -> (header: JournalHeader, size: Int)? {
        var reader = ByteReader(bytes[...])
        guard reader.bytes(magic.count).map({ $0.elementsEqual(magic) }) == true, let originLength = reader.integer(UInt16.self),
            let origin = reader.bytes(Int(originLength)), let first = reader.integer(UInt64.self), let count = reader.integer(UInt8.self)
        else { return nil }
        var hashes: [[UInt8]] = []
        for _ in 0..<count {
            guard let hash = reader.bytes(SHA256.size) else { return nil }
            hashes.append(Array(hash))
        }
        guard let previous = reader.bytes(SHA256.size) else { return nil }
        let size = reader.position
        guard let digest = reader.bytes(SHA256.size), try SHA256.hash(Array(bytes[0..<size])).elementsEqual(digest),
            let text = String(validating: origin, as: UTF8.self), let frontier = MerkleFrontier(size: first, hashes: hashes)
        else { return nil }
        return (JournalHeader(origin: text, frontier: frontier, previous: Array(previous)), size + SHA256.size)
    }
}

struct JournalGroup: Equatable {
    var first: UInt64
    var entries: [[UInt8]]
    var checkpoint: [UInt8]

    private static let magic = Array("SAGR".utf8)
    /// Longest body that is read: 256 of the longest entries.
    static let bodyLimit = 20 * 1024 * 1024

    func serialized() throws(CryptoError) -> [UInt8] {
        var body: [UInt8] = []
        body.appendInteger(first)
        body.appendInteger(UInt16(entries.count))
        for entry in entries {
            body.appendInteger(UInt16(entry.count))
            body += entry
        }
        body += checkpoint
        var bytes = Self.magic
        bytes.appendInteger(UInt32(body.count))
        bytes += body
        return bytes + (try SHA256.hash(bytes))
    }

    enum Reading {
        case group(JournalGroup, size: Int)
        /// Nothing but reserved room or the file's end.
        case end
        /// Something that is no whole group: a torn write, or damage.
        case torn
    }

    static func read(_ bytes: ArraySlice<UInt8>) throws(CryptoError) -> Reading {
        if bytes.isEmpty || bytes.allSatisfy({ $0 == 0 }) { return .end }
        var reader = ByteReader(bytes)
        guard reader.bytes(magic.count).map({ $0.elementsEqual(magic) }) == true, let length = reader.integer(UInt32.self),
            length <= bodyLimit, let body = reader.bytes(Int(length))
        else { return .torn }
        let covered = bytes[bytes.startIndex..<body.endIndex]
        guard let digest = reader.bytes(SHA256.size), try SHA256.hash(Array(covered)).elementsEqual(digest) else { return .torn }
        var inner = ByteReader(body)
        guard let first = inner.integer(UInt64.self), let count = inner.integer(UInt16.self) else { return .torn }
        var entries: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = inner.integer(UInt16.self), let entry = inner.bytes(Int(length)) else { return .torn }
            entries.append(Array(entry))
        }
        let group = JournalGroup(first: first, entries: entries, checkpoint: Array(inner.rest))
        return .group(group, size: covered.count + SHA256.size)
    }
}

/// Reads forward within bounds.
struct ByteReader {
    private let source: ArraySlice<UInt8>
    private var index: Int

    init(_ source: ArraySlice<UInt8>) {
        self.source = source
        index = source.startIndex
    }

    /// Bytes read so far.
    var position: Int { index - source.startIndex }
    var rest: ArraySlice<UInt8> { source[index...] }
    var isAtEnd: Bool { index == source.endIndex }

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= source.endIndex - index else { return nil }
        defer { index += count }
        return source[index..<index + count]
    }

    mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) -> T? {
        guard let raw = bytes(MemoryLayout<T>.size) else { return nil }
        return raw.reduce(T(0)) { ($0 << 8) | T($1) }
    }
}

extension [UInt8] {
    mutating func appendInteger<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> T(shift))) }
    }
}
