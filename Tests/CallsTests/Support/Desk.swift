import Admission
import Consent
import Policy
import SDP
import SIPMessages
import SottoBase
import SottoTestKit

@testable import Calls
@testable import SIPSessions

/// The table of calls between a caller and whom we call, both played by hand, on virtual time. Media, dialler, voice and the endpoint's
/// courtesies answer at once unless they are held.
///
/// Each step answers with one short line per thing that happened.
struct Desk {
    var table: CallTable
    var clock = ManualClock()
    var chance: Chance
    var mediaAnswers = true
    var endpointAnswers = true
    var voiceAnswers = true
    var diallerAnswers = true
    /// Connections that the dialler finds, one after the other.
    var hops: [UInt64] = [50]
    /// Of their addresses; missing ones are not told.
    var hopFamilies: [Bool] = []
    private(set) var lines: [String] = []
    private var work: [CallTable.Input] = []
    private var lastName: UInt64 = 100

    // The last of each.
    private(set) var call = CallID(high: 0, low: 0)
    private(set) var invites: [OutgoingInvite] = []
    private(set) var answers: [SIPAnswer] = []
    private(set) var hangUps: [(dialog: DialogID, headers: [SIPHeader])] = []
    private(set) var cancels: [[SIPHeader]] = []
    private(set) var reoffers: [(dialog: DialogID, offer: SessionDescription?)] = []
    private(set) var records: [CallRecord] = []
    private(set) var grants: [ConsentGrant] = []
    private(set) var started: [CallLeg: NegotiatedMedia] = [:]
    private(set) var dials: [DialID] = []
    private(set) var ranges: [CallLeg: Int] = [:]
    private(set) var referredTo: (NameAddress, DialogID?)?

    let caller = DialogID(value: 1)
    let callee = DialogID(value: 20)
    let invite = InviteID(value: 2)
    private var openInvites: Set<InviteID> = []
    private var dead: Set<DialogID> = []

    init(_ house: House, seed: UInt64 = 1, _ change: (inout CallsConfiguration) -> Void = { _ in }) {
        var configuration = CallsConfiguration(media: [.init(range: 3, advertised: [203, 0, 113, 5])])
        change(&configuration)
        table = CallTable(configuration: configuration, policy: house.policy, facts: .embedded)
        chance = Chance(seed)
    }

    var wall: WallTime { WallTime(milliseconds: Switchboard.wallStart + clock.now.nanoseconds / 1_000_000) }
    var offer: SessionDescription? { invites.last.flatMap { try? SessionDescription.parse($0.body.sdpChunks) } }
    var lastAttempt: AttemptID { invites.last?.attempt ?? AttemptID(0) }
    var isIdle: Bool {
        table.count == 0 && table.dialogCount == 0 && table.attemptCount == 0 && table.farLegCount == 0 && table.admission.calls == 0
            && table.admission.outboundLegs == 0 && table.nextDeadline == nil
    }
    var state: String? { table.summaries.first?.state }

    // MARK: - The caller

    @discardableResult
    mutating func calls(_ caller: Caller = Caller(), replaces: DialogID? = nil) -> [String] {
        openInvites.insert(invite)
        return feed(.invited(arrived(caller, invite, self.caller, replaces), trunk: House.trunk(of: "acme"), source: Switchboard.source))
    }

    func arrived(_ caller: Caller, _ invite: InviteID, _ dialog: DialogID, _ replaces: DialogID?) -> InviteArrived {
        InviteArrived(
            invite: invite, dialog: dialog, connection: Switchboard.acme, peer: PeerID(7), request: request(caller, "INVITE"),
            replaces: replaces)
    }

    func request(_ caller: Caller, _ method: String) -> SIPRequest {
        guard case .request(let request) = caller.says(method) else { preconditionFailure("a request") }
        return request
    }

    @discardableResult
    mutating func acks(_ body: String = "") -> [String] {
        sip(.acknowledged(caller, invite, ack: request(Caller("a", body: body), "ACK")))
    }

    /// A re-INVITE of either side.
    @discardableResult
    mutating func changes(_ dialog: DialogID, _ body: String) -> [String] {
        lastName += 1
        let invite = InviteID(value: lastName)
        openInvites.insert(invite)
        return sip(
            .reinviteArrived(
                ReinviteArrived(
                    invite: invite, dialog: dialog, connection: Switchboard.acme, request: request(Caller("a", body: body), "INVITE"))))
    }

    @discardableResult
    mutating func ends(_ dialog: DialogID, _ ending: DialogEnding) -> [String] {
        dead.insert(dialog)
        return sip(.dialogEnded(dialog, ending))
    }

    // MARK: - Whom we call

    @discardableResult
    mutating func far(_ status: Int, body: String = "", headers: [String] = [], on dialog: DialogID? = nil) -> [String] {
        let response = FarSide.response(status, body: body, headers: headers)
        switch status {
        case ..<200: return sip(.attemptProgressed(lastAttempt, dialog ?? callee, response))
        case ..<300: return sip(.attemptAnswered(lastAttempt, dialog ?? callee, response))
        default: return sip(.attemptEnded(lastAttempt, .refused(response)))
        }
    }

    // MARK: - Inputs

    @discardableResult
    mutating func sip(_ event: SIPEndpointEvent) -> [String] { feed(.sip(event)) }

    @discardableResult
    mutating func media(_ report: MediaReport, _ leg: CallLeg = .caller) -> [String] { feed(.media(call, report, leg: leg)) }

    @discardableResult
    mutating func voice(_ report: VoiceReport) -> [String] { feed(.voice(call, report)) }

    @discardableResult
    mutating func feed(_ input: CallTable.Input) -> [String] {
        lines = []
        work.append(input)
        drive()
        return lines
    }

    @discardableResult
    mutating func wait(_ duration: Duration) -> [String] {
        lines = []
        let end = clock.now + duration
        var turns = 0
        while let deadline = table.nextDeadline, deadline <= end {
            turns += 1
            precondition(turns < 10_000, "it never comes to rest")
            clock.advance(by: max(deadline - clock.now, .zero))
            work.append(.timerDue)
            drive()
        }
        clock.advance(by: end - clock.now)
        return lines
    }

    private mutating func drive() {
        var turns = 0
        while !work.isEmpty {
            turns += 1
            precondition(turns < 10_000, "it talks to itself for ever")
            let input = work.removeFirst()
            table.handle(input, now: clock.now, wall: wall, entropy: &chance).forEach { carryOut($0) }
        }
    }

    // MARK: - Outputs

    private func name(_ dialog: DialogID) -> String {
        dialog == caller ? "caller" : dialog == callee ? "callee" : "dialog-\(dialog.value)"
    }

    private mutating func carryOut(_ output: CallOutput) {
        switch output {
        case .sip(let command): carryOut(command)
        case .media(_, let leg, let instruction): carryOut(instruction, leg)
        case .voice(_, let instruction): carryOut(instruction)
        case .record(_, .start(let grant)):
            grants.append(grant)
            lines.append("record start")
        case .record(_, .stop): lines.append("record stop")
        case .record(_, .finish(let record)):
            records.append(record)
            lines.append("record finish")
        case .dial(let id, let instruction): carryOut(instruction, id)
        case .note(let id, let note):
            if case .arrived = note, let id { call = id }
            switch note {
            case .ending, .recordingStopped, .handOver, .transferAsked, .refused, .leg(_, .redirected): lines.append(line(note))
            default: break
            }
        case .gone: lines.append("gone")
        }
    }

    private mutating func carryOut(_ instruction: DialInstruction, _ id: CallID) {
        switch instruction {
        case .begin(let dial, let trunk, let redirect):
            lines.append("dial \(trunk.trunk)" + (redirect.map { " \($0.text.string)" } ?? ""))
            dials.append(dial)
            answer(dial, id)
        case .next(let dial, _):
            lines.append("next hop")
            answer(dial, id)
        case .over(_, let outcome): lines.append("dial over \(outcome.map { "\($0)" } ?? "-")")
        }
    }

    private mutating func answer(_ dial: DialID, _ id: CallID) {
        guard diallerAnswers else { return }
        guard !hops.isEmpty else { return work.append(.notDialled(id, dial, "no hop")) }
        let isIPv6 = hopFamilies.isEmpty ? nil : hopFamilies.removeFirst()
        work.append(.dialled(id, dial, DialledHop(connection: ConnectionID(hops.removeFirst()), name: "hop", isIPv6: isIPv6)))
    }

    private mutating func carryOut(_ command: SIPEndpointCommand) {
        switch command {
        case .answer(let invite, let answer):
            answers.append(answer)
            let parts = [
                invite == self.invite ? "caller" : "re-INVITE", "\(answer.status)", answer.body == nil ? "" : "sdp",
                answer.reliable ? "reliable" : "",
            ]
            lines.append(parts.filter { !$0.isEmpty }.joined(separator: " "))
            guard answer.status >= 200 else { return }
            openInvites.remove(invite)
            if invite == self.invite, answer.status >= 300, endpointAnswers, dead.insert(caller).inserted {
                work.append(.sip(.dialogEnded(caller, .refused(status: answer.status))))
            }
        case .answerUpdate(_, let answer): lines.append("UPDATE \(answer.status)")
        case .hangUp(let dialog, let refusal, let headers):
            hangUps.append((dialog, headers))
            let isOpen = dialog == caller && openInvites.contains(invite)
            lines.append(isOpen ? "caller \(refusal.status)" : "BYE \(name(dialog))")
            if endpointAnswers, dead.insert(dialog).inserted {
                work.append(.sip(.dialogEnded(dialog, isOpen ? .refused(status: refusal.status) : .localBye)))
            }
        case .reoffer(let dialog, let body):
            let offer = try? SessionDescription.parse(body.sdpChunks)
            reoffers.append((dialog, offer))
            let direction = offer?.media.first.map { "\(offer?.direction(of: $0).name.description ?? "")" } ?? ""
            lines.append("reoffer \(name(dialog)) \(direction)")
        case .invite(let invite):
            invites.append(invite)
            lines.append("INVITE \(invite.requestURI.text.string)")
        case .cancel(let attempt, let headers):
            cancels.append(headers)
            lines.append("CANCEL")
            if endpointAnswers { work.append(.sip(.attemptEnded(attempt, .cancelled))) }
        case .refer(_, let to, let replaces, _):
            referredTo = (to, replaces)
            lines.append("REFER" + (replaces.map { " replacing \(name($0))" } ?? ""))
        case .answerRefer(_, let answer): lines.append("REFER \(answer.status)")
        case .notifyReferral(_, let status): lines.append("NOTIFY \(status)")
        default: lines.append("\(command)")
        }
    }

    private mutating func carryOut(_ instruction: MediaInstruction, _ leg: CallLeg) {
        var report: MediaReport?
        switch instruction {
        case .reserve(let range):
            ranges[leg] = range
            lines.append("\(leg) reserve")
            report = .reserved(port: leg == .caller ? 20_000 : 20_100)
        case .start(let media, _, let mode):
            started[leg] = media
            lines.append("\(leg) start \(mode) \(media.direction.name)")
            report = .started
        case .update(let media):
            started[leg] = media
            lines.append("\(leg) update \(media.direction.name)")
            report = .updated
        case .bridge(let other):
            lines.append("\(leg) bridge \(other)")
            report = .bridged
        case .unbridge: lines.append("\(leg) unbridge")
        case .fill(let fill): lines.append("\(leg) \(fill)")
        case .protect(let isOn): lines.append("\(leg) protect \(isOn)")
        case .close:
            lines.append("\(leg) close")
            report = .closed(Switchboard.figures)
        }
        if mediaAnswers, let report { work.append(.media(call, report, leg: leg)) }
    }

    private mutating func carryOut(_ instruction: VoiceInstruction) {
        switch instruction {
        case .begin: lines.append("voice begin")
        case .say(let number, let text):
            lines.append("say \(text.prefix(12))")
            if voiceAnswers { work.append(.voice(call, .promptEnded(number, isWhole: true))) }
        case .stopSaying, .expectConsent: break
        case .beginDialogue: lines.append("dialogue")
        case .handOverFailed(let why): lines.append("dialogue: hand-over failed \(why.rawValue)")
        case .end: lines.append("voice end")
        }
    }
}
