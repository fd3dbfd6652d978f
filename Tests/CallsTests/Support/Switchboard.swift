import Admission
import Consent
import Policy
import SDP
import SIPMessages
import SIPSessions
import SottoBase
import SottoTestKit

@testable import Calls

/// A real endpoint and the table of calls on virtual time, with media and voice that answer at once unless they are held.
///
/// Each step answers with one short line per thing that happened, so that a test reads as a script.
struct Switchboard {
    private enum Work {
        case endpoint(SIPEndpointInput)
        case table(CallTable.Input)
    }

    var endpoint = SIPEndpoint()
    var table: CallTable
    var clock = ManualClock()
    var chance: Chance
    /// False: the test answers instructions itself.
    var mediaAnswers = true
    var voiceAnswers = true
    /// What came out in this step.
    private(set) var lines: [String] = []
    private var work: [Work] = []
    private var nextPort: UInt16 = 20_000

    // The last of each, for a closer look.
    var responses: [SIPResponse] = []
    private(set) var requests: [SIPRequest] = []
    private(set) var started: NegotiatedMedia?
    private(set) var updatedTo: NegotiatedMedia?
    private(set) var records: [CallRecord] = []
    private(set) var grants: [ConsentGrant] = []
    private(set) var call: CallID?
    private(set) var said: [UInt32] = []

    static let acme = ConnectionID(1)
    static let beta = ConnectionID(2)
    /// Whom we call.
    static let pbx = ConnectionID(3)
    static let wallStart: Int64 = 1_700_000_000_000

    init(_ house: House = House(), seed: UInt64 = 1, _ change: (inout CallsConfiguration) -> Void = { _ in }) {
        var configuration = CallsConfiguration(media: [.init(range: 3, advertised: [203, 0, 113, 5])])
        change(&configuration)
        table = CallTable(configuration: configuration, policy: house.policy, facts: .embedded)
        chance = Chance(seed)
        for (connection, peer) in [(Self.acme, PeerID(7)), (Self.beta, PeerID(8)), (Self.pbx, PeerID(9))] {
            feed(.connectionOpened(connection, profile(peer)))
        }
    }

    func profile(_ peer: PeerID) -> ConnectionProfile {
        ConnectionProfile(peer: peer, localHost: "sotto.example", localPort: 5_061, remote: Self.source)
    }

    static var source: PeerAddress {
        guard let address = PeerAddress(bytes: [192, 0, 2, 9], port: 40_000) else { preconditionFailure("four bytes") }
        return address
    }

    var wall: WallTime { WallTime(milliseconds: Self.wallStart + clock.now.nanoseconds / 1_000_000) }

    // MARK: - Inputs

    @discardableResult
    mutating func receive(_ message: SIPMessage, on connection: ConnectionID = Switchboard.acme) -> [String] {
        feed(.received(message, on: connection))
    }

    @discardableResult
    mutating func feed(_ input: SIPEndpointInput) -> [String] { run(.endpoint(input)) }

    @discardableResult
    mutating func tell(_ input: CallTable.Input) -> [String] { run(.table(input)) }

    /// A report of the last call's media.
    @discardableResult
    mutating func media(_ report: MediaReport) -> [String] { call.map { tell(.media($0, report)) } ?? [] }

    @discardableResult
    mutating func voice(_ report: VoiceReport) -> [String] { call.map { tell(.voice($0, report)) } ?? [] }

    /// The prompt that was said last has ended.
    @discardableResult
    mutating func heard(isWhole: Bool = true) -> [String] {
        said.popLast().map { voice(.promptEnded($0, isWhole: isWhole)) } ?? ["nothing was said"]
    }

    /// Lets time pass, waking both at each deadline.
    @discardableResult
    mutating func wait(_ duration: Duration) -> [String] {
        lines = []
        let end = clock.now + duration
        var turns = 0
        while let deadline = [endpoint.nextDeadline, table.nextDeadline].compactMap({ $0 }).min(), deadline <= end {
            turns += 1
            precondition(turns < 20_000, "they never come to rest")
            clock.advance(by: max(deadline - clock.now, .zero))
            if let due = endpoint.nextDeadline, due <= clock.now { work.append(.endpoint(.timerDue)) }
            if let due = table.nextDeadline, due <= clock.now { work.append(.table(.timerDue)) }
            drive()
        }
        clock.advance(by: end - clock.now)
        return lines
    }

    // MARK: - The drive

    private mutating func run(_ first: Work) -> [String] {
        lines = []
        work.append(first)
        drive()
        return lines
    }

    private mutating func drive() {
        var turns = 0
        while !work.isEmpty {
            turns += 1
            precondition(turns < 10_000, "endpoint and table talk for ever")
            switch work.removeFirst() {
            case .endpoint(let input): endpoint.handle(input, now: clock.now, entropy: &chance).forEach { carryOut($0) }
            case .table(let input): table.handle(input, now: clock.now, wall: wall, entropy: &chance).forEach { carryOut($0) }
            }
        }
    }

    private mutating func carryOut(_ output: SIPEndpointOutput) {
        switch output {
        case .send(.response(let response), _):
            if response.status > 100 { lines.append("→ \(response.status) \(response.cseq.method)") }
            responses.append(response)
        case .send(.request(let request), _):
            lines.append("→ \(request.method)")
            requests.append(request)
        case .event(.inviteArrived(let arrived)):
            let tenant = arrived.peer == PeerID(7) ? "acme" : "beta"
            work.append(.table(.invited(arrived, trunk: House.trunk(of: tenant), source: Self.source)))
        case .event(let event):
            work.append(.table(.sip(event)))
        }
    }

    private mutating func carryOut(_ output: CallOutput) {
        switch output {
        case .sip(let command): work.append(.endpoint(.command(command)))
        case .media(let id, let leg, let instruction): carryOut(instruction, id, leg)
        case .voice(let id, let instruction): carryOut(instruction, id)
        case .record(_, .start(let grant)):
            grants.append(grant)
            lines.append("record start")
        case .record(_, .stop): lines.append("record stop")
        case .record(_, .finish(let record)):
            records.append(record)
            lines.append("record finish")
        case .note(let id, let note):
            if case .arrived = note { call = id }
            lines.append(line(note))
        case .dial(let id, .begin(let dial, _, _)):
            work.append(.table(.dialled(id, dial, DialledHop(connection: Self.pbx, name: "pbx"))))
        case .dial(let id, .next(let dial, _)): work.append(.table(.notDialled(id, dial, "no further hop")))
        case .dial(_, .over): break
        case .gone: lines.append("gone")
        }
    }

    private mutating func carryOut(_ instruction: MediaInstruction, _ id: CallID, _ leg: CallLeg) {
        switch instruction {
        case .reserve(let range):
            lines.append("media reserve \(range)")
            nextPort &+= 2
            answer(id, .reserved(port: nextPort - 2), leg)
        case .start(let media, _, _):
            started = media
            lines.append("media start")
            answer(id, .started, leg)
        case .update(let media):
            updatedTo = media
            lines.append("media update \(media.direction.name)")
            answer(id, .updated, leg)
        case .protect(let isOn): lines.append("media protect \(isOn ? "on" : "off")")
        case .bridge:
            lines.append("bridge")
            answer(id, .bridged, leg)
        case .unbridge, .fill: lines.append("\(leg) \(instruction)")
        case .close:
            lines.append("media close")
            answer(id, .closed(Self.figures), leg)
        }
    }

    static let figures = CallMediaSummary(
        packetsReceived: 9, packetsSent: 8, packetsLost: 0, unauthenticated: 0, digits: 0, jitterMicroseconds: 0, roundTripMicroseconds: 0)

    private mutating func answer(_ id: CallID, _ report: MediaReport, _ leg: CallLeg) {
        if mediaAnswers { work.append(.table(.media(id, report, leg: leg))) }
    }

    private mutating func carryOut(_ instruction: VoiceInstruction, _ id: CallID) {
        switch instruction {
        case .begin(let policy, let tenant): lines.append("voice begin \(policy.version) \(tenant)")
        case .say(let number, let text):
            lines.append("say \(text.prefix(12))")
            said.append(number)
            if voiceAnswers { work.append(.table(.voice(id, .promptEnded(number, isWhole: true)))) }
        case .stopSaying: lines.append("stop saying")
        case .handOverFailed(let why): lines.append("hand-over failed \(why.rawValue)")
        case .expectConsent(let isExpected): lines.append("expect \(isExpected ? "on" : "off")")
        case .beginDialogue: lines.append("dialogue")
        case .end: lines.append("voice end")
        }
    }

    // MARK: - Named states

    /// The 200 is out; returns the caller who knows our tag.
    mutating func answered(_ caller: Caller = Caller()) -> Caller {
        receive(caller.says("INVITE"))
        return caller.with { $0.remoteTag = responses.last?.to.tag?.string }
    }

    /// Acknowledged, the consent question is being asked (or whatever policy wants).
    mutating func acknowledged(_ caller: Caller = Caller()) -> Caller {
        let caller = answered(caller)
        receive(caller.ack())
        return caller
    }

    /// The caller said yes by key, the dialogue runs, and the recorder.
    mutating func talking(_ caller: Caller = Caller()) -> Caller {
        let caller = acknowledged(caller)
        voice(.answered(.yes, by: .key))
        return caller
    }

    var state: String? { table.summaries.first?.state }
    var lastResponse: SIPResponse? { responses.last }

    /// Lets go of everything that could hold a key.
    mutating func forgetMessages() {
        responses = []
        requests = []
        started = nil
        updatedTo = nil
    }

    /// Nothing of any call is left, here and in the endpoint.
    var isIdle: Bool {
        table.count == 0 && table.dialogCount == 0 && table.admission.calls == 0 && table.nextDeadline == nil && endpoint.dialogCount == 0
    }
}

/// A note in a word or two.
func line(_ note: CallNote) -> String {
    switch note {
    case .arrived: "arrived"
    case .refused(_, let status, let reason): "refused \(status) \(reason.rule.name)"
    case .observed: "observed"
    case .routed(_, let target): "routed \(target)"
    case .offerRefused(let status, _): "offer refused \(status)"
    case .mediaAgreed(let codec, let suite): "agreed \(codec) \(suite)"
    case .answered: "answered"
    case .consentPlanned(let mode, _): "consent \(mode.rawValue)"
    case .consentGranted: "granted"
    case .consentRefused(let action): "consent refused \(action.rawValue)"
    case .consentWithdrawn: "withdrawn"
    case .payment(let isOn): "payment \(isOn ? "on" : "off")"
    case .recordingFailed: "recording failed"
    case .recordingStopped: "recording stopped"
    case .leg(let leg, let note): "\(leg) \(line(note))"
    case .handOver(_, .failed(let why)): "hand-over failed \(why.rawValue)"
    case .handOver(_, let progress): "hand-over \(progress)"
    case .transferAsked(let leg, .obeyed): "transfer by \(leg) obeyed"
    case .transferAsked(let leg, .refused): "transfer by \(leg) refused"
    case .recognizerFailed: "recognizer failed"
    case .mediaChanged(let direction): "changed \(direction)"
    case .ending(let termination): "ending \(termination.cause.rawValue): \(termination.reason)"
    }
}

func line(_ note: LegNote) -> String {
    switch note {
    case .dialling(let trunk): "dialling \(trunk.trunk)"
    case .invited(let hop): "invited \(hop)"
    case .hopFailed(let outcome): "hop failed \(outcome)"
    case .ringing(let status): "ringing \(status)"
    case .earlyMedia: "early media"
    case .mediaAgreed(let codec, let suite): "agreed \(codec) \(suite)"
    case .answered: "answered"
    case .redirected(let isFollowed): "redirected \(isFollowed)"
    case .mediaChanged(let direction): "changed \(direction)"
    case .failed(let peer, let status): "failed \(peer.map(String.init) ?? "-") \(status)"
    case .ended(let cause, let reason): "ended \(cause.map(String.init) ?? "-"): \(reason)"
    }
}
