internal import DurableFiles
internal import SottoCrypto

/// The names in a log's folder.
struct AuditFolder {
    let path: String
    let disk: Disk

    var lock: String { path + "/lock" }
    var checkpoint: String { path + "/checkpoint" }
    var journals: String { path + "/journal" }

    /// A journal is named after the first sequence in it, in 20 digits, so that names sort.
    func journal(_ first: UInt64) -> String {
        let digits = String(first)
        return journals + "/" + String(repeating: "0", count: 20 - digits.count) + digits + ".journal"
    }

    /// First sequences of the journals that are there, in order.
    func journalStarts() throws(FileError) -> [UInt64] {
        try disk.list(journals).compactMap { name in
            name.hasSuffix(".journal") && name.utf8.count == 28 ? UInt64(name.dropLast(8)) : nil
        }
    }

    func bundle(_ bundle: UInt64, partial: Int? = nil) -> String { path + "/" + EntryBundles.path(bundle, partial: partial) }

    enum Bundle: Equatable {
        case missing
        case malformed
        case entries([[UInt8]])
    }

    /// What is there of a bundle: the whole one, or the longest partial one.
    func entries(_ number: UInt64) throws(FileError) -> Bundle {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try disk.read(bundle(number), limit: EntryBundles.limit)
        } catch where error.cause == .missing {
            let partials = try disk.list(bundle(number) + ".p").compactMap { Int($0) }
            guard let longest = partials.max() else { return .missing }
            bytes = try disk.read(bundle(number, partial: longest), limit: EntryBundles.limit)
            guard let entries = EntryBundles.entries(bytes), entries.count == longest else { return .malformed }
            return .entries(entries)
        }
        guard let entries = EntryBundles.entries(bytes), entries.count == Int(EntryBundles.width) else { return .malformed }
        return .entries(entries)
    }

    func publishedNote() throws(FileError) -> [UInt8]? {
        do throws(FileError) { return try disk.read(checkpoint, limit: 65_536) } catch where error.cause == .missing { return nil }
    }
}

/// A journal as it lies on the disk.
struct JournalContents {
    var header: JournalHeader
    var groups: [JournalGroup]
    /// End of the last whole group.
    var end: Int
    /// Bytes behind it that are neither reserved room nor a whole group.
    var tornBytes: Int
    /// A whole group lies behind something that is none: that is damage, not a torn end.
    var isDamaged: Bool

    static let limit = 1 << 30

    /// nil when the header is torn or malformed.
    static func read(_ path: String, disk: Disk) throws(AuditError) -> JournalContents? {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try disk.read(path, limit: limit) } catch { throw .disk(error) }
        do throws(CryptoError) {
            guard let (header, start) = try JournalHeader.read(bytes) else { return nil }
            var contents = JournalContents(header: header, groups: [], end: start, tornBytes: 0, isDamaged: false)
            while true {
                switch try JournalGroup.read(bytes[contents.end...]) {
                case .group(let group, let size):
                    contents.groups.append(group)
                    contents.end += size
                case .end:
                    return contents
                case .torn:
                    let used = (bytes.lastIndex { $0 != 0 } ?? contents.end) + 1
                    contents.tornBytes = max(1, used - contents.end)
                    contents.isDamaged = try hasWholeGroup(bytes[(contents.end + 1)...])
                    return contents
                }
            }
        } catch {
            throw .crypto(error)
        }
    }

    private static func hasWholeGroup(_ bytes: ArraySlice<UInt8>) throws(CryptoError) -> Bool {
        var index = bytes.startIndex
        while index + 8 < bytes.endIndex {
            if bytes[index] == 0x53, bytes[index + 1] == 0x41, case .group = try JournalGroup.read(bytes[index...]) { return true }
            index += 1
        }
        return false
    }
}
