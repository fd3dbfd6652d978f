import SIPMessages
import SottoBase

@testable import SIPSessions

/// A message from its text; lines end in LF here. Nil for what the parser refuses.
func message(_ text: String) -> SIPMessage? {
    let head = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
    var raw = Array(head.utf8)
    return try? SIPMessageParser.parse(&raw)
}

func request(_ text: String) -> SIPRequest? {
    if case .request(let request)? = message(text) { request } else { nil }
}

/// The far end's words: requests of one dialog as a carrier's SBC at 192.0.2.9 writes them.
struct Caller {
    var callID = "a84b4c76e66710"
    var tag = "1928301774"
    /// Sotto's tag, once it is known.
    var remoteTag: String?
    var cseq = 1
    var branch = "z9hG4bK776asdhds"
    var uri = "sip:+4930123@sotto.example;transport=tls"
    var contact: String? = "<sip:gw@192.0.2.9:5061;transport=tls>"
    var recordRoutes: [String] = []
    /// Further header lines.
    var headers: [String] = []
    var body = ""

    static let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"

    func text(_ method: String) -> String {
        var lines = ["\(method) \(uri) SIP/2.0", "Via: SIP/2.0/TLS 192.0.2.9:5061;branch=\(branch)"]
        lines += recordRoutes.map { "Record-Route: \($0)" }
        lines += ["Max-Forwards: 70", "From: <sip:+49170@carrier.example>;tag=\(tag)"]
        lines.append("To: <sip:+4930123@sotto.example>" + (remoteTag.map { ";tag=\($0)" } ?? ""))
        lines += ["Call-ID: \(callID)", "CSeq: \(cseq) \(method)"]
        if let contact, method == "INVITE" || method == "UPDATE" { lines.append("Contact: \(contact)") }
        lines += headers
        if !body.isEmpty { lines.append("Content-Type: application/sdp") }
        lines.append("Content-Length: \(body.utf8.count)")
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    func says(_ method: String) -> SIPMessage {
        var raw = Array(text(method).utf8)
        guard let message = try? SIPMessageParser.parse(&raw) else { preconditionFailure("the test's own request does not parse") }
        return message
    }

    func request(_ method: String) -> SIPRequest {
        guard case .request(let request) = says(method) else { preconditionFailure("a request was asked for") }
        return request
    }

    /// The same caller's next request: a new branch and, but for ACK and CANCEL, the next number.
    func next(sameNumber: Bool = false) -> Caller {
        var next = self
        next.cseq += sameNumber ? 0 : 1
        next.branch = "z9hG4bK\(next.cseq)\(sameNumber ? "ack" : "x")\(branch.count)"
        next.headers = []
        next.body = ""
        return next
    }

    func with(_ change: (inout Caller) -> Void) -> Caller {
        var copy = self
        change(&copy)
        return copy
    }
}

/// The far end's response to a request of Sotto's.
func answer(_ request: SIPRequest, _ status: UInt16, contact: String? = nil) -> SIPResponse {
    var response = SIPResponse(status, to: request, toTag: "far")
    if let contact { response.contacts = [NameAddress(WireText(contact))] }
    return response
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
