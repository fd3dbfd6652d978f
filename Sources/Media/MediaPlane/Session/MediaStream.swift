internal import Audio
internal import DTMF
internal import RTP
internal import SRTP
internal import SottoBase

/// A started session: keys, clocks, buffers and codecs of both directions. One media thread owns it; its methods neither allocate nor
/// lock (libsrtp2's ciphers aside, which allocate inside the library).
///
/// A stream may be bridged with another of its thread (`+Bridge`): then it passes on what it hears.
///
/// Split by direction: `+Receive` (datagram → jitter buffer), `+Hear` (jitter buffer → rings), `+Speak` (play-out ring → datagram),
/// `+Reports` (RTCP, timeouts), `+Settings` (start and re-INVITE).
struct MediaStream: ~Copyable {
    /// 20 ms at 16 kHz: the frame of every ring.
    static let frameSamples = AudioRing.samplesPerFrame
    static let frameNanoseconds: Int64 = 20_000_000
    static let maximumPacketSamples = 960

    let id: MediaSessionID
    let owner: CallID
    let mode: MediaMode
    let mediaTimeout: Int64?
    let statisticsInterval: Int64?
    let canonicalName: CanonicalName

    // What offer and answer agreed on.
    var settings: MediaSettings
    var direction: MediaDirection { settings.direction }

    /// The session's sockets; borrowed from its slot.
    let rtpDescriptor: Int32
    let rtcpDescriptor: Int32

    // Keys: none until a DTLS handshake has given some. Without a receiver nothing is heard, without a sender nothing is said.
    var receiver: SRTPReceiver?
    var sender: SRTPSender?
    var handshake = HandshakeState()

    // What is heard.
    var remoteSource: SSRC?
    var otherSource = SSRC(0)
    var otherSourceCount = 0
    var lastOfSource: Instant
    var reception: ReceptionStatistics
    var jitter: JitterBuffer
    var clock: RTPMediaClock
    var dtmf: DTMFReceiver
    var line: DTMFGuard
    var inBand = InBandDetector()
    var digitTruth = DigitReconciler()
    /// The peer's comfort noise, heard while it pauses.
    var noise: ComfortNoiseRenderer
    var hearsNoise = false
    var decoder: FrameDecoder
    var heard: SampleQueue
    var heardIsQuiet = true
    var concealedSamples = 0
    /// Where the last payload that went to the guard ends.
    var payloadEnd = MediaTime(ticks: .min / 2)
    /// Frames since the start; the next one's position.
    var framesHeard: Int64 = 0
    var nextHear: Int64

    // What is said.
    var rtp: RTPSender
    /// Not before then may a collision change our source again.
    var nextSourceChange = Int64.min
    var encoder: FrameEncoder
    var silence: SilenceFrames
    var spoken: SampleQueue
    var nextSpeak: Int64
    var spokenPosition: MediaTime = .zero
    var markNext = true
    var silentPackets = 0
    var fill = MediaFill.silence
    /// Samples of the fill that were heard.
    var fillPlace = 0
    var digits = DigitQueue()
    /// The timestamp of the key that is being sent.
    var digitTimestamp: UInt32 = 0
    var digitTone: ToneGenerator?

    // The bridge. What is passed *to* us is numbered and stamped here.
    var far: UnsafeMutablePointer<MediaStream>?
    var bridge = MediaBridge()
    var passage = Passage.none
    /// False while nobody listens to what we decode: it is not decoded.
    var isHearing = true
    var mustReconsider = false
    var otherLengths = 0
    var guardedPlace: Int64 = 0
    var guardedEnd: Int64 = 0
    /// The far leg's packet that was passed last (its extended number); nil: the next one starts anew.
    var passedPlace: Int64?
    var passOffset: UInt32 = 0
    /// Until then we leave the talking to the far leg.
    var passedUntil = Int64.min
    var passedEnd: Int64 = 0

    /// Prompts whose last frame was taken from the ring, and the samples that must leave until it is out.
    var endingPrompts = InlineArray<8, EndingPrompt>(repeating: EndingPrompt())
    var endingPromptCount = 0

    // Payment mode.
    var isProtected = false
    /// After payment mode: audio before this position was heard while it was on.
    var protectedUntil: MediaTime = .zero

    // Addresses and reports.
    var rtpSource: SourceLearner
    var rtcpSource: SourceLearner
    var lastAuthentic: Instant
    var hasTimedOut = false
    /// The peer's last packet said that a pause follows (comfort noise, Opus DTX).
    var isInPause = false
    var hasHeardFirst = false
    var peerSaidBye = false
    var keyExhausted = false
    var nextReport: Int64
    var sentSinceReport = false
    var nextStatistics: Int64
    var remoteLost: Int64 = 0
    var remoteJitterTicks: UInt32 = 0
    var counters = MediaStatistics()

    // Digits that one session may report in a second: an authentic peer must not fill the event ring.
    var digitsThisSecond = 0
    var digitSecond: Int64 = 0

    // Unmanaged, so that the packet path counts no references.
    var recognizer: Unmanaged<AudioRing>?  // proof: retained when set, released by `setRecognizer` or deinit
    let playout: Unmanaged<AudioRing>?  // proof: retained by init, released by deinit
    var recording: Unmanaged<RecordingRing>?  // proof: retained when set, released by `setRecording` or deinit

    deinit {
        recognizer?.takeUnretainedValue().close()
        recording?.takeUnretainedValue().close()
        recognizer?.release()
        playout?.release()
        recording?.release()
    }

    /// The next time that the stream must be advanced.
    var nextDeadline: Int64 { min(isHearing ? nextHear : nextHear &+ Self.idleHear, min(nextSpeak, nextReport)) }

    /// While nothing is decoded, five frames pass at a time.
    private static let idleHear: Int64 = 4 * frameNanoseconds

    /// Does what is due. At most a few frames a turn: after a stall the rest follows in the next turns.
    mutating func advance(_ tools: borrowing MediaTools, now: Instant) {
        if mustReconsider {
            mustReconsider = false
            reconsider(now: now)
        }
        var budget = 8
        if isHearing {
            while nextHear <= now.nanoseconds, budget > 0 {
                hear(tools)
                budget -= 1
            }
        } else {
            catchUp(now: now)
            apply(dtmf.timePassed(now: heardPosition), tools)
        }
        skipStall(now)
        budget = 4
        while nextSpeak <= now.nanoseconds, budget > 0 {
            speak(tools)
            budget -= 1
        }
        if nextReport <= now.nanoseconds { report(tools, now: now) }
        watch(tools, now: now)
    }

    /// After a stall of more than two seconds (a stopped machine) the frames missed are left out: a jump in position says so.
    private mutating func skipStall(_ now: Instant) {
        let behind = now.nanoseconds &- nextHear
        if behind > 2_000_000_000 {
            let frames = behind / Self.frameNanoseconds
            nextHear &+= frames &* Self.frameNanoseconds
            framesHeard &+= frames
            counters.framesSkipped &+= UInt64(frames)
        }
        let late = now.nanoseconds &- nextSpeak
        let step = packetNanoseconds
        if late > 100_000_000 {  // a burst of old packets helps nobody
            let packets = late / step
            nextSpeak &+= packets &* step
            spokenPosition = MediaTime(ticks: spokenPosition.ticks &+ packets &* step / 1_000 &* 48 / 1_000)
            rtp.skip(ticks: settings.codec.ticks(samples: packetSamples) &* UInt32(truncatingIfNeeded: packets))
            counters.framesSkipped &+= UInt64(packets)
            markNext = true
        }
    }

    var packetSamples: Int { settings.packetMilliseconds * 16 }
    var packetNanoseconds: Int64 { Int64(settings.packetMilliseconds) * 1_000_000 }

    /// The end of what was decoded so far, on the session's clock.
    var heardPosition: MediaTime { MediaTime(samplesAt16kHz: framesHeard &* Int64(Self.frameSamples)) }

    mutating func protect(_ on: Bool, now: Instant) {
        catchUp(now: now)
        if isProtected, !on {
            // What waits in the jitter buffer and on the way was said while payment mode was on.
            protectedUntil = heardPosition + 500
        }
        isProtected = on
    }

    func mustCut(_ position: MediaTime) -> Bool { isProtected || position < protectedUntil }

    mutating func flushPlayout() {
        if far == nil { spoken.clear() }
        endingPromptCount = 0
        playout?._withUnsafeGuaranteedRef { $0.flush() }
    }

    mutating func setRecognizer(_ ring: AudioRing?) {
        recognizer?.takeUnretainedValue().close()
        recognizer?.release()
        recognizer = ring.map { .passRetained($0) }
    }

    mutating func setRecording(_ ring: RecordingRing?) {
        recording?.takeUnretainedValue().close()
        recording?.release()
        recording = ring.map { .passRetained($0) }
    }
}

/// A prompt whose last frame waits in the queue.
struct EndingPrompt {
    var tag: UInt32 = 0
    var samplesLeft = 0
}
