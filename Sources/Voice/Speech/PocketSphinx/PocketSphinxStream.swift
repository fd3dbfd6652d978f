internal import CPocketSphinx
internal import SottoBase
internal import Synchronization

/// One caller's recognition. Everything but `stop` runs on the pool thread that owns it.
///
/// Audio is cut into utterances by voice activity, with a pre-roll so that first sounds are not lost. Each utterance is decoded at its
/// end; one that holds numbers is read again with the number search. A long one is understood piece by piece, cut in its pauses, but
/// never near a number: so recordings do not wait for its end.
final class PocketSphinxStream: RecognizerStream, @unchecked Sendable {  // proof: `stop` touches the atomic alone
    /// Audio kept from before speech was detected.
    private static let preRollFrames = 15
    /// An utterance that goes on longer is split here: 15 s.
    private static let longestUtterance = 15 * 16_000
    /// A piece is not shorter: 3 s, from which the decoder knows the voice well enough.
    private static let shortestPiece = 3 * 16_000
    /// A pause in which an utterance may be cut, in milliseconds.
    private static let pieceBreak = 300
    /// None of so many words before a cut is a number: it could go on behind the pause.
    private static let wordsFreeOfNumbers = 5
    /// A recognizer that is late works on no more than this per turn, so that callers of one thread take turns.
    private static let framesPerTurn = 25

    private let audio: AudioRing
    private let owner: CallID
    private let grant: BoundaryGrant
    private let events: @Sendable (RecognizerEvent) -> Void
    private let stopped = Atomic<Bool>(false)
    private let models: PocketSphinxModels
    private var decoder: OpaquePointer?
    private var isOver = false

    private var detector = VoiceActivityDetector()
    /// The current utterance's samples, the pre-roll while nobody speaks. Locked, wiped after each utterance.
    private let buffer = LockedMemory(count: (longestUtterance + AudioRing.samplesPerFrame) * 2)
    private var buffered = 0
    private var bufferStart = MediaTime.zero
    private var nextPosition: MediaTime?
    private var isDecoding = false
    /// The middle of the last quiet frame, in samples from the buffer's start: where an utterance may be cut without cutting a word.
    private var lastQuiet = 0
    /// Where the utterance began, of which the buffer may hold the last piece alone.
    private var utteranceStart = MediaTime.zero
    /// Samples in the buffer when it was last tried whether a piece ends here.
    private var triedAt = 0
    private var reportedPosition = MediaTime(ticks: -1)

    init(
        audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, models: PocketSphinxModels,
        events: @escaping @Sendable (RecognizerEvent) -> Void
    ) {
        self.audio = audio
        self.owner = owner
        self.grant = grant
        self.models = models
        self.events = events
    }

    deinit { if let decoder { ps_free(decoder) } }

    func stop() { stopped.store(true, ordering: .releasing) }

    private var samples: UnsafeMutablePointer<Int16> { buffer.pointer.assumingMemoryBound(to: Int16.self) }

    /// Takes what waits in the ring. False when the stream is over and may be dropped.
    func work() -> Bool {
        guard !isOver else { return false }
        if decoder == nil {
            // Made here and not in `listen`: it takes a tenth of a second, and the models belong to this thread.
            do throws(SpeechError) { decoder = try models.makeDecoder() } catch {
                close()
                events(.failed(error))
                return false
            }
        }
        if stopped.load(ordering: .acquiring) {
            close()
            return false
        }
        for _ in 0..<Self.framesPerTurn {
            let isClosed = audio.isClosed
            let wasRead: Void? = audio.readClear(grant) { header, frame in take(header, frame) }
            if wasRead == nil {
                if isClosed {
                    if isDecoding { finishUtterance() }
                    if !isOver, let nextPosition { events(.processed(nextPosition)) }
                    close()
                    return false
                }
                break
            }
            if isOver { return false }
        }
        return true
    }

    private func take(_ header: AudioFrameHeader, _ frame: UnsafeBufferPointer<Int16>) {
        guard !frame.isEmpty else { return }
        if let expected = nextPosition {
            // What was understood once is not understood again.
            guard header.position.ticks > expected.ticks - 48 else { return }
            if header.position.ticks > expected.ticks + 48 {
                if isDecoding { finishUtterance() }
                guard !isOver else { return }
                forgetBuffer()
                events(.gap(from: expected, to: header.position))
            }
        }
        nextPosition = MediaTime(ticks: header.position.ticks + Int64(frame.count) * 3)

        let change = detector.process(frame)
        if buffered == 0 { bufferStart = header.position }
        append(frame)
        if detector.isQuiet { lastQuiet = buffered - frame.count / 2 }
        switch change {
        case .speechStarted:
            start()
        case .speechEnded where isDecoding:
            finishUtterance()
        case .none, .speechEnded:
            if !isDecoding {
                trimPreRoll()
            } else if buffered >= Self.longestUtterance {
                splitUtterance()
            } else if detector.quietMilliseconds >= Self.pieceBreak, buffered - triedAt >= Self.shortestPiece {
                cutPiece()
            }
        }
        // Behind a failure nothing counts as understood.
        if !isOver { reportProgress() }
    }

    private func append(_ frame: UnsafeBufferPointer<Int16>) {
        guard let source = frame.baseAddress, (buffered + frame.count) * 2 <= buffer.count else { return }
        (samples + buffered).update(from: source, count: frame.count)
        buffered += frame.count
    }

    private func trimPreRoll() {
        let keep = Self.preRollFrames * AudioRing.samplesPerFrame
        guard buffered > keep else { return }
        forget(buffered - keep)
    }

    private func forgetBuffer() { forget(buffered) }

    /// Wipes the oldest samples; what follows them moves to the front.
    private func forget(_ count: Int) {
        let rest = buffered - count
        if rest > 0 { samples.update(from: samples + count, count: rest) }
        wipe(samples + rest, count: count * 2)
        buffered = rest
        bufferStart = MediaTime(ticks: bufferStart.ticks + Int64(count) * 3)
        lastQuiet = max(0, lastQuiet - count)
        triedAt = 0
    }

    // MARK: - Decoding

    private func start() {
        isDecoding = true
        utteranceStart = bufferStart
        triedAt = 0
        events(.speechStarted(bufferStart))
    }

    /// Decodes the utterance in one piece. The mean of its own cepstra is then known, which is worth more than an earlier start:
    /// *measured* on flite's slt, a first utterance decoded while it was spoken came out as noise; in one piece it is right, and takes
    /// 5 to 9 % of its length.
    private func finishUtterance() {
        guard isDecoding else { return }
        isDecoding = false
        understand(buffered)
    }

    /// Somebody speaks on and on: what came before the last short pause is understood now, the rest with what follows. Without a pause
    /// in the last half the cut goes through a word.
    private func splitUtterance() {
        understand(lastQuiet >= Self.longestUtterance / 2 ? lastQuiet : buffered)
        guard !isOver else { return }
        detector.split()
        start()
    }

    /// In a pause: what was said is final, unless it ends with a number that may go on. Somebody who speaks for longer than an utterance
    /// may last is taken to have finished one.
    private func cutPiece() {
        triedAt = buffered
        let count = buffered - detector.quietMilliseconds * 8
        guard let words = read(count) else { return fail() }
        guard !words.suffix(Self.wordsFreeOfNumbers).contains(where: \.isNumber) else { return }
        let isLong = bufferStart.ticks - utteranceStart.ticks >= Int64(Self.longestUtterance) * 3
        understand(count, words, isPiece: !isLong)
        guard isLong, !isOver else { return }
        detector.split()
        start()
    }

    private func understand(_ count: Int) {
        guard let words = read(count) else { return fail() }
        understand(count, words, isPiece: false)
    }

    /// Reads numbers again, reports and wipes the oldest `count` samples.
    private func understand(_ count: Int, _ talk: [RecognizedWord], isPiece: Bool) {
        var words = talk
        if words.count(where: \.isNumber) >= 3 {
            guard let decoder, ps_set_search(decoder, PocketSphinxModels.numbers) == 0 else { return fail() }
            let numbers = read(count)
            guard ps_set_search(decoder, PocketSphinxModels.talk) == 0 else { return fail() }
            if let numbers { words = RecognizedWord.merge(talk: words, numbers: numbers) }
        }
        let start = bufferStart
        let end = MediaTime(ticks: bufferStart.ticks + Int64(count) * 3)
        if let (clear, dropped) = store(words) {
            let isTruncated = dropped > 0
            events(
                isPiece
                    ? .piece(clear, from: start, to: end, isTruncated: isTruncated)
                    : .final(clear, from: start, to: end, isTruncated: isTruncated))
        } else {
            events(.gap(from: start, to: end))
        }
        forget(count)
    }

    /// The oldest `count` samples through the search that is set; nil when the decoder refused it.
    private func read(_ count: Int) -> [RecognizedWord]? {
        guard let decoder, ps_start_utt(decoder) == 0 else { return nil }
        let processed = ps_process_raw(decoder, samples, count, 0, 1)
        guard ps_end_utt(decoder) == 0, processed >= 0 else { return nil }
        return RecognizedWord.hypothesis(of: decoder)
    }

    private func store(_ words: [RecognizedWord]) -> (Clear<SpokenWords>, dropped: Int)? {
        guard var writer = SpokenWordsWriter(owner: owner) else { return nil }
        for word in words {
            writer.append(
                word.text, from: bufferStart + Int64(word.firstFrame) * 10, to: bufferStart + Int64(word.lastFrame + 1) * 10)
        }
        let dropped = writer.dropped
        return (writer.finish(), dropped)
    }

    /// What lies before the pre-roll, or before the utterance that is being spoken, is understood.
    private func reportProgress() {
        guard bufferStart.ticks > reportedPosition.ticks + 48 * 100 || reportedPosition.ticks < 0 else { return }
        reportedPosition = bufferStart
        events(.processed(bufferStart))
    }

    private func fail() {
        close()
        events(.failed(.failed("the decoder refused audio")))
    }

    private func close() {
        if let decoder { ps_free(decoder) }
        decoder = nil
        isOver = true
        isDecoding = false
        forgetBuffer()
    }
}
