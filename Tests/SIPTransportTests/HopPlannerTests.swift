import SottoBase
import Testing

@testable import SIPTransport

/// RFC 3263 §4, RFC 2782: pure.
@Suite struct HopPlannerTests {
    /// Answers from a zone; what is not in it does not exist.
    struct Zone {
        var records: [DNSQuestion: DNSAnswer] = [:]

        mutating func add(_ name: String, _ kind: DNSQuestion.Kind, _ contents: [DNSRecord.Content], lifetime: Duration = .seconds(300)) {
            records[DNSQuestion(name: name, kind: kind)] = .records(contents, lifetime: lifetime)
        }

        mutating func address(_ name: String, _ host: String) {
            guard let address = PeerAddress(host: host, port: 0) else {
                Issue.record("\(host)")
                return
            }
            add(name, address.isIPv6 ? .aaaa : .a, [.address(address.bytes)])
        }

        func plan(
            _ target: HopTarget, seed: UInt64 = 1, prefersIPv6: Bool = false
        ) -> (result: Result<HopPlan, NameFailure>, asked: [DNSQuestion]) {
            var planner = HopPlanner(target, prefersIPv6: prefersIPv6)
            var entropy = Seeded(state: seed)
            var asked: [DNSQuestion] = []
            var step = planner.start()
            while case .ask(let questions) = step, asked.count < 200 {
                asked += questions
                var answers: [DNSQuestion: DNSAnswer] = [:]
                for question in questions { answers[question] = records[question] ?? .none(lifetime: .seconds(60)) }
                step = planner.answered(answers, entropy: &entropy)
            }
            guard case .done(let result) = step else { return (.failure(.overloaded), asked) }
            return (result, asked)
        }
    }

    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private func pointer(
        _ order: UInt16, _ preference: UInt16, _ service: String, _ replacement: String, flags: String = "s", expression: Bool = false
    ) -> DNSRecord.Content {
        .pointer(
            order: order, preference: preference, flags: flags, service: service, hasExpression: expression, replacement: replacement)
    }

    private func server(_ priority: UInt16, _ weight: UInt16, _ port: UInt16, _ target: String) -> DNSRecord.Content {
        .server(priority: priority, weight: weight, port: port, target: target)
    }

    private func hosts(_ result: Result<HopPlan, NameFailure>) throws -> [String] {
        try result.get().hops.map { "\($0.address.hostReference):\($0.address.port)" }
    }

    @Test(arguments: ["192.0.2.7", "[2001:db8::7]", "2001:db8::7"])
    func anAddressAsksNobody(host: String) throws {  // RFC 3263 §4.2
        let (result, asked) = Zone().plan(HopTarget(host: host))
        #expect(asked.isEmpty)
        let hop = try #require(try result.get().hops.first)
        #expect(hop.address.port == 5_061)
        #expect(try Zone().plan(HopTarget(host: host, port: 7_061)).result.get().hops.first?.address.port == 7_061)
    }

    @Test func aPortAsksForAddressesOnly() throws {  // RFC 3263 §4.2
        var zone = Zone()
        zone.address("sip.carrier.example", "192.0.2.1")
        zone.address("sip.carrier.example", "2001:db8::1")
        let (result, asked) = zone.plan(HopTarget(host: "SIP.Carrier.example.", port: 5_065))
        #expect(asked.map(\.kind) == [.a, .aaaa])
        #expect(try hosts(result) == ["192.0.2.1:5065", "[2001:db8::1]:5065"])
        let six = zone.plan(HopTarget(host: "sip.carrier.example", port: 5_065), prefersIPv6: true).result
        #expect(try hosts(six).first == "[2001:db8::1]:5065")
    }

    @Test func naptrLeadsToServersAndThoseToAddresses() throws {  // RFC 3263 §4.1
        var zone = Zone()
        zone.add(
            "carrier.example", .naptr,
            [pointer(20, 10, "SIPS+D2T", "second.example"), pointer(10, 10, "sips+d2t", "_sips._tcp.first.example", flags: "S")])
        zone.add("_sips._tcp.first.example", .srv, [server(10, 0, 5_071, "a.first.example")])
        zone.address("a.first.example", "192.0.2.1")
        let (result, asked) = zone.plan(HopTarget(host: "carrier.example"))
        #expect(asked.map(\.kind) == [.naptr, .srv, .a, .aaaa])
        #expect(try hosts(result) == ["192.0.2.1:5071"])
    }

    @Test func onlyTLSIsEverPlanned() throws {  // RFC 3263 §4.1, RFC 5630 §3.1: sips is never downgraded
        var zone = Zone()
        zone.add(
            "carrier.example", .naptr,
            [
                pointer(1, 1, "SIP+D2U", "_sip._udp.carrier.example"), pointer(2, 1, "SIP+D2T", "_sip._tcp.carrier.example"),
                pointer(3, 1, "SIPS+D2T", "bad.example", flags: "u"), pointer(4, 1, "SIPS+D2T", "worse.example", expression: true),
            ])
        zone.add("_sip._udp.carrier.example", .srv, [server(1, 1, 5_060, "plain.example")])
        zone.add("_sip._tcp.carrier.example", .srv, [server(1, 1, 5_060, "plain.example")])
        zone.add("_sips._tcp.carrier.example", .srv, [server(1, 1, 5_061, "secure.example")])
        zone.address("plain.example", "192.0.2.66")
        zone.address("secure.example", "192.0.2.1")
        let (result, asked) = zone.plan(HopTarget(host: "carrier.example"))
        #expect(try hosts(result) == ["192.0.2.1:5061"])
        #expect(asked.allSatisfy { !$0.name.contains("_sip._") && $0.name != "plain.example" })
    }

    @Test func withoutServersTheDomainItselfServes() throws {  // RFC 3263 §4.2
        var zone = Zone()
        zone.address("carrier.example", "192.0.2.1")
        let (result, asked) = zone.plan(HopTarget(host: "carrier.example"))
        #expect(asked.map(\.name) == ["carrier.example", "_sips._tcp.carrier.example", "carrier.example", "carrier.example"])
        #expect(try hosts(result) == ["192.0.2.1:5061"])
    }

    @Test func prioritiesComeBeforeWeights() throws {  // RFC 2782
        var zone = Zone()
        zone.add("_sips._tcp.c.example", .srv, [server(20, 65_535, 1, "late.example"), server(10, 1, 1, "early.example")])
        zone.address("late.example", "192.0.2.2")
        zone.address("early.example", "192.0.2.1")
        for seed in 0..<20 {
            #expect(try hosts(zone.plan(HopTarget(host: "c.example"), seed: UInt64(seed)).result) == ["192.0.2.1:1", "192.0.2.2:1"])
        }
    }

    @Test func weightsShareTheLoad() throws {  // RFC 2782
        var zone = Zone()
        zone.add(
            "_sips._tcp.c.example", .srv,
            [server(1, 0, 1, "none.example"), server(1, 75, 1, "three.example"), server(1, 25, 1, "one.example")])
        for (index, name) in ["none", "three", "one"].enumerated() { zone.address("\(name).example", "192.0.2.\(index + 1)") }
        var first: [String: Int] = [:]
        for seed in 0..<2_000 {
            let plan = try zone.plan(HopTarget(host: "c.example"), seed: UInt64(seed)).result.get()
            #expect(plan.hops.count == 3)
            first[plan.hops[0].name, default: 0] += 1
        }
        #expect((1_350...1_600).contains(first["three.example", default: 0]))
        #expect((400...600).contains(first["one.example", default: 0]))
        #expect((1...80).contains(first["none.example", default: 0]))
    }

    @Test func aRootTargetMeansNoService() {  // RFC 2782
        var zone = Zone()
        zone.add("_sips._tcp.c.example", .srv, [server(0, 0, 0, "")])
        zone.address("c.example", "192.0.2.1")
        #expect(zone.plan(HopTarget(host: "c.example")).result == .failure(.noService))
    }

    @Test func aFailedServerLookupIsNoReasonToGuess() {
        var zone = Zone()
        zone.records[DNSQuestion(name: "_sips._tcp.c.example", kind: .srv)] = .failed(.timedOut)
        zone.address("c.example", "192.0.2.1")
        #expect(zone.plan(HopTarget(host: "c.example")).result == .failure(.timedOut))
    }

    @Test func aFailedNAPTRLookupLeavesTheServers() throws {
        var zone = Zone()
        zone.records[DNSQuestion(name: "c.example", kind: .naptr)] = .failed(.serverFailed)
        zone.add("_sips._tcp.c.example", .srv, [server(0, 0, 5_061, "a.example")])
        zone.address("a.example", "192.0.2.1")
        #expect(try hosts(zone.plan(HopTarget(host: "c.example")).result) == ["192.0.2.1:5061"])
    }

    @Test func theShortestLifetimeIsThePlans() throws {
        var zone = Zone()
        zone.add("_sips._tcp.c.example", .srv, [server(0, 0, 5_061, "a.example")], lifetime: .seconds(20))
        zone.address("a.example", "192.0.2.1")
        #expect(try zone.plan(HopTarget(host: "c.example")).result.get().lifetime == .seconds(20))
    }

    @Test func addressesThatNobodyHasAreLeftOut() {
        var zone = Zone()
        zone.add("c.example", .a, [.address([0, 0, 0, 0]), .address([224, 0, 0, 1]), .address([255, 255, 255, 255])])
        #expect(zone.plan(HopTarget(host: "c.example", port: 1)).result == .failure(.noRecords))
    }

    @Test(arguments: ["", ".", "a..b", "a b", "\u{0}", String(repeating: "a", count: 64), String(repeating: "a.", count: 130), "ü.example"])
    func whatIsNoNameAsksNobody(host: String) {
        let (result, asked) = Zone().plan(HopTarget(host: host))
        #expect(result == .failure(.invalidName))
        #expect(asked.isEmpty)
    }

    @Test func aFloodOfRecordsIsCut() throws {
        var zone = Zone()
        zone.add("_sips._tcp.c.example", .srv, (0..<250).map { server(UInt16($0), 0, 1, "t\($0).example") })
        for index in 0..<250 {
            zone.add("t\(index).example", .a, (0..<20).map { .address([192, 0, UInt8(index), UInt8($0 + 1)]) })
        }
        let (result, asked) = zone.plan(HopTarget(host: "c.example"))
        #expect(try result.get().hops.count == HopPlanner.maximumHops)
        #expect(asked.count <= 2 + 2 * HopPlanner.maximumTargets)
    }
}

@Suite struct NameCacheTests {
    @Test func answersEndWithTheirLifetimeAndFailuresAreNotKept() {
        var cache = NameCache(capacity: 2)
        let start = Instant(nanoseconds: 0)
        let (a, b, c) = (DNSQuestion(name: "a", kind: .a), DNSQuestion(name: "b", kind: .a), DNSQuestion(name: "c", kind: .a))
        cache.keep(.none(lifetime: .seconds(10)), for: a, now: start)
        cache.keep(.failed(.timedOut), for: b, now: start)
        #expect(cache.answer(to: a, now: start + .seconds(4)) == .none(lifetime: .seconds(6)))
        #expect(cache.answer(to: a, now: start + .seconds(10)) == nil)
        #expect(cache.answer(to: b, now: start) == nil)
        cache.keep(.none(lifetime: .seconds(20)), for: b, now: start)
        cache.keep(.none(lifetime: .seconds(30)), for: c, now: start)
        #expect(cache.count == 2)
        #expect(cache.answer(to: a, now: start) == nil, "the first to end makes room")
        #expect(cache.answer(to: c, now: start) != nil)
    }
}
