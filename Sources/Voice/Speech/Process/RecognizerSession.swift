internal import ProviderProcesses
internal import SottoBase

/// What passes between one caller's audio and one program: frames into its standard input, lines out of its standard output.
///
///     not started ─▶ running ──ring closed──▶ finishing ──end of output──▶ over
///                       └── stop, fault, deadline, death ──────────────────▲
struct RecognizerSession: ~Copyable, Sendable {
    /// Frames per turn: a turn ends though the caller's ring is full.
    private static let framesPerTurn = 64
    /// Reads per turn.
    private static let readsPerTurn = 8
    /// Header and samples: less than 4,096 bytes, so a pipe takes a frame whole or not at all.
    static let frameHeaderSize = 16

    private let audio: AudioRing
    private let owner: CallID
    private let grant: BoundaryGrant
    private let command: [String]
    private let name: String
    private let limits: ProcessRecognizer.Limits
    private let events: @Sendable (RecognizerEvent) -> Void

    private var child: ChildProcess?
    private var isOver = false
    private(set) var endedWell = false
    private var lines = LineBuffer(limit: 64 * 1024)
    private var contract = RecognizerContract()
    private var lineBudget = RateBudget(perSecond: 200, burst: 1_000)
    /// Each holds a slot of the words' arena until its call has read it.
    private var utteranceBudget = RateBudget(perSecond: 40, burst: 100)

    /// The frame that the pipe did not take yet.
    private let staged = LockedMemory(count: frameHeaderSize + AudioRing.samplesPerFrame * 2)
    private var stagedCount = 0
    private var stagedSince: Instant?
    private var nextPosition: MediaTime?
    /// The end of the audio that the program was given.
    private var sent = MediaTime.zero
    private var startedAt = Instant(nanoseconds: 0)
    private var finishingSince: Instant?

    init(
        audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, command: [String], name: String, limits: ProcessRecognizer.Limits,
        events: @escaping @Sendable (RecognizerEvent) -> Void
    ) {
        self.audio = audio
        self.owner = owner
        self.grant = grant
        self.command = command
        self.name = name
        self.limits = limits
        self.events = events
    }

    mutating func turn(now: Instant, isStopped: Bool) -> PumpTurn {
        guard !isOver else { return .over }
        if isStopped {
            endedWell = contract.isReady || child == nil
            close()
            return .over
        }
        do throws(SpeechError) {
            try start(now)
            try receive(now)
            guard !isOver else { return .over }
            try send(now)
            try checkDeadlines(now)
        } catch {
            close()
            events(.failed(error))
            return .over
        }
        return wait()
    }

    private func wait() -> PumpTurn {
        // While a caller speaks a frame comes every 20 ms.
        let milliseconds = finishingSince == nil ? 20 : 100
        switch child {
        case .none: return .over
        case .some(let child): return .wait(PumpWait(for: child, wantsToWrite: stagedCount > 0, milliseconds: milliseconds))
        }
    }

    private func failure(_ why: String) -> SpeechError { .failed("\(name) \(why)") }

    private mutating func start(_ now: Instant) throws(SpeechError) {
        guard child == nil else { return }
        do throws(ChildProcessFailure) { child = try ChildProcess(command: command) } catch { throw .unavailable("\(error)") }
        startedAt = now
    }

    // MARK: - Frames to the program

    private mutating func send(_ now: Instant) throws(SpeechError) {
        guard finishingSince == nil else { return }
        for _ in 0..<Self.framesPerTurn {
            if stagedCount == 0 {
                let isClosed = audio.isClosed
                guard stageFrame() else {
                    guard isClosed else { return }
                    child?.closeInput()
                    finishingSince = now
                    return
                }
            }
            switch child?.write(UnsafeRawBufferPointer(start: staged.pointer, count: stagedCount)) {
            case .bytes(stagedCount):
                wipe(staged.pointer, count: stagedCount)
                stagedCount = 0
                stagedSince = nil
                if let nextPosition { sent = max(sent, nextPosition) }
            case .bytes, .closed, nil:
                throw failure("closed its input")
            case .later:
                stagedSince = stagedSince ?? now
                return
            }
        }
    }

    /// Takes the oldest frame out of the caller's ring. False when none waits.
    private mutating func stageFrame() -> Bool {
        let target = staged.pointer
        let expected = nextPosition
        let events = events
        let taken: (count: Int, next: MediaTime)? = audio.readClear(grant) { header, samples in
            let next = MediaTime(ticks: header.position.ticks &+ Int64(samples.count) * 3)
            if let expected, header.position.ticks > expected.ticks &+ 48 { events(.gap(from: expected, to: header.position)) }
            target.storeBytes(of: 1, as: UInt8.self)
            target.storeBytes(of: UInt8(truncatingIfNeeded: header.flags.rawValue & 3), toByteOffset: 1, as: UInt8.self)
            target.storeBytes(of: UInt16(samples.count).littleEndian, toByteOffset: 2, as: UInt16.self)
            target.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
            target.storeBytes(of: header.position.milliseconds.littleEndian, toByteOffset: 8, as: Int64.self)
            if let source = samples.baseAddress {
                (target + Self.frameHeaderSize).copyMemory(from: source, byteCount: samples.count * 2)
            }
            return (Self.frameHeaderSize + samples.count * 2, next)
        }
        guard let taken else { return false }
        stagedCount = taken.count
        nextPosition = taken.next
        return true
    }

    // MARK: - Lines from the program

    private mutating func receive(_ now: Instant) throws(SpeechError) {
        for _ in 0..<Self.readsPerTurn {
            try takeLines(now)
            let transfer: ChildProcess.Transfer
            switch child {
            case .none: return
            case .some(let child): transfer = lines.fill(from: child)
            }
            switch transfer {
            case .bytes: continue
            case .later: return
            case .closed:
                guard finishingSince != nil, contract.isReady, lines.waiting == 0 else { throw failure("ended by itself") }
                endedWell = true
                return close()
            }
        }
    }

    private mutating func takeLines(_ now: Instant) throws(SpeechError) {
        let owner = owner
        while true {
            var line: RecognizerLine?
            let next: LineBuffer.Next
            do throws(RecognizerLine.Fault) {
                next = try lines.nextLine { (bytes) throws(RecognizerLine.Fault) in line = try RecognizerLine.read(bytes, owner: owner) }
            } catch {
                throw failure("wrote a line that is no answer: \(error)")
            }
            switch next {
            case .none: return
            case .tooLong: throw failure("wrote a line over \(lines.limit) bytes")
            case .line: if let line { try take(line, now) }
            }
        }
    }

    private mutating func take(_ line: RecognizerLine, _ now: Instant) throws(SpeechError) {
        var isWithin = lineBudget.spend(now: now)
        switch line {
        case .partial, .final, .speechStarted: isWithin = utteranceBudget.spend(now: now) && isWithin
        case .ready, .processed, .failed: break
        }
        let event: RecognizerEvent?
        do throws(RecognizerContract.Broken) { event = try contract.accept(line, sent: sent) } catch { throw failure(error.rawValue) }
        guard isWithin else {
            switch event {
            case .partial(let clear), .final(let clear, _, _, _): ClearArena.words.discard(clear)
            default: break
            }
            throw failure("wrote too many lines")
        }
        if let event { events(event) }
    }

    // MARK: - Time and end

    private func checkDeadlines(_ now: Instant) throws(SpeechError) {
        if !contract.isReady, now - startedAt > limits.start { throw failure("was not ready in time") }
        if let finishingSince {
            if now - finishingSince > limits.finish { throw failure("did not finish in time") }
            return
        }
        if let stagedSince, now - stagedSince > limits.stall { throw failure("takes no audio") }
        if sent.milliseconds - contract.processed.milliseconds > limits.lag.wholeMilliseconds {
            throw failure("fell too far behind")
        }
    }

    /// Ends the program and wipes what waited for it.
    mutating func close() {
        isOver = true
        child = nil
        lines = LineBuffer(limit: 1)
        wipe(staged.pointer, count: stagedCount)
        stagedCount = 0
    }
}
