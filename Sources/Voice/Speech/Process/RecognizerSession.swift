internal import ProviderProcesses
internal import SottoBase

/// What passes between one caller's audio and one program: frames into its standard input, lines out of its standard output.
///
///     not started ─▶ running ──ring closed──▶ finishing ──end of output──▶ over
///                       └── stop, fault, deadline, death ──────────────────▲
struct RecognizerSession: ~Copyable, Sendable {
    /// Frames per turn: a turn ends though the caller's ring is full.
    private static let framesPerTurn = 64
    /// Header and samples: less than 4,096 bytes, so a pipe takes a frame whole or not at all.
    static let frameHeaderSize = 16

    private let audio: AudioRing
    private let owner: CallID
    private let grant: BoundaryGrant
    private let limits: ProcessRecognizer.Limits
    private let events: @Sendable (RecognizerEvent) -> Void

    private var program: ProviderProgram
    private var isOver = false
    private(set) var endedWell = false
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
    private var finishingSince: Instant?

    init(
        audio: AudioRing, owner: CallID, grant: consuming BoundaryGrant, program: consuming ProviderProgram,
        limits: ProcessRecognizer.Limits, events: @escaping @Sendable (RecognizerEvent) -> Void
    ) {
        self.audio = audio
        self.owner = owner
        self.grant = grant
        self.program = program
        self.limits = limits
        self.events = events
    }

    mutating func turn(now: Instant, isStopped: Bool) -> PumpTurn {
        guard !isOver else { return .over }
        if isStopped {
            endedWell = contract.isReady || !program.isRunning
            close()
            return .over
        }
        do throws(ProgramFailure) {
            try program.start(now)
            try receive(now)
            guard !isOver else { return .over }
            try send(now)
            try checkDeadlines(now)
        } catch {
            close()
            events(.failed(SpeechError(error)))
            return .over
        }
        // While a caller speaks a frame comes every 20 ms.
        return program.wait(wantsToWrite: stagedCount > 0, milliseconds: finishingSince == nil ? 20 : 100)
    }

    // MARK: - Frames to the program

    private mutating func send(_ now: Instant) throws(ProgramFailure) {
        guard finishingSince == nil else { return }
        for _ in 0..<Self.framesPerTurn {
            if stagedCount == 0 {
                let isClosed = audio.isClosed
                guard stageFrame() else {
                    guard isClosed else { return }
                    program.closeInput()
                    finishingSince = now
                    return
                }
            }
            switch program.write(UnsafeRawBufferPointer(start: staged.pointer, count: stagedCount)) {
            case .bytes(stagedCount):
                wipe(staged.pointer, count: stagedCount)
                stagedCount = 0
                stagedSince = nil
                if let nextPosition { sent = max(sent, nextPosition) }
            case .bytes, .closed:
                throw program.failure("closed its input")
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

    private mutating func receive(_ now: Instant) throws(ProgramFailure) {
        let owner = owner
        var reads = ProviderProgram.readsPerTurn
        while true {
            switch try program.next(reads: &reads, { (bytes) throws(LineFault) in try RecognizerLine.read(bytes, owner: owner) }) {
            case .line(let line): try take(line, now)
            case .nothing: return
            case .ended:
                guard finishingSince != nil, contract.isReady, program.unfinishedBytes == 0 else {
                    throw program.failure("ended by itself")
                }
                endedWell = true
                return close()
            }
        }
    }

    private mutating func take(_ line: RecognizerLine, _ now: Instant) throws(ProgramFailure) {
        var isWithin = lineBudget.spend(now: now)
        switch line {
        case .partial, .final, .speechStarted: isWithin = utteranceBudget.spend(now: now) && isWithin
        case .ready, .processed, .failed: break
        }
        let event: RecognizerEvent?
        do throws(RecognizerContract.Broken) {
            event = try contract.accept(line, sent: sent)
        } catch {
            throw program.failure(error.rawValue)
        }
        guard isWithin else {
            switch event {
            case .partial(let clear), .final(let clear, _, _, _): ClearArena.words.discard(clear)
            default: break
            }
            throw program.failure("wrote too many lines")
        }
        if let event { events(event) }
    }

    // MARK: - Time and end

    private func checkDeadlines(_ now: Instant) throws(ProgramFailure) {
        if !contract.isReady, program.runsLonger(than: limits.start, now: now) { throw program.failure("was not ready in time") }
        if let finishingSince {
            if now - finishingSince > limits.finish { throw program.failure("did not finish in time") }
            return
        }
        if let stagedSince, now - stagedSince > limits.stall { throw program.failure("takes no audio") }
        if sent.milliseconds - contract.processed.milliseconds > limits.lag.wholeMilliseconds {
            throw program.failure("fell too far behind")
        }
    }

    /// Ends the program and wipes what waited for it.
    mutating func close() {
        isOver = true
        program.close()
        wipe(staged.pointer, count: stagedCount)
        stagedCount = 0
    }
}
