import Foundation
import NIOCore
import NIOPosix
import SottoTLS
import SottoTestPeer

/// OPTIONS over connections that stay, and connections that are opened and closed, against whoever listens.
enum SignalingLoad {
    /// µs of CPU each.
    struct Result {
        var options: Double?
        var handshake: Double?
    }

    static func measure(_ process: MeasuredProcess, port: UInt16, trust: TLSTrust, seconds: Int, only: String?) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let context = try TLSContext.client(nil, trust: trust, minimumVersion: .tls13, now: .now())
        var result = Result()
        do {
            if only != "handshakes" { result.options = try await options(process, port, context, group.next(), seconds) }
            if only != "options" { result.handshake = try await handshakes(process, port, context, group.next(), seconds) }
        } catch {
            Scene.explain(error, process)
            throw error
        }
        try await group.shutdownGracefully()
        return result
    }

    private final class Tally: @unchecked Sendable {  // proof: touched on one loop alone
        var good = 0
        var bad = 0
        var isOver = false
    }

    /// Eight connections with one request under way on each.
    private static func options(
        _ process: MeasuredProcess, _ port: UInt16, _ context: TLSContext, _ loop: any EventLoop, _ seconds: Int
    ) async throws -> Double {
        let tally = Tally()
        var lines: [LoadLine] = []
        for number in 0..<8 {
            let line = try await LoadLine.open(to: port, as: context, loop: loop).get()
            lines.append(line)
            let ask: @Sendable (Int) -> Void = { sequence in
                line.send(
                    [
                        "OPTIONS sip:sbc.example;transport=tls SIP/2.0",
                        "Via: SIP/2.0/TLS 127.0.0.1:\(line.port);branch=z9hG4bK\(number)x\(sequence);rport", "Max-Forwards: 70",
                        "From: <sip:carrier@carrier.example>;tag=\(number)\(sequence)", "To: <sip:sbc.example>",
                        "Call-ID: \(number)-\(sequence)@carrier.example", "CSeq: \(sequence) OPTIONS",
                        "Contact: <sip:carrier@127.0.0.1:\(line.port);transport=tls>", "Accept: application/sdp", "Content-Length: 0", "",
                        "",
                    ].joined(separator: "\r\n"))
            }
            try await loop.submit {
                line.stray = { message in
                    if message.status == 200 { tally.good += 1 } else { tally.bad += 1 }
                    if !tally.isOver { ask(message.sequence + 1) }
                }
                ask(1)
            }.get()
        }
        // The first second warms both up.
        try await Task.sleep(for: .seconds(1))
        let before = try await loop.submit { tally.good }.get()
        let cpu = process.cpu
        try await Task.sleep(for: .seconds(seconds))
        let used = process.cpu - cpu
        let (good, bad) = try await loop.submit { (tally.good, tally.bad) }.get()
        try await loop.submit { tally.isOver = true }.get()
        for line in lines { try await line.close().get() }
        guard bad == 0, good > before else { throw PeerFault(description: "OPTIONS: \(good) answered by 200, \(bad) otherwise") }
        return used / Double(good - before) * 1e6
    }

    /// Four at a time, each with a connection of its own, which is closed at once.
    private static func handshakes(
        _ process: MeasuredProcess, _ port: UInt16, _ context: TLSContext, _ loop: any EventLoop, _ seconds: Int
    ) async throws -> Double {
        let deadline = ContinuousClock.now + .seconds(seconds)
        let cpu = process.cpu
        let count = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for _ in 0..<4 {
                tasks.addTask {
                    var count = 0
                    while ContinuousClock.now < deadline {
                        let line = try await LoadLine.open(to: port, as: context, loop: loop).get()
                        try await line.close().get()
                        count += 1
                    }
                    return count
                }
            }
            return try await tasks.reduce(0, +)
        }
        guard count > 0 else { throw PeerFault(description: "no handshake was completed") }
        return (process.cpu - cpu) / Double(count) * 1e6
    }
}
