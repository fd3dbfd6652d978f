public import SottoBase

/// Takes frames out of a call's recording ring once redaction has passed them, and silences what it found. The only way from the ring to
/// the sealed recording.
///
/// A frame leaves when it ends at or before its speaker's safe point. It leaves as silence when a window lies on any part of it, when it
/// was cut before, or when redaction lags so far that the speaker's side of the ring would run over. The speakers do not wait for each
/// other: frames of one come in order of time, those of both do not.
public struct AudioRelease: Sendable {
    public struct Counters: Equatable, Sendable {
        /// Frames released as they were.
        public var released = 0
        /// Frames replaced by silence because a window lay on them or they were cut before.
        public var silenced = 0
        /// Frames replaced by silence because redaction lagged and the ring was nearly full, or because the call ended first.
        public var lagged = 0
        /// Windows that came when some of their audio had been released in clear. A defect: stays 0.
        public var late = 0

        public init(released: Int = 0, silenced: Int = 0, lagged: Int = 0, late: Int = 0) {
            self.released = released
            self.silenced = silenced
            self.lagged = lagged
            self.late = late
        }
    }

    public private(set) var counters = Counters()

    private let ring: RecordingRing
    private var silence: [Speaker: SilencePayload]
    private var silenceOfCodec: [UInt8: SilencePayload] = [:]
    private let lagLimit: Int?
    private var safe: [Speaker: MediaTime] = [:]
    private var windows: [AudioWindow] = []
    /// End of what left in clear, for each speaker.
    private var clearUpTo: [Speaker: MediaTime] = [:]

    /// - Parameters:
    ///   - silence: per speaker, since the legs may use different codecs. A speaker without one gets empty payloads.
    ///   - lagLimit: bytes of one speaker above which the oldest frames are released as silence. Default: seven eighths of that
    ///     speaker's side of the ring.
    public init(ring: RecordingRing, silence: [Speaker: SilencePayload], lagLimit: Int? = nil) {
        self.ring = ring
        self.silence = silence
        self.lagLimit = lagLimit
    }

    /// What silence is in a codec, by the number that frames carry; it goes before a speaker's.
    public mutating func setSilence(_ payload: SilencePayload, codec: UInt8) { silenceOfCodec[codec] = payload }

    /// Notes a window or a safe point; other outputs of the session are none of its business.
    public mutating func apply(_ output: RedactionSession.Output) {
        switch output {
        case .mask(let window):
            if let released = clearUpTo[window.speaker], window.from < released { counters.late += 1 }
            add(window)
        case .safePoint(let speaker, let position): safe[speaker] = max(safe[speaker] ?? position, position)
        case .live, .stored, .keys: break
        }
    }

    /// Windows that wait for their frames. More than the limit means that no frames come: the oldest two of the speaker become one.
    private mutating func add(_ window: AudioWindow) {
        windows.append(window)
        guard windows.count > Self.windowLimit else { return }
        let oldest = windows.indices.filter { windows[$0].speaker == window.speaker }.prefix(2)
        guard let first = oldest.first, let second = oldest.last, first != second else { return }
        windows[first].from = min(windows[first].from, windows[second].from)
        windows[first].to = max(windows[first].to, windows[second].to)
        windows.remove(at: second)
    }

    private static let windowLimit = 1_024

    /// The next frame that may leave; nil when the oldest one of each speaker must wait. Call it until nil.
    public mutating func next() -> Masked<RecordedFrame>? {
        for speaker in Speaker.allCases {
            guard let header = ring.peek(speaker) else { continue }
            if Self.end(of: header) <= safe[speaker] ?? .zero { return take(speaker, isSafe: true) }
            if ring.occupiedBytes(of: speaker) > lagLimit ?? ring.capacity(of: speaker) / 8 * 7 { return take(speaker, isSafe: false) }
        }
        return nil
    }

    /// As `next`, at the call's end: a frame that redaction has not passed leaves as silence.
    public mutating func drain() -> Masked<RecordedFrame>? {
        for speaker in Speaker.allCases {
            guard let header = ring.peek(speaker) else { continue }
            return take(speaker, isSafe: Self.end(of: header) <= safe[speaker] ?? .zero)
        }
        return nil
    }

    private static func end(of header: RecordedFrameHeader) -> MediaTime { header.position + Int64(header.durationMilliseconds) }

    private mutating func take(_ speaker: Speaker, isSafe: Bool) -> Masked<RecordedFrame>? {
        let windows = windows
        let silence = silence
        let silenceOfCodec = silenceOfCodec
        let taken = ring.take(speaker) { header, payload -> (frame: RecordedFrame, isClear: Bool, isCut: Bool) in
            let end = Self.end(of: header)
            let isCut = header.isCut || windows.contains { $0.speaker == header.speaker && $0.from < end && header.position < $0.to }
            let isClear = isSafe && !isCut
            let quiet = silenceOfCodec[header.codec] ?? silence[header.speaker]
            let bytes = isClear ? Array(payload) : quiet?.payload(milliseconds: header.durationMilliseconds) ?? []
            return (RecordedFrame(header: header, payload: bytes, isSilenced: !isClear), isClear, isCut)
        }
        guard let (frame, isClear, isCut) = taken else { return nil }
        let header = frame.header
        if isClear {
            counters.released += 1
            clearUpTo[header.speaker] = max(clearUpTo[header.speaker] ?? .zero, Self.end(of: header))
        } else if isCut {
            counters.silenced += 1
        } else {
            counters.lagged += 1
        }
        // Frames of one speaker come in order, give or take the jitter buffer's reach of a second.
        self.windows.removeAll { $0.speaker == header.speaker && $0.to + 1_000 < header.position }
        return Masked(frame)
    }
}
