import Calls
import Policy
import SottoBase
import Testing

@testable import SottoServer

@Suite struct ServerHealthTests {
    private let policy = CircuitBreakerPolicy(failures: 3, retryAfter: .seconds(30))
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func server(_ host: String) throws -> ServerHealth.Server {
        ServerHealth.Server(
            trunk: TrunkReference(tenant: try #require(TenantName("acme")), trunk: try #require(TrunkName("pbx"))),
            address: try #require(PeerAddress(host: host, port: 5061)))
    }

    @Test func failuresInARowOpenTheBreaker() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        #expect(health.report(.silent, of: server, policy: policy, now: start) == nil)
        #expect(health.report(.unreachable, of: server, policy: policy, now: start) == nil)
        let isUsable = health.mayUse(server, now: start)
        #expect(isUsable)
        #expect(health.report(.silent, of: server, policy: policy, now: start) == .opened(for: .seconds(30)))
        let isUsedNow = health.mayUse(server, now: start + .seconds(29))
        #expect(!isUsedNow)
    }

    @Test func anAnswerBetweenFailuresStartsTheCountAnew() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        for _ in 0..<10 {
            #expect(health.report(.silent, of: server, policy: policy, now: start) == nil)
            #expect(health.report(.silent, of: server, policy: policy, now: start) == nil)
            #expect(health.report(.alive, of: server, policy: policy, now: start) == nil)
        }
        #expect(health.openCount(now: start) == 0)
    }

    /// RFC 3261 §21.5.4
    @Test func retryAfterIsObeyedAtOnceAndBounded() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        #expect(health.report(.unavailable(retryAfter: 5), of: server, policy: policy, now: start) == .opened(for: .seconds(5)))
        let other = try self.server("192.0.2.2")
        #expect(
            health.report(.unavailable(retryAfter: .max), of: other, policy: policy, now: start)
                == .opened(for: ServerHealth.longestRetryAfter))
    }

    @Test func oneTrialAtATimeLeadsBack() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        for _ in 0..<3 { _ = health.report(.silent, of: server, policy: policy, now: start) }
        let later = start + .seconds(30)
        let first = health.mayUse(server, now: later)
        let second = health.mayUse(server, now: later)
        #expect(first && !second)
        #expect(health.report(.alive, of: server, policy: policy, now: later) == .closed)
        let third = health.mayUse(server, now: later)
        #expect(third)
    }

    @Test func failedTrialOpensAgainWithoutANewAlarm() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        for _ in 0..<3 { _ = health.report(.silent, of: server, policy: policy, now: start) }
        let later = start + .seconds(31)
        _ = health.mayUse(server, now: later)
        #expect(health.report(.silent, of: server, policy: policy, now: later) == nil)
        let isUsable = health.mayUse(server, now: later + .seconds(29))
        #expect(!isUsable)
    }

    @Test func trialThatNeverReportsIsReplaced() throws {
        var health = ServerHealth()
        let server = try server("192.0.2.1")
        for _ in 0..<3 { _ = health.report(.silent, of: server, policy: policy, now: start) }
        let first = health.mayUse(server, now: start + .seconds(30))
        let second = health.mayUse(server, now: start + .seconds(30) + ServerHealth.trialTime)
        #expect(first && second)
    }

    @Test func serversOfGoneTrunksAreForgotten() throws {
        var health = ServerHealth()
        for _ in 0..<3 { _ = health.report(.silent, of: try server("192.0.2.1"), policy: policy, now: start) }
        health.keep { _ in false }
        #expect(health.openCount(now: start) == 0)
    }
}
