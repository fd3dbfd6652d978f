internal import Audio
internal import Calls
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import SottoBase

/// One leg's media session.
struct LiveLeg {
    let media: MediaSessionID
    var codec: AudioCodec?
    var statistics: MediaStatistics?
    /// When the media session's clock began.
    var startedAt: Instant?
    /// It was told to bridge and has not answered.
    var isBridging = false
    /// What its trunk does with the rollover counter when it changes its key.
    var rollover = RekeyRollover.automatic

    init(media: MediaSessionID) { self.media = media }
}

/// What runs for one call outside of its machine: media sessions, rings, voice, recorder. Touched on the call loop alone.
final class LiveCall {
    let id: CallID
    let tenant: TenantName
    var legs: [CallLeg: LiveLeg] = [:]
    /// The caller's, while the voice side speaks with it.
    var rings: MediaRings?
    var voice: VoiceSession?
    var voiceLoop: (any EventLoop)?
    var recorder: CallRecorder?
    /// Payment mode: keys go to the voice side alone.
    var isProtected = false
    /// Which ring-back is expected here.
    let isNorthAmerican: Bool

    init(id: CallID, tenant: TenantName, region: Region?) {
        self.id = id
        self.tenant = tenant
        let country = region?.description.prefix(2)
        isNorthAmerican = country == "US" || country == "CA"
    }

    var caller: LiveLeg? { legs[.caller] }

    /// The caller's media time.
    func mediaTime(_ now: Instant) -> MediaTime {
        caller?.startedAt.map { MediaTime(milliseconds: (now - $0).wholeMilliseconds) } ?? .zero
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
