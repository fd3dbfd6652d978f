/// The base values from which every timer of RFC 3261 §17 follows (table 4 of RFC 3261, updated by RFC 6026 §8).
public struct SIPTimings: Hashable, Sendable {
    /// Round-trip estimate. Default 500 ms (RFC 3261 §17.1.1.1).
    public var t1: Duration
    /// The longest interval between retransmissions. Default 4 s.
    public var t2: Duration
    /// How long a message may live in the network. Default 5 s.
    public var t4: Duration

    public init(t1: Duration = .milliseconds(500), t2: Duration = .seconds(4), t4: Duration = .seconds(5)) {
        precondition(t1 > .zero && t2 >= t1 && t4 > .zero, "timers that never wait would never end")
        self.t1 = t1
        self.t2 = t2
        self.t4 = t4
    }

    /// 64·T1: timers B, F, H, J, L and M, and the life of an unacknowledged 2xx (RFC 3261 §13.3.1.4). 32 s by default.
    public var transactionTimeout: Duration { t1 * 64 }

    /// Timer D: at least 32 s on an unreliable transport, 0 on a reliable one (RFC 3261 §17.1.1.2).
    func timerD(isReliable: Bool) -> Duration { isReliable ? .zero : max(.seconds(32), transactionTimeout) }

    /// Timers I and K: T4 on an unreliable transport, 0 on a reliable one (RFC 3261 §17.2.1, §17.1.2.2).
    func absorbing(isReliable: Bool) -> Duration { isReliable ? .zero : t4 }

    /// Timer J: 64·T1 on an unreliable transport, 0 on a reliable one (RFC 3261 §17.2.2).
    func timerJ(isReliable: Bool) -> Duration { isReliable ? .zero : transactionTimeout }

    /// The interval after `interval`: doubled, at most T2 (timers E and G, and the 2xx of RFC 3261 §13.3.1.4).
    func doubled(_ interval: Duration) -> Duration { min(interval * 2, t2) }
}
