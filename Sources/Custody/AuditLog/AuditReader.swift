public import DurableFiles
internal import SottoCrypto

/// Reads a log's entries from its folder, without the daemon and without checking them: `AuditVerifier` does that.
public struct AuditReader: Sendable {
    private let path: String
    private let disk: Disk

    public init(folder: String, disk: Disk = Disk()) {
        path = folder
        self.disk = disk
    }

    /// Entries there are: bundles, and the journal's tail that no bundle holds yet.
    public func size() throws(AuditError) -> UInt64 { try load().size }

    /// The JSON of entries from `first` on, at most `limit`.
    public func entries(from first: UInt64, limit: Int) throws(AuditError) -> [(sequence: UInt64, json: [UInt8])] {
        let source = try load()
        var result: [(sequence: UInt64, json: [UInt8])] = []
        var sequence = first
        while sequence < source.size, result.count < limit {
            guard let json = try source.entry(sequence) else { break }
            result.append((sequence, json))
            sequence += 1
        }
        return result
    }

    /// The origin that the journal names; nil for a folder without one.
    public func origin() throws(AuditError) -> String? { try load().origin }

    private func load() throws(AuditError) -> AuditSource { try AuditSource(AuditFolder(path: path, disk: disk)) }
}

/// All of a folder: journals whole, bundles on demand.
final class AuditSource {
    let folder: AuditFolder
    let journals: [JournalContents]
    /// First sequences of journals whose header is no header.
    let unreadableJournals: [UInt64]
    /// Entries in bundles and journal together.
    let size: UInt64
    private let tailStart: UInt64
    private let tail: [[UInt8]]
    /// Entries of which two journals tell different things.
    let differingInJournals: [UInt64]
    /// Bundles met so far that are no row of whole entries, or not as many as their name says.
    private(set) var malformedBundles: Set<UInt64> = []
    private var cached: (number: UInt64, entries: [[UInt8]])?

    var origin: String? { journals.last?.header.origin }

    init(_ folder: AuditFolder) throws(AuditError) {
        self.folder = folder
        var journals: [JournalContents] = []
        var unreadable: [UInt64] = []
        var bundled: UInt64 = 0
        do throws(FileError) {
            for start in try folder.journalStarts() {
                do throws(AuditError) {
                    if let contents = try JournalContents.read(folder.journal(start), disk: folder.disk) {
                        journals.append(contents)
                    } else {
                        unreadable.append(start)
                    }
                } catch .disk(let error) {
                    throw error
                } catch {
                    unreadable.append(start)
                }
            }
            // Bundles are written in order, so the first that is missing ends them.
            var number = (journals.first?.header.frontier.size ?? 0) / EntryBundles.width
            search: while true {
                switch try folder.entries(number) {
                case .missing: break search
                case .malformed: number += 1
                case .entries(let entries):
                    bundled = number * EntryBundles.width + UInt64(entries.count)
                    number += 1
                }
            }
        } catch {
            throw .disk(error)
        }
        self.journals = journals
        unreadableJournals = unreadable
        tailStart = journals.first?.header.frontier.size ?? 0
        // A journal that takes over from another begins with the entries of the unfinished bundle, so the two overlap.
        var tail: [[UInt8]] = []
        var differing: [UInt64] = []
        for group in journals.flatMap(\.groups) {
            let next = tailStart + UInt64(tail.count)
            guard group.first >= tailStart, group.first <= next else { continue }
            for (sequence, entry) in zip(group.first..., group.entries) {
                if sequence >= next {
                    tail.append(entry)
                } else if tail[Int(sequence - tailStart)] != entry {
                    differing.append(sequence)
                }
            }
        }
        self.tail = tail
        differingInJournals = differing
        size = max(bundled, tailStart + UInt64(tail.count))
    }

    /// From the bundle, or from the journal when no bundle has it. nil when neither does.
    func entry(_ sequence: UInt64) throws(AuditError) -> [UInt8]? {
        try bundled(sequence) ?? journalled(sequence)
    }

    func bundled(_ sequence: UInt64) throws(AuditError) -> [UInt8]? {
        let number = sequence / EntryBundles.width
        if cached?.number != number {
            let bundle: AuditFolder.Bundle
            do throws(FileError) { bundle = try folder.entries(number) } catch { throw .disk(error) }
            switch bundle {
            case .missing: cached = (number, [])
            case .malformed:
                cached = (number, [])
                malformedBundles.insert(number)
            case .entries(let entries): cached = (number, entries)
            }
        }
        guard let entries = cached?.entries, Int(sequence % EntryBundles.width) < entries.count else { return nil }
        return entries[Int(sequence % EntryBundles.width)]
    }

    func journalled(_ sequence: UInt64) -> [UInt8]? {
        guard sequence >= tailStart, sequence - tailStart < UInt64(tail.count) else { return nil }
        return tail[Int(sequence - tailStart)]
    }
}
