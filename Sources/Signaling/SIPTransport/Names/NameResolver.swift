public import SottoBase

/// Finds SIP servers by NAPTR, SRV and address records (RFC 3263), off every loop.
public final class NameResolver: Sendable {
    public struct Configuration: Sendable, Hashable {
        /// Name servers; empty: those of /etc/resolv.conf.
        public var servers: [PeerAddress] = []
        /// Until a question is asked again, and how often it is asked at all.
        public var attemptTimeout = Duration.seconds(2)
        public var attempts = 2
        /// For a whole plan.
        public var deadline = Duration.seconds(8)
        /// Questions on their way; as many again may wait eight-fold.
        public var questionsInFlight = 64
        public var cachedAnswers = 4_096
        /// Bounds for what records say of their lifetime.
        public var minimumLifetime = Duration.seconds(5)
        public var maximumLifetime = Duration.seconds(3_600)
        /// For "there is no such record", when the zone says nothing or more.
        public var maximumNegativeLifetime = Duration.seconds(60)

        public init() {}
    }

    public init(_ configuration: Configuration = .init()) {}

    /// Where to connect for `target`. Cancelling the task ends the wait with `.cancelled`.
    public func plan(_ target: HopTarget) async -> Result<HopPlan, NameFailure> { .failure(.stopped) }

    /// Ends the thread; everything that is open fails with `.stopped`.
    public func stop() async {}
}
