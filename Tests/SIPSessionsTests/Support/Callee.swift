import SIPMessages
import SottoBase

@testable import SIPSessions

/// The far end's answers to a call of Sotto's, and its requests in the dialog: a carrier's SBC with forks behind it.
struct Callee {
    let invite: SIPRequest
    var tag = "far"
    var recordRoutes: [String] = []
    var contact: String? = "<sip:callee@198.51.100.2:5061;transport=tls>"
    /// Of requests of its own.
    var cseq = 100

    static let answer = "v=0\r\no=- 2 2 IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\nm=audio 4002 RTP/SAVP 0\r\n"

    /// A response, whose `headers` are "Name: value".
    func answers(_ status: UInt16, _ headers: [String] = [], body: String = "") -> SIPMessage {
        var response = SIPResponse(status, to: invite, toTag: status == 100 ? nil : WireText(tag))
        if status < 400, status > 100 {
            response.recordRoutes = recordRoutes.map { NameAddress(WireText($0)) }
            if let contact { response.contacts = [NameAddress(WireText(contact))] }
        }
        for header in headers {
            let parts = header.split(separator: ":", maxSplits: 1)
            let name = SIPHeaderName(WireText(parts[0]))
            let value = WireText(parts[1].drop { $0 == " " })
            response.add(name == .other ? SIPHeader(otherName: WireText(parts[0]), value) : SIPHeader(name, value))
        }
        if !body.isEmpty { response.setBody(SIPBody(Array(body.utf8)), type: .sdp) }
        return .response(response)
    }

    /// A request of the callee's in the dialog.
    mutating func says(_ method: String, _ headers: [String] = [], body: String = "", type: String = "application/sdp") -> SIPMessage {
        cseq += 1
        var lines = [
            "\(method) sip:sotto.example:5061;transport=tls SIP/2.0", "Via: SIP/2.0/TLS 198.51.100.2:5061;branch=z9hG4bK\(tag)\(cseq)",
            "Max-Forwards: 70", "From: \(invite.to.text.string);tag=\(tag)", "To: \(invite.from.text.string)",
            "Call-ID: \(invite.callID.text.string)", "CSeq: \(cseq) \(method)",
        ]
        if let contact, method == "INVITE" || method == "UPDATE" { lines.append("Contact: \(contact)") }
        lines += headers
        if !body.isEmpty { lines.append("Content-Type: \(type)") }
        lines.append("Content-Length: \(body.utf8.count)")
        var raw = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
        guard let message = try? SIPMessageParser.parse(&raw) else { preconditionFailure("the test's own request does not parse") }
        return message
    }

    func with(_ change: (inout Callee) -> Void) -> Callee {
        var copy = self
        change(&copy)
        return copy
    }
}

extension Rig {
    static let attempt = AttemptID(1)

    static func outgoing(_ change: (inout OutgoingInvite) -> Void = { _ in }) -> OutgoingInvite {
        var invite = OutgoingInvite(
            attempt: attempt, connection: first, requestURI: SIPURI("sip:+4930999@carrier.example;transport=tls"),
            to: NameAddress("<sip:+4930999@carrier.example>"), from: NameAddress("<sip:+4930123@sotto.example>"),
            body: SIPBody(Array(Caller.offer.utf8)))
        change(&invite)
        return invite
    }

    /// An INVITE of ours is out.
    mutating func calling(_ change: (inout OutgoingInvite) -> Void = { _ in }) -> Callee {
        command(.invite(Self.outgoing(change)))
        guard let invite = lastRequest, invite.method == .invite else { preconditionFailure("no INVITE went out") }
        return Callee(invite: invite)
    }

    /// It was answered.
    mutating func connected(_ headers: [String] = ["Allow: INVITE, ACK, BYE, CANCEL, UPDATE, REFER, NOTIFY"]) -> Callee {
        let callee = calling()
        receive(callee.answers(200, headers, body: Callee.answer))
        return callee
    }

    /// The dialog of our own call that answered last.
    var answered: DialogID {
        for event in events.reversed() {
            if case .attemptAnswered(_, let dialog, _) = event { return dialog }
        }
        preconditionFailure("no call of ours was answered")
    }

    /// Early dialogs of our own calls, in order of their first response.
    var early: [DialogID] {
        events.reduce(into: []) { list, event in
            if case .attemptProgressed(_, let dialog, _) = event, !list.contains(dialog) { list.append(dialog) }
        }
    }

    func request(_ index: Int, of method: SIPMethod) -> SIPRequest? {
        let all = sent.compactMap { message -> SIPRequest? in
            if case .request(let request) = message, request.method == method { request } else { nil }
        }
        return all.indices.contains(index) ? all[index] : nil
    }
}
