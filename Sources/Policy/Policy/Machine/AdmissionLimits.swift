/// Limits of the whole machine, which Admission enforces. Each is a bound on something that would otherwise grow.
public struct AdmissionLimits: Hashable, Sendable {
    /// Calls at the same time, all trunks together.
    public var calls: Int
    /// New calls per second, all trunks together.
    public var callsPerSecond: Double
    /// TLS connections at the same time.
    public var connections: Int
    /// TLS connections from one address at the same time.
    public var connectionsPerSource: Int
    /// New connections per second from one address, and how many may come at once.
    public var connectionsPerSecondPerSource: Double
    public var connectionBurstPerSource: Int
    /// TLS handshakes that run at the same time.
    public var handshakes: Int
    /// Calls at the same time from one address.
    public var callsPerSource: Int
    /// New calls per second from one address.
    public var callsPerSecondPerSource: Double
    /// Longest call; it is ended then.
    public var callDuration: Duration
    /// How long a stop waits for running calls.
    public var drain: Duration
    /// What `Retry-After` says in a 503.
    public var retryAfter: Duration
    public var location: SourceLocation

    public init(
        calls: Int = 1_000, callsPerSecond: Double = 100, connections: Int = 10_000, connectionsPerSource: Int = 64,
        connectionsPerSecondPerSource: Double = 10, connectionBurstPerSource: Int = 40, handshakes: Int = 256, callsPerSource: Int = 1_000,
        callsPerSecondPerSource: Double = 50, callDuration: Duration = .seconds(4 * 3_600), drain: Duration = .seconds(60),
        retryAfter: Duration = .seconds(5), location: SourceLocation = .builtIn
    ) {
        self.calls = calls
        self.callsPerSecond = callsPerSecond
        self.connections = connections
        self.connectionsPerSource = connectionsPerSource
        self.connectionsPerSecondPerSource = connectionsPerSecondPerSource
        self.connectionBurstPerSource = connectionBurstPerSource
        self.handshakes = handshakes
        self.callsPerSource = callsPerSource
        self.callsPerSecondPerSource = callsPerSecondPerSource
        self.callDuration = callDuration
        self.drain = drain
        self.retryAfter = retryAfter
        self.location = location
    }
}
