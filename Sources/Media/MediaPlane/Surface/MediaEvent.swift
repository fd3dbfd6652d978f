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
        case .system(let call, let code): "\(call) failed with errno \(code)"
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
