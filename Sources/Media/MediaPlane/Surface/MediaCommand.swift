public import SottoBase

/// Names a media session, as its owner likes; unique among those that are open. Sessions are spread over the threads by this number,
/// so that numbers given in a row spread evenly.
public struct MediaSessionID: Hashable, Sendable {
    public let value: UInt64
    public init(_ value: UInt64) { self.value = value }

    /// The smallest id from `candidate` on that lives on the same of `threads` threads.
    func beside(candidate: UInt64, threads: Int) -> MediaSessionID {
        let count = UInt64(max(1, threads))
        let step = (value % count &+ count &- candidate % count) % count
        let (sum, overflow) = candidate.addingReportingOverflow(step)
        return MediaSessionID(overflow ? value % count : sum)
    }
}

/// How two sessions are joined. The same for both directions.
public struct MediaBridge: Equatable, Sendable {
    /// Payloads wait in each leg's jitter buffer and DTMF guard before they are passed on (some 80 ms more delay), so that the far leg
    /// never hears the beginning of a key. Without it they are passed on as they come, and stop only while an event is on.
    public var isGuarded: Bool
    /// A key pressed on one leg is sent to the other as an RFC 4733 event of the same length (or as a tone, where that leg has no
    /// events), unless the leg that pressed it is protected. It comes as `.digit` in any case.
    public var regeneratesDigits: Bool

    public init(isGuarded: Bool = false, regeneratesDigits: Bool = true) {
        self.isGuarded = isGuarded
        self.regeneratesDigits = regeneratesDigits
    }
}

/// What a session sends while there is nothing else to send: no prompt, nothing from the far leg.
public enum MediaFill: Equatable, Sendable {
    case silence
    /// A soft melody, made by the machine.
    case holdMusic
    /// Ring-back (ITU-T E.180): 425 Hz for one second in five, or 440 and 480 Hz for two seconds in six.
    case ringBack(isNorthAmerican: Bool)
    /// Faint noise, so that nobody takes the call for dead.
    case comfort
}

/// What the owner of a session tells its media thread. Commands for one session take effect in the order they were submitted.
///
///     reserve → .reserved(ports)            (the SDP answer can be written)
///     start   → .started                    (200 may leave; with DTLS keys media waits for .dtlsEstablished)
///     update*, bridge*, protect*, fill*, sendDigits*, flushPlayout*, setRecognizer*, setRecording*
///     close   → .closed(final statistics)   (from any state; the id is free again)
public enum MediaCommand: Sendable {
    /// Binds a port pair of the range with this index. Answered by `.reserved` or `.failed`.
    case reserve(MediaSessionID, range: Int)
    /// Installs keys and starts both clocks: `MediaTime` zero is now. Answered by `.started` or `.failed`.
    case start(MediaSessionID, MediaSettings, MediaSessionOptions)
    /// A re-INVITE's outcome: new address, keys, codec or direction. Answered by `.updated` or `.failed` (the old settings stay).
    case update(MediaSessionID, MediaSettings)
    /// Joins two started sessions of one thread (`sessionID(beside:candidate:)`): each hears the other, prompts are not played.
    /// Answered by `.bridged` for both, or `.failed` for the first. A session that was bridged to a third one leaves it. nil ends the
    /// bridge, answered by `.unbridged` for both, as is the closing of one leg: each goes back to voice and its play-out ring.
    ///
    /// With equal codec and packet time payloads pass as they are, under the leg's own keys, SSRC, sequence numbers and timestamps;
    /// otherwise they are decoded and encoded. Telephone events never pass: see `MediaBridge.regeneratesDigits`.
    case bridge(MediaSessionID, with: MediaSessionID?, MediaBridge = MediaBridge())
    /// Payment mode: recognizer, recorder and far leg get silence of the same length; digits still come as events, and go nowhere else.
    case protect(MediaSessionID, on: Bool)
    /// Sends keys (ASCII `0-9*#A-D`, 1 to 32, each for `milliseconds`, 40 to 5,000, with pauses of 50 ms) after those that wait.
    /// As RFC 4733 events, or as tones where the peer has none. Answered by `.digitsSent` or `.failed`.
    case sendDigits(MediaSessionID, SecretBytes, milliseconds: Int = 100)
    /// What is sent while there is nothing else to send. Not answered.
    case fill(MediaSessionID, MediaFill)
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
        case .reserve(let id, _), .start(let id, _, _), .update(let id, _), .bridge(let id, _, _), .protect(let id, _),
            .sendDigits(let id, _, _), .fill(let id, _), .flushPlayout(let id), .setRecognizer(let id, _), .setRecording(let id, _),
            .close(let id):
            id
        }
    }
}
