import Admission
import Consent
import Policy
import SDP
import SIPMessages
import SottoBase
import SottoTestKit

@testable import Calls
@testable import SIPSessions

/// Plays everybody around the table of calls by chance: endpoint, media, dialler, voice and operator.
struct TwoSidedWalk {
    struct Session: Hashable {
        let call: CallID
        let leg: CallLeg
    }

    var table: CallTable
    var clock = ManualClock()
    var chance: Chance
    var faults: [String] = []
    var kinds: Set<String> = []
    var records: [CallID: Int] = [:]

    // The endpoint.
    var dialogs: Set<DialogID> = []
    var attempts: [AttemptID: OutgoingInvite] = [:]
    private var openInvites: [InviteID: DialogID] = [:]
    private var reoffers: [DialogID: SessionDescription?] = [:]
    private var referrals: Set<DialogID> = []
    private var names: UInt64 = 0

    // Media, dialler, voice.
    private var owed: [Session: [MediaReport]] = [:]
    private var closes: [Session: Int] = [:]
    private var starts: Set<Session> = []
    private var dials: [DialID: CallID] = [:]
    private var openDials: Set<DialID> = []
    private var prompts: [(CallID, UInt32)] = []
    private var gone: Set<CallID> = []
    private var work: [CallTable.Input] = []

    init(seed: UInt64) {
        chance = Chance(seed)
        var house = House()
        house.refer = .obey
        house.extraTrunks = [
            House.outbound("pbx", refer: .obey, redirects: .follow), House.outbound("backup", transfer: .refer),
        ]
        func pattern(_ text: String) -> [NumberPattern] { NumberPattern(text).map { [$0] } ?? [] }
        house.routes = [
            RoutePolicy(toNumbers: pattern("+49301*"), target: .echo, rule: RuleReference("echo", at: .builtIn)),
            RoutePolicy(toNumbers: pattern("+49302*"), target: .agent("reception"), rule: RuleReference("agent", at: .builtIn)),
            RoutePolicy(
                target: .trunk(House.name("pbx")), failover: [House.name("backup")], rule: RuleReference("bridge", at: .builtIn)),
        ]
        var configuration = CallsConfiguration(media: [.init(range: 0, advertised: [203, 0, 113, 5])])
        configuration.media.append(.init(range: 6, advertised: [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]))
        configuration.longestCall = .seconds(900)
        table = CallTable(configuration: configuration, policy: house.policy, facts: .embedded)
    }

    private mutating func roll(_ sides: Int) -> Int { Int(chance.next() % UInt64(sides)) }
    private mutating func pick<Element>(_ list: [Element]) -> Element? { list.isEmpty ? nil : list[roll(list.count)] }
    private mutating func name() -> UInt64 {
        names += 1
        return names
    }

    // MARK: - Steps

    mutating func step() {
        switch roll(27) {
        case 0 where roll(2) == 0: invite()
        case 0: farSays()
        case 1...7: mediaAnswers()
        case 8...10: diallerAnswers()
        case 11...14: farSays()
        case 15...19: dialogSays()
        case 20...23: voiceSays()
        case 24: endpointSays()
        case 25:
            clock.advance(by: .milliseconds(Int64(roll(4_000))))
            wake()
        default: operate()
        }
        drive()
    }

    private mutating func wake() {
        if let deadline = table.nextDeadline, deadline <= clock.now { work.append(.timerDue) }
    }

    private mutating func invite() {
        guard dialogs.count < 12 else { return }
        let dialog = DialogID(value: name())
        let invite = InviteID(value: name())
        let number = ["+49301", "+49302", "+49303", "+49303", "+49303"][roll(5)]
        let bodies = [Caller.sdp(), Caller.sdp(), "", Caller.sdp(transport: "RTP/AVP"), Caller.sdp(direction: "sendonly")]
        var caller = Caller("call\(dialog.value)", body: pick(bodies) ?? "")
        caller.number = number
        let replaces = roll(12) == 0 ? pick(dialogs.sorted()) : nil
        dialogs.insert(dialog)
        openInvites[invite] = dialog
        let arrived = InviteArrived(
            invite: invite, dialog: dialog, connection: Switchboard.acme, peer: PeerID(7), request: request(caller, "INVITE"),
            replaces: replaces)
        work.append(.invited(arrived, trunk: House.trunk(of: "acme"), source: Switchboard.source))
    }

    private func request(_ caller: Caller, _ method: String) -> SIPRequest {
        guard case .request(let request) = caller.says(method) else { preconditionFailure("a request") }
        return request
    }

    private mutating func mediaAnswers() {
        let sessions = owed.filter { !$0.value.isEmpty }.keys.sorted { ($0.call, $0.leg) < ($1.call, $1.leg) }
        guard let session = pick(sessions), var report = owed[session]?.removeFirst() else { return }
        if case .closed = report {
            if roll(8) == 0 { return }
        } else if roll(25) == 0 {
            report = .failed("by chance")
        }
        work.append(.media(session.call, report, leg: session.leg))
        if roll(30) == 0, let lie = pick([MediaReport.timedOut, .bridged, .started, .updated, .keyExhausted, .reserved(port: 9)]) {
            work.append(.media(session.call, lie, leg: session.leg))
        }
    }

    private mutating func diallerAnswers() {
        guard let dial = pick(openDials.sorted()), let call = dials[dial] else { return }
        openDials.remove(dial)
        let isIPv6 = [nil, nil, false, true][roll(4)]
        work.append(
            roll(5) == 0
                ? .notDialled(call, dial, "by chance")
                : .dialled(call, dial, DialledHop(connection: ConnectionID(50), name: "hop", isIPv6: isIPv6)))
    }

    private mutating func farSays() {
        guard let attempt = pick(attempts.keys.sorted { $0.value < $1.value }), let invite = attempts[attempt] else { return }
        let offer = try? SessionDescription.parse(invite.body.sdpChunks)
        let bodies = [FarSide.answer(to: offer), FarSide.answer(to: offer, direction: "inactive"), "", Caller.sdp(transport: "RTP/AVP")]
        let fork = DialogID(value: attempt.value % 1_000_000_000 + 1_000_000 + UInt64(roll(3)))
        switch roll(10) {
        case 0...3:
            let response = FarSide.response([180, 183, 199][roll(3)], body: roll(2) == 0 ? bodies[0] : "")
            work.append(.sip(.attemptProgressed(attempt, fork, response)))
        case 4...7:
            attempts[attempt] = nil
            guard dialogs.insert(fork).inserted else { return }
            work.append(.sip(.attemptAnswered(attempt, fork, FarSide.response(200, body: roll(5) > 0 ? bodies[0] : pick(bodies) ?? ""))))
        default:
            attempts[attempt] = nil
            let status = [503, 486, 302, 404, 603, 401][roll(6)]
            let contact = ["Contact: <sip:7@pbx.example>"]
            let endings: [AttemptEnding] = [.refused(FarSide.response(status, headers: contact)), .timedOut, .unreachable]
            work.append(.sip(.attemptEnded(attempt, endings[min(roll(5), 2)])))
        }
    }

    private mutating func dialogSays() {
        guard let dialog = pick(dialogs.sorted()) else { return }
        let bodies = [
            Caller.sdp(), Caller.sdp(direction: "sendonly"), Caller.sdp(direction: "inactive"), Caller.sdp(address: "0.0.0.0"), "",
            Caller.sdp(port: 4_002 + roll(3) * 2), Caller.sdp(transport: "RTP/AVP"),
        ]
        let open = openInvites.first { $0.value == dialog }?.key
        switch roll(18) {
        case 0...5, 16, 17:
            guard let invite = open ?? pick(openInvites.keys.sorted { $0.value < $1.value }) else { return }
            let body = roll(3) == 0 ? Caller.sdp(crypto: [Caller.gcm]) : ""
            work.append(.sip(.acknowledged(dialog, invite, ack: request(Caller("a", body: body), "ACK"))))
        case 6...9:
            let invite = InviteID(value: name())
            openInvites[invite] = dialog
            let message = request(Caller("a", body: pick(bodies) ?? ""), "INVITE")
            work.append(
                .sip(.reinviteArrived(ReinviteArrived(invite: invite, dialog: dialog, connection: Switchboard.acme, request: message))))
            if roll(4) == 0 { work.append(.sip(.reinviteWithdrawn(dialog, invite))) }
        case 10:
            let message = request(Caller("a", body: bodies[roll(4)]), "UPDATE")
            let update = UpdateArrived(
                update: RequestID(value: name()), dialog: dialog, connection: Switchboard.acme, request: message)
            work.append(.sip(.updateArrived(update)))
        case 11...12:
            work.append(
                .sip(
                    .referArrived(
                        ReferArrived(
                            refer: RequestID(value: name()), dialog: dialog, connection: Switchboard.acme,
                            referTo: NameAddress("<sip:+49307@pbx.example>"), replaces: nil, request: request(Caller("a", body: ""), "REFER")))))
        case 13: work.append(.sip(.refreshDue(dialog)))
        case 14: return
        default:
            dialogs.remove(dialog)
            let endings: [DialogEnding] = [
                .remoteBye(FarSide.bye()), .cancelled(FarSide.bye()), .unacknowledged, .sessionExpired, .lost(status: 481), .expired,
            ]
            work.append(.sip(.dialogEnded(dialog, pick(endings) ?? .expired)))
        }
    }

    private mutating func endpointSays() {
        if let dialog = pick(reoffers.keys.sorted()), let offer = reoffers.removeValue(forKey: dialog), dialogs.contains(dialog) {
            let suite = offer?.media.first?.cryptos.first.map { "\($0.suite)" } ?? ""
            let answer = FarSide.response(200, body: FarSide.answer(to: offer, suite: suite))
            let outcomes: [ReofferOutcome] = [
                .accepted(answer), .refused(FarSide.response(491)), .refused(FarSide.response(488)), .notNow, .failed,
            ]
            if let outcome = pick(outcomes) { work.append(.sip(.reofferEnded(dialog, outcome))) }
        }
        if let dialog = pick(referrals.sorted()) {
            referrals.remove(dialog)
            let progress: [ReferralProgress] = [.accepted, .ended(status: 200), .ended(status: 486), .failed]
            if dialogs.contains(dialog), let what = pick(progress) {
                work.append(.sip(.referralProgressed(dialog, what)))
                if case .accepted = what { referrals.insert(dialog) }
            }
        }
    }

    private mutating func voiceSays() {
        if let (call, prompt) = prompts.popLast() { work.append(.voice(call, .promptEnded(prompt, isWhole: true))) }
        guard let call = pick(records.filter { $0.value == 0 }.keys.sorted()) else { return }
        let trunk = House.name(roll(2) == 0 ? "pbx" : "backup")
        let reports: [VoiceReport] = [
            .handOver(
                HandOverRequest(
                    say: roll(2) == 0 ? "wait" : nil, trunk: trunk, number: DialledNumber(user: "+49306"), consults: roll(2) == 0)),
            .handOver(HandOverRequest(trunk: trunk, number: DialledNumber(user: "+49306"))),
            .answered(.yes, by: .key), .withdrawn(by: .key), .payment(isOn: roll(4) == 0),
            .hangUp(reason: "over", isFault: false),
        ]
        if let report = pick(reports) { work.append(.voice(call, report)) }
    }

    private mutating func operate() {
        guard roll(8) == 0, let call = pick(records.filter { $0.value == 0 }.keys.sorted()) else { return }
        work.append(.end(call))
    }

    // MARK: - The end

    mutating func end() {
        work.append(.endAll)
        drive()
        for _ in 0..<200 {
            for session in owed.keys.sorted(by: { ($0.call, $0.leg) < ($1.call, $1.leg) }) {
                for report in owed[session] ?? [] { work.append(.media(session.call, report, leg: session.leg)) }
                owed[session] = []
            }
            drive()
            guard let deadline = table.nextDeadline else { break }
            clock.advance(by: max(deadline - clock.now, .zero))
            work.append(.timerDue)
            drive()
        }
        // Forks that nobody chose end with their attempt; re-INVITEs that wait are the endpoint's.
    }

    private mutating func drive() {
        var turns = 0
        while !work.isEmpty {
            turns += 1
            if turns > 5_000 { return faults.append("it talks to itself for ever") }
            let wall = WallTime(milliseconds: Switchboard.wallStart + clock.now.nanoseconds / 1_000_000)
            let outputs = table.handle(work.removeFirst(), now: clock.now, wall: wall, entropy: &chance)
            for output in outputs { carryOut(output) }
        }
    }

    private mutating func touch(_ call: CallID, _ what: String) {
        if gone.contains(call) { faults.append("\(what) after gone") }
    }

    private mutating func carryOut(_ output: CallOutput) {
        switch output {
        case .sip(let command): carryOut(command)
        case .media(let call, let leg, let instruction): carryOut(instruction, Session(call: call, leg: leg))
        case .voice(let call, let instruction):
            touch(call, "voice")
            if case .say(let prompt, _) = instruction { prompts.append((call, prompt)) }
        case .record(let call, .finish):
            touch(call, "record")
            records[call, default: 0] += 1
        case .record(let call, _): touch(call, "record")
        case .dial(let call, let instruction):
            touch(call, "dial")
            switch instruction {
            case .begin(let dial, _, _):
                if dials.updateValue(call, forKey: dial) != nil { faults.append("a dial began twice") }
                openDials.insert(dial)
            case .next(let dial, _):
                kinds.insert("next")
                if dials[dial] == nil || !openDials.insert(dial).inserted { faults.append("next of no dial") }
            case .over(let dial, _):
                kinds.insert("over")
                if dials.removeValue(forKey: dial) == nil { faults.append("over of no dial") }
                openDials.remove(dial)
            }
        case .note(let call?, let note):
            touch(call, "note")
            if case .arrived = note { records[call] = 0 }
        case .note(nil, _): break
        case .gone(let call):
            if !gone.insert(call).inserted { faults.append("gone twice") }
            if records[call] != 1 { faults.append("gone without a record") }
        }
    }

    private mutating func carryOut(_ instruction: MediaInstruction, _ session: Session) {
        touch(session.call, "media")
        if session.leg > .callee(1) { kinds.insert("\(session.leg)") }
        if case .reserve = instruction, closes[session] == 1, !starts.contains(session) {
            // A port of another address family.
            kinds.insert("move")
            closes[session] = 0
        }
        if closes[session] ?? 0 > 0, instruction != .close { faults.append("\(session.leg) \(instruction) after close") }
        switch instruction {
        case .reserve: owed[session, default: []].append(.reserved(port: 20_000))
        case .start:
            if !starts.insert(session).inserted { faults.append("\(session.leg) started twice") }
            owed[session, default: []].append(.started)
        case .update:
            if !starts.contains(session) { faults.append("\(session.leg) updated before its start") }
            owed[session, default: []].append(.updated)
        case .bridge(let other):
            kinds.insert("bridge")
            if session.leg != .caller || !starts.contains(Session(call: session.call, leg: other)) { faults.append("a bridge to nobody") }
            owed[session, default: []].append(.bridged)
        case .unbridge, .fill, .protect: break
        case .close:
            closes[session, default: 0] += 1
            if closes[session] ?? 0 > 2 { faults.append("closed more than twice") }
            owed[session, default: []].append(.closed(nil))
        }
        if owed[session]?.count ?? 0 > 12 { faults.append("more instructions than a mailbox has room for") }
    }

    private mutating func carryOut(_ command: SIPEndpointCommand) {
        switch command {
        case .answer(let invite, let answer):
            guard answer.status >= 300, let dialog = openInvites[invite] else { return }
            openInvites[invite] = nil
            // A refused re-INVITE changes nothing.
            if invite.value == dialog.value + 1, dialogs.remove(dialog) != nil {
                work.append(.sip(.dialogEnded(dialog, .refused(status: answer.status))))
            }
        case .hangUp(let dialog, _, _):
            kinds.insert("BYE")
            if dialogs.remove(dialog) != nil { work.append(.sip(.dialogEnded(dialog, .localBye))) }
        case .invite(let invite):
            if attempts.updateValue(invite, forKey: invite.attempt) != nil { faults.append("an attempt twice") }
        case .cancel(let attempt, _):
            kinds.insert("CANCEL")
            if attempts.removeValue(forKey: attempt) != nil { work.append(.sip(.attemptEnded(attempt, .cancelled))) }
        case .reoffer(let dialog, let body):
            kinds.insert("reoffer")
            if dialogs.contains(dialog) { reoffers[dialog] = try? SessionDescription.parse(body.sdpChunks) }
        case .refer(let dialog, _, _, _):
            kinds.insert("REFER")
            referrals.insert(dialog)
        case .answerRefer(_, let answer): kinds.insert("\(answer.status)")
        default: break
        }
    }
}
