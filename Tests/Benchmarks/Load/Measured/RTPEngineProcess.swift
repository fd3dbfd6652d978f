import Audio
import CEpoll
import Foundation
import SRTP
import SottoTestPeer

/// rtpengine in userspace with one thread, told by its ng protocol to join two sides.
final class RTPEngineProcess: MeasuredProcess {
    private let port: UInt16
    private let socket: Int32

    init(on core: Int?) async throws {
        port = try freePort()
        var address = CallMedia.loopback(0)
        socket = sotto_udp_open(&address, 0)
        try super.init(core: core)
        try put("rtpengine.conf", Array("[rtpengine]\n".utf8))
        try launch([
            "rtpengine", "--config-file=\(folder)/rtpengine.conf", "--table=-1", "--interface=127.0.0.1", "--listen-ng=127.0.0.1:\(port)",
            "--foreground", "--log-stderr", "--log-level=4", "--num-threads=1", "--media-num-threads=1", "--port-min=20000",
            "--port-max=31999", "--pidfile=\(folder)/pid",
        ])
        _ = try await wait("rtpengine's pong", within: .seconds(15)) {
            guard isRunning else { throw PeerFault(description: "rtpengine ended: \(log)") }
            return try? await ask(["command": .text("ping")])
        }
    }

    deinit { sotto_close(socket) }

    enum Value {
        case text(String)
        case list([String])

        var bencoded: String {
            switch self {
            case .text(let text): "\(text.utf8.count):\(text)"
            case .list(let items): "l" + items.map { "\($0.utf8.count):\($0)" }.joined() + "e"
            }
        }
    }

    /// One question of the ng protocol: a cookie and a bencoded dictionary each way.
    private func ask(_ question: [String: Value]) async throws -> String {
        let cookie = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        let text =
            cookie + " d" + question.sorted { $0.key < $1.key }.map { "\($0.key.utf8.count):\($0.key)\($0.value.bencoded)" }.joined() + "e"
        var target = CallMedia.loopback(port)
        _ = Array(text.utf8).withUnsafeBytes { sotto_udp_send(socket, $0.baseAddress, $0.count, &target) }
        var buffer = [UInt8](repeating: 0, count: 8_192)
        let answer = try await wait("rtpengine's answer", within: .seconds(2)) { () -> String? in
            var source = sotto_address()
            let count = buffer.withUnsafeMutableBytes { sotto_udp_receive(socket, $0.baseAddress, $0.count, &source) }
            guard count > 0 else { return nil }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            return text.hasPrefix(cookie) ? text : nil
        }
        guard answer.contains("6:result2:ok") || answer.contains("6:result4:pong") else {
            throw PeerFault(description: "rtpengine: \(answer)")
        }
        return answer
    }

    /// - Parameter profile: of several crypto lines, the one that is taken.
    private func description(in answer: String, _ profile: SRTPProfile) throws -> PeerAnswer {
        guard let key = answer.range(of: "3:sdp"), let colon = answer[key.upperBound...].firstIndex(of: ":"),
            let length = Int(answer[key.upperBound..<colon])
        else { throw PeerFault(description: "rtpengine's answer has no sdp: \(answer)") }
        // Line ends are one Character each here, and two bytes in its count.
        let text = String(decoding: answer[answer.index(after: colon)...].utf8.prefix(length), as: UTF8.self)
        let lines = text.split(separator: "\r\n").filter { !$0.hasPrefix("a=crypto:") || $0.contains(" \(profile.wireName) ") }
        guard let sdp = PeerAnswer(lines.joined(separator: "\r\n")) else {
            throw PeerFault(description: "rtpengine's answer has no usable sdp: \(answer)")
        }
        return sdp
    }

    private static func text(_ port: UInt16, _ crypto: (profile: SRTPProfile, key: [UInt8])?) -> String {
        let keys = crypto.map { ["a=crypto:1 \($0.profile.wireName) inline:\(Data($0.key).base64EncodedString())"] } ?? []
        return
            ([
                "v=0", "o=- 4711 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                "m=audio \(port) RTP/\(crypto == nil ? "" : "S")AVP 0",
            ] + keys + [
                "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=rtcp-mux", "a=sendrecv", "",
            ]).joined(separator: "\r\n")
    }

    /// Joins SRTP, or RTP for no profile, on the one side with RTP on the other. Between two sides of SRTP this version offers no suite but
    /// the caller's, and passes equal keys through unopened: there is no making it decipher and encipher one packet.
    func bridge(_ near: CallMedia, _ profile: SRTPProfile?, _ far: CallMedia, number: Int) async throws {
        let crypto = profile.map { profile in (profile, (0..<profile.keyAndSaltLength).map { _ in UInt8.random(in: 0...255) }) }
        let common: [String: Value] = [
            "call-id": .text("load-\(near.port)-\(number)"), "from-tag": .text("a"), "ICE": .text("remove"), "DTLS": .text("off"),
        ]
        let offered = try port(
            in: await ask(
                common.merging([
                    "command": .text("offer"), "transport-protocol": .text("RTP/AVP"), "sdp": .text(Self.text(near.port, crypto)),
                ]) { $1 }))
        let answer = try await ask(
            common.merging([
                "command": .text("answer"), "to-tag": .text("b"), "SDES": .list(["pad"]),
                "transport-protocol": .text(crypto == nil ? "RTP/AVP" : "RTP/SAVP"), "sdp": .text(Self.text(far.port, nil)),
            ]) { $1 })
        try far.applyPlain(payloadType: 0, remotePort: offered)
        if let (profile, key) = crypto {
            let answered = try description(in: answer, profile)
            try near.apply(.init(profile: profile, local: key, remote: answered.key), payloadType: 0, remotePort: answered.port)
        } else {
            try near.applyPlain(payloadType: 0, remotePort: try port(in: answer))
        }
    }

    private func port(in answer: String) throws -> UInt16 {
        guard let media = answer.range(of: "m=audio "), let port = UInt16(answer[media.upperBound...].prefix { $0.isNumber }) else {
            throw PeerFault(description: "rtpengine's answer has no port: \(answer)")
        }
        return port
    }
}
