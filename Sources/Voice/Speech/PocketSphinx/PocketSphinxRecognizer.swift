internal import Foundation
internal import Synchronization
public import SottoBase

/// Recognition inside this process with PocketSphinx, on a small fixed pool of threads: a slow recognizer loses its own frames
/// (a gap), never a media thread's time.
public final class PocketSphinxRecognizer: SpeechRecognizer {
    public let provider = ProviderDescription(name: "pocketsphinx", boundary: .inProcess)

    private let pool: [RecognizerThread]
    private let next = Atomic<Int>(0)

    /// Loads the models (a few seconds) and starts the threads.
    ///
    /// - Parameters:
    ///   - phrases: what the dialogues expect to hear; their words join the vocabulary.
    ///   - threads: 1 to 64. Each has models of its own.
    ///   - streamsPerThread: callers that one thread listens to; an utterance of 15 s takes up to 3 s, for which the others on its thread
    ///     wait.
    ///   - folder: a private folder for generated files.
    public init(
        paths: PocketSphinxPaths = PocketSphinxPaths(), phrases: [String], threads: Int, streamsPerThread: Int = 4, folder: String
    ) throws(SpeechError) {
        var pool: [RecognizerThread] = []
        for index in 0..<max(1, min(64, threads)) {
            let own = "\(folder)/recognizer-\(index)"
            do {
                try FileManager.default.createDirectory(
                    atPath: own, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch { throw .unavailable("cannot make the folder \(own)") }
            pool.append(
                RecognizerThread(
                    models: try PocketSphinxModels(paths: paths, phrases: phrases, folder: own), limit: streamsPerThread, index: index))
        }
        self.pool = pool
    }

    deinit { for thread in pool { thread.end() } }

    /// Callers being listened to now: a gauge that returns to zero.
    public var streams: Int { pool.reduce(0) { $0 + $1.count } }

    public func listen(
        to audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        guard let thread = pool.min(by: { $0.count < $1.count }) else { throw .overloaded }
        return try thread.add(audio: audio, owner: owner, grant: grant, events: events)
    }
}

/// One thread of the pool with its models and its callers.
final class RecognizerThread: @unchecked Sendable {  // proof: the streams, and the models in them, run on its one thread
    private let models: PocketSphinxModels
    private let limit: Int
    private let state = Mutex<[PocketSphinxStream]>([])
    private let wake = DispatchSemaphore(value: 0)
    private let ended = Atomic<Bool>(false)

    init(models: PocketSphinxModels, limit: Int, index: Int) {
        self.models = models
        self.limit = limit
        let thread = Thread { [weak self, wake] in
            while true {
                // A turn every 20 ms while anybody is on the line; asleep otherwise.
                let isIdle = self?.turn()
                guard let isIdle else { return }
                if isIdle { wake.wait() } else { _ = wake.wait(timeout: .now() + .milliseconds(20)) }
            }
        }
        thread.name = "recognizer-\(index)"
        thread.start()
    }

    var count: Int { state.withLock { $0.count } }

    func add(
        audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) throws(SpeechError) -> any RecognizerStream {
        guard count < limit else { throw .overloaded }
        let stream = PocketSphinxStream(audio: audio, owner: owner, grant: grant, models: models, events: events)
        state.withLock { $0.append(stream) }
        wake.signal()
        return stream
    }

    func end() {
        ended.store(true, ordering: .releasing)
        wake.signal()
    }

    /// Lets every caller's stream work once. True when there is nobody, nil when the pool has ended.
    private func turn() -> Bool? {
        if ended.load(ordering: .acquiring) { return nil }
        let streams = state.withLock { $0 }
        var over: [ObjectIdentifier] = []
        for stream in streams {
            if !stream.work() { over.append(ObjectIdentifier(stream)) }
        }
        return state.withLock { list in
            if !over.isEmpty { list.removeAll { over.contains(ObjectIdentifier($0)) } }
            return list.isEmpty
        }
    }
}
