internal import Audio
internal import MediaPlane
internal import NIOCore
internal import SottoBase

/// What runs for one call outside of its machine: media session, rings, voice, recorder. Touched on the call loop alone.
final class LiveCall {
    let id: CallID
    let tenant: TenantName
    let media: MediaSessionID
    var codec: AudioCodec?
    var rings: MediaRings?
    var voice: VoiceSession?
    var voiceLoop: (any EventLoop)?
    var recorder: CallRecorder?
    var statistics: MediaStatistics?
    /// When the media session's clock began.
    var startedAt: Instant?

    func mediaTime(_ now: Instant) -> MediaTime {
        startedAt.map { MediaTime(milliseconds: (now - $0).wholeMilliseconds) } ?? .zero
    }

    init(id: CallID, tenant: TenantName, media: MediaSessionID) {
        self.id = id
        self.tenant = tenant
        self.media = media
    }
}

/// Sizes of a call's rings.
enum RingSizes {
    /// 6.4 s for a recognizer that is late: it decodes a long utterance in one piece, and its other callers wait meanwhile.
    static let recognizer = 320
    /// 1.3 s of prompt ahead of the play-out clock.
    static let playout = 64
    /// 36 s of the caller, since redaction may hold 28 s: 8,000 bytes of G.711 a second and 24 bytes for each of 50 records; Opus needs
    /// half of it.
    static func heardRecording(_ codec: AudioCodec) -> Int { codec == .opus ? 180 * 1_024 : 340 * 1_024 }
    /// Sotto's own voice is safe as soon as it is played, except that a number which is read back waits with the caller's: 9 s.
    static func ownRecording(_ codec: AudioCodec) -> Int { codec == .opus ? 48 * 1_024 : 84 * 1_024 }
}
