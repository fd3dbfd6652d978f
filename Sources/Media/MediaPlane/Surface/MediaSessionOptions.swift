public import SottoBase

/// What a session does with what it hears.
public enum MediaMode: Equatable, Sendable {
    /// Play-out comes from the play-out ring; silence when it is empty.
    case voice
    /// What is heard (and passed the DTMF guard) is encoded again and sent back.
    case echo
}

/// The rings that connect a session to its consumers. The media thread is the producer of `recognizer` and `recording`, and the
/// consumer of `playout`. It closes `recognizer` and `recording` when the session ends.
public struct MediaRings: Sendable {
    /// The caller's voice after the DTMF guard: 20 ms frames without a gap from the session's start (made with `content: .clear`).
    public var recognizer: AudioRing?
    /// Our own voice to be sent (made with `content: .own`): frames of up to 20 ms. A frame flagged `.last` is answered by
    /// `.promptPlayed(tag)` once it has left.
    public var playout: AudioRing?
    /// Encoded frames of both sides, as they were received and sent.
    public var recording: RecordingRing?

    public init(recognizer: AudioRing? = nil, playout: AudioRing? = nil, recording: RecordingRing? = nil) {
        self.recognizer = recognizer
        self.playout = playout
        self.recording = recording
    }
}

/// What belongs to the session for its whole life. Sent with `.start`.
public struct MediaSessionOptions: Sendable {
    /// Owner of the digits in `ClearArena.keys`.
    public var owner: CallID
    public var mode: MediaMode
    public var rings: MediaRings
    /// Delay line of the DTMF guard, 40 to 120 ms.
    public var guardMilliseconds: Int
    /// Neither authenticated RTP nor RTCP for so long → `.mediaTimedOut`, once until something comes. nil: never. Paused while the
    /// session is not receiving (hold).
    public var mediaTimeout: Duration?
    /// How often `.statistics` comes; nil: only at the end.
    public var statisticsInterval: Duration?

    public init(
        owner: CallID, mode: MediaMode = .voice, rings: MediaRings = MediaRings(), guardMilliseconds: Int = 60,
        mediaTimeout: Duration? = .seconds(30), statisticsInterval: Duration? = .seconds(5)
    ) {
        self.owner = owner
        self.mode = mode
        self.rings = rings
        self.guardMilliseconds = guardMilliseconds
        self.mediaTimeout = mediaTimeout
        self.statisticsInterval = statisticsInterval
    }
}
