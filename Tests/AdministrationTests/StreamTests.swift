import AdministrationAPI
import Glibc
import SottoBase
import Synchronization
import Testing

@testable import Administration
@testable import sotto

@Suite struct StreamTests {
    @Test func eventsComeWhenTheyHappen() async throws {
        try await Bench.run { bench async throws in
            let socket = try RawSocket(bench.path)
            socket.send("GET /v1/events HTTP/1.1\r\n\r\n")
            await eventually("it follows") { bench.service.followers == 1 }
            for name in ["call.arrived", "call.answered"] {
                bench.service.happened(name)
                let text = try await onThread { socket.readUntil("\"\(name)\"") }
                #expect(text.contains("\"\(name)\""))
            }
            #expect(bench.server.gauges.streams == 1)
        }
    }

    @Test func goneFollowerEndsItsStream() async throws {
        try await Bench.run { bench async throws in
            var socket: RawSocket? = try RawSocket(bench.path)
            socket?.send("GET /v1/events HTTP/1.1\r\n\r\n")
            await eventually("it follows") { bench.service.followers == 1 }
            socket = nil
            await eventually("nobody follows") { bench.service.followers == 0 && bench.server.gauges.streams == 0 }
            withExtendedLifetime(socket) {}
        }
    }

    @Test func followersAreBounded() async throws {
        var limits = AdministrationLimits()
        limits.streams = 1
        try await Bench.run(FakeService(), limits) { bench async throws in
            let socket = try RawSocket(bench.path)
            socket.send("GET /v1/events HTTP/1.1\r\n\r\n")
            await eventually("it follows") { bench.service.followers == 1 }
            #expect(try await bench.get("/v1/events").status == 503)
            #expect(try await bench.get("/v1/status").status == 200)
            withExtendedLifetime(socket) {}
        }
    }

    @Test func stopEndsStreamsProperly() async throws {
        let service = FakeService()
        try await Bench.run(service) { bench async throws in
            let client = AdministrationClient(socket: bench.path)
            async let seen: Int = onThread {
                var count = 0
                try client.events { _ throws(Failure) in
                    count += 1
                    return true
                }
                return count
            }
            await eventually("it follows") { service.followers == 1 }
            service.happened("call.arrived")
            await bench.server.stop()
            // A stream that broke off would have thrown.
            #expect(try await seen <= 1)
        }
    }

    @Test func exportComesWhole() async throws {
        try await Bench.run { bench async throws in
            let client = AdministrationClient(socket: bench.path)
            let tenant = try #require(FakeService.tenant)
            let bytes = try await onThread {
                var bytes: [UInt8] = []
                try client.pieces(.export(FakeService.call, tenant: tenant)) { piece throws(Failure) in bytes += piece }
                return bytes
            }
            #expect(bytes == Array("RIFF".utf8) + Array(repeating: 7, count: 200_000))
        }
    }

    @Test func brokenExportIsSeenAsBroken() async throws {
        try await Bench.run(FakeService { $0.breaks = FakeService.Broken() }) { bench async throws in
            let client = AdministrationClient(socket: bench.path)
            let tenant = try #require(FakeService.tenant)
            await #expect(throws: Failure.self) {
                try await onThread { try client.pieces(.export(FakeService.call, tenant: tenant)) { _ throws(Failure) in } }
            }
        }
    }

    @Test func problemBeforeTheFirstPieceHasAStatus() async throws {
        let problem = AdministrationProblem(.unavailable, "the key service is away")
        let service = FakeService { script in
            script.pieces = []
            script.breaks = problem
        }
        try await Bench.run(service) { bench async throws in
            let reply = try await bench.get("/v1/records/acme/\(FakeService.call)/audio")
            #expect(reply.status == 503)
            #expect(reply.problem == problem)
        }
    }

    /// Memory is bounded by the reader: the source is asked for no more than the socket's buffer and a piece or two.
    @Test func slowReaderStopsTheSourceAndIsClosed() async throws {
        var limits = AdministrationLimits()
        limits.writeTime = .milliseconds(200)
        try await Bench.run(FakeService { $0.isEndless = true }, limits) { bench async throws in
            let socket = try RawSocket(bench.path)
            socket.send("GET /v1/records/acme/\(FakeService.call)/audio HTTP/1.1\r\n\r\n")
            await eventually("it is given up") { bench.server.gauges.slowTotal == 1 && bench.server.gauges.connections == 0 }
            #expect((1...32).contains(bench.service.pulled))
            let bytes = try await onThread { socket.readAll() }
            #expect(!bytes.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8)))
        }
    }
}
