import AdministrationAPI
import Glibc
import SottoBase
import Testing

@testable import Administration
@testable import sotto

@Suite struct ServerTests {
    @Test(arguments: RequestTests.requests.filter { $0 != .events }) func requestReachesTheServiceWithItsPeer(
        _ request: AdministrationRequest
    ) async throws {
        try await Bench.run { bench async throws in
            let client = AdministrationClient(socket: bench.path)
            try await onThread { try client.command(request) }
            let asked = try #require(bench.service.asked.first)
            #expect(bench.service.asked.count == 1)
            #expect(asked.request == request)
            #expect(asked.peer.user == geteuid())
            var groups = [gid_t](repeating: 0, count: 256)
            let count = getgroups(256, &groups)
            #expect(asked.peer.groups == Set(groups.prefix(Int(max(0, count))) + [getegid()]))
            #expect(bench.server.gauges.requestsTotal == 1)
        }
    }

    @Test func reportArrivesWhole() async throws {
        try await Bench.run { bench async throws in
            let reply = try await bench.get("/v1/status")
            #expect(reply.status == 200)
            #expect(reply.head.lowercased().contains("content-type: application/json"))
            #expect(reply.head.lowercased().contains("cache-control: no-store"))
            #expect(AdministrationJSON.decode(StatusReport.self, from: reply.body)?.version == "9.9")
        }
    }

    @Test(arguments: AdministrationProblem.Kind.allCases) func problemBecomesAStatus(_ kind: AdministrationProblem.Kind) async throws {
        let problem = AdministrationProblem(kind, "no", hint: "do that")
        try await Bench.run(FakeService { $0.problem = problem }) { bench async throws in
            for target in ["/v1/status", "/v1/events", "/v1/records/acme/\(FakeService.call)/audio"] {
                let reply = try await bench.get(target)
                #expect(reply.status == kind.httpStatus)
                #expect(reply.problem == problem)
            }
        }
    }

    @Test func unknownResourceAndWrongMethodAreTold() async throws {
        try await Bench.run { bench async throws in
            #expect(try await bench.get("/v1/nothing").status == 404)
            let reply = try await bench.get("/v1/reload")
            #expect(reply.status == 405)
            #expect(reply.head.contains("Allow: POST"))
            #expect(try await bench.post("/v1/status").status == 405)
            #expect(bench.service.asked.isEmpty)
            #expect(bench.server.gauges.refusedTotal == 3)
        }
    }

    @Test func whatIsNotHTTPIsRefused() async throws {
        try await Bench.run { bench async throws in
            #expect(try await bench.exchange("\u{16}\u{3}\u{1} hello\r\n\r\n").status == 400)
            #expect(bench.service.asked.isEmpty)
        }
    }

    @Test func tooLargeHeadIsRefused() async throws {
        try await Bench.run { bench async throws in
            let long = String(repeating: "a", count: 20_000)
            #expect(try await bench.exchange("GET /v1/status HTTP/1.1\r\nX: \(long)\r\n\r\n").status == 431)
            #expect(try await bench.exchange("GET /v1/\(long) HTTP/1.1\r\n\r\n").status == 431)
            let many = String(repeating: "X: a\r\n", count: 100)
            #expect(try await bench.exchange("GET /v1/status HTTP/1.1\r\n\(many)\r\n").status == 431)
            #expect(bench.service.asked.isEmpty)
        }
    }

    @Test func tooLargeBodyIsRefused() async throws {
        try await Bench.run { bench async throws in
            #expect(try await bench.post("/v1/records/search", String(repeating: " ", count: 5_000)).status == 413)
            #expect(try await bench.post("/v1/records/search", String(repeating: " ", count: 50_000)).status == 413)
            #expect(bench.service.asked.isEmpty)
        }
    }

    @Test func slowAskerIsClosed() async throws {
        var limits = AdministrationLimits()
        limits.requestTime = .milliseconds(50)
        try await Bench.run(FakeService(), limits) { bench async throws in
            #expect(try await bench.exchange("GET /v1/status HTTP/1.1\r\nHo").status == 408)
            #expect(try await bench.exchange("").status == 408)
            #expect(bench.server.gauges.slowTotal == 2)
        }
    }

    @Test func stuckServiceIsGivenUp() async throws {
        var limits = AdministrationLimits()
        limits.answerTime = .milliseconds(50)
        try await Bench.run(FakeService { $0.isStuck = true }, limits) { bench async throws in
            #expect(try await bench.get("/v1/status").status == 503)
            await eventually("the service's task was cancelled") { bench.service.cancelled == 1 }
        }
    }

    @Test func goneAskerCancelsTheService() async throws {
        try await Bench.run(FakeService { $0.isStuck = true }) { bench async throws in
            var socket: RawSocket? = try RawSocket(bench.path)
            socket?.send("GET /v1/status HTTP/1.1\r\n\r\n")
            await eventually("it is asked") { bench.server.gauges.requests == 1 && bench.service.asked.count == 1 }
            socket = nil
            await eventually("the service's task was cancelled") { bench.service.cancelled == 1 }
        }
    }

    @Test func connectionsAreBounded() async throws {
        var limits = AdministrationLimits()
        limits.connections = 2
        try await Bench.run(FakeService(), limits) { bench async throws in
            let held = [try RawSocket(bench.path), try RawSocket(bench.path)]
            await eventually("both are in") { bench.server.gauges.connections == 2 }
            let reply = try await bench.get("/v1/status")
            #expect(reply.status == 503)
            #expect(reply.problem?.kind == .unavailable)
            #expect(bench.server.gauges.overLimitTotal == 1)
            withExtendedLifetime(held) {}
        }
    }

    @Test func oneUserCannotTakeEveryConnection() async throws {
        var limits = AdministrationLimits()
        limits.connectionsPerUser = 1
        try await Bench.run(FakeService(), limits) { bench async throws in
            var held: RawSocket? = try RawSocket(bench.path)
            await eventually("it is in") { bench.server.gauges.connections == 1 }
            #expect(try await bench.get("/v1/status").status == 503)
            held = nil
            await eventually("it is out") { bench.server.gauges.connections == 0 }
            #expect(try await bench.get("/v1/status").status == 200)
            withExtendedLifetime(held) {}
        }
    }

    @Test func pipelinedSecondRequestIsNotAnswered() async throws {
        try await Bench.run { bench async throws in
            _ = try await bench.exchange("GET /v1/status HTTP/1.1\r\n\r\nPOST /v1/drain HTTP/1.1\r\n\r\n")
            #expect(bench.service.asked.map(\.request) == [.status])
        }
    }
}
