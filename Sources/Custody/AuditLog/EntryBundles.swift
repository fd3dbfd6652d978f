internal import DurableFiles

/// Entry bundles of c2sp.org/tlog-tiles: 256 entries a file, each with a 16-bit length before it, raw.
///
///     tile/entries/x001/234      entries 256 × 1,234 …
///     tile/entries/x001/235.p/17 the last, partial bundle of 17 entries
enum EntryBundles {
    static let width: UInt64 = 256

    /// Path below the log's folder.
    static func path(_ bundle: UInt64, partial: Int? = nil) -> String {
        var groups: [String] = []
        var rest = bundle
        repeat {
            let digits = String(rest % 1_000)
            groups.insert(String(repeating: "0", count: 3 - digits.count) + digits, at: 0)
            rest /= 1_000
        } while rest > 0
        let name = groups.dropLast().map { "x\($0)/" }.joined() + (groups.last ?? "000")
        return "tile/entries/" + name + (partial.map { ".p/\($0)" } ?? "")
    }

    static func serialized(_ entries: some Sequence<[UInt8]>) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes.appendInteger(UInt16(entry.count))
            bytes += entry
        }
        return bytes
    }

    /// nil when the bytes are no row of whole entries.
    static func entries(_ bytes: [UInt8]) -> [[UInt8]]? {
        var reader = ByteReader(bytes[...])
        var entries: [[UInt8]] = []
        while !reader.isAtEnd {
            guard let length = reader.integer(UInt16.self), let entry = reader.bytes(Int(length)) else { return nil }
            entries.append(Array(entry))
        }
        return entries
    }

    static let limit = 256 * (65_535 + 2)
}
