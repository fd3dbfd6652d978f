internal import DurableFiles
internal import Keys
public import SottoBase
internal import Synchronization

/// A call that is being kept: made when its call starts (`SealedStore.openCall`), closed when it ends. It opens the bodies and holds the
/// call's keys meanwhile.
public final class SealedCall: Sendable {
    public let place: CallPlace
    private let storage: SealedStore
    private let keys = Mutex<[KeyClass: CallKey]>([:])

    init(place: CallPlace, storage: SealedStore, key: CallKey) {
        self.place = place
        self.storage = storage
        keys.withLock { $0[key.keyClass] = key }
    }

    /// A recorder for both legs. Refused (`notGranted`) unless the grant is of this call and tenant and covers recording.
    public func startAudio(
        grant: ConsentGrant, codecs: [Speaker: RecordedCodec], terms: RecordTerms
    ) async throws(StorageError) -> AudioRecorder {
        guard grant.call == place.call, grant.tenant == place.tenant, grant.uses.contains(.recording) else { throw .notGranted }
        var bodies: [(Speaker, RecordedCodec, SealedBody)] = []
        for speaker in Speaker.allCases {
            guard let codec = codecs[speaker] else { continue }
            bodies.append(
                (speaker, codec, try await makeBody(SealedObjectName(kind: .audio, leg: speaker), codec: codec, terms: terms)))
        }
        return AudioRecorder(call: self, terms: terms, worker: storage.worker, bodies: bodies)
    }

    /// A writer for masked lines. Refused (`notGranted`) unless the grant is of this call and tenant and covers transcription.
    public func startTranscript(grant: ConsentGrant, terms: RecordTerms) async throws(StorageError) -> LineWriter {
        guard grant.call == place.call, grant.tenant == place.tenant, grant.uses.contains(.transcription) else { throw .notGranted }
        let body = try await makeBody(SealedObjectName(kind: .transcript), codec: nil, terms: terms)
        return LineWriter(call: self, body: body, worker: storage.worker)
    }

    /// A writer for the call's events. They carry no content, so no grant is asked for.
    public func startEvents(terms: RecordTerms) async throws(StorageError) -> LineWriter {
        let body = try await makeBody(SealedObjectName(kind: .events), codec: nil, terms: terms)
        return LineWriter(call: self, body: body, worker: storage.worker)
    }

    /// Keeps one document whole: a call record, consent evidence, openings. Durable when it returns.
    /// - Parameter part: for a second document of the kind: consent that was asked for again.
    public func write(
        _ document: RecordFields, as kind: DocumentKind, part: UInt16 = 0, terms: RecordTerms
    ) async throws(StorageError) -> SealedClosing {
        let json = JSONText.object(document)
        guard json.count <= DocumentKind.limit else { throw .tooLarge }
        let body = try await makeBody(SealedObjectName(kind: kind.sealed, part: part), codec: nil, terms: terms)
        try await storage.onWorker(isReserved: true) { () throws(StorageError) in
            try body.append([SegmentKind.line.rawValue] + json, position: .zero)
        }
        return try await close(body) { 0 }
    }

    public enum DocumentKind: Sendable {
        case record, consent, openings

        static let limit = 1024 * 1024
        var sealed: SealedKind {
            switch self {
            case .record: .record
            case .consent: .consent
            case .openings: .openings
            }
        }
    }

    /// Completes the call's row in the index and forgets its keys. Bodies that are still open stay unfinished.
    public func close(_ ending: CallEnding) async throws(StorageError) {
        keys.withLock { $0 = [:] }
        try await storage.index.end(place, ending)
    }

    // MARK: - For the writers

    func makeBody(_ object: SealedObjectName, codec: RecordedCodec?, terms: RecordTerms) async throws(StorageError) -> SealedBody {
        let key = try await key(object.kind.keyClass)
        let header = SealedHeader(place: place, object: object, codec: codec, terms: terms)
        let folder = storage.folder(of: place, object.kind.keyClass)
        let disk = storage.disk
        let body = try await storage.onWorker { () throws(StorageError) in
            try SealedBody(header, key: key, folder: folder, disk: disk)
        }
        try await storage.index.add(object, of: place)
        return body
    }

    func close(_ body: SealedBody, lost: @escaping @Sendable () -> UInt64) async throws(StorageError) -> SealedClosing {
        // Behind everything that was submitted for this body before.
        let closing = try await storage.onWorker(isReserved: true) { () throws(StorageError) in try body.close(lost: lost()) }
        try await storage.index.close(closing)
        return closing
    }

    private func key(_ keyClass: KeyClass) async throws(StorageError) -> CallKey {
        if let key = keys.withLock({ $0[keyClass] }) { return key }
        let fresh = try await storage.makeKey(place, keyClass)
        return keys.withLock { keys in
            if let other = keys[keyClass] { return other }
            keys[keyClass] = fresh
            return fresh
        }
    }
}
