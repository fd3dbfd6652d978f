import Admission
import Policy
import SottoBase
import Testing

/// A tenant with one trunk.
struct House {
    var limits = AdmissionLimits()
    var trunkLimits = TrunkLimits(
        calls: 3, callsPerSecond: 1, burst: 2, location: SourceLocation(file: "tenants/acme.toml", line: 6))
    var rules: [FraudRule] = []
    var machineRules: [FraudRule] = []

    func policy() throws -> PolicySnapshot {
        let region = try #require(Region("DE"))
        func tenant(_ name: String) throws -> TenantPolicy {
            let trunk = TrunkPolicy(
                name: try #require(TrunkName("carrier")), identity: .init(peers: [], certificateIdentities: ["x"]), limits: trunkLimits)
            return TenantPolicy(
                name: try #require(TenantName(name)), region: region, trunks: [trunk], fraudRules: name == "acme" ? rules : [])
        }
        return PolicySnapshot(
            version: "v1", tenants: [try tenant("acme"), try tenant("beta")], gatewayRegion: region, limits: limits,
            fraudRules: machineRules)
    }
}

struct Caller {
    var gate = CallGate()
    var now = Instant(nanoseconds: 0)
    let policy: PolicySnapshot
    var tickets: [AdmissionTicket] = []

    init(_ house: House) throws { policy = try house.policy() }

    static func attempt(_ called: String = "+493012", source: String = "198.51.100.1", tenant: String = "acme", caller: String? = "+4940")
        throws -> CallAttempt
    {
        CallAttempt(
            source: try #require(PeerAddress(host: source, port: 1)),
            trunk: TrunkReference(tenant: try #require(TenantName(tenant)), trunk: try #require(TrunkName("carrier"))),
            called: DialledNumber(user: called), caller: caller.map { DialledNumber(user: $0) })
    }

    /// `ok`, or the status and the rule.
    mutating func call(
        _ attempt: CallAttempt? = nil, after: Duration = .zero, isEmergency: Bool = false
    ) throws -> String {
        now = now + after
        let verdict = gate.callArrived(
            try attempt ?? Self.attempt(), policy: policy, isEmergency: isEmergency, now: now, wall: WallTime(milliseconds: 0))
        switch verdict.decision {
        case .allow(let ticket):
            tickets.append(ticket)
            return "ok"
        case .refuse(let status, _, let reason): return "\(status) \(reason.rule.name)"
        case .drop(let reason): return "drop \(reason.rule.name)"
        }
    }
}

@Suite struct TokenBucketTests {
    @Test func burstThenRate() {
        var now = Instant(nanoseconds: 0)
        var bucket = TokenBucket(burst: 2, now: now)
        #expect(bucket.take(rate: 1, burst: 2, now: now) == true)
        #expect(bucket.take(rate: 1, burst: 2, now: now) == true)
        #expect(bucket.take(rate: 1, burst: 2, now: now) == false)
        now = now + .milliseconds(999)
        #expect(bucket.take(rate: 1, burst: 2, now: now) == false)
        now = now + .milliseconds(2)
        #expect(bucket.take(rate: 1, burst: 2, now: now) == true)
    }

    @Test func longPauseFillsToTheBurstAndNoFurther() {
        var bucket = TokenBucket(burst: 2, now: Instant(nanoseconds: 0))
        let later = Instant(nanoseconds: .max)
        var taken = 0
        while bucket.take(rate: 1e4, burst: 2, now: later) { taken += 1 }
        #expect(taken == 2)
    }

    @Test func clockThatRunsBackwardsGivesNothing() {
        var bucket = TokenBucket(burst: 1, now: Instant(nanoseconds: 1_000_000_000))
        #expect(bucket.take(rate: 1, burst: 1, now: Instant(nanoseconds: 1_000_000_000)) == true)
        #expect(bucket.take(rate: 1, burst: 1, now: Instant(nanoseconds: 0)) == false)
        #expect(bucket.take(rate: 1, burst: 1, now: Instant(nanoseconds: 1_500_000_000)) == false)
        #expect(bucket.take(rate: 1, burst: 1, now: Instant(nanoseconds: 2_000_000_001)) == true)
    }
}

@Suite struct CallGateTests {
    @Test func trunksRateNamesItsRule() throws {
        var caller = try Caller(House())
        #expect(try caller.call() == "ok")
        #expect(try caller.call() == "ok")
        #expect(try caller.call() == "503 trunk carrier limits.calls-per-second")
        #expect(try caller.call(after: .seconds(1)) == "ok")
    }

    @Test func refusalSaysWhenToRetry() throws {
        var gate = CallGate()
        gate.drainStarted()
        let verdict = gate.callArrived(
            try Caller.attempt(), policy: try House().policy(), now: Instant(nanoseconds: 0), wall: WallTime(milliseconds: 0))
        guard case .refuse(503, .some(.seconds(5)), _) = verdict.decision else {
            Issue.record("\(verdict)")
            return
        }
    }

    @Test func trunksCapIsGivenBackWhenACallEnds() throws {
        var caller = try Caller(House())
        for _ in 0..<3 { #expect(try caller.call(after: .seconds(2)) == "ok") }
        #expect(try caller.call(after: .seconds(2)) == "503 trunk carrier limits.calls")
        caller.gate.callEnded(caller.tickets[0])
        caller.gate.callEnded(caller.tickets[0])
        #expect(caller.gate.calls == 2)
        #expect(try caller.call(after: .seconds(2)) == "ok")
        #expect(try caller.call(after: .seconds(2)) == "503 trunk carrier limits.calls")
    }

    @Test func machinesAndSourcesCapsCount() throws {
        var house = House()
        house.limits.calls = 2
        house.limits.callsPerSource = 1
        var caller = try Caller(house)
        #expect(try caller.call() == "ok")
        #expect(try caller.call() == "503 [limits] calls-per-source")
        #expect(try caller.call(Caller.attempt(source: "198.51.100.2", tenant: "beta")) == "ok")
        #expect(try caller.call(Caller.attempt(source: "198.51.100.3"), after: .seconds(5)) == "503 [limits] calls")
    }

    /// One tenant's excess takes nothing from another.
    @Test func tenantsDoNotShareATrunksBucket() throws {
        var caller = try Caller(House())
        for _ in 0..<5 { _ = try caller.call() }
        #expect(try caller.call(Caller.attempt(source: "198.51.100.9", tenant: "beta")) == "ok")
    }

    @Test func emergencyCallsPassRatesAndOverload() throws {
        var caller = try Caller(House())
        for _ in 0..<3 { _ = try caller.call() }
        caller.gate.loadChanged(LoadReading(loopLag: .seconds(1)))
        #expect(try caller.call() == "503 overload")
        #expect(try caller.call(isEmergency: true) == "ok")
    }

    @Test func overloadEndsOnlyBelowTheLowMark() throws {
        var caller = try Caller(House())
        caller.gate.loadChanged(LoadReading(mediaLateness: .milliseconds(16)))
        #expect(caller.gate.isShedding)
        caller.gate.loadChanged(LoadReading(mediaLateness: .milliseconds(10)))
        #expect(caller.gate.isShedding)
        caller.gate.loadChanged(.idle)
        #expect(try caller.call() == "ok")
    }

    @Test func drainRefusesNewCalls() throws {
        var caller = try Caller(House())
        caller.gate.drainStarted()
        #expect(try caller.call() == "503 drain")
    }

    @Test func trunkThatPolicyHasNotIsDropped() throws {
        var caller = try Caller(House())
        #expect(try caller.call(Caller.attempt(tenant: "gone")) == "drop no trunk matches")
    }

    /// A stricter reload counts at once for new calls.
    @Test func newSnapshotCountsAtOnce() throws {
        var caller = try Caller(House())
        #expect(try caller.call() == "ok")
        var strict = House()
        strict.trunkLimits = TrunkLimits(calls: 1, callsPerSecond: 1, burst: 1)
        let verdict = caller.gate.callArrived(
            try Caller.attempt(), policy: try strict.policy(), now: caller.now, wall: WallTime(milliseconds: 0))
        guard case .refuse(503, _, let reason) = verdict.decision else {
            Issue.record("\(verdict)")
            return
        }
        #expect(reason.rule.name == "trunk carrier limits.calls")
    }

    @Test func gaugesReturnToZero() throws {
        var caller = try Caller(House())
        _ = try caller.call()
        _ = try caller.call(Caller.attempt(source: "2001:db8::1", tenant: "beta"))
        #expect(caller.gate.calls == 2 && caller.gate.sourceCount == 2 && caller.gate.trunkCount == 2)
        for ticket in caller.tickets { caller.gate.callEnded(ticket) }
        caller.gate.reap(now: caller.now + .seconds(60))
        #expect(caller.gate.calls == 0 && caller.gate.sourceCount == 0 && caller.gate.trunkCount == 0)
    }

    @Test func floodOfSourcesIsBounded() throws {
        var caller = try Caller(House())
        for index in 0..<20_000 {
            let source = try #require(PeerAddress(bytes: [10, UInt8(index >> 16), UInt8(index >> 8 & 255), UInt8(index & 255)], port: 1))
            let attempt = try Caller.attempt()
            _ = caller.gate.callArrived(
                CallAttempt(source: source, trunk: attempt.trunk, called: attempt.called, caller: nil), policy: caller.policy,
                now: caller.now,
                wall: WallTime(milliseconds: 0))
        }
        #expect(caller.gate.sourceCount <= CallGate.sourcesAtMost)
    }
}

@Suite struct ConnectionGateTests {
    private let limits = AdmissionLimits(
        connections: 3, connectionsPerSource: 2, connectionsPerSecondPerSource: 1, connectionBurstPerSource: 3, handshakes: 2)

    private func peer(_ text: String) throws -> PeerAddress { try #require(PeerAddress(host: text, port: 1)) }

    @Test func capsNameTheirRule() throws {
        var gate = ConnectionGate()
        let now = Instant(nanoseconds: 0)
        func open(_ source: String) throws -> String {
            switch gate.connectionOpened(from: try peer(source), limits: limits, now: now) {
            case .allow: "ok"
            case .close(_, let reason): reason.rule.name
            }
        }
        #expect(try open("198.51.100.1") == "ok")
        #expect(try open("198.51.100.1") == "ok")
        #expect(try open("198.51.100.1") == "[limits] connections-per-source")
        #expect(try open("198.51.100.1") == "[limits] connections-per-second-per-source")
        #expect(try open("198.51.100.2") == "[limits] handshakes")
        gate.handshakeEnded()
        #expect(try open("198.51.100.2") == "ok")
        gate.handshakeEnded()
        #expect(try open("198.51.100.3") == "[limits] connections")
        gate.connectionClosed(from: try peer("198.51.100.1"))
        #expect(try open("198.51.100.3") == "ok")
        #expect(gate.refused == 4)
    }

    /// One holder of an IPv6 /64 is one source.
    @Test func addressesOfOneIPv6NetworkCountTogether() throws {
        var gate = ConnectionGate()
        let now = Instant(nanoseconds: 0)
        for host in ["2001:db8::1", "2001:db8::2"] {
            #expect(gate.connectionOpened(from: try peer(host), limits: limits, now: now) == .allow)
        }
        gate.handshakeEnded()
        gate.handshakeEnded()
        #expect(gate.connectionOpened(from: try peer("2001:db8::3"), limits: limits, now: now) != .allow)
        #expect(gate.connectionOpened(from: try peer("2001:db8:0:1::1"), limits: limits, now: now) == .allow)
    }

    /// A flood of sources is refused when the table is full, without a walk through it for each, and those inside are not pushed out.
    @Test func floodOfSourcesIsBoundedAndLeavesKnownOnesAlone() throws {
        var gate = ConnectionGate()
        let now = Instant(nanoseconds: 0)
        let limits = AdmissionLimits(connections: 1, connectionsPerSource: 2)
        #expect(gate.connectionOpened(from: try peer("198.51.100.1"), limits: limits, now: now) == .allow)
        for index in 0..<100_000 {
            let source = try #require(PeerAddress(bytes: [10, UInt8(index >> 16), UInt8(index >> 8 & 255), UInt8(index & 255)], port: 1))
            _ = gate.connectionOpened(from: source, limits: limits, now: now)
        }
        #expect(gate.sourceCount == ConnectionGate.sourcesAtMost && gate.connections == 1 && gate.refused == 100_000)
    }

    @Test func gaugesReturnToZero() throws {
        var gate = ConnectionGate()
        #expect(gate.connectionOpened(from: try peer("198.51.100.1"), limits: limits, now: Instant(nanoseconds: 0)) == .allow)
        gate.handshakeEnded()
        gate.handshakeEnded()
        gate.connectionClosed(from: try peer("198.51.100.1"))
        gate.connectionClosed(from: try peer("198.51.100.1"))
        gate.reap(limits: limits, now: Instant(nanoseconds: 0) + .seconds(60))
        #expect(gate.connections == 0 && gate.handshakes == 0 && gate.sourceCount == 0)
    }
}
