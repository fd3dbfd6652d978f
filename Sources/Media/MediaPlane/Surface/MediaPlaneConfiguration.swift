public import SottoTLS

/// A range of ports on one address that media may use.
public struct MediaPortRange: Equatable, Sendable {
    /// The address that sockets are bound to, in network order: 4 bytes (IPv4) or 16 (IPv6).
    public var bind: [UInt8]
    /// First and last port. Pairs start at even ports (RFC 3550 §11); an odd first port is rounded up.
    public var first: UInt16
    public var last: UInt16
    /// Differentiated services code point of what we send; 46 is expedited forwarding (RFC 3246).
    public var dscp: UInt8

    public init(bind: [UInt8], first: UInt16, last: UInt16, dscp: UInt8 = 46) {
        self.bind = bind
        self.first = first
        self.last = last
        self.dscp = dscp
    }
}

/// What a media plane is started with; it never changes afterwards.
public struct MediaPlaneConfiguration: Sendable {
    /// Media threads, 1 to 64.
    public var threads: Int
    /// Sessions that one thread holds at most; more are refused with `.noCapacity`.
    public var sessionsPerThread: Int
    /// Port ranges; a reservation names one by its index.
    public var ranges: [MediaPortRange]
    /// How long a port rests before it is used again, so that a late packet of the old call finds nobody. Ports that were reserved and
    /// never started rest for a twentieth of it.
    public var portRest: Duration
    /// A thread with at most this many sessions sleeps until a packet or a deadline; with more it wakes every millisecond.
    public var wakePerPacketSessions: Int
    /// Our certificate for DTLS media keys (its `fingerprint` belongs into the SDP); nil: such settings fail with `.noIdentity`.
    public var identity: DTLSIdentity?

    public init(
        threads: Int, sessionsPerThread: Int = 1_000, ranges: [MediaPortRange], portRest: Duration = .seconds(30),
        wakePerPacketSessions: Int = 16, identity: DTLSIdentity? = nil
    ) {
        self.identity = identity
        self.threads = threads
        self.sessionsPerThread = sessionsPerThread
        self.ranges = ranges
        self.portRest = portRest
        self.wakePerPacketSessions = wakePerPacketSessions
    }
}

/// Why a media plane could not be started.
public enum MediaPlaneError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A number is out of its range or an address has neither 4 nor 16 bytes.
    case configuration(String)
    /// The kernel refused epoll, eventfd or a thread.
    case system(call: String, errno: Int32)

    public var description: String {
        switch self {
        case .configuration(let what): "media configuration: \(what)"
        case .system(let call, let code): "\(call) failed with errno \(code)"
        }
    }
}
