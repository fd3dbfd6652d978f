import SIPTransport
import SottoBase
import Testing

@testable import SottoServer

@Suite struct NoticeLimiterTests {
    private let start = Instant(nanoseconds: 0)

    @Test func oneOfAKindInASecondAndTheRestAreCounted() {
        var limiter = NoticeLimiter()
        #expect(limiter.allowance(.stranger, now: start) == 0)
        for _ in 0..<5 { #expect(limiter.allowance(.stranger, now: start + .milliseconds(999)) == nil) }
        #expect(limiter.allowance(.stranger, now: start + .seconds(1)) == 5)
        #expect(limiter.allowance(.stranger, now: start + .seconds(2)) == 0)
    }

    /// A scanner's failed handshakes hide no stranger, and no other failure.
    @Test func kindsDoNotHideEachOther() {
        var limiter = NoticeLimiter()
        #expect(limiter.allowance(.turnedAway(.handshakeFailed), now: start) == 0)
        for _ in 0..<1_000 { #expect(limiter.allowance(.turnedAway(.handshakeFailed), now: start) == nil) }
        #expect(limiter.allowance(.stranger, now: start) == 0)
        #expect(limiter.allowance(.turnedAway(.sourceRate), now: start) == 0)
        #expect(limiter.allowance(.turnedAway(.handshakeFailed), now: start + .seconds(1)) == 1_000)
    }
}
