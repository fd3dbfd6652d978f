import AdministrationAPI
import Foundation
import Glibc
import NIOPosix
import Testing

@testable import Administration

/// A server over a fresh socket, for the length of a test.
struct Bench: Sendable {
    let folder: String
    let path: String
    let service: FakeService
    let server: AdministrationServer

    static func run(
        _ service: FakeService = FakeService(), _ limits: AdministrationLimits = AdministrationLimits(),
        _ body: (Bench) async throws -> Void
    ) async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/run/admin.sock"
        let server = AdministrationServer(path: path, service: service, group: MultiThreadedEventLoopGroup.singleton, limits: limits)
        try await server.start()
        let bench = Bench(folder: folder, path: path, service: service, server: server)
        do {
            try await body(bench)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        await eventually("all gauges are zero") {
            let gauges = server.gauges
            return gauges.connections == 0 && gauges.requests == 0 && gauges.streams == 0 && service.followers == 0
        }
    }

    static func folder() throws -> String {
        var template = Array("/tmp/sotto-administration-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// One request, and everything that comes back until the server closes.
    func exchange(_ text: String) async throws -> Reply {
        let path = path
        return try await onThread { Reply(try RawSocket(path).exchange(text)) }
    }

    func get(_ target: String) async throws -> Reply { try await exchange("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n") }

    func post(_ target: String, _ body: String = "") async throws -> Reply {
        try await exchange("POST \(target) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
}

/// Waits, turn by turn and within bounds, for something that other threads bring about.
func eventually(_ what: Comment, _ condition: () -> Bool) async {
    for _ in 0..<2_000_000 {
        if condition() { return }
        await Task.yield()
    }
    Issue.record(what)
}

/// Blocking work on a thread of its own: the shared pool has only as many threads as cores, and the server answers on it.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// A plain blocking socket: what a hostile or clumsy peer would use.
final class RawSocket: Sendable {
    let descriptor: CInt

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var address = try #require(UnixAddress(path))
        // So that a defect is a failure instead of a test that hangs.
        var time = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        guard address.call({ connect(descriptor, $0, $1) }) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// As much as the peer takes.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Up to `count` bytes; empty at the end.
    func read(_ count: Int = 65_536) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, used in used = max(0, Glibc.read(descriptor, buffer.baseAddress, count)) }
    }

    func readAll() -> [UInt8] {
        var result: [UInt8] = []
        while true {
            let piece = read()
            if piece.isEmpty { return result }
            result += piece
        }
    }

    func readUntil(_ text: String) -> String {
        var result = ""
        while !result.contains(text) {
            let piece = read()
            if piece.isEmpty { return result }
            result += String(decoding: piece, as: UTF8.self)
        }
        return result
    }

    func exchange(_ text: String) -> [UInt8] {
        send(text)
        return readAll()
    }
}

struct Reply: Sendable {
    let status: Int
    let head: String
    let body: [UInt8]

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let end = text.range(of: "\r\n\r\n")
        head = end.map { String(text[..<$0.lowerBound]) } ?? ""
        status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        body = end.map { Array(text[$0.upperBound...].utf8) } ?? []
    }

    var problem: AdministrationProblem? { AdministrationJSON.decode(AdministrationProblem.self, from: body) }
}
