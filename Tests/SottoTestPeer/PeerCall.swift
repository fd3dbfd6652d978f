internal import Audio
public import NIOCore

/// One call from a carrier's side: dialog by hand, media by `PeerMedia`.
public final class PeerCall {
    public private(set) var connection: PeerConnection
    public let callID = "\(UInt64.random(in: 1...UInt64.max))@caller.example"
    public let from: String
    public let to: String
    public var offer: PeerOffer
    public let media: PeerMedia
    public private(set) var answer: PeerAnswer?
    /// Of every answer so far, and every key that we offered: what nobody may ever find again.
    public private(set) var keys: [[UInt8]] = []

    private let localTag = String(UInt32.random(in: 1...UInt32.max), radix: 36)
    private var remoteTag: String?
    private var remoteTarget: String?
    private var sequence = 0
    private var inviteBranch = ""
    private var lastInvite = 0
    /// Headers that every INVITE gets besides.
    public var extraHeaders: [String] = []

    public init(on connection: PeerConnection, from: String, to: String, offer: PeerOffer, loop: any EventLoop) throws {
        self.connection = connection
        self.from = from
        self.to = to
        self.offer = offer
        media = try PeerMedia(loop: loop)
    }

    // MARK: - Set-up

    /// Sends the INVITE and waits for its final response. A 2xx is acknowledged, unless the test wants to see what happens without.
    @discardableResult
    public func invite(acknowledges: Bool = true, body: String? = nil, within limit: Duration = .seconds(10)) async throws -> WireMessage {
        sendInvite(body: body)
        return try await finalResponse(acknowledges: acknowledges, within: limit)
    }

    public func sendInvite(body: String? = nil) {
        sequence += 1
        lastInvite = sequence
        inviteBranch = Self.branch()
        keys += offer.suites.map(\.key)
        let body = body ?? offer.text(port: media.port)
        send("INVITE", branch: inviteBranch, sequence: sequence, headers: ["Content-Type: application/sdp"] + extraHeaders, body: body)
    }

    @discardableResult
    public func finalResponse(acknowledges: Bool = true, within limit: Duration = .seconds(10)) async throws -> WireMessage {
        let response = try await wait("the answer to INVITE", within: limit) { [self] in
            connection.take { $0.callID == callID && $0.answeredMethod == "INVITE" && ($0.status ?? 0) >= 200 && $0.sequence == lastInvite }
        }
        guard response.status == 200 else {
            // RFC 3261 §17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction.
            send("ACK", branch: inviteBranch, sequence: lastInvite, toTag: response.tag("To"), inDialog: remoteTag != nil)
            return response
        }
        remoteTag = response.tag("To")
        remoteTarget = response.header("Contact").flatMap(Self.uri)
        guard let answer = PeerAnswer(response.body) else { throw PeerFault(description: "the 200 has no usable answer") }
        self.answer = answer
        keys.append(answer.key)
        if acknowledges {
            acknowledge()
            try await media.apply(offer, answer)
        }
        return response
    }

    public func acknowledge() { send("ACK", branch: Self.branch(), sequence: lastInvite) }

    /// An INVITE without an offer: the daemon's comes in the 200, our answer to it goes out in the ACK (RFC 3261 §13.2.1). The codec of
    /// `offer` must be the daemon's first.
    @discardableResult
    public func inviteWithoutOffer() async throws -> WireMessage {
        sequence += 1
        lastInvite = sequence
        inviteBranch = Self.branch()
        send("INVITE", branch: inviteBranch, sequence: sequence)
        let response = try await finalResponse(acknowledges: false)
        guard let theirs = answer, response.status == 200 else { return response }
        let suite = PeerOffer.Suite(theirs.profile)
        offer.suites = [suite]
        offer.payloadType = theirs.payloadType
        if let event = theirs.telephoneEvents.first(where: { $0.clockRate == offer.codec.clockRate }) { offer.telephoneEvent = event.payloadType }
        keys.append(suite.key)
        send(
            "ACK", branch: Self.branch(), sequence: lastInvite, headers: ["Content-Type: application/sdp"],
            body: offer.text(port: media.port).replacing("a=crypto:1 ", with: "a=crypto:\(theirs.tag) "))
        try await media.apply(offer, theirs)
        return response
    }

    public func provisional(_ status: Int) async throws -> WireMessage {
        try await wait("a \(status)") { [self] in connection.take { $0.callID == callID && $0.status == status } }
    }

    /// CANCEL belongs to the INVITE's transaction (RFC 3261 §9.1).
    public func cancel() { send("CANCEL", branch: inviteBranch, sequence: lastInvite, inDialog: false) }

    // MARK: - In the dialog

    /// A re-INVITE with `offer` as it is now.
    @discardableResult
    public func reinvite() async throws -> WireMessage {
        offer.version += 1
        return try await invite()
    }

    @discardableResult
    public func bye() async throws -> WireMessage {
        let response = try await request("BYE")
        await media.stop()
        return response
    }

    public func request(_ method: String) async throws -> WireMessage {
        sequence += 1
        let number = sequence
        send(method, branch: Self.branch(), sequence: number)
        return try await wait("the answer to \(method)") { [self] in
            connection.take { $0.callID == callID && $0.sequence == number && ($0.status ?? 0) >= 200 && $0.answeredMethod == method }
        }
    }

    /// The daemon's BYE, which is answered.
    @discardableResult
    public func awaitBye(within limit: Duration = .seconds(10)) async throws -> WireMessage {
        let bye = try await wait("the daemon's BYE", within: limit) { [self] in
            connection.take { $0.callID == callID && $0.method == "BYE" }
        }
        let copied = ["Via", "From", "To", "Call-ID", "CSeq"].flatMap { name in bye.all(name).map { "\(name): \($0)" } }
        connection.send((["SIP/2.0 200 OK"] + copied + ["Content-Length: 0", "", ""]).joined(separator: "\r\n"))
        await media.stop()
        return bye
    }

    /// The old connection is gone: the dialog goes on over another.
    public func move(to connection: PeerConnection) { self.connection = connection }

    // MARK: - Bytes

    private static func branch() -> String { "z9hG4bK" + String(UInt64.random(in: 1...UInt64.max), radix: 36) }

    private static func uri(_ value: String) -> String? {
        guard let start = value.firstIndex(of: "<"), let end = value.firstIndex(of: ">") else { return nil }
        return String(value[value.index(after: start)..<end])
    }

    private func send(
        _ method: String, branch: String, sequence: Int, toTag: String? = nil, inDialog: Bool = true, headers: [String] = [], body: String = ""
    ) {
        let tag = toTag ?? (inDialog ? remoteTag : nil)
        let target = (inDialog ? remoteTarget : nil) ?? "sip:\(to)@sbc.example;transport=tls"
        var lines = [
            "\(method) \(target) SIP/2.0", "Via: SIP/2.0/TLS 127.0.0.1:\(connection.port);branch=\(branch);rport", "Max-Forwards: 70",
            "From: <sip:\(from)@caller.example>;tag=\(localTag)", "To: <sip:\(to)@sbc.example>" + (tag.map { ";tag=\($0)" } ?? ""),
            "Call-ID: \(callID)", "CSeq: \(sequence) \(method)",
        ]
        if method != "ACK", method != "CANCEL" {
            lines.append("Contact: <sip:\(from)@127.0.0.1:\(connection.port);transport=tls>")
            lines.append("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS")
        }
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        connection.send((lines + ["", body]).joined(separator: "\r\n"))
    }
}
