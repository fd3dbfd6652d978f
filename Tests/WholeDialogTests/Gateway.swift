import Admission
import Audio
import Consent
import MediaPlane
import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import SottoTLS

@testable import Calls

/// Our side: a real endpoint, the real table of calls and a real media plane, joined as the daemon joins them.
final class Gateway {
    private enum Work {
        case endpoint(SIPEndpointInput)
        case table(CallTable.Input)
    }

    private struct Session: Hashable {
        let call: CallID
        let leg: CallLeg
    }

    private(set) var endpoint = SIPEndpoint()
    private(set) var table: CallTable
    let plane: ManualMediaPlane
    private var chance: Chance
    private var work: [Work] = []
    private var isDriving = false
    private var media: [Session: MediaSessionID] = [:]
    private var sessions: [MediaSessionID: Session] = [:]
    private var nextMedia: UInt64 = 1
    private var hasOrders = false
    private var ended: [CallID: Int] = [:]
    private(set) var gone: Set<CallID> = []

    init(seed: UInt64, identity: DTLSIdentity) throws {
        chance = Chance(seed &+ 77)
        plane = try Self.plane(identity: identity, sessions: 64)
        var configuration = CallsConfiguration(media: [.init(range: 0, advertised: [127, 0, 0, 1])])
        configuration.dtlsFingerprint = CertificateFingerprint(bytes: identity.fingerprint.bytes)
        table = CallTable(configuration: configuration, policy: Premises.policy, facts: .embedded)
    }

    static func plane(identity: DTLSIdentity, sessions: Int) throws -> ManualMediaPlane {
        // Exchanges run side by side: each starts somewhere else, and a taken pair is skipped.
        let first = UInt16.random(in: 20_000...50_000)
        return try ManualMediaPlane(
            configuration: MediaPlaneConfiguration(
                threads: 1, sessionsPerThread: sessions,
                ranges: [MediaPortRange(bind: [127, 0, 0, 1], first: first, last: first + 9_000)], portRest: .zero, identity: identity))
    }

    // MARK: - Connections

    func opened(_ wire: UInt64, phone: Int, _ exchange: Exchange) {
        guard let remote = PeerAddress(bytes: [192, 0, 2, UInt8(10 + phone)], port: 40_000) else { return }
        feed(
            .connectionOpened(
                ConnectionID(wire),
                ConnectionProfile(peer: PeerID(UInt64(10 + phone)), localHost: "sotto.example", localPort: 5_061, remote: remote)),
            exchange)
    }

    func closed(_ wire: UInt64, _ exchange: Exchange) { feed(.connectionClosed(ConnectionID(wire)), exchange) }

    func receive(_ message: SIPMessage, on wire: UInt64, _ exchange: Exchange) {
        feed(.received(message, on: ConnectionID(wire)), exchange)
    }

    // MARK: - The drive

    func wake(_ exchange: Exchange) {
        if let due = endpoint.nextDeadline, due <= exchange.now { feed(.timerDue, exchange) }
        if let due = table.nextDeadline, due <= exchange.now { tell(.timerDue, exchange) }
    }

    func feed(_ input: SIPEndpointInput, _ exchange: Exchange) {
        work.append(.endpoint(input))
        drive(exchange)
    }

    func tell(_ input: CallTable.Input, _ exchange: Exchange) {
        work.append(.table(input))
        drive(exchange)
    }

    private func drive(_ exchange: Exchange) {
        guard !isDriving else { return }
        isDriving = true
        defer { isDriving = false }
        let wall = WallTime(milliseconds: 1_700_000_000_000 + exchange.now.nanoseconds / 1_000_000)
        var turns = 0
        while !work.isEmpty {
            turns += 1
            guard turns < 2_000 else {
                work = []
                return exchange.fault("endpoint and table talk for ever")
            }
            switch work.removeFirst() {
            case .endpoint(let input):
                let outputs = endpoint.handle(input, now: exchange.now, entropy: &chance)
                if outputs.count > 64 { exchange.fault("one input made \(outputs.count) outputs of the endpoint") }
                for output in outputs { carryOut(output, exchange) }
            case .table(let input):
                let outputs = table.handle(input, now: exchange.now, wall: wall, entropy: &chance)
                let limit = 64 * (1 + max(table.count, 1))
                if outputs.count > limit { exchange.fault("one input made \(outputs.count) outputs of the calls") }
                for output in outputs { carryOut(output, exchange) }
            }
        }
    }

    private func carryOut(_ output: SIPEndpointOutput, _ exchange: Exchange) {
        switch output {
        case .send(let message, let target):
            let own = target.connection.map(\.value).flatMap { exchange.wires[$0] == nil ? nil : $0 }
            let phone = Int(target.orPeerOf.value) - 10
            guard let wire = own ?? exchange.openWire(ofPhone: phone) else { return work.append(.endpoint(.sendFailed(message))) }
            exchange.transmit(message, on: wire, toGateway: false)
        case .event(.inviteArrived(let arrived)):
            let phone = Int(arrived.peer.value) - 10
            guard let source = PeerAddress(bytes: [192, 0, 2, UInt8(10 + phone)], port: 40_000) else { return }
            work.append(.table(.invited(arrived, trunk: Premises.trunk(phone), source: source)))
        case .event(let event):
            if case .turnedAway(.refused(_, let status), _) = event { exchange.seen.insert("refused \(status)") }
            work.append(.table(.sip(event)))
        }
    }

    private func carryOut(_ output: CallOutput, _ exchange: Exchange) {
        switch output {
        case .sip(let command): work.append(.endpoint(.command(command)))
        case .media(let id, let leg, let instruction): carryOut(instruction, Session(call: id, leg: leg))
        case .voice(let id, let instruction): carryOut(instruction, id, exchange)
        case .record(let id, .finish): ended[id, default: 0] += 1
        case .record: break
        case .dial(let id, let instruction): carryOut(instruction, id, exchange)
        case .note(_, let note):
            let text = "\(note)"
            exchange.seen.insert(String(text.prefix { $0 != "(" }))
            if text.contains("inline:") || exchange.keys.isNamed(in: text) { exchange.fault("a note names a key") }
        case .gone(let id):
            if !gone.insert(id).inserted { exchange.fault("a call is gone twice") }
            if ended[id] != 1 { exchange.fault("a call has \(ended[id] ?? 0) records") }
            ClearArena.keys.discard(ownedBy: id)
            exchange.seen.insert("gone")
        }
    }

    private func carryOut(_ instruction: DialInstruction, _ id: CallID, _ exchange: Exchange) {
        switch instruction {
        case .begin(let dial, let trunk, _):
            exchange.after(.milliseconds(10)) { exchange in
                guard let phone = Premises.phone(of: trunk), let wire = exchange.openWire(ofPhone: phone), exchange.roll(12) > 0 else {
                    return exchange.gateway.tell(.notDialled(id, dial, "no hop"), exchange)
                }
                exchange.gateway.tell(.dialled(id, dial, DialledHop(connection: ConnectionID(wire), name: "hop")), exchange)
            }
        case .next(let dial, _): work.append(.table(.notDialled(id, dial, "no further hop")))
        case .over: break
        }
    }

    private func carryOut(_ instruction: VoiceInstruction, _ id: CallID, _ exchange: Exchange) {
        func later(_ report: VoiceReport, within milliseconds: Int) {
            exchange.after(.milliseconds(exchange.roll(milliseconds))) { $0.gateway.tell(.voice(id, report), $0) }
        }
        switch instruction {
        case .say(let prompt, _): later(.promptEnded(prompt, isWhole: exchange.roll(4) > 0), within: 400)
        case .expectConsent(true): later(.answered(exchange.roll(4) == 0 ? .no : .yes, by: .key), within: 800)
        case .beginDialogue:
            if exchange.roll(3) == 0 { later(.payment(isOn: true), within: 900) }
            if exchange.roll(2) == 0 {
                let trunk = Premises.trunk(1 + exchange.roll(2)).trunk
                later(.handOver(HandOverRequest(trunk: trunk, number: Premises.person, consults: exchange.roll(2) == 0)), within: 1_500)
            }
            if exchange.roll(4) == 0 { later(.hangUp(reason: "over", isFault: false), within: 4_000) }
        case .handOverFailed: later(.hangUp(reason: "nobody", isFault: false), within: 500)
        case .begin, .stopSaying, .expectConsent(false), .end: break
        }
    }

    // MARK: - Media

    /// Sessions, or orders that wait.
    var isMediaLive: Bool { hasOrders || !sessions.isEmpty || plane.gauges.sessions > 0 || plane.gauges.handshakes > 0 }

    private func carryOut(_ instruction: MediaInstruction, _ session: Session) {
        hasOrders = true
        if case .reserve(let range) = instruction {
            let id = MediaSessionID(nextMedia)
            nextMedia += 1
            media[session] = id
            sessions[id] = session
            _ = plane.submit(.reserve(id, range: range))
            return
        }
        guard let id = media[session] else { return work.append(.table(.media(session.call, .failed("no media"), leg: session.leg))) }
        let isIn =
            switch instruction {
            case .reserve: true
            case .start(let agreed, _, let mode):
                plane.submit(
                    .start(
                        id, MediaSettings(agreed),
                        MediaSessionOptions(
                            owner: session.call, mode: mode == .echo ? .echo : .voice, mediaTimeout: .seconds(3),
                            statisticsInterval: .seconds(1))))
            case .update(let agreed): plane.submit(.update(id, MediaSettings(agreed)))
            case .bridge(let other): plane.submit(.bridge(id, with: media[Session(call: session.call, leg: other)] ?? id))
            case .unbridge: plane.submit(.bridge(id, with: nil))
            case .fill(let fill): plane.submit(.fill(id, fill == .silence ? .silence : fill == .comfort ? .comfort : .holdMusic))
            case .protect(let isOn): plane.submit(.protect(id, on: isOn))
            case .close: plane.submit(.close(id))
            }
        if !isIn { work.append(.table(.media(session.call, .failed("the mailbox is full"), leg: session.leg))) }
    }

    func turnMedia(_ exchange: Exchange) {
        hasOrders = false
        plane.turn(now: exchange.now)
        var events: [MediaEvent] = []
        plane.drainEvents { events.append($0) }
        for event in events { take(event, exchange) }
    }

    private func take(_ event: MediaEvent, _ exchange: Exchange) {
        func report(_ id: MediaSessionID, _ report: MediaReport) {
            guard let session = sessions[id] else { return }
            tell(.media(session.call, report, leg: session.leg), exchange)
        }
        switch event {
        case .reserved(let id, let ports): report(id, .reserved(port: ports.rtp))
        case .started(let id): report(id, .started)
        case .updated(let id): report(id, .updated)
        case .failed(let id, let failure): report(id, .failed(failure.description))
        case .bridged(let id, _):
            exchange.seen.insert("media bridged")
            report(id, .bridged)
        case .mediaTimedOut(let id): report(id, .timedOut)
        case .keyExhausted(let id): report(id, .keyExhausted)
        case .dtlsFailed(let id, let why):
            exchange.seen.insert("\(why)")
            report(id, .timedOut)
        case .dtlsEstablished: exchange.seen.insert("handshake")
        case .firstAuthenticatedPacket: exchange.seen.insert("heard")
        case .digit(_, let key, _): ClearArena.keys.discard(key)
        case .closed(let id, _):
            report(id, .closed(nil))
            if let session = sessions.removeValue(forKey: id) { media[session] = nil }
        case .statistics, .sourceMoved, .digitLost, .peerSaidBye, .unbridged, .digitsSent, .promptPlayed: break
        }
    }

    // MARK: - The end

    /// What is left, in words; empty when nothing is.
    var remains: [String] {
        let gauges = plane.gauges
        let counts: [(String, Int)] = [
            ("transactions", endpoint.transactionCount), ("dialogs", endpoint.dialogCount), ("attempts", endpoint.attemptCount),
            ("deadlines", endpoint.deadlineCount), ("calls", table.count), ("call dialogs", table.dialogCount),
            ("call attempts", table.attemptCount), ("far legs", table.farLegCount), ("admitted calls", table.admission.calls),
            ("admitted legs", table.admission.outboundLegs), ("media sessions", gauges.sessions), ("sockets", gauges.sockets),
            ("ports", gauges.portPairsInUse), ("handshakes", gauges.handshakes), ("events lost", Int(gauges.eventsLost)),
            ("sessions known", sessions.count),
        ]
        return counts.filter { $0.1 != 0 }.map { "\($0.0): \($0.1)" }
    }
}
