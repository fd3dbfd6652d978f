/// Bounds of the admin server: each on something that a peer could otherwise make grow or wait for ever.
public struct AdministrationLimits: Hashable, Sendable {
    /// Connections at the same time. One more is answered 503 and closed.
    public var connections = 64
    /// Connections of one user at the same time, so that nobody shuts the others out.
    public var connectionsPerUser = 32
    /// Followers of events at the same time; less than `connections`, so that a command always gets through.
    public var streams = 16
    /// Bytes of a request, head and body together.
    public var requestBytes = 16 * 1_024
    /// Bytes of a request's body.
    public var bodyBytes = 4 * 1_024
    /// From the connection to the last byte of the request.
    public var requestTime: Duration = .seconds(10)
    /// From the whole request to the first byte of the answer.
    public var answerTime: Duration = .seconds(60)
    /// For a reader to take one piece of an answer.
    public var writeTime: Duration = .seconds(30)
    /// How long `stop` lets requests finish that are being answered.
    public var stopTime: Duration = .seconds(2)

    public init() {}
}

/// What the admin server has in use, and what it counted since its start.
public struct AdministrationGauges: Hashable, Sendable {
    /// Open connections.
    public var connections = 0
    /// Requests that the daemon is answering, streams among them.
    public var requests = 0
    /// Followers of events.
    public var streams = 0

    /// Requests that were answered by the service, whatever its answer was.
    public var requestsTotal: UInt64 = 0
    /// Requests that never reached it: malformed, too large, unknown.
    public var refusedTotal: UInt64 = 0
    /// Connections beyond a limit.
    public var overLimitTotal: UInt64 = 0
    /// Peers that were too slow to ask or to read, and were closed.
    public var slowTotal: UInt64 = 0

    public init() {}
}

/// Why the admin socket was not opened. Harmless to log.
public enum AdministrationServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Longer than a unix socket's address holds (107 bytes).
    case pathTooLong(String)
    /// Another daemon answers there.
    case inUse(String)
    /// Something that is no socket lies there; it was left alone.
    case notASocket(String)
    /// Anybody could put another socket in its place.
    case folderOpenToAll(String)
    /// A system call failed with this errno.
    case failed(String, operation: String, errno: Int32)
    case alreadyStarted

    public var description: String {
        switch self {
        case .pathTooLong(let path): "\(path): longer than the 107 bytes of a unix socket's path"
        case .inUse(let path): "\(path): another daemon answers there; stop it first, or set [admin] socket"
        case .notASocket(let path): "\(path): something else than a socket is there; it was left alone"
        case .folderOpenToAll(let path): "\(path): everybody may write this folder; mend it: chmod o-w \(path)"
        case .failed(let path, let operation, let errno): "\(path): cannot \(operation) (errno \(errno))"
        case .alreadyStarted: "the admin server was started already"
        }
    }
}
