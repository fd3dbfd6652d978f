internal import DurableFiles
internal import Foundation
internal import Keys
public import SottoBase

/// A kept call, read by somebody whom policy allows it. Each object's key is opened when it is first needed.
public struct StoredCall: Sendable {
    public let summary: CallSummary
    private let storage: SealedStore

    init(summary: CallSummary, storage: SealedStore) {
        self.summary = summary
        self.storage = storage
    }

    public var place: CallPlace { summary.place }

    /// The numbers of both sides, opened for display.
    public func numbers() async throws(StorageError) -> (caller: String?, callee: String?) {
        guard summary.callerSealed != nil || summary.calleeSealed != nil else { return (nil, nil) }
        let key = try await key(.analytics)
        var caller: String?
        var callee: String?
        if let sealed = summary.callerSealed { caller = try SealedNumber.open(sealed, field: "caller", place: place, key: key) }
        if let sealed = summary.calleeSealed { callee = try SealedNumber.open(sealed, field: "callee", place: place, key: key) }
        return (caller, callee)
    }

    /// Where a body lies, for the operator.
    public func path(of object: SealedObjectName) -> String { storage.folder(of: place, object.kind.keyClass) + "/\(object)" }

    /// Checks one object against its leaf.
    /// - Parameter leaf: from the audit log; the index's copy of it when none is given.
    public func inspect(_ object: SealedObjectName, leaf: SealedClosing? = nil) async throws(StorageError) -> ObjectReport {
        let leaf = leaf ?? summary.objects.first { $0.object == object }?.closing
        let key = try await key(object.kind.keyClass)
        let path = path(of: object)
        let (place, disk) = (place, storage.disk)
        return try await storage.onWorker { () throws(StorageError) in
            do throws(SealedReadError) {
                return try SealedBodyReader(path: path, place: place, object: object, key: key, disk: disk).inspect(leaf: leaf)
            } catch {
                guard let finding = ObjectReport.Finding(error) else { throw .unreadable(error) }
                return ObjectReport(
                    state: .tampered(finding), segments: 0, expectedSegments: leaf?.segments, hasIndex: false, tornBytes: 0, lost: 0)
            }
        }
    }

    /// The header and frames of one leg, part by part. Throws when anything that is read is not authentic.
    public func audio(_ speaker: Speaker, from: MediaTime = MediaTime(ticks: .min), to: MediaTime = MediaTime(ticks: .max))
        async throws(StorageError) -> [(codec: RecordedCodec, frames: [StoredFrame])]
    {
        var parts: [(codec: RecordedCodec, frames: [StoredFrame])] = []
        for object in summary.objects.map(\.object).filter({ $0.kind == .audio && $0.leg == speaker }).sorted(by: { $0.part < $1.part }) {
            let (codec, frames) = try await read(object) { reader throws(SealedReadError) in
                (reader.header.codec, try reader.frames(from: from, to: to))
            }
            if let codec { parts.append((codec, frames)) }
        }
        return parts
    }

    public func transcript() async throws(StorageError) -> [StoredTranscriptLine] {
        guard summary.objects.contains(where: { $0.object.kind == .transcript }) else { return [] }
        let lines = try await read(SealedObjectName(kind: .transcript)) { reader throws(SealedReadError) in try reader.lines() }
        return lines.compactMap(StoredTranscriptLine.init(json:))
    }

    /// The JSON lines of the call's events.
    public func events() async throws(StorageError) -> [[UInt8]] {
        guard summary.objects.contains(where: { $0.object.kind == .events }) else { return [] }
        return try await read(SealedObjectName(kind: .events)) { reader throws(SealedReadError) in try reader.lines() }
    }

    /// The JSON of a document; nil when there is none.
    public func document(_ kind: SealedCall.DocumentKind, part: UInt16 = 0) async throws(StorageError) -> [UInt8]? {
        let object = SealedObjectName(kind: kind.sealed, part: part)
        guard summary.objects.contains(where: { $0.object == object }) else { return nil }
        return try await read(object) { reader throws(SealedReadError) in try reader.lines() }.first
    }

    // MARK: - Steps

    private func read<Value: Sendable>(
        _ object: SealedObjectName, _ work: @escaping @Sendable (SealedBodyReader) throws(SealedReadError) -> Value
    ) async throws(StorageError) -> Value {
        let key = try await key(object.kind.keyClass)
        let path = path(of: object)
        let (place, disk) = (place, storage.disk)
        return try await storage.onWorker { () throws(StorageError) in
            do throws(SealedReadError) {
                return try work(SealedBodyReader(path: path, place: place, object: object, key: key, disk: disk))
            } catch {
                throw .unreadable(error)
            }
        }
    }

    private func key(_ keyClass: KeyClass) async throws(StorageError) -> CallKey {
        let path = storage.folder(of: place, keyClass) + "/\(keyClass.rawValue).keys"
        let disk = storage.disk
        let file = try await storage.onWorker { () throws(StorageError) in
            let bytes: [UInt8]
            do throws(FileError) { bytes = try disk.read(path, limit: 16_384) } catch { throw .disk(error) }
            guard let file = CallKeyFile(bytes) else { throw .keys(.malformed(path: path)) }
            return file
        }
        let (keys, place) = (storage.keys, place)
        return try await storage.mapKeys { () async throws(KeyError) in
            try await keys.openCallKey(file, tenant: place.tenant, keyClass: keyClass, call: place.call)
        }
    }
}

extension StoredTranscriptLine {
    /// nil when it is not one of our lines.
    init?(json: [UInt8]) {
        struct Line: Decodable {
            var speaker: String
            var from: Int64
            var to: Int64
            var text: String
        }
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(json)),
            let speaker = Speaker.allCases.first(where: { $0.name == line.speaker })
        else { return nil }
        self.init(speaker: speaker, from: MediaTime(ticks: line.from), to: MediaTime(ticks: line.to), text: line.text)
    }
}
