import SIPMessages
import SottoBase
import SottoTestKit

@testable import SIPSessions

/// One endpoint on virtual time. Each step answers with one short line per output, so that a test reads as a script.
struct Rig {
    var endpoint: SIPEndpoint
    var clock = ManualClock()
    var chance = Chance()
    /// Everything that came out, for closer looks.
    var outputs: [SIPEndpointOutput] = []

    static let first = ConnectionID(1)
    static let second = ConnectionID(2)
    static let peer = PeerID(7)

    init(isReliable: Bool = true, _ change: (inout SIPEndpointConfiguration) -> Void = { _ in }) {
        var configuration = SIPEndpointConfiguration()
        change(&configuration)
        endpoint = SIPEndpoint(configuration: configuration)
        open(Self.first, isReliable: isReliable)
    }

    mutating func open(_ connection: ConnectionID, peer: PeerID = Rig.peer, isReliable: Bool = true) {
        feed(.connectionOpened(connection, Self.profile(peer: peer, isReliable: isReliable)))
    }

    static func profile(peer: PeerID = Rig.peer, isReliable: Bool = true) -> ConnectionProfile {
        guard let remote = PeerAddress(bytes: [192, 0, 2, 9], port: 40_000) else { preconditionFailure("four bytes are an address") }
        return ConnectionProfile(peer: peer, isReliable: isReliable, localHost: "sotto.example", localPort: 5061, remote: remote)
    }

    @discardableResult
    mutating func feed(_ input: SIPEndpointInput) -> [String] {
        let new = endpoint.handle(input, now: clock.now, entropy: &chance)
        outputs += new
        return new.map(line)
    }

    @discardableResult
    mutating func receive(_ message: SIPMessage, on connection: ConnectionID = Rig.first) -> [String] {
        feed(.received(message, on: connection))
    }

    @discardableResult
    mutating func command(_ command: SIPEndpointCommand) -> [String] { feed(.command(command)) }

    /// Lets time pass, waking the endpoint at each of its deadlines; lines carry the milliseconds that had passed.
    @discardableResult
    mutating func wait(_ duration: Duration) -> [String] {
        let start = clock.now
        let end = start + duration
        var lines: [String] = []
        var turns = 0
        while let deadline = endpoint.nextDeadline, deadline <= end {
            turns += 1
            precondition(turns < 10_000, "the endpoint never comes to rest")
            clock.advance(by: max(deadline - clock.now, .zero))
            let at = (clock.now - start).wholeMilliseconds
            lines += feed(.timerDue).map { "\(at) \($0)" }
        }
        clock.advance(by: end - clock.now)
        return lines
    }

    // MARK: - What came out

    var sent: [SIPMessage] {
        outputs.compactMap { if case .send(let message, _) = $0 { message } else { nil } }
    }
    var lastResponse: SIPResponse? {
        sent.lazy.reversed().compactMap { if case .response(let response) = $0 { response } else { nil } }.first
    }
    var lastRequest: SIPRequest? {
        sent.lazy.reversed().compactMap { if case .request(let request) = $0 { request } else { nil } }.first
    }
    var lastTarget: ConnectionTarget? {
        outputs.lazy.reversed().compactMap { if case .send(_, let target) = $0 { target } else { nil } }.first
    }
    var events: [SIPEndpointEvent] {
        outputs.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
    var arrived: InviteArrived? {
        events.lazy.reversed().compactMap { if case .inviteArrived(let arrived) = $0 { arrived } else { nil } }.first
    }
    var rearrived: ReinviteArrived? {
        events.lazy.reversed().compactMap { if case .reinviteArrived(let arrived) = $0 { arrived } else { nil } }.first
    }

    // MARK: - Named states

    /// An INVITE arrived and waits for its answer.
    @discardableResult
    mutating func ringing(_ caller: Caller = Caller()) -> InviteArrived {
        receive(caller.with { if $0.body.isEmpty { $0.body = Caller.offer } }.says("INVITE"))
        guard let arrived else { preconditionFailure("the INVITE did not arrive") }
        return arrived
    }

    /// A 2xx was sent; its ACK has not come. Returns the caller who knows our tag.
    mutating func accepted(_ caller: Caller = Caller()) -> Caller {
        let arrived = ringing(caller)
        command(.answer(arrived.invite, SIPAnswer(200, body: SIPBody(Array("v=0\r\n".utf8)))))
        return caller.with { $0.remoteTag = lastResponse?.to.tag?.string }
    }

    /// The session is up.
    mutating func talking(_ caller: Caller = Caller()) -> Caller {
        let caller = accepted(caller)
        receive(caller.next(sameNumber: true).says("ACK"))
        return caller
    }

    var dialog: DialogID {
        guard let arrived else { preconditionFailure("no dialog yet") }
        return arrived.dialog
    }

    /// Everything that waits for time or holds a call is gone.
    var isIdle: Bool {
        endpoint.transactionCount == 0 && endpoint.dialogCount == 0 && endpoint.deadlineCount == 0 && endpoint.attemptCount == 0
            && tablesAreEmpty
    }

    private var tablesAreEmpty: Bool {
        endpoint.inviteIndex.isEmpty && endpoint.mergedIndex.isEmpty && endpoint.requestIndex.isEmpty && endpoint.dialogIndex.isEmpty
            && endpoint.subscriptions.isEmpty
    }
}

/// `→ 200 INVITE`, `→ BYE`, `inviteArrived`, `ended localBye`.
func line(_ output: SIPEndpointOutput) -> String {
    switch output {
    case .send(.response(let response), let target): "→ \(response.status) \(response.cseq.method)\(place(target))"
    case .send(.request(let request), let target): "→ \(request.method)\(place(target))"
    case .event(let event): line(event)
    }
}

private func place(_ target: ConnectionTarget) -> String {
    guard let connection = target.connection else { return " to the peer" }
    return connection == Rig.first ? "" : " on \(connection.value)"
}

func line(_ event: SIPEndpointEvent) -> String {
    switch event {
    case .inviteArrived: "inviteArrived"
    case .reinviteArrived: "reinviteArrived"
    case .updateArrived: "updateArrived"
    case .acknowledged: "acknowledged"
    case .reinviteWithdrawn: "reinviteWithdrawn"
    case .reofferEnded(_, .accepted): "reoffer accepted"
    case .reofferEnded(_, .refused(let response)): "reoffer refused \(response.status)"
    case .reofferEnded(_, .notNow): "reoffer notNow"
    case .reofferEnded(_, .failed): "reoffer failed"
    case .dialogProbed(_, let outcome): "dialogProbed \(line(outcome))"
    case .probed(_, let outcome): "probed \(line(outcome))"
    case .attemptProgressed(_, _, let response): "progressed \(response.status)"
    case .attemptAnswered(_, _, let response): "answered \(response.status)"
    case .attemptEnded(_, .refused(let response)): "attempt refused \(response.status)"
    case .attemptEnded(_, .timedOut): "attempt timedOut"
    case .attemptEnded(_, .unreachable): "attempt unreachable"
    case .attemptEnded(_, .cancelled): "attempt cancelled"
    case .updateEnded(_, .accepted): "update accepted"
    case .updateEnded(_, .refused(let response)): "update refused \(response.status)"
    case .updateEnded(_, .notNow): "update notNow"
    case .updateEnded(_, .failed): "update failed"
    case .refreshDue: "refreshDue"
    case .referArrived: "referArrived"
    case .referralProgressed(_, let progress): "referral \(line(progress))"
    case .digitArrived: "digitArrived"
    case .registered(_, let grant): "registered \(grant.expires)"
    case .registrationFailed(_, let failure, _): "registrationFailed \(failure)"
    case .unregistered: "unregistered"
    case .connectionLost: "connectionLost"
    case .connectionMoved(_, let connection): "connectionMoved \(connection.value)"
    case .dialogEnded(_, let ending): "ended \(line(ending))"
    case .turnedAway(.refused(let method, let status), _): "turnedAway \(method) \(status)"
    case .turnedAway(.stray, _): "stray"
    case .turnedAway(.unanswerable, _): "unanswerable"
    case .turnedAway(.unknownConnection, _): "unknownConnection"
    }
}

private func line(_ outcome: ProbeOutcome) -> String {
    switch outcome {
    case .answered(let status): "\(status)"
    case .timedOut: "timedOut"
    case .unreachable: "unreachable"
    }
}

private func line(_ ending: DialogEnding) -> String {
    switch ending {
    case .refused(let status): "refused \(status)"
    case .cancelled: "cancelled"
    case .expired: "expired"
    case .unanswered: "unanswered"
    case .remoteBye: "remoteBye"
    case .localBye: "localBye"
    case .unacknowledged: "unacknowledged"
    case .sessionExpired: "sessionExpired"
    case .lost(let status): "lost \(status)"
    }
}

private func line(_ progress: ReferralProgress) -> String {
    switch progress {
    case .accepted: "accepted"
    case .progressed(let status): "\(status)"
    case .ended(let status): "ended \(status.map { "\($0)" } ?? "without status")"
    case .refused(let response): "refused \(response.status)"
    case .notNow: "notNow"
    case .failed: "failed"
    }
}
