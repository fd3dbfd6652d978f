import MediaPlane
import SDP
import SIPMessages
import SottoBase
import SottoTLS

@testable import SIPSessions

/// A carrier's end: an endpoint of its own, and media on a plane that all phones share. It calls, answers, holds, changes its keys,
/// transfers and hangs up as chance has it.
final class Phone {
    /// One session of the phone's: its port, and what was agreed.
    private final class Line {
        let media: MediaSessionID
        let local: LocalMedia
        var offer: SessionDescription?
        var agreed: NegotiatedMedia?
        var isStarted = false

        init(media: MediaSessionID, local: LocalMedia) {
            self.media = media
            self.local = local
        }
    }

    let index: Int
    private(set) var endpoint = SIPEndpoint()
    private let plane: ManualMediaPlane
    private let ports: Ports
    private let identity: DTLSIdentity?
    private var chance: Chance
    private var connection: ConnectionID?
    private var calling: [AttemptID: Line] = [:]
    private var lines: [DialogID: Line] = [:]
    /// Dialogs that have not ended.
    private var open: Set<DialogID> = []
    private var work: [SIPEndpointInput] = []
    private var isDriving = false
    private var nextName: UInt64 = 1
    private var isLate = false

    /// What the shared plane has reserved and nobody has taken yet.
    final class Ports {
        var reserved: [MediaSessionID: UInt16] = [:]
    }

    init(_ index: Int, plane: ManualMediaPlane, ports: Ports, identity: DTLSIdentity?, seed: UInt64) {
        self.index = index
        self.plane = plane
        self.ports = ports
        self.identity = identity
        chance = Chance(seed &* 31)
    }

    // MARK: - Connections

    func opened(_ wire: UInt64, _ exchange: Exchange) {
        guard let remote = PeerAddress(bytes: [192, 0, 2, 1], port: 5_061) else { return }
        connection = ConnectionID(wire)
        feed(
            .connectionOpened(
                ConnectionID(wire),
                ConnectionProfile(
                    peer: PeerID(1), localHost: WireText("phone\(index).example"), localPort: 5_061, remote: remote)), exchange)
    }

    func closed(_ wire: UInt64, _ exchange: Exchange) { feed(.connectionClosed(ConnectionID(wire)), exchange) }

    func receive(_ message: SIPMessage, on wire: UInt64, _ exchange: Exchange) {
        feed(.received(message, on: ConnectionID(wire)), exchange)
    }

    // MARK: - The drive

    func wake(_ exchange: Exchange) {
        if let due = endpoint.nextDeadline, due <= exchange.now { feed(.timerDue, exchange) }
    }

    private func feed(_ input: SIPEndpointInput, _ exchange: Exchange) {
        work.append(input)
        guard !isDriving else { return }
        isDriving = true
        defer { isDriving = false }
        var turns = 0
        while !work.isEmpty {
            turns += 1
            guard turns < 2_000 else {
                work = []
                return exchange.fault("a phone talks to itself for ever")
            }
            let outputs = endpoint.handle(work.removeFirst(), now: exchange.now, entropy: &chance)
            if outputs.count > 64 { exchange.fault("one input made \(outputs.count) outputs of a phone") }
            for output in outputs {
                switch output {
                case .send(let message, let target):
                    let own = target.connection.map(\.value).flatMap { exchange.wires[$0] == nil ? nil : $0 }
                    guard let wire = own ?? exchange.openWire(ofPhone: index) else {
                        work.append(.sendFailed(message))
                        continue
                    }
                    exchange.transmit(message, on: wire, toGateway: true)
                case .event(let event): react(event, exchange)
                }
            }
        }
    }

    private func later(_ command: SIPEndpointCommand, within milliseconds: Int, _ exchange: Exchange) {
        exchange.after(.milliseconds(exchange.roll(milliseconds))) { [self] in feed(.command(command), $0) }
    }

    // MARK: - Doing

    func call(_ exchange: Exchange) {
        guard let connection, let line = makeLine(exchange) else { return }
        let drawn = ["+49301", "+49302", "+49303", "+49303"][exchange.roll(4)]
        let number = exchange.plan.number ?? drawn
        let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: line.local)
        line.offer = offer
        var invite = OutgoingInvite(
            attempt: AttemptID(nextName), connection: connection, requestURI: SIPURI(WireText("sip:\(number)@sotto.example;transport=tls")),
            to: NameAddress(WireText("<sip:\(number)@sotto.example>")), from: NameAddress("<sip:+4940999@carrier.example>"),
            body: Self.body(offer))
        nextName += 1
        invite.requiresReliableProvisionals = exchange.roll(6) == 0
        invite.sessionExpires = [nil, 90, 1_800][exchange.roll(3)]
        calling[invite.attempt] = line
        if exchange.roll(8) == 0 { later(.cancel(invite.attempt, headers: []), within: 2_000, exchange) }
        feed(.command(.invite(invite)), exchange)
    }

    func hangUpAll(_ exchange: Exchange) {
        isLate = true
        for attempt in calling.keys.sorted(by: { $0.value < $1.value }) { feed(.command(.cancel(attempt, headers: [])), exchange) }
        for dialog in open.sorted(by: { $0.value < $1.value }) { hangUp(dialog, exchange) }
    }

    private func hangUp(_ dialog: DialogID, _ exchange: Exchange) {
        feed(.command(.hangUp(dialog, refusal: SIPAnswer(480), headers: [])), exchange)
    }

    /// What a phone does in a call.
    private func talk(_ dialog: DialogID, _ exchange: Exchange) {
        exchange.seen.insert("phone talks")
        for _ in 0..<exchange.roll(3) {
            exchange.after(.milliseconds(200 + exchange.roll(3_000))) { [self] exchange in
                guard open.contains(dialog), let line = lines[dialog] else { return }
                switch exchange.roll(5) {
                case 0...2:
                    var local = line.local
                    local.direction = [.sendrecv, .sendonly, .inactive, .sendrecv][exchange.roll(4)]
                    if exchange.roll(2) == 0 { local.keys = Self.keys(&chance) }
                    let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: local, previous: line.agreed)
                    line.offer = offer
                    let body = Self.body(offer)
                    feed(.command(exchange.roll(3) == 0 ? .update(dialog, body) : .reoffer(dialog, body)), exchange)
                case 3:
                    let other = open.sorted { $0.value < $1.value }.first { $0 != dialog }
                    let target = NameAddress("<sip:+49308@pbx.example>")
                    feed(.command(.refer(dialog, to: target, replaces: exchange.roll(2) == 0 ? other : nil, headers: [])), exchange)
                default: feed(.command(.probeDialog(dialog)), exchange)
                }
            }
        }
        exchange.after(.milliseconds(500 + exchange.roll(6_000))) { [self] in if $0.roll(3) > 0 { hangUp(dialog, $0) } }
    }

    // MARK: - Reacting

    private func react(_ event: SIPEndpointEvent, _ exchange: Exchange) {
        switch event {
        case .inviteArrived(let arrived):
            open.insert(arrived.dialog)
            answer(arrived, exchange)
            exchange.after(.seconds(isLate ? 1 : 12)) { [self] in hangUp(arrived.dialog, $0) }
        case .reinviteArrived(let arrived):
            later(.answer(arrived.invite, reanswer(arrived.dialog, arrived.request, exchange)), within: 100, exchange)
        case .updateArrived(let arrived):
            later(.answerUpdate(arrived.update, reanswer(arrived.dialog, arrived.request, exchange)), within: 50, exchange)
        case .acknowledged(let dialog, _, let ack):
            if let line = lines[dialog], line.offer != nil, !ack.body.isEmpty { accept(ack, line) }
            talk(dialog, exchange)
        case .attemptProgressed(let attempt, _, let response):
            if let line = calling[attempt], !response.body.isEmpty { accept(response, line) }
        case .attemptAnswered(let attempt, let dialog, let response):
            open.insert(dialog)
            if let line = calling.removeValue(forKey: attempt) {
                lines[dialog] = line
                accept(response, line)
            }
            if isLate { later(.hangUp(dialog, refusal: SIPAnswer(480), headers: []), within: 500, exchange) }
            talk(dialog, exchange)
        case .attemptEnded(let attempt, _): calling.removeValue(forKey: attempt).map { close($0) }
        case .reofferEnded(let dialog, .accepted(let response)), .updateEnded(let dialog, .accepted(let response)):
            if let line = lines[dialog] { accept(response, line) }
        case .refreshDue(let dialog):
            guard let line = lines[dialog] else { return }
            let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: line.local, previous: line.agreed)
            line.offer = offer
            later(.reoffer(dialog, Self.body(offer)), within: 50, exchange)
        case .referArrived(let arrived):
            let isTaken = exchange.roll(2) == 0
            exchange.seen.insert("phone is referred")
            later(.answerRefer(arrived.refer, SIPAnswer(isTaken ? 202 : 603)), within: 200, exchange)
            if isTaken { later(.notifyReferral(arrived.refer, status: exchange.roll(2) == 0 ? 200 : 486), within: 2_000, exchange) }
        case .dialogEnded(let dialog, _):
            open.remove(dialog)
            lines.removeValue(forKey: dialog).map { close($0) }
        default: break
        }
    }

    private func answer(_ arrived: InviteArrived, _ exchange: Exchange) {
        guard exchange.roll(10) > 0, let line = makeLine(exchange) else {
            return later(.answer(arrived.invite, SIPAnswer([486, 503, 302, 404][exchange.roll(4)])), within: 800, exchange)
        }
        lines[arrived.dialog] = line
        var final = SIPAnswer(200)
        if let offer = Self.description(of: arrived.request) {
            guard case .success(let agreed) = SDPAnswerer.answer(offer: offer, capabilities: capabilities, local: line.local) else {
                return later(.answer(arrived.invite, SIPAnswer(488)), within: 200, exchange)
            }
            final.body = Self.body(agreed.local)
            take(agreed, line)
        } else {
            let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: line.local)
            line.offer = offer
            final.body = Self.body(offer)
        }
        var ringing = SIPAnswer([180, 183][exchange.roll(2)], body: exchange.roll(3) == 0 ? final.body : nil)
        ringing.reliable = exchange.roll(2) == 0
        later(.answer(arrived.invite, ringing), within: 300, exchange)
        exchange.after(.milliseconds(300 + exchange.roll(2_000))) { [self] in
            feed(.command(.answer(arrived.invite, final)), $0)
        }
    }

    private func reanswer(_ dialog: DialogID, _ request: SIPRequest, _ exchange: Exchange) -> SIPAnswer {
        guard let line = lines[dialog], exchange.roll(8) > 0 else { return SIPAnswer(488) }
        guard let offer = Self.description(of: request) else {
            let offer = SDPOfferer.makeOffer(capabilities: capabilities, local: line.local, previous: line.agreed)
            line.offer = offer
            return SIPAnswer(200, body: Self.body(offer))
        }
        var local = line.local
        local.keys = Self.keys(&chance)
        let result = SDPAnswerer.answer(offer: offer, capabilities: capabilities, local: local, previous: line.agreed)
        guard case .success(let agreed) = result else { return SIPAnswer(488) }
        take(agreed, line)
        return SIPAnswer(200, body: Self.body(agreed.local))
    }

    // MARK: - Media

    private var capabilities: MediaCapabilities {
        MediaCapabilities(packetTime: index == 2 ? 30 : 20, keying: identity == nil ? [.sdes] : [.dtls])
    }

    private func makeLine(_ exchange: Exchange) -> Line? {
        let id = MediaSessionID(UInt64(index) * 1_000 + nextName)
        nextName += 1
        guard plane.submit(.reserve(id, range: 0)) else { return nil }
        turnMedia(exchange)
        guard let port = ports.reserved.removeValue(forKey: id), let address = PeerAddress(bytes: [127, 0, 0, 1], port: port) else {
            return nil
        }
        var local = LocalMedia(address: address, sessionID: chance.next() >> 2, keys: Self.keys(&chance))
        if let identity, let fingerprint = CertificateFingerprint(bytes: identity.fingerprint.bytes) {
            local.dtls = LocalDTLS(fingerprint: fingerprint, associationID: WireText("phoneassociation\(chance.next())"))
        }
        return Line(media: id, local: local)
    }

    private func accept(_ message: some SIPMessageFields, _ line: Line) {
        guard let offer = line.offer, let answer = Self.description(of: message),
            case .success(let agreed) = SDPOfferer.accept(
                answer: answer, to: offer, capabilities: capabilities, previous: line.agreed)
        else { return }
        line.offer = nil
        take(agreed, line)
    }

    private func take(_ agreed: NegotiatedMedia, _ line: Line) {
        line.agreed = agreed
        let settings = MediaSettings(agreed)
        if line.isStarted {
            _ = plane.submit(.update(line.media, settings))
        } else {
            line.isStarted = true
            let owner = CallID(high: UInt64(index) + 1, low: line.media.value)
            _ = plane.submit(.start(line.media, settings, MediaSessionOptions(owner: owner, mode: .echo, mediaTimeout: nil)))
        }
    }

    private func close(_ line: Line) { _ = plane.submit(.close(line.media)) }

    var isMediaLive: Bool {
        let gauges = plane.gauges
        return gauges.sessions > 0 || gauges.mailboxDepth > 0 || gauges.handshakes > 0
    }

    /// Turns the plane of all phones.
    func turnMedia(_ exchange: Exchange) {
        plane.turn(now: exchange.now)
        plane.drainEvents { event in
            switch event {
            case .reserved(let id, let ports): self.ports.reserved[id] = ports.rtp
            case .digit(_, let key, _): ClearArena.keys.discard(key)
            case .firstAuthenticatedPacket: exchange.seen.insert("phone heard")
            case .dtlsFailed(_, let why): exchange.seen.insert("phone: \(why)")
            default: break
            }
        }
    }

    // MARK: - Words

    private static func body(_ description: SessionDescription) -> SIPBody {
        SIPBody(
            chunks: description.chunks().map { chunk in
                switch chunk {
                case .bytes(let bytes): .bytes(bytes)
                case .secret(let secret): .secret(secret)
                }
            })
    }

    private static func description(of message: some SIPMessageFields) -> SessionDescription? {
        guard case .description(let body) = message.sessionBody else { return nil }
        return try? SessionDescription.parse(
            body.chunks.map { chunk in
                switch chunk {
                case .bytes(let bytes): .bytes(bytes)
                case .secret(let secret): .secret(secret)
                }
            })
    }

    private static func keys(_ chance: inout Chance) -> [SRTPSuite: SecretBytes] {
        var keys: [SRTPSuite: SecretBytes] = [:]
        for suite in SRTPSuite.allCases {
            let bytes = (0..<suite.keyingLength).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
            keys[suite] = SecretBytes(copying: bytes[...])
        }
        return keys
    }

    // MARK: - The end

    var remains: [String] {
        let gauges = plane.gauges
        let counts: [(String, Int)] = [
            ("transactions", endpoint.transactionCount), ("dialogs", endpoint.dialogCount), ("attempts", endpoint.attemptCount),
            ("deadlines", endpoint.deadlineCount), ("open", open.count), ("lines", lines.count), ("calling", calling.count),
            ("media sessions", gauges.sessions), ("sockets", gauges.sockets), ("handshakes", gauges.handshakes),
        ]
        return counts.filter { $0.1 != 0 }.map { "phone \(index) \($0.0): \($0.1)" }
    }
}
