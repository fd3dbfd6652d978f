public import Audio
public import SRTP
public import SottoBase

/// Names a media session, as its owner likes; unique among those that are open. Sessions are spread over the threads by this number,
/// so that numbers given in a row spread evenly.
public struct MediaSessionID: Hashable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }
}

/// What a session does with what it hears.
public enum MediaMode: Equatable, Sendable {
    /// Play-out comes from the play-out ring; silence when it is empty.
    case voice
    /// What is heard (and passed the DTMF guard) is encoded again and sent back.
    case echo
}

/// Our direction in the sense of RFC 3264 §6.1.
public enum MediaDirection: Equatable, Sendable {
    case sendReceive
    case sendOnly
    case receiveOnly
    case inactive

    var sends: Bool { self == .sendReceive || self == .sendOnly }
    var receives: Bool { self == .sendReceive || self == .receiveOnly }
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

/// How to speak with the peer: what offer and answer agreed on. Sent with `.start` and again with `.update`.
public struct MediaSettings: Sendable {
    /// Where the peer said it receives RTP; nil while it has no address (`c=0.0.0.0`).
    public var remote: PeerAddress?
    /// The peer's RTCP port; nil means the RTP port + 1, or the RTP port itself with `rtcpMux`.
    public var remoteRTCPPort: UInt16?
    /// Both sides agreed to RFC 5761.
    public var rtcpMux: Bool
    public var direction: MediaDirection

    public var codec: AudioCodec
    /// RTP payload type of `codec`, 0 to 127 (not 64–95 with `rtcpMux`).
    public var payloadType: UInt8
    /// Payload type of RFC 4733 events and their clock rate; nil when not negotiated.
    public var telephoneEvent: UInt8?
    public var telephoneEventClockRate: Int
    /// Time that each packet we send covers, 10 to 60 ms in steps of 10. Any packet time is received.
    public var packetMilliseconds: Int

    public var profile: SRTPProfile
    /// `key ‖ salt` of what we send.
    public var localKey: SecretBytes
    /// `key ‖ salt` of what the peer sends.
    public var remoteKey: SecretBytes

    public init(
        remote: PeerAddress?, remoteRTCPPort: UInt16? = nil, rtcpMux: Bool = false, direction: MediaDirection = .sendReceive,
        codec: AudioCodec, payloadType: UInt8, telephoneEvent: UInt8? = nil, telephoneEventClockRate: Int = 8_000,
        packetMilliseconds: Int = 20, profile: SRTPProfile, localKey: SecretBytes, remoteKey: SecretBytes
    ) {
        self.remote = remote
        self.remoteRTCPPort = remoteRTCPPort
        self.rtcpMux = rtcpMux
        self.direction = direction
        self.codec = codec
        self.payloadType = payloadType
        self.telephoneEvent = telephoneEvent
        self.telephoneEventClockRate = telephoneEventClockRate
        self.packetMilliseconds = packetMilliseconds
        self.profile = profile
        self.localKey = localKey
        self.remoteKey = remoteKey
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

/// What the owner of a session tells its media thread. Commands for one session take effect in the order they were submitted.
///
///     reserve → .reserved(ports)            (the SDP answer can be written)
///     start   → .started                    (200 may leave)
///     update*, protect*, flushPlayout*, setRecognizer*, setRecording*
///     close   → .closed(final statistics)   (from any state; the id is free again)
public enum MediaCommand: Sendable {
    /// Binds a port pair of the range with this index. Answered by `.reserved` or `.failed`.
    case reserve(MediaSessionID, range: Int)
    /// Installs keys and starts both clocks: `MediaTime` zero is now. Answered by `.started` or `.failed`.
    case start(MediaSessionID, MediaSettings, MediaSessionOptions)
    /// A re-INVITE's outcome: new address, keys, codec or direction. Answered by `.updated` or `.failed` (the old settings stay).
    case update(MediaSessionID, MediaSettings)
    /// Payment mode: recognizer and recorder get silence of the same length; digits still come as events.
    case protect(MediaSessionID, on: Bool)
    /// Forgets what waits in the play-out ring (a prompt that was interrupted). Its `.last` frame is not reported.
    case flushPlayout(MediaSessionID)
    /// Gives the recognizer another ring, or none; the one before is closed. Not answered.
    case setRecognizer(MediaSessionID, AudioRing?)
    /// Consent came (a ring) or was lost (nil): recording starts with the next frame that is decoded and sent, or ends at once; the ring
    /// before is closed. Not answered.
    case setRecording(MediaSessionID, RecordingRing?)
    /// Sends BYE, closes sockets and rings, forgets keys. Answered by `.closed`, always.
    case close(MediaSessionID)

    var session: MediaSessionID {
        switch self {
        case .reserve(let id, _), .start(let id, _, _), .update(let id, _), .protect(let id, _), .flushPlayout(let id),
            .setRecognizer(let id, _), .setRecording(let id, _), .close(let id):
            id
        }
    }
}
