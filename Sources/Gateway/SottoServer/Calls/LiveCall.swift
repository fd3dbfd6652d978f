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
    /// 36 s of both legs, since redaction may hold 28 s: 16,000 bytes of G.711 a second and 24 bytes for each of 100 records; Opus needs
    /// half of it.
    static func recording(_ codec: AudioCodec) -> Int { codec == .opus ? 360 * 1_024 : 680 * 1_024 }
}
