public import SRTP
public import SottoBase

/// The ports that a session is bound to.
public struct MediaPorts: Equatable, Sendable {
    /// Index of the range in the configuration.
    public var range: Int
    /// Even.
    public var rtp: UInt16
    /// `rtp + 1`.
    public var rtcp: UInt16
}

/// Why a command failed. Harmless to log.
public enum MediaFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// All ports of the range are taken or rest.
    case portsExhausted
    /// The thread holds as many sessions as it may.
    case noCapacity
    /// The id is in use (reserve), unknown, or the session is in another state.
    case wrongState
    /// A setting out of its range.
    case invalidSettings(String)
    /// The key does not fit the profile, or the library refused it.
    case srtp(String)
    /// The codec could not be made.
    case codec(String)
    /// The two sessions of a bridge live on different threads, or are one.
    case notBridgeable
    /// Digits that are none, or too many wait.
    case digitsRefused
    /// DTLS keys without a certificate of the plane's own.
    case noIdentity
    /// The kernel refused a socket.
    case system(call: String, errno: Int32)

    public var description: String {
        switch self {
        case .portsExhausted: "no free media port"
        case .noCapacity: "no room for another media session"
        case .wrongState: "the media session is not in the state for that"
        case .invalidSettings(let what): "invalid media settings: \(what)"
        case .srtp(let what): what
        case .codec(let what): what
        case .notBridgeable: "media sessions of different threads cannot be bridged"
        case .digitsRefused: "these digits cannot be sent"
        case .noIdentity: "there is no certificate for DTLS media keys"
        case .system(let call, let code): "\(call) failed with errno \(code)"
        }
    }
}

/// Why a DTLS handshake gave no keys. Harmless to log.
public enum DTLSFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The peer's certificate is not the one that signaling named: somebody else, or a broken peer.
    case fingerprintMismatch
    /// No SRTP profile in common, or none was offered (RFC 5764 §4.1.1).
    case noProfile
    /// Nothing came of it in time.
    case timedOut
    /// The handshake failed; the text is the library's reason.
    case handshake(String)
    /// More handshakes are going on than the worker takes.
    case overloaded

    public var description: String {
        switch self {
        case .fingerprintMismatch: "the peer's certificate does not match the fingerprint that was signaled"
        case .noProfile: "no SRTP profile in common"
        case .timedOut: "the DTLS handshake took too long"
        case .handshake(let reason): "DTLS handshake failed: \(reason)"
        case .overloaded: "too many DTLS handshakes at once"
        }
    }
}

/// What a media thread tells the owner of a session. `.statistics` may be dropped when the owner is slow, nothing else.
public enum MediaEvent: Equatable, Sendable {
    case reserved(MediaSessionID, MediaPorts)
    case started(MediaSessionID)
    case updated(MediaSessionID)
    /// The command failed; what ran before goes on.
    case failed(MediaSessionID, MediaFailure)
    /// This session now hears and speaks to `with`.
    case bridged(MediaSessionID, with: MediaSessionID)
    /// The bridge is over: by command, or because the other leg closed or was bridged elsewhere.
    case unbridged(MediaSessionID)
    /// The peer's fingerprint matched, and media flows under the keys of this handshake.
    case dtlsEstablished(MediaSessionID, SRTPProfile)
    /// No media flows, or (after an update) the old keys stay. A new update starts another handshake.
    case dtlsFailed(MediaSessionID, DTLSFailure)
    /// The digits of one `.sendDigits` have left.
    case digitsSent(MediaSessionID)
    /// The first RTP packet that was authentic.
    case firstAuthenticatedPacket(MediaSessionID, at: MediaTime)
    /// A key was pressed. The handle belongs to the session's owner in `ClearArena.keys`.
    case digit(MediaSessionID, Clear<DialledKey>, at: MediaTime)
    /// A key was pressed and lost, because the arena was full.
    case digitLost(MediaSessionID, at: MediaTime)
    /// The last frame of the prompt with this tag has left.
    case promptPlayed(MediaSessionID, tag: UInt32, at: MediaTime)
    /// The peer's media now comes from, and ours goes to, another address than was signaled.
    case sourceMoved(MediaSessionID, PeerAddress)
    /// Nothing authentic for the configured time.
    case mediaTimedOut(MediaSessionID)
    /// A key reached the end of its life; the call needs new ones.
    case keyExhausted(MediaSessionID)
    /// The peer said RTCP BYE.
    case peerSaidBye(MediaSessionID)
    case statistics(MediaSessionID, MediaStatistics)
    case closed(MediaSessionID, MediaStatistics)
}
