import NIOCore
import NIOPosix
import SottoBase
import Testing

@testable import SIPTransport

/// Against a name server on loopback.
@Suite struct NameResolverTests {
    private func withResolver(
        _ change: (inout NameResolver.Configuration) -> Void = { _ in }, _ body: (NameResolver, NameServer) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await NameServer(group)
        var configuration = NameResolver.Configuration()
        configuration.servers = [try server.address]
        configuration.attemptTimeout = .milliseconds(100)
        configuration.attempts = 1
        change(&configuration)
        let resolver = NameResolver(configuration)
        try await body(resolver, server)
        #expect(resolver.gauges.waiters == 0)
        await resolver.stop()
        #expect(resolver.gauges.questions == 0)
        #expect(await resolver.plan(HopTarget(host: "c.example")) == .failure(.stopped))
        try await server.stop()
        try await group.shutdownGracefully()
    }

    @Test func namesAreFollowedFromNAPTRToAddresses() async throws {  // RFC 3263 §4
        try await withResolver { resolver, server in
            server.set("c.example", .naptr, .records([Wire.naptr("c.example", 1, "SIPS+D2T", "_sips._tcp.c.example")]))
            server.set(
                "_sips._tcp.c.example", .srv,
                .records([
                    Wire.srv("_sips._tcp.c.example", 20, 1, 5_062, "b.c.example"),
                    Wire.srv("_sips._tcp.c.example", 10, 1, 5_061, "a.c.example"),
                ]))
            server.set(
                "a.c.example", .a,
                .records([Wire.record("a.c.example", 5, Wire.name("real.example")), Wire.a("real.example", [192, 0, 2, 1], lifetime: 30)]))
            server.set("b.c.example", .a, .records([Wire.a("b.c.example", [192, 0, 2, 2])]))
            let six: [UInt8] = [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [2]
            server.set("b.c.example", .aaaa, .records([Wire.record("b.c.example", 28, six)]))
            let plan = try await resolver.plan(HopTarget(host: "c.example")).get()
            #expect(plan.hops.map(\.address.hostText) == ["192.0.2.1", "192.0.2.2", "2001:db8::2"])
            #expect(plan.hops.map(\.address.port) == [5_061, 5_062, 5_062])
            #expect(plan.lifetime <= .seconds(30) && plan.lifetime > .seconds(20))
        }
    }

    @Test func answersAreKeptAlsoThoseThatSayNo() async throws {
        try await withResolver { resolver, server in
            server.set("c.example", .a, .records([Wire.a("c.example", [192, 0, 2, 1])]))
            let first = try await resolver.plan(HopTarget(host: "c.example")).get()
            let asked = server.asked.count
            #expect(asked == 4)  // NAPTR, SRV, A, AAAA
            #expect(try await resolver.plan(HopTarget(host: "C.example.")).get().hops == first.hops)
            #expect(server.asked.count == asked)
            #expect(resolver.gauges.cachedAnswers == 4)
        }
    }

    @Test func questionsOfManyAreAskedOnce() async throws {
        try await withResolver { resolver, server in
            server.set("c.example", .a, .records([Wire.a("c.example", [192, 0, 2, 1])]))
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask { (try? await resolver.plan(HopTarget(host: "c.example", port: 1)).get()) != nil }
                }
                for await found in group { #expect(found) }
            }
            #expect(server.asked.count == 2)
        }
    }

    @Test func silenceEndsInTime() async throws {
        try await withResolver { resolver, server in
            server.set("c.example", .a, .silence)
            server.set("c.example", .aaaa, .silence)
            #expect(await resolver.plan(HopTarget(host: "c.example", port: 1)) == .failure(.timedOut))
        }
        try await withResolver({
            $0.attemptTimeout = .seconds(60)
            $0.deadline = .milliseconds(50)
        }) { resolver, server in
            server.set("c.example", .naptr, .silence)
            #expect(await resolver.plan(HopTarget(host: "c.example")) == .failure(.timedOut))
        }
    }

    @Test func aCancelledPlanWaitsNoLonger() async throws {
        try await withResolver({
            $0.attemptTimeout = .seconds(60)
            $0.deadline = .seconds(60)
        }) { resolver, server in
            server.set("c.example", .naptr, .silence)
            let task = Task { await resolver.plan(HopTarget(host: "c.example")) }
            while resolver.gauges.waiters == 0 { await Task.yield() }
            task.cancel()
            #expect(await task.value == .failure(.cancelled))
        }
    }

    @Test func tooManyQuestionsAreRefused() async throws {
        try await withResolver({
            $0.questionsInFlight = 1
            $0.attemptTimeout = .seconds(60)
            $0.deadline = .seconds(60)
        }) { resolver, server in
            let tasks = (0..<9).map { number in
                server.set("n\(number).example", .naptr, .silence)
                return Task { await resolver.plan(HopTarget(host: "n\(number).example")) }
            }
            while resolver.gauges.waiters < 9 { await Task.yield() }
            #expect(await resolver.plan(HopTarget(host: "last.example")) == .failure(.overloaded))
            for task in tasks { task.cancel() }
            for task in tasks { #expect(await task.value == .failure(.cancelled)) }
        }
    }

    @Test func stoppingEndsWhatIsOpen() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await NameServer(group)
        server.set("c.example", .naptr, .silence)
        var configuration = NameResolver.Configuration()
        configuration.servers = [try server.address]
        let resolver = NameResolver(configuration)
        let task = Task { await resolver.plan(HopTarget(host: "c.example")) }
        while resolver.gauges.waiters == 0 { await Task.yield() }
        await resolver.stop()
        #expect(await task.value == .failure(.stopped))
        try await server.stop()
        try await group.shutdownGracefully()
    }

    @Test(arguments: [2, 5])
    func aServersFailureIsNotNo(code: UInt8) async throws {
        try await withResolver { resolver, server in
            server.set("c.example", .a, .code(code))
            server.set("c.example", .aaaa, .code(code))
            #expect(await resolver.plan(HopTarget(host: "c.example", port: 1)) == .failure(.serverFailed))
        }
    }

    @Test func nonsenseFromAServerIsHarmless() async throws {
        let name: [UInt8] = Wire.name("c.example") + [0, 1, 0, 1]
        let header: [UInt8] = [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        let bodies: [[UInt8]] = [
            [], [0x81], header, header + name, header + name + [0xC0], header + name + [0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 1, 0, 200, 1],
            header + name + [0xC0, 0xFF, 0, 1], [UInt8](repeating: 0xFF, count: 500),
        ]
        try await withResolver({ $0.attemptTimeout = .milliseconds(30) }) { resolver, server in
            for (number, body) in bodies.enumerated() {
                server.set("x\(number).example", .a, .garbage(body))
                server.set("x\(number).example", .aaaa, .garbage(body))
                guard case .failure = await resolver.plan(HopTarget(host: "x\(number).example", port: 1)) else {
                    Issue.record("\(number)")
                    continue
                }
            }
        }
    }
}

/// The reader of answers alone.
@Suite struct DNSMessageTests {
    private let header: [UInt8] = [0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
    private let question = Wire.name("c.example") + [0, 33, 0, 1]

    @Test func namesMayPointBackOnly() throws {
        // The owner points at the question's name; the target at its second label.
        let record: [UInt8] = [0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 11, 0, 1, 0, 2, 0x13, 0xC5, 2, 0x61, 0x62, 0xC0, 14]
        let message = try #require(DNSMessage(header + question + record))
        let (records, lifetime) = try #require(message.answer(to: DNSQuestion(name: "c.example", kind: .srv)))
        #expect(records == [.server(priority: 1, weight: 2, port: 5_061, target: "ab.example")])
        #expect(lifetime == 60)
        var loop = record
        loop[21] = 0xC0
        loop[22] = UInt8(header.count + question.count + 19)  // at itself
        #expect(DNSMessage(header + question + loop)?.answer(to: DNSQuestion(name: "c.example", kind: .srv)) == nil)
    }

    @Test func anAliasLoopEnds() throws {
        let twoAnswers: [UInt8] = [0, 7, 0x81, 0x80, 0, 0, 0, 2, 0, 0, 0, 0]
        let there = Wire.record("a.example", 5, Wire.name("b.example"))
        let back = Wire.record("b.example", 5, Wire.name("a.example"))
        let message = try #require(DNSMessage(twoAnswers + there + back))
        #expect(message.answer(to: DNSQuestion(name: "a.example", kind: .a)) == nil)
    }

    @Test func recordsOfOthersAreNoAnswer() throws {
        let message = try #require(DNSMessage(header + question + Wire.a("evil.example", [192, 0, 2, 66])))
        #expect(message.answer(to: DNSQuestion(name: "c.example", kind: .a)) == nil)
    }

    @Test func aLifetimeWithTheHighestBitIsNone() throws {  // RFC 2181 §8
        let message = try #require(DNSMessage(header + question + Wire.a("c.example", [192, 0, 2, 1], lifetime: 0x8000_0001)))
        #expect(message.answer(to: DNSQuestion(name: "c.example", kind: .a))?.lifetime == 0)
    }

    @Test func theZoneTellsHowLongNoMayBeBelieved() throws {  // RFC 2308 §5
        let authority: [UInt8] = [0, 7, 0x81, 0x83, 0, 0, 0, 0, 0, 1, 0, 0]
        let soa = Wire.name("ns.example") + Wire.name("admin.example") + [UInt8](repeating: 0, count: 16) + [0, 0, 0, 17]
        let message = try #require(DNSMessage(authority + Wire.record("example", 6, soa, lifetime: 900)))
        #expect(message.code == 3)
        #expect(message.negativeLifetime == 17)
    }

    @Test func everyPrefixAndEveryFlippedByteIsRead() {
        let whole = header + question + Wire.naptr("c.example", 1, "SIPS+D2T", "_sips._tcp.c.example")
        for count in 0..<whole.count { _ = DNSMessage(Array(whole[..<count])) }
        for index in whole.indices {
            for value in [UInt8(0), 0x3F, 0x40, 0xC0, 0xFF] {
                var damaged = whole
                damaged[index] = value
                _ = DNSMessage(damaged)?.answer(to: DNSQuestion(name: "c.example", kind: .naptr))
            }
        }
    }
}
