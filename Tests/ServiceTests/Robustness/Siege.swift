import Foundation
import NIOPosix
import SottoBase
import SottoTestCertificates
import SottoTestPeer
import SottoTLS
import Testing

/// A running daemon under attack, and a trunk that goes on to call it meanwhile over the connection that it had before.
final class Siege {
    let folder: ServiceFolder
    let daemon: RunningDaemon
    let port: Int
    private let trunk: PeerConnection
    private var services = 0

    /// - Parameter limits: further lines of `[limits]`.
    init(limits: String = "") async throws {
        folder = try ServiceFolder()
        try folder.change("drain = \"7s\"", to: "drain = \"2s\"\n\(limits)")
        try folder.change("# media-timeout = \"30s\"", to: "media-timeout = \"5s\"")
        daemon = try RunningDaemon(folder)
        guard await daemon.notice("READY") != nil, let port = daemon.port else { throw ServiceFolder.Failure(step: daemon.log) }
        self.port = port
        let context = try TLSContext.client(trust: folder.authority.trust, now: .systemNow)
        trunk = try await PeerConnection.open(
            to: UInt16(port), as: context, expecting: "sotto.example", group: MultiThreadedEventLoopGroup.singleton)
    }

    /// The trunk calls its echo number, is answered within the time, and hangs up.
    func expectService(_ when: String, within limit: Duration = .seconds(3)) async throws {
        services += 1
        let clock = ContinuousClock()
        let begin = clock.now
        let call = try PeerCall(
            on: trunk, from: "+4930111", to: "+49309000", offer: PeerOffer(), loop: MultiThreadedEventLoopGroup.singleton.next())
        let response = try await call.invite(within: limit)
        #expect(response.status == 200, "\(when): \(response.startLine)")
        #expect(clock.now - begin < limit, "\(when)")
        if response.status == 200 { _ = try await call.bye() }
        await call.media.stop()
    }

    func connect(from source: UInt8 = 1) throws -> HostileSocket { try HostileSocket(to: port, from: source) }

    // MARK: - Gauges

    func status() async throws -> (gauges: [String: Int], counters: [String: Int]) {
        let status = try await BuiltProgram.ask(["status"], in: folder)
        guard let gauges = status["gauges"] as? [String: Int], let counters = status["counters"] as? [String: Int] else {
            throw ServiceFolder.Failure(step: "status has no gauges")
        }
        return (gauges, counters)
    }

    /// Everything that the attack could have left is gone; the trunk's own connection stays.
    /// - Parameter waitsForTrunk: also for the trunk's own answered INVITEs, which are remembered for 64·T1 (RFC 6026 §8.7).
    func expectPeace(within limit: Duration = .seconds(20), waitsForTrunk: Bool = false) async throws {
        let lingering = waitsForTrunk ? 0 : services
        var left: [String: Int] = [:]
        do {
            try await waitUntil("the gauges to return", within: limit) {
                let gauges = try await status().gauges
                let wanted = [
                    "calls": 0, "recorders": 0, "sip-dialogs": 0, "sip-handshakes": 0, "media-sockets": 0,
                    "media-port-pairs": 0, "sip-connections": 1, "sip-sockets": 1, "sip-sources": 1,
                ]
                left = wanted.filter { gauges[$0.key] != $0.value }.reduce(into: [:]) { $0[$1.key] = gauges[$1.key] ?? -1 }
                for name in ["sip-transactions", "sip-deadlines"] where gauges[name] ?? .max > lingering { left[name] = gauges[name] }
                return left.isEmpty
            }
        } catch {
            Issue.record("left after \(limit): \(left)")
        }
    }

    /// Stops the daemon, which must end well.
    func end() async throws {
        await trunk.close()
        daemon.send(SIGTERM)
        let code = await daemon.end().code
        #expect(code == 0, "\(daemon.log.suffix(4_000))")
    }

    // MARK: - Words

    static func request(
        _ method: String, branch: String, callID: String, sequence: Int = 1, headers: [String] = [], body: String = ""
    ) -> String {
        ([
            "\(method) sip:+49309000@sotto.example;transport=tls SIP/2.0", "Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK\(branch);rport",
            "Max-Forwards: 70", "From: <sip:+4930111@caller.example>;tag=hostile", "To: <sip:+49309000@sotto.example>",
            "Call-ID: \(callID)", "CSeq: \(sequence) \(method)", "Contact: <sip:+4930111@127.0.0.1:5061;transport=tls>",
        ] + headers + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n")
    }

    /// An INVITE that is answered with 200 at once.
    static func invite(branch: String, callID: String) -> String {
        let offer = [
            "v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 40000 RTP/SAVP 0",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", "",
        ].joined(separator: "\r\n")
        return request("INVITE", branch: branch, callID: callID, headers: ["Content-Type: application/sdp"], body: offer)
    }

    /// The beginning of a ClientHello that promises 512 bytes.
    static let hello: [UInt8] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3] + [UInt8](repeating: 7, count: 100)
}
