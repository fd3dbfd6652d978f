internal import DurableFiles
internal import Keys
public import SottoBase
internal import Synchronization

/// Keeps a call's masked audio, a body a leg. It can only be had with a consent grant (`SealedCall.startAudio`).
///
/// `append` never waits for a disk: two seconds of a leg make a segment, which the storage's worker seals and writes. So a kill loses at
/// most two seconds; a power cut what came since the last flush (every ten seconds, and at the close).
public final class AudioRecorder: Sendable {
    /// A segment's length in media time.
    static let segmentMilliseconds: Int64 = 2_000
    /// A segment is closed early when it holds so many bytes.
    private static let segmentBytes = 128 * 1024
    private static let segmentsPerFlush: UInt64 = 5

    private struct Leg {
        var body: SealedBody
        var codec: RecordedCodec
        var pending: [UInt8] = []
        var pendingFrames: UInt64 = 0
        var start = MediaTime.zero
        var segments: UInt64 = 0
    }

    private struct State {
        var legs: [Speaker: Leg] = [:]
        /// Bodies of parts that a change of codec ended, in order.
        var ended: [SealedBody] = []
        var lost: UInt64 = 0
        var lastError: StorageError?
        var isClosed = false
    }

    private let call: SealedCall
    private let terms: RecordTerms
    private let worker: SerialWorker
    private let state = Mutex(State())

    init(call: SealedCall, terms: RecordTerms, worker: SerialWorker, bodies: [(Speaker, RecordedCodec, SealedBody)]) {
        self.call = call
        self.terms = terms
        self.worker = worker
        state.withLock { state in
            for (speaker, codec, body) in bodies { state.legs[speaker] = Leg(body: body, codec: codec) }
        }
    }

    /// Frames that were not kept, because the disk was full or too slow, or the leg has no body.
    public var lost: UInt64 { state.withLock { $0.lost } }
    /// The last failure to write, for an alert; nil while all is well.
    public var lastError: StorageError? { state.withLock { $0.lastError } }

    /// Takes a frame of either leg, from one thread at a time. Never blocks. False when it is lost at once (counted).
    @discardableResult
    public func append(_ frame: Masked<RecordedFrame>) -> Bool {
        let frame = frame.content
        return state.withLock { state in
            guard !state.isClosed, frame.payload.count <= 4_096, var leg = state.legs[frame.header.speaker] else {
                state.lost += 1
                return false
            }
            if leg.pendingFrames == 0 {
                leg.start = frame.header.position
                leg.pending = [SegmentKind.frames.rawValue]
            }
            SegmentFormat.appendFrame(frame, to: &leg.pending)
            leg.pendingFrames += 1
            let end = frame.header.position + Int64(frame.header.durationMilliseconds)
            var isKept = true
            if end.ticks &- leg.start.ticks >= Self.segmentMilliseconds * 48 || leg.pending.count >= Self.segmentBytes {
                isKept = cut(&leg, &state)
            }
            state.legs[frame.header.speaker] = leg
            return isKept
        }
    }

    /// The leg's codec changed (re-INVITE): its frames from now on go to a new part.
    public func changeCodec(_ speaker: Speaker, to codec: RecordedCodec) async throws(StorageError) {
        let part = state.withLock { state in UInt16(truncatingIfNeeded: state.ended.count { $0.object.leg == speaker } + 1) }
        let body = try await call.makeBody(SealedObjectName(kind: .audio, leg: speaker, part: part), codec: codec, terms: terms)
        state.withLock { state in
            guard !state.isClosed else { return }
            if var old = state.legs[speaker] {
                _ = cut(&old, &state)
                state.ended.append(old.body)
            }
            state.legs[speaker] = Leg(body: body, codec: codec)
        }
    }

    /// Seals what is pending, writes the indexes and makes all durable. One closing a body, each to be made an audit leaf.
    public func close() async throws(StorageError) -> [SealedClosing] {
        let (bodies, failures): ([SealedBody], UInt64) = state.withLock { state in
            guard !state.isClosed else { return ([], 0) }
            state.isClosed = true
            for speaker in Speaker.allCases {
                guard var leg = state.legs[speaker] else { continue }
                _ = cut(&leg, &state, isReserved: true)
                state.legs[speaker] = leg
            }
            return (state.ended + Speaker.allCases.compactMap { state.legs[$0]?.body }, state.lost)
        }
        guard !bodies.isEmpty || failures > 0 else { throw .closed }
        var closings: [SealedClosing] = []
        for body in bodies { closings.append(try await call.close(body) { [self] in lost }) }
        return closings
    }

    /// Hands the pending frames to the worker.
    private func cut(_ leg: inout Leg, _ state: inout State, isReserved: Bool = false) -> Bool {
        guard leg.pendingFrames > 0 else { return true }
        let content = leg.pending
        let frames = leg.pendingFrames
        let position = leg.start
        let body = leg.body
        leg.segments += 1
        let isFlushed = leg.segments % Self.segmentsPerFlush == 0
        leg.pending = []
        leg.pendingFrames = 0
        let isQueued = worker.submit(isReserved: isReserved) { [self] in
            do throws(StorageError) {
                try body.append(content, position: position)
                if isFlushed { try body.synchronize() }
            } catch {
                self.state.withLock { state in
                    state.lost += frames
                    state.lastError = error
                }
            }
        }
        if !isQueued {
            state.lost += frames
            state.lastError = .overloaded
        }
        return isQueued
    }
}
