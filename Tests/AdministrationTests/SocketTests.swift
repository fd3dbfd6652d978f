import Foundation
import Glibc
import NIOPosix
import Testing

@testable import Administration

@Suite struct SocketTests {
    private func server(_ path: String) -> AdministrationServer {
        AdministrationServer(path: path, service: FakeService(), group: MultiThreadedEventLoopGroup.singleton)
    }

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = try Bench.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    @Test func socketIsClosedToOthersAndGoesAway() async throws {
        try await Bench.run { bench async throws in
            #expect(mode(bench.path) == 0o660)
            #expect(mode(bench.folder + "/run") == 0o750)
            await bench.server.stop()
            #expect(mode(bench.path) == nil)
        }
    }

    @Test func staleSocketIsReplaced() async throws {
        try await inFolder { folder async throws in
            let path = folder + "/admin.sock"
            let dead = try ListeningSocket(path: path)
            close(dead.descriptor)
            #expect(mode(path) != nil)
            let server = server(path)
            try await server.start()
            let socket = try RawSocket(path)
            await eventually("it answers") { server.gauges.connections == 1 }
            await server.stop()
            withExtendedLifetime(socket) {}
        }
    }

    @Test func livingDaemonIsNotDisplaced() async throws {
        try await Bench.run { bench async throws in
            let second = server(bench.path)
            await #expect(throws: AdministrationServerError.inUse(bench.path)) { try await second.start() }
            #expect(try await bench.get("/v1/status").status == 200)
        }
    }

    @Test func otherFileIsLeftAlone() async throws {
        try await inFolder { folder async throws in
            let path = folder + "/admin.sock"
            try Data("mine".utf8).write(to: URL(filePath: path))
            await #expect(throws: AdministrationServerError.notASocket(path)) { try await server(path).start() }
            #expect(try Data(contentsOf: URL(filePath: path)) == Data("mine".utf8))
        }
    }

    @Test func anothersSocketIsNotRemovedAtStop() async throws {
        try await inFolder { folder async throws in
            let path = folder + "/admin.sock"
            let first = server(path)
            try await first.start()
            #expect(unlink(path) == 0)
            let second = server(path)
            try await second.start()
            await first.stop()
            #expect(mode(path) == 0o660)
            await second.stop()
            #expect(mode(path) == nil)
        }
    }

    @Test func folderThatIsOpenToAllIsRefused() async throws {
        try await inFolder { folder async throws in
            #expect(chmod(folder, 0o777) == 0)
            await #expect(throws: AdministrationServerError.folderOpenToAll(folder)) { try await server(folder + "/admin.sock").start() }
        }
    }

    @Test func longPathIsRefused() async throws {
        let path = "/tmp/" + String(repeating: "a", count: 120)
        await #expect(throws: AdministrationServerError.pathTooLong(path)) { try await server(path).start() }
    }

    @Test func failedStartCanBeTriedAgain() async throws {
        try await inFolder { folder async throws in
            let path = folder + "/admin.sock"
            try Data().write(to: URL(filePath: path))
            let server = server(path)
            await #expect(throws: AdministrationServerError.notASocket(path)) { try await server.start() }
            unlink(path)
            try await server.start()
            await #expect(throws: AdministrationServerError.alreadyStarted) { try await server.start() }
            await server.stop()
        }
    }
}
