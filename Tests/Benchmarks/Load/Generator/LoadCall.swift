import Audio
import Foundation
import NIOCore
import SRTP
import SottoTestPeer

/// One call's dialog from either end, and its session description. On its line's loop.
final class LoadCall: @unchecked Sendable {  // proof: touched on the line's loop alone; `media` is the generator's thread's
    struct Shape: Sendable {
        var profile = SRTPProfile.aeadAES256GCM
        var codec = AudioCodec.pcmu
        var wraps = false
    }

    let line: LoadLine
    let media: CallMedia
    let generator: MediaGenerator
    let shape: Shape
    let callID: String
    let from: String
    let to: String

    private var localTag = String(UInt32.random(in: 1...UInt32.max), radix: 36)
    private var remoteTag: String?
    private var remoteTarget: String
    /// Of From and To: ours and the other's, as they stand in requests of ours.
    private var localParty: String
    private var remoteParty: String
    private var sequence = 0
    private var version = 1
    private var key: [UInt8]
    private var keyTag = 1
    private var payloadType: UInt8
    private var direction = "sendrecv"
    private(set) var remote: PeerAnswer?
    private var waiting: [Int: EventLoopPromise<LoadMessage>] = [:]
    private(set) var isEnded = false
    /// When the other side's BYE, or our own, was done with.
    var ended: () -> Void = {}

    private init(
        _ line: LoadLine, _ generator: MediaGenerator, _ shape: Shape, callID: String, from: String, to: String, target: String
    ) throws {
        self.line = line
        self.generator = generator
        self.shape = shape
        self.callID = callID
        self.from = from
        self.to = to
        remoteTarget = target
        localParty = "<sip:\(from)@caller.example>"
        remoteParty = "<sip:\(to)@sbc.example>"
        key = (0..<shape.profile.keyAndSaltLength).map { _ in UInt8.random(in: 0...255) }
        payloadType = shape.codec.usualPayloadType
        media = try CallMedia(codec: shape.codec, wraps: shape.wraps)
    }

    // MARK: - Our calls

    /// A call that was answered, or the refusal as a `Refused`.
    static func place(
        on line: LoadLine, _ generator: MediaGenerator, _ shape: Shape, from: String, to: String, tone: Int = 0, expects: Int? = nil,
        expectedPackets: Int = 0, impairment: CallMedia.Impairment = .init(), within limit: TimeAmount = .seconds(30)
    ) -> EventLoopFuture<LoadCall> {
        line.loop.flatSubmit {
            do {
                let call = try LoadCall(
                    line, generator, shape, callID: String(UInt64.random(in: 1...UInt64.max), radix: 36) + "@load.example", from: from,
                    to: to,
                    target: "sip:\(to)@sbc.example;transport=tls")
                call.media.tone = tone
                call.media.impairment = impairment
                call.listen()
                return call.invite(expectedPackets: expectedPackets, within: limit).map { _ in
                    generator.order { $0.add(call.media) }
                    let media = call.media
                    if let expects { generator.order { _ in media.expect(expects) } }
                    return call
                }
                .flatMapErrorThrowing { error in
                    line.dialogs[call.callID] = nil
                    throw error
                }
            } catch {
                return line.loop.makeFailedFuture(error)
            }
        }
    }

    struct Refused: Error, CustomStringConvertible {
        let status: Int
        let description: String
    }

    /// A re-INVITE: another direction, a new key, or nothing new.
    func reinvite(direction: String? = nil, newKey: Bool = false) -> EventLoopFuture<LoadMessage> {
        line.loop.flatSubmit { [self] in
            version += 1
            if let direction { self.direction = direction }
            if newKey { key = (0..<shape.profile.keyAndSaltLength).map { _ in UInt8.random(in: 0...255) } }
            return invite(expectedPackets: 0, within: .seconds(30))
        }
    }

    private func invite(expectedPackets: Int, within limit: TimeAmount) -> EventLoopFuture<LoadMessage> {
        let number = nextSequence()
        return request("INVITE", number, headers: ["Content-Type: application/sdp"], body: description, within: limit)
            .flatMapThrowing { [self] response in
                guard response.status == 200 else {
                    if response.status != nil { acknowledge(number) }
                    throw Refused(status: response.status ?? 0, description: response.startLine)
                }
                remoteTag = response.tag("to")
                if let target = response.uri("contact") { remoteTarget = target }
                acknowledge(number)
                guard let answer = PeerAnswer(response.body) else { throw PeerFault(description: "the 200 has no usable answer") }
                try take(answer, expectedPackets: expectedPackets)
                return response
            }
    }

    /// Ends the call from our side.
    func bye() -> EventLoopFuture<Void> {
        line.loop.flatSubmit { [self] in
            guard !isEnded else { return line.loop.makeSucceededVoidFuture() }
            return request("BYE", nextSequence(), within: .seconds(30)).map { [self] _ in finish() }
        }
    }

    private func finish() {
        guard !isEnded else { return }
        isEnded = true
        line.dialogs[callID] = nil
        let media = media
        generator.order { $0.remove(media) }
        for promise in waiting.values { promise.fail(PeerFault(description: "the call ended")) }
        waiting = [:]
        ended()
    }

    // MARK: - Calls to us

    /// Answers an INVITE by what it offers first.
    static func answer(_ invite: LoadMessage, on line: LoadLine, _ generator: MediaGenerator, tone: Int, expects: Int?) throws -> LoadCall {
        guard let offer = PeerAnswer(invite.body) else {
            line.send(invite.response("488 Not Acceptable Here", toTag: "x"))
            throw PeerFault(description: "an INVITE without a usable offer")
        }
        let codec = AudioCodec.allCases.first { $0.usualPayloadType == offer.payloadType } ?? .opus
        let call = try LoadCall(
            line, generator, Shape(profile: offer.profile, codec: codec), callID: invite.callID, from: invite.requestUser, to: "",
            target: invite.uri("contact") ?? "sip:sbc.example")
        call.payloadType = offer.payloadType
        call.media.tone = tone
        call.keyTag = offer.tag
        call.remoteTag = invite.tag("from")
        call.localParty = (invite.header("to") ?? "").split(separator: ";").first.map(String.init) ?? ""
        call.remoteParty = (invite.header("from") ?? "").split(separator: ";").first.map(String.init) ?? ""
        try call.take(offer, expectedPackets: 0)
        call.listen()
        let media = call.media
        generator.order {
            $0.add(media)
            if let expects { media.expect(expects) }
        }
        call.accept(invite)
        return call
    }

    private func accept(_ invite: LoadMessage) {
        line.send(
            invite.response(
                "200 OK", toTag: localTag,
                headers: [
                    "Contact: <sip:\(from)@127.0.0.1:\(line.port);transport=tls>", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE",
                    "Content-Type: application/sdp",
                ],
                body: description))
    }

    // MARK: - What comes

    private func listen() {
        line.dialogs[callID] = { [weak self] message in self?.take(message) }
    }

    private func take(_ message: LoadMessage) {
        if let status = message.status {
            guard status >= 200, let promise = waiting.removeValue(forKey: message.sequence) else { return }
            promise.succeed(message)
            return
        }
        switch message.method {
        case "BYE":
            line.send(message.response("200 OK"))
            finish()
        case "INVITE":
            guard let offer = PeerAnswer(message.body) else { return accept(message) }
            version += 1
            keyTag = offer.tag
            direction = ["sendonly": "recvonly", "inactive": "inactive"][offer.direction] ?? "sendrecv"
            accept(message)
            try? take(offer, expectedPackets: 0)
        case "CANCEL":
            line.send(message.response("200 OK"))
        case "ACK", nil: break
        default: line.send(message.response("200 OK"))
        }
    }

    private func take(_ answer: PeerAnswer, expectedPackets: Int) throws {
        remote = answer
        let keys = CallMedia.Keys(profile: answer.profile, local: key, remote: answer.key)
        let media = media
        let isMute = direction == "recvonly" || direction == "inactive" || answer.direction == "sendonly"
        let (type, port) = (payloadType, answer.port)
        generator.order { _ in
            try? media.apply(keys, payloadType: type, remotePort: port, expected: expectedPackets)
            media.mute(isMute)
        }
    }

    // MARK: - Bytes

    private func nextSequence() -> Int {
        sequence += 1
        return sequence
    }

    private func request(
        _ method: String, _ number: Int, headers: [String] = [], body: String = "", within limit: TimeAmount
    ) -> EventLoopFuture<LoadMessage> {
        let promise = line.loop.makePromise(of: LoadMessage.self)
        waiting[number] = promise
        send(method, number, headers, body)
        let timer = line.loop.scheduleTask(in: limit) { [weak self] in
            self?.waiting.removeValue(forKey: number)?.fail(PeerFault(description: "no answer to \(method)"))
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        return promise.futureResult
    }

    private func acknowledge(_ number: Int) { send("ACK", number, [], "") }

    private func send(_ method: String, _ number: Int, _ headers: [String], _ body: String) {
        var lines = [
            "\(method) \(remoteTarget) SIP/2.0",
            "Via: SIP/2.0/TLS 127.0.0.1:\(line.port);branch=z9hG4bK\(callID.prefix(12))\(number)\(method.prefix(1));rport",
            "Max-Forwards: 70",
            "From: \(localParty);tag=\(localTag)", "To: \(remoteParty)" + (remoteTag.map { ";tag=\($0)" } ?? ""), "Call-ID: \(callID)",
            "CSeq: \(number) \(method)",
        ]
        if method == "INVITE" {
            lines.append("Contact: <sip:\(from)@127.0.0.1:\(line.port);transport=tls>")
            lines.append("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE")
        }
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        line.send((lines + ["", body]).joined(separator: "\r\n"))
    }

    private var description: String {
        let codec = shape.codec
        return [
            "v=0", "o=- 4711 \(version) IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
            "m=audio \(media.port) RTP/SAVP \(payloadType) 101",
            "a=crypto:\(keyTag) \(shape.profile.wireName) inline:\(Data(key).base64EncodedString())",
            "a=rtpmap:\(payloadType) \(codec.mapping)", "a=rtpmap:101 telephone-event/\(codec.clockRate)", "a=ptime:20", "a=rtcp-mux",
            "a=\(direction)", "",
        ].joined(separator: "\r\n")
    }
}

extension AudioCodec {
    var usualPayloadType: UInt8 {
        switch self {
        case .pcmu: 0
        case .pcma: 8
        case .g722: 9
        case .opus: 111
        }
    }

    var mapping: String {
        switch self {
        case .pcmu: "PCMU/8000"
        case .pcma: "PCMA/8000"
        case .opus: "opus/48000/2"
        case .g722: "G722/8000"
        }
    }

    /// As configurations write it.
    init?(name: String) {
        guard let codec = AudioCodec.allCases.first(where: { $0.mapping.split(separator: "/")[0].lowercased() == name.lowercased() }) else {
            return nil
        }
        self = codec
    }
}
