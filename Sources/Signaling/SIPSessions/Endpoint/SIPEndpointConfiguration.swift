/// An endpoint's limits and times.
public struct SIPEndpointConfiguration: Hashable, Sendable {
    public var timings = SIPTimings()
    /// Transactions of both kinds and directions at which new INVITEs and OPTIONS outside dialogs are refused with 503. Requests inside
    /// dialogs are taken up to twice this number, so that running calls can end under load. Default 20,000.
    public var maximumTransactions = 20_000
    /// Dialogs at which new INVITEs are refused with 503. Default 5,000.
    public var maximumDialogs = 5_000
    /// Retry-After of that 503, in seconds. Default 10.
    public var overloadRetryAfter = 10
    /// How long the application may leave an INVITE without a final answer; then 480. Default 180 s, the patience of proxies
    /// (RFC 3261 §16.6, timer C).
    public var answerDeadline = Duration.seconds(180)
    /// How often the last provisional response other than 100 is sent again, so that proxies keep waiting. Default one minute
    /// (RFC 3261 §13.3.1.1).
    public var provisionalRefresh = Duration.seconds(60)

    public init() {}
}
