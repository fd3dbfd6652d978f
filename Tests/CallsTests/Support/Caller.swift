import SDP
import SIPMessages
import SottoBase

/// A carrier's SBC: requests of one dialog, as text.
struct Caller {
    var callID = "a84b4c76e66710"
    var tag = "1928301774"
    /// Sotto's tag, once it is known.
    var remoteTag: String?
    var cseq = 1
    /// Rises with each new request; ACK of a non-2xx and CANCEL keep it.
    var branch = 1
    var number = "+4930123"
    var from = "<sip:+4940999@carrier.example>"
    var headers: [String] = []
    var contentType = "application/sdp"
    var body = ""

    init(_ callID: String = "a84b4c76e66710", body: String = Caller.sdp()) {
        self.callID = callID
        self.body = body
    }

    func with(_ change: (inout Caller) -> Void) -> Caller {
        var copy = self
        change(&copy)
        return copy
    }

    /// The next request in the dialog: without a body unless one is given.
    mutating func next(body: String = "") -> Caller {
        cseq += 1
        branch += 1
        headers = []
        self.body = body
        return self
    }

    /// The ACK of a 2xx to the last INVITE: its number, a branch of its own (RFC 3261 §13.2.2.4).
    func ack(body: String = "") -> SIPMessage {
        with {
            $0.branch += 1_000
            $0.headers = []
            $0.body = body
        }.says("ACK")
    }

    func says(_ method: String) -> SIPMessage {
        var lines = ["\(method) sip:\(number)@sotto.example;transport=tls SIP/2.0"]
        lines.append("Via: SIP/2.0/TLS 192.0.2.9:5061;branch=z9hG4bK\(callID)x\(branch)")
        lines += ["Max-Forwards: 70", "From: \(from);tag=\(tag)"]
        lines.append("To: <sip:\(number)@sotto.example>" + (remoteTag.map { method == "CANCEL" ? "" : ";tag=\($0)" } ?? ""))
        lines += ["Call-ID: \(callID)", "CSeq: \(cseq) \(method)", "Contact: <sip:gw@192.0.2.9:5061;transport=tls>"]
        lines += headers
        let content = method == "CANCEL" ? "" : body
        if !content.isEmpty { lines.append("Content-Type: \(contentType)") }
        lines.append("Content-Length: \(content.utf8.count)")
        var raw = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + content).utf8)
        guard let message = try? SIPMessageParser.parse(&raw) else { preconditionFailure("the test's own request does not parse") }
        return message
    }

    // MARK: - Session descriptions

    static let gcm = "1 AEAD_AES_256_GCM inline:" + String(repeating: "B", count: 58) + "A="
    static let otherGCM = "1 AEAD_AES_256_GCM inline:" + String(repeating: "C", count: 58) + "A="
    static let cm = "2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

    static func sdp(
        version: Int = 1, address: String = "192.0.2.9", port: Int = 4_000, transport: String = "RTP/SAVP", payloads: String = "0 101",
        crypto: [String] = [Caller.gcm, Caller.cm], direction: String? = nil, family: String = "IP4"
    ) -> String {
        var lines = ["v=0", "o=- 77 \(version) IN IP4 192.0.2.9", "s=-", "c=IN \(family) \(address)", "t=0 0"]
        lines.append("m=audio \(port) \(transport) \(payloads)")
        lines += ["a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000"]
        lines += crypto.map { "a=crypto:\($0)" }
        if let direction { lines.append("a=\(direction)") }
        return lines.joined(separator: "\r\n") + "\r\n"
    }
}

extension SIPMessageFields {
    /// The session description in the body.
    var sdp: SessionDescription? {
        let chunks = body.chunks.map { chunk -> SDPChunk in
            switch chunk {
            case .bytes(let bytes): .bytes(bytes)
            case .secret(let secret): .secret(secret)
            }
        }
        return try? SessionDescription.parse(chunks)
    }
}

extension SessionDescription {
    /// Our line, in short: `20000 [0, 101] sendrecv v1 AEAD_AES_256_GCM#1`.
    var short: String {
        guard let audio = media.first else { return "no media" }
        let cryptos = audio.cryptos.map { "\($0.suite)#\($0.tag)" }.joined(separator: " ")
        let formats = audio.formats.map(\.string).joined(separator: " ")
        return "\(audio.port) [\(formats)] \(direction(of: audio).name) v\(origin.version) \(cryptos)"
    }
}

/// A repeatable stand-in for chance (SplitMix64).
struct Chance: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64 = 1) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
