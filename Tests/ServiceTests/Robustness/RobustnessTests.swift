import COpenSSL
import Foundation
import SottoTestPeer
import Testing

/// What strangers and broken peers do to a port that faces the network. The daemon stays within its limits, serves the trunk meanwhile,
/// and holds nothing afterwards.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct RobustnessTests {
    // MARK: - Before the handshake is done

    @Test func halfOpenAndSlowHandshakesStayWithinTheirLimitAndEnd() async throws {
        let siege = try await Siege(limits: "handshakes = 24")
        var sockets: [HostileSocket] = []
        for index in 0..<120 {
            guard let socket = try? siege.connect(from: UInt8(2 + index % 12)) else { continue }
            // Silence, half a hello, and one that comes a byte at a time.
            if index % 3 == 1 { socket.send(Siege.hello) }
            sockets.append(socket)
        }
        for byte in Siege.hello.prefix(20) {
            for (index, socket) in sockets.enumerated() where index % 3 == 2 { socket.send([byte]) }
            let gauges = try await siege.status().gauges
            #expect((gauges["sip-handshakes"] ?? .max) <= 24)
            #expect((gauges["sip-sockets"] ?? .max) <= 25)
        }
        try await siege.expectService("handshakes at their limit")
        // The handshake's deadline is 5 s, however busy the peer is with sending bytes.
        try await siege.expectPeace(within: .seconds(12))
        let counters = try await siege.status().counters
        #expect((counters["sip-fault-handshakeLimit"] ?? 0) > 0)
        try await siege.end()
    }

    @Test func aFloodOfConnectionsIsCutAtTheSourceAndLeavesOthersAlone() async throws {
        let siege = try await Siege(limits: "connections-per-source = 16\nconnection-burst-per-source = 20")
        var sockets: [HostileSocket] = []
        for _ in 0..<300 { if let socket = try? siege.connect(from: 9) { sockets.append(socket) } }
        try await waitUntil("the flood to be cut") { sockets.count { $0.isOver } >= 280 }
        #expect((try await siege.status().gauges["sip-sockets"] ?? .max) <= 17)
        try await siege.expectService("a flood from elsewhere")
        // Another source still finds the door open: a stranger may shake hands, and is then turned away without a byte.
        let stranger = try siege.connect(from: 10)
        try stranger.shakeHands()
        #expect(stranger.readToEnd() == 0)
        sockets.removeAll()
        stranger.close()
        try await siege.expectPeace()
        try await siege.end()
    }

    @Test func strangersGetNoByteOfSIPWhateverTheySay() async throws {
        let siege = try await Siege()
        for text in [Siege.request("OPTIONS", branch: "s", callID: "s"), "\r\n\r\n", String(repeating: "\u{0}", count: 70_000)] {
            let stranger = try siege.connect(from: 20)
            try stranger.shakeHands()
            stranger.send(text)
            #expect((stranger.readToEnd() ?? .max) == 0)
        }
        // Not even TLS: its alert, and nothing of SIP.
        let plain = try siege.connect(from: 21)
        plain.send(Siege.request("OPTIONS", branch: "p", callID: "p"))
        #expect((plain.readToEnd() ?? .max) < 64)
        try await siege.expectService("strangers knock")
        try await siege.expectPeace()
        try await siege.end()
    }

    // MARK: - After the handshake

    /// RFC 3261 §18.3: over a stream, what cannot be framed ends the connection.
    @Test func garbageAndOversizeEndTheirConnectionAlone() async throws {
        let siege = try await Siege()
        let garbage: [[UInt8]] = [
            (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ $0 >> 3) },
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            Array(("OPTIONS sip:x SIP/2.0\r\nX: " + String(repeating: "y", count: 1_000_000)).utf8),
            Array(String(repeating: "OPTIONS sip:x SIP/2.0\r\n", count: 20_000).utf8),
            Array(Siege.request("OPTIONS", branch: "g", callID: "g").replacing("Content-Length: 0", with: "Content-Length: 99999999").utf8),
            Array(Siege.request("OPTIONS", branch: "h", callID: "h").replacing("Content-Length: 0", with: "Content-Length: -1").utf8),
        ]
        for bytes in garbage {
            let socket = try siege.connect()
            try socket.shakeHands()
            var rest = bytes[...]
            while !rest.isEmpty, socket.send(Array(rest.prefix(16_000))) { rest = rest.dropFirst(16_000) }
            #expect(socket.readToEnd() != nil, "the connection stays open after \(String(decoding: bytes.prefix(24), as: UTF8.self))")
            try await siege.expectService("after garbage")
        }
        try await siege.expectPeace()
        try await siege.end()
    }

    @Test func pipelinedRequestsAndThousandsOfCancelsAreAllAnswered() async throws {
        let siege = try await Siege()
        let socket = try siege.connect()
        try socket.shakeHands()
        /// Sends them in pieces of 100, and counts the final answers that come back, by status.
        func exchange(_ texts: [String]) -> [String: Int] {
            let mark = Array("SIP/2.0 ".utf8)
            var counts: [String: Int] = [:]
            var rest: [UInt8] = []
            var sent = 0
            while sent < texts.count {
                let piece = texts[sent..<min(texts.count, sent + 100)]
                guard socket.send(piece.joined()) else { return counts }
                sent += piece.count
                while counts.values.reduce(0, +) < sent, let bytes = socket.receive() {
                    rest += bytes
                    while let found = rest.firstRange(of: mark), rest.count >= found.upperBound + 3 {
                        let status = String(decoding: rest[found.upperBound..<(found.upperBound + 3)], as: UTF8.self)
                        counts[status, default: 0] += 1
                        rest.removeFirst(found.upperBound + 3)
                    }
                }
            }
            return counts
        }
        #expect(exchange((0..<500).map { Siege.request("OPTIONS", branch: "o\($0)", callID: "o\($0)") }) == ["200": 500])
        #expect(exchange((0..<3_000).map { Siege.request("CANCEL", branch: "c\($0)", callID: "c\($0)") }) == ["481": 3_000])
        try await siege.expectService("after the storm")
        // The same CANCEL again and again, and BYEs of nobody's.
        let again = Siege.request("CANCEL", branch: "same", callID: "same")
        #expect(exchange(Array(repeating: again, count: 1_000)) == ["481": 1_000])
        #expect(exchange((0..<1_000).map { Siege.request("BYE", branch: "b\($0)", callID: "b\($0)") }) == ["481": 1_000])
        socket.close()
        try await siege.expectPeace()
        try await siege.end()
    }

    @Test func slowMessagesAreCutOffInTheirTime() async throws {
        let siege = try await Siege()
        var sockets: [HostileSocket] = []
        for _ in 0..<20 {
            let socket = try siege.connect()
            try socket.shakeHands()
            sockets.append(socket)
        }
        let text = Array(Siege.request("OPTIONS", branch: "slow", callID: "slow").utf8)
        // A byte each half second: a message has 10 s from its first byte to its last.
        for byte in text.prefix(30) {
            for socket in sockets where !socket.isOver { socket.send([byte]) }
            try await siege.expectService("slow messages")
            try await Task.sleep(for: .milliseconds(500))
        }
        #expect(sockets.allSatisfy { $0.isOver })
        #expect((try await siege.status().counters["sip-fault-slowMessage"] ?? 0) >= 20)
        sockets.removeAll()
        try await siege.expectPeace()
        try await siege.end()
    }

    /// RFC 5746 is no matter where there is no renegotiation at all.
    @Test func renegotiationIsRefusedAndServesNobody() async throws {
        let siege = try await Siege()
        for _ in 0..<20 {
            let socket = try siege.connect()
            try socket.shakeHands(maximum: TLS1_2_VERSION)
            #expect(socket.send(Siege.request("OPTIONS", branch: "r", callID: "r")))
            #expect(socket.receive().map { String(decoding: $0, as: UTF8.self).hasPrefix("SIP/2.0 200") } == true)
            #expect(!socket.renegotiate())
            socket.close()
        }
        try await siege.expectService("after renegotiations")
        try await siege.expectPeace()
        try await siege.end()
    }

    @Test func resetsInEveryStateLeaveNothingBehind() async throws {
        let siege = try await Siege(limits: "connection-burst-per-source = 200\nconnections-per-second-per-source = 100")
        func handed(_ body: (HostileSocket, Int) -> Void) throws {
            for index in 0..<5 {
                let socket = try siege.connect()
                try socket.shakeHands()
                body(socket, index)
                socket.reset()
            }
        }
        for source in [1, 30] as [UInt8] {
            for index in 0..<10 {
                let socket = try siege.connect(from: source)
                if index % 2 == 0 { socket.send(Siege.hello) }
                socket.reset()
            }
        }
        try handed { _, _ in }
        try handed { socket, _ in socket.send("OPTIONS sip:x SI") }
        // An OPTIONS and an INVITE whose answers find nobody.
        try handed { socket, index in socket.send(Siege.request("OPTIONS", branch: "x\(index)", callID: "x\(index)")) }
        try handed { socket, index in socket.send(Siege.invite(branch: "i\(index)", callID: "i\(index)")) }
        // Answered, and gone before the ACK, or in the call.
        try handed { socket, index in
            socket.send(Siege.invite(branch: "a\(index)", callID: "a\(index)"))
            var text = ""
            while !text.contains("SIP/2.0 200"), let bytes = socket.receive() { text += String(decoding: bytes, as: UTF8.self) }
            #expect(text.contains("SIP/2.0 200"), "\(text)")
            let tag = text.components(separatedBy: "sotto.example>;tag=").last?.prefix { $0 != "\r\n" && $0 != ";" }
            guard index > 2, let tag else { return }
            let ack = Siege.request("ACK", branch: "k\(index)", callID: "a\(index)")
            socket.send(ack.replacing("To: <sip:+49309000@sotto.example>", with: "To: <sip:+49309000@sotto.example>;tag=\(tag)"))
        }
        try await siege.expectService("after resets")
        // 64·T1 for the ACKs that never come; the calls without media end before.
        try await siege.expectPeace(within: .seconds(75), waitsForTrunk: true)
        try await siege.end()
    }
}
