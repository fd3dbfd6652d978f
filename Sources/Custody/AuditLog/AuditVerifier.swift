public import DurableFiles
internal import Foundation
internal import SottoCrypto

/// What an outsider's check of a log found.
public struct AuditVerification: Equatable, Sendable {
    /// The newest signed head in the folder; nil when there is none.
    public var head: AuditHead?
    /// Entries that were re-hashed.
    public var entries: UInt64
    /// Heads whose signature and root were checked.
    public var headsChecked: Int
    public var findings: [AuditFinding]

    /// True when nothing says that the log was changed. Notices (an unclean end) do not count.
    public var isSound: Bool { findings.allSatisfy { !$0.isFault } && head != nil }
}

/// One thing that a check found, with its place.
public enum AuditFinding: Equatable, Sendable, CustomStringConvertible {
    case noCheckpoint
    /// The published checkpoint is not a note that this key signed for this origin.
    case badPublishedSignature
    case badJournalSignature(size: UInt64)
    case unreadableJournal(first: UInt64)
    /// A journal has bytes that are no whole group: a crash, when they are its end and nothing whole follows.
    case tornJournal(first: UInt64, bytes: Int)
    case damagedJournal(first: UInt64, atByte: Int)
    case missingEntry(UInt64)
    /// A bundle's file is no row of whole entries, or not of as many as its name says.
    case malformedBundle(UInt64)
    /// A bundle and a journal, or two journals, hold different entries.
    case entriesDiffer(UInt64)
    /// The entries do not hash to the head's root.
    case wrongRoot(size: UInt64)
    case malformedEntry(UInt64)
    case wrongSequence(UInt64, found: UInt64)
    /// An entry does not name its predecessor.
    case wrongPrevious(UInt64)
    case noStart
    /// The log was opened again without a stop record before: the daemon was killed.
    case uncleanEnd(before: UInt64)
    /// Something other than a start follows a stop record.
    case entryAfterStop(UInt64)
    case timeWentBack(UInt64)
    /// Entries that no signed head covers.
    case uncovered(from: UInt64, count: UInt64)
    /// The folder's head is older than the one that was given: it was rolled back.
    case rolledBack(found: UInt64, expected: UInt64)
    /// At the given head's size the log has another root: two histories were signed, or this is another log.
    case forked(size: UInt64)

    /// False for what a crash or a clock explains.
    public var isFault: Bool {
        switch self {
        case .tornJournal, .uncleanEnd, .timeWentBack: false
        case .noCheckpoint, .badPublishedSignature, .badJournalSignature, .unreadableJournal, .damagedJournal, .missingEntry,
            .malformedBundle, .entriesDiffer, .wrongRoot, .malformedEntry, .wrongSequence, .wrongPrevious, .noStart, .entryAfterStop,
            .uncovered, .rolledBack, .forked:
            true
        }
    }

    public var description: String {
        switch self {
        case .noCheckpoint: "no signed head: neither a checkpoint nor a journal"
        case .badPublishedSignature: "the published checkpoint is not signed by this key for this origin"
        case .badJournalSignature(let size): "the journal's checkpoint over \(size) entries is not signed by this key"
        case .unreadableJournal(let first): "the journal from entry \(first) on has no whole header"
        case .tornJournal(let first, let bytes): "the journal from entry \(first) on ends in \(bytes) torn bytes (a crash)"
        case .damagedJournal(let first, let byte): "the journal from entry \(first) on is damaged at byte \(byte)"
        case .missingEntry(let entry): "entry \(entry) is missing"
        case .malformedBundle(let number): "bundle \(number) (entries from \(number * EntryBundles.width) on) is malformed"
        case .entriesDiffer(let entry): "entry \(entry) is not the same in every place that holds it"
        case .wrongRoot(let size): "the first \(size) entries do not hash to the signed root"
        case .malformedEntry(let entry): "entry \(entry) is malformed"
        case .wrongSequence(let entry, let found): "entry \(entry) says that it is entry \(found)"
        case .wrongPrevious(let entry): "entry \(entry) does not follow the entry before it"
        case .noStart: "the log does not begin with a start record"
        case .uncleanEnd(let entry): "no stop record before the start at entry \(entry) (the daemon was killed)"
        case .entryAfterStop(let entry): "entry \(entry) follows a stop record and is no start"
        case .timeWentBack(let entry): "entry \(entry) is older than the one before it (the clock was set)"
        case .uncovered(let from, let count): "\(count) entries from \(from) on are covered by no signed head"
        case .rolledBack(let found, let expected): "the log has \(found) entries and had \(expected): it was rolled back"
        case .forked(let size): "over its first \(size) entries the log has another head than the one given"
        }
    }
}

/// Checks a log from its folder and a verifier key alone: it asks the daemon nothing.
public struct AuditVerifier: Sendable {
    private let path: String
    private let verifier: CheckpointVerifier
    private let disk: Disk

    public init(folder: String, key: CheckpointVerifier, disk: Disk = Disk()) {
        path = folder
        verifier = key
        self.disk = disk
    }

    /// - Parameter expected: a head that was kept elsewhere (journald, SIEM, witness). The log must contain it.
    /// - Throws: only when the folder cannot be read. What is wrong with the log is a finding.
    public func verify(expected: AuditHead? = nil) throws(AuditError) -> AuditVerification {
        let source = try AuditSource(AuditFolder(path: path, disk: disk))
        var result = AuditVerification(head: nil, entries: 0, headsChecked: 0, findings: [])
        let heads = try signedHeads(source, &result)
        result.head = heads.values.max { $0.size < $1.size }
        guard let head = result.head else {
            result.findings.append(.noCheckpoint)
            return result
        }
        do throws(CryptoError) {
            try walk(source, head: head, heads: heads, expected: expected, &result)
        } catch {
            throw .crypto(error)
        }
        result.findings += source.malformedBundles.sorted().map { .malformedBundle($0) }
        if source.size > head.size { result.findings.append(.uncovered(from: head.size, count: source.size - head.size)) }
        if let expected, expected.size > head.size { result.findings.append(.rolledBack(found: head.size, expected: expected.size)) }
        return result
    }

    /// Every head that is signed in the folder, by size. Two different ones of a size show as a wrong root.
    private func signedHeads(_ source: AuditSource, _ result: inout AuditVerification) throws(AuditError) -> [UInt64: AuditHead] {
        var heads: [UInt64: AuditHead] = [:]
        for journal in source.journals {
            let first = journal.header.frontier.size
            if journal.isDamaged {
                result.findings.append(.damagedJournal(first: first, atByte: journal.end))
            } else if journal.tornBytes > 0 {
                result.findings.append(.tornJournal(first: first, bytes: journal.tornBytes))
            }
            for group in journal.groups {
                let size = group.first + UInt64(group.entries.count)
                if let head = verifier.head(ofNote: group.checkpoint), head.size == size {
                    heads[size] = head
                } else {
                    result.findings.append(.badJournalSignature(size: size))
                }
            }
        }
        result.findings += source.unreadableJournals.map { .unreadableJournal(first: $0) }
        result.findings += source.differingInJournals.map { .entriesDiffer($0) }
        let note: [UInt8]?
        do throws(FileError) { note = try source.folder.publishedNote() } catch { throw .disk(error) }
        if let note {
            if let head = verifier.head(ofNote: note) {
                if let other = heads[head.size], other != head { result.findings.append(.wrongRoot(size: head.size)) }
                heads[head.size] = head
            } else {
                result.findings.append(.badPublishedSignature)
            }
        }
        return heads
    }

    private func walk(
        _ source: AuditSource, head: AuditHead, heads: [UInt64: AuditHead], expected: AuditHead?, _ result: inout AuditVerification
    ) throws(CryptoError) {
        var frontier = MerkleFrontier()
        var previous = [UInt8](repeating: 0, count: SHA256.size)
        var lastAct: String?
        var lastTime = ""
        for sequence in 0..<head.size {
            let bundled = (try? source.bundled(sequence)) ?? nil
            let journalled = source.journalled(sequence)
            if let bundled, let journalled, bundled != journalled { result.findings.append(.entriesDiffer(sequence)) }
            guard let entry = bundled ?? journalled else {
                // Nothing behind a hole can be checked: every later hash depends on it.
                result.findings.append(.missingEntry(sequence))
                return
            }
            check(entry, sequence, previous, &lastAct, &lastTime, &result)
            previous = try MerkleHash.leaf(entry)
            try frontier.append(leafHash: previous)
            result.entries += 1
            if let head = heads[frontier.size] {
                result.headsChecked += 1
                if try frontier.root() != head.root { result.findings.append(.wrongRoot(size: head.size)) }
            }
            if let expected, expected.size == frontier.size, try frontier.root() != expected.root || expected.origin != head.origin {
                result.findings.append(.forked(size: expected.size))
            }
        }
    }

    private struct Fields: Decodable {
        var v: Int
        var sequence: UInt64
        var time: String
        var act: String
        var previous: String
    }

    private func check(
        _ entry: [UInt8], _ sequence: UInt64, _ previous: [UInt8], _ lastAct: inout String?, _ lastTime: inout String,
        _ result: inout AuditVerification
    ) {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(entry)), fields.v == 1 else {
            result.findings.append(.malformedEntry(sequence))
            return
        }
        if fields.sequence != sequence { result.findings.append(.wrongSequence(sequence, found: fields.sequence)) }
        if Base64.decode(fields.previous) != previous { result.findings.append(.wrongPrevious(sequence)) }
        if fields.time < lastTime { result.findings.append(.timeWentBack(sequence)) }
        let (started, stopped) = (AuditAct.logStarted.rawValue, AuditAct.logStopped.rawValue)
        if sequence == 0, fields.act != started { result.findings.append(.noStart) }
        if sequence > 0, fields.act == started, lastAct != stopped { result.findings.append(.uncleanEnd(before: sequence)) }
        if lastAct == stopped, fields.act != started { result.findings.append(.entryAfterStop(sequence)) }
        lastAct = fields.act
        lastTime = fields.time
    }
}
