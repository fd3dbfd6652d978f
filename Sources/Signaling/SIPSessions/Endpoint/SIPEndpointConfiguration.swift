/// An endpoint's limits and times.
public struct SIPEndpointConfiguration: Sendable {
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

    /// Outgoing calls that are not answered yet, at which further ones end at once with `unreachable`. Default 5,000.
    public var maximumAttempts = 5_000
    /// Forks of one outgoing call that are followed; what further ones say is dropped. Default 16.
    public var maximumForks = 16
    /// Implicit subscriptions of one dialog, at which a further REFER is refused with 500 and Retry-After. Default 2.
    public var maximumReferrals = 2
    /// How long a referral may take, on either side (RFC 3515 §2.4.4). Default 180 s.
    public var referralDeadline = Duration.seconds(180)
    /// First and longest wait after a failed registration (RFC 5626 §4.5): doubled from one to the other, half of it by chance.
    public var registrationRetry = Duration.seconds(30)
    public var maximumRegistrationRetry = Duration.seconds(1_800)
    /// For digest authentication. Nil: challenges are handed to the application as refusals.
    public var digestHashes: DigestHashes?

    public init() {}
}
