/// Session timers with a trunk (RFC 4028).
public struct SessionTimerPolicy: Hashable, Sendable {
    public enum Refresher: String, Hashable, Sendable, CaseIterable {
        /// Whoever the other side wants; we when it does not care.
        case any
        case sotto
        case peer
    }

    /// The shortest interval that is accepted, at least 90 s (RFC 4028 §4).
    public let minimum: Duration
    /// What is asked for; never shorter than `minimum`.
    public let expires: Duration
    public let refresher: Refresher
    /// Calls of ours ask for a timer. Off: one is agreed only when the peer asks.
    public let isOffered: Bool

    public init(
        minimum: Duration = .seconds(90), expires: Duration = .seconds(1_800), refresher: Refresher = .any, isOffered: Bool = true
    ) {
        self.minimum = minimum
        self.expires = max(expires, minimum)
        self.refresher = refresher
        self.isOffered = isOffered
    }

    public static let standard = SessionTimerPolicy()
}
