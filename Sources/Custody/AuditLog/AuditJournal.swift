internal import DurableFiles
internal import SottoBase
internal import SottoCrypto

/// The writing half of a log: the open journal, the tree's right edge, and what is derived from them. Used by one thread at a time.
struct AuditJournal {
    /// A journal longer than this is followed by a new one at the next full bundle.
    static let rotationBytes = 16 * 1024 * 1024
    /// Room that is reserved ahead, so that a flush need not write the file's length.
    private static let reserveBytes = 256 * 1024

    private let folder: AuditFolder
    private let signer: CheckpointSigner
    private let rotation: Int
    private var file: AppendFile
    private(set) var frontier: MerkleFrontier
    private(set) var previous: [UInt8]
    private(set) var note: [UInt8]
    private(set) var head: AuditHead
    /// Entries since the last full bundle.
    private var partial: [[UInt8]]
    /// The tree's edge and the leaf hash before the first of them: where a next journal begins.
    private var boundary: (frontier: MerkleFrontier, previous: [UInt8])
    /// First sequence of the open journal.
    private var start: UInt64
    /// Full bundles that could not be written yet.
    private var owed: [(number: UInt64, entries: [[UInt8]])] = []
    private var publishedSize: UInt64 = 0
    private var writtenPartial: Int?
    private(set) var isBroken = false

    // MARK: - Opening

    struct Opening {
        var journal: AuditJournal
        /// nil for a new log.
        var lastEntry: [UInt8]?
        var tornBytes: Int
    }

    /// Opens the folder's log or begins one: replays the last journal, cuts a torn end off, and repairs what is derived from it.
    static func open(_ folder: AuditFolder, signer: CheckpointSigner, rotation: Int = rotationBytes) throws(AuditError) -> Opening {
        do throws(FileError) {
            try folder.disk.createFolders(folder.journals)
            try folder.disk.createFolders(folder.path + "/tile/entries")
        } catch {
            throw .disk(error)
        }
        var starts: [UInt64]
        let published: [UInt8]?
        do throws(FileError) {
            starts = try folder.journalStarts()
            published = try folder.publishedNote()
        } catch {
            throw .disk(error)
        }
        var contents: JournalContents?
        while let last = starts.last {
            contents = try JournalContents.read(folder.journal(last), disk: folder.disk)
            if contents != nil { break }
            // A kill between making a journal and writing its header: nothing was ever in it.
            guard starts.count > 1 || published == nil else {
                throw .notThisLog(reason: "\(folder.journal(last)) has no whole header")
            }
            do throws(FileError) { try folder.disk.remove(folder.journal(last)) } catch { throw .disk(error) }
            starts.removeLast()
        }
        guard let contents else {
            guard published == nil else { throw .notThisLog(reason: "there is a checkpoint and no journal") }
            let journal = try AuditJournal(beginning: folder, signer: signer, rotation: rotation)
            return Opening(journal: journal, lastEntry: nil, tornBytes: 0)
        }
        var journal = try AuditJournal(resuming: contents, folder, signer: signer, rotation: rotation)
        try journal.checkPublished(published)
        try journal.repair(contents)
        return Opening(journal: journal, lastEntry: contents.groups.last?.entries.last, tornBytes: contents.tornBytes)
    }

    private init(beginning folder: AuditFolder, signer: CheckpointSigner, rotation: Int) throws(AuditError) {
        self.folder = folder
        self.signer = signer
        self.rotation = rotation
        frontier = MerkleFrontier()
        previous = [UInt8](repeating: 0, count: SHA256.size)
        partial = []
        do throws(CryptoError) {
            head = AuditHead(origin: signer.origin, size: 0, root: try frontier.root())
            note = []
        } catch {
            throw .crypto(error)
        }
        boundary = (frontier, previous)
        start = 0
        file = try Self.create(folder, JournalHeader(origin: signer.origin, frontier: frontier, previous: previous), nil)
    }

    private init(
        resuming contents: JournalContents, _ folder: AuditFolder, signer: CheckpointSigner, rotation: Int
    ) throws(AuditError) {
        guard contents.header.origin == signer.origin else {
            throw .notThisLog(reason: "its origin is \(contents.header.origin), not \(signer.origin)")
        }
        guard !contents.isDamaged else {
            throw .notThisLog(reason: "the journal is damaged at byte \(contents.end), with whole entries behind it; verify it")
        }
        self.folder = folder
        self.signer = signer
        self.rotation = rotation
        var frontier = contents.header.frontier
        var previous = contents.header.previous
        var boundary = (frontier: frontier, previous: previous)
        do throws(CryptoError) {
            for group in contents.groups {
                guard group.first == frontier.size, !group.entries.isEmpty else {
                    throw AuditFault.order.error
                }
                for entry in group.entries {
                    previous = try MerkleHash.leaf(entry)
                    try frontier.append(leafHash: previous)
                    if frontier.size % EntryBundles.width == 0 { boundary = (frontier, previous) }
                }
            }
            head = AuditHead(origin: signer.origin, size: frontier.size, root: try frontier.root())
            note = contents.groups.last?.checkpoint ?? []
            if let last = contents.groups.last, try signer.verifier.head(ofNote: last.checkpoint) != head {
                throw AuditFault.checkpoint.error
            }
        } catch {
            throw error == AuditFault.order.error
                ? .notThisLog(reason: "the journal's entries do not follow each other, or its checkpoint is not of this key")
                : .crypto(error)
        }
        self.frontier = frontier
        self.previous = previous
        self.boundary = boundary
        start = contents.header.frontier.size
        // A journal begins at a full bundle, so the current bundle's entries are all in it.
        partial = Array(contents.groups.flatMap(\.entries).suffix(Int(frontier.size % EntryBundles.width)))
        do throws(FileError) {
            file = try folder.disk.openForAppending(folder.journal(contents.header.frontier.size))
            try file.truncate(to: contents.end)
            try file.synchronize()
        } catch {
            throw .disk(error)
        }
    }

    private enum AuditFault {
        case order, checkpoint
        var error: CryptoError { .notAuthentic }
    }

    /// A new journal with its header, and the entries of the unfinished bundle when it takes over from another.
    private static func create(_ folder: AuditFolder, _ header: JournalHeader, _ group: JournalGroup?) throws(AuditError) -> AppendFile {
        let bytes: [UInt8]
        do throws(CryptoError) { bytes = try header.serialized() + (group?.serialized() ?? []) } catch { throw .crypto(error) }
        do throws(FileError) {
            let path = folder.journal(header.frontier.size)
            let file = try folder.disk.create(path)
            do throws(FileError) {
                try file.append(bytes)
                try file.synchronize()
                try folder.disk.synchronizeFolder(folder.journals)
            } catch {
                file.close()
                try? folder.disk.remove(path)
                throw error
            }
            return file
        } catch {
            throw .disk(error)
        }
    }

    /// The published head must be one that this journal went through; a later one means that the journal was rolled back.
    private mutating func checkPublished(_ published: [UInt8]?) throws(AuditError) {
        guard let published else { return }
        let verifier: CheckpointVerifier
        do throws(CryptoError) { verifier = try signer.verifier } catch { throw .crypto(error) }
        guard let found = verifier.head(ofNote: published) else {
            throw .notThisLog(reason: "the published checkpoint is not signed by this key")
        }
        guard found.size <= frontier.size else {
            throw .notThisLog(
                reason: "the published checkpoint covers \(found.size) entries and the journal \(frontier.size): it was rolled back")
        }
        publishedSize = found.size
    }

    /// Writes the bundles that the journal covers and the folder lacks, then the checkpoint.
    private mutating func repair(_ contents: JournalContents) throws(AuditError) {
        let entries = contents.groups.flatMap(\.entries)
        let first = contents.header.frontier.size / EntryBundles.width
        for number in first..<max(first, frontier.size / EntryBundles.width) {
            let from = Int(number * EntryBundles.width - contents.header.frontier.size)
            let bundle = Array(entries[from..<from + Int(EntryBundles.width)])
            if (try? folder.entries(number)) != .entries(bundle) { owed.append((number, bundle)) }
        }
        publish()
    }

    // MARK: - Appending

    struct Appended {
        var first: UInt64
        var head: AuditHead
    }

    /// Makes the entries durable under a signed checkpoint, all or none, with one flush.
    mutating func append(_ entries: [AuditEntry], time: WallTime) throws(AuditError) -> Appended {
        guard !isBroken else { throw .broken }
        var frontier = frontier
        var previous = previous
        var partial = partial
        var boundary = boundary
        var completed: [(number: UInt64, entries: [[UInt8]])] = []
        var groups: [JournalGroup] = []
        var heads: [AuditHead] = []
        do throws(CryptoError) {
            for entry in entries {
                let json = entry.serialized(sequence: frontier.size, time: time, previous: previous)
                guard json.count <= AuditEntry.limit else { throw CryptoError.wrongMessageLength }
                // A group ends with its bundle, so that bundles can be told from a journal without its predecessor.
                if groups.isEmpty || partial.isEmpty { groups.append(JournalGroup(first: frontier.size, entries: [], checkpoint: [])) }
                groups[groups.count - 1].entries.append(json)
                previous = try MerkleHash.leaf(json)
                try frontier.append(leafHash: previous)
                partial.append(json)
                let head = AuditHead(origin: signer.origin, size: frontier.size, root: [])
                if heads.count < groups.count { heads.append(head) } else { heads[groups.count - 1] = head }
                if partial.count == Int(EntryBundles.width) {
                    completed.append((frontier.size / EntryBundles.width - 1, partial))
                    partial = []
                    boundary = (frontier, previous)
                    heads[groups.count - 1].root = try frontier.root()
                }
            }
            if let last = heads.indices.last, heads[last].root.isEmpty { heads[last].root = try frontier.root() }
        } catch {
            throw error == .wrongMessageLength ? .entryTooLarge : .crypto(error)
        }
        guard let first = groups.first?.first, let head = heads.last else { throw .entryTooLarge }

        // Room first: a head that is signed and then cannot be stored must not exist.
        let needed = groups.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.count + 2 } + 1_024 }
        if file.room < needed {
            do throws(FileError) {
                try file.reserve(needed + Self.reserveBytes)
            } catch {
                do throws(FileError) { try file.reserve(needed) } catch { throw .disk(error) }
            }
        }
        var bytes: [UInt8] = []
        do throws(CryptoError) {
            for index in groups.indices {
                groups[index].checkpoint = try signer.sign(heads[index])
                bytes += try groups[index].serialized()
            }
        } catch {
            throw .crypto(error)
        }
        do throws(FileError) {
            try file.append(bytes)
            try file.synchronize()
        } catch {
            isBroken = true
            throw .disk(error)
        }
        self.frontier = frontier
        self.previous = previous
        self.partial = partial
        self.boundary = boundary
        self.head = head
        note = groups.last?.checkpoint ?? note
        if !completed.isEmpty { writtenPartial = nil }
        owed += completed
        return Appended(first: first, head: head)
    }

    // MARK: - What is derived

    /// Entries that the published checkpoint does not cover yet.
    var unpublished: UInt64 { frontier.size - min(frontier.size, publishedSize) }

    /// Writes bundles and checkpoint behind the journal. A failure (disk full) is no error: it is made good later, at the latest at start.
    mutating func publish() {
        guard !note.isEmpty else { return }
        do throws(FileError) {
            while let (number, entries) = owed.first {
                let path = folder.bundle(number)
                try folder.disk.createFolders(Disk.parent(of: path))
                try folder.disk.write(EntryBundles.serialized(entries), to: path, replacing: true)
                try removePartials(number, except: nil)
                owed.removeFirst()
            }
            if !partial.isEmpty, writtenPartial != partial.count {
                let number = frontier.size / EntryBundles.width
                let path = folder.bundle(number, partial: partial.count)
                try folder.disk.createFolders(Disk.parent(of: path))
                try folder.disk.write(EntryBundles.serialized(partial), to: path, replacing: true)
                try removePartials(number, except: partial.count)
                writtenPartial = partial.count
            }
            try folder.disk.write(note, to: folder.checkpoint, replacing: true)
            publishedSize = frontier.size
        } catch {
            return
        }
        rotateIfDue()
    }

    private func removePartials(_ number: UInt64, except kept: Int?) throws(FileError) {
        let partials = folder.bundle(number) + ".p"
        for name in try folder.disk.list(partials) where Int(name) != kept { try folder.disk.remove(partials + "/" + name) }
    }

    /// Begins a new journal at the last full bundle, and removes all but the one before it: their bundles are durable by now.
    private mutating func rotateIfDue() {
        guard file.size > rotation, boundary.frontier.size > start, owed.isEmpty else { return }
        let header = JournalHeader(origin: signer.origin, frontier: boundary.frontier, previous: boundary.previous)
        let group = partial.isEmpty ? nil : JournalGroup(first: boundary.frontier.size, entries: partial, checkpoint: note)
        do {
            let next = try Self.create(folder, header, group)
            file.close()
            file = next
            start = boundary.frontier.size
            for start in try folder.journalStarts().dropLast(2) { try folder.disk.remove(folder.journal(start)) }
        } catch {
            return  // The old journal goes on; it is tried again at the next publication.
        }
    }

    func close() { file.close() }
}
