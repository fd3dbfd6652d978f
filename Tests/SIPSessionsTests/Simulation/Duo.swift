import SIPMessages
import SottoBase
import SottoTestKit

@testable import SIPSessions

/// Two endpoints that call each other over connections which break and come back, or over datagrams that are lost, doubled and reordered,
/// on virtual time. What their applications do is drawn from a seed. The drive is bounded: a livelock is a failure, not a hang.
struct Duo {
    struct Plan {
        var isReliable = true
        /// Of 100 datagrams.
        var lost: UInt64 = 0
        var doubled: UInt64 = 0
        /// Connections that break during the run.
        var breaks = 0
        var calls = 4
    }

    private enum Step {
        /// A message to side 0 or 1 over a link.
        case deliver(Int, SIPMessage, link: UInt64)
        case command(Int, SIPEndpointCommand)
        case breakLink
        case openLink
    }

    let plan: Plan
    var sides: [Rig]
    private var chance: Chance
    private var queue: [(at: Instant, order: Int, step: Step)] = []
    private var order = 0
    private var seen = [0, 0]
    private var links: [UInt64] = [1]
    private var nextLink: UInt64 = 2
    private var nextAttempt: UInt64 = 1
    private(set) var turns = 0
    private let offer = SIPBody(Array("v=0\r\n".utf8))

    init(_ plan: Plan, seed: UInt64) {
        self.plan = plan
        chance = Chance(seed)
        sides = [Rig(isReliable: plan.isReliable), Rig(isReliable: plan.isReliable)]
        sides[0].chance = Chance(seed &+ 1)
        sides[1].chance = Chance(seed &+ 2)
        for _ in 0..<plan.calls { scheduleCall() }
        for _ in 0..<plan.breaks { schedule(.breakLink, after: .milliseconds(Int64(chance.next() % 120_000))) }
    }

    /// Runs until nothing is left to happen. False when `limit` turns were not enough.
    mutating func run(limit: Int = 40_000) -> Bool {
        while let next = ([queue.map(\.at).min()] + sides.map(\.endpoint.nextDeadline)).compactMap({ $0 }).min() {
            turns += 1
            if turns > limit { return false }
            for side in 0...1 { sides[side].clock.advance(by: max(next - sides[side].clock.now, .zero)) }
            turn()
        }
        return true
    }

    private var now: Instant { sides[0].clock.now }

    private mutating func turn() {
        let first = queue.indices.min { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }
        if let index = first, queue[index].at <= now {
            switch queue.remove(at: index).step {
            case .deliver(let side, let message, let link):
                if links.contains(link) { sides[side].receive(message, on: ConnectionID(link)) }
            case .command(let side, let command):
                sides[side].command(command)
            case .breakLink:
                guard let link = links.randomElement(using: &chance) else { break }
                links.removeAll { $0 == link }
                for side in 0...1 { sides[side].feed(.connectionClosed(ConnectionID(link))) }
                schedule(.openLink, after: .milliseconds(Int64(chance.next() % 4_000)))
            case .openLink:
                let link = nextLink
                nextLink += 1
                links.append(link)
                for side in 0...1 { sides[side].open(ConnectionID(link), isReliable: plan.isReliable) }
            }
        } else {
            for side in 0...1 { sides[side].feed(.timerDue) }
        }
        for side in 0...1 {
            while seen[side] < sides[side].outputs.count {
                let output = sides[side].outputs[seen[side]]
                seen[side] += 1
                switch output {
                case .send(let message, let target): transmit(message, from: side, target)
                case .event(let event): react(side, event)
                }
            }
        }
    }

    private mutating func transmit(_ message: SIPMessage, from side: Int, _ target: ConnectionTarget) {
        guard let link = target.connection.map(\.value).flatMap({ links.contains($0) ? $0 : nil }) ?? links.last else {
            sides[side].feed(.sendFailed(message))
            return
        }
        if plan.isReliable {
            // In order: one delay for all.
            return schedule(.deliver(1 - side, message, link: link), after: .milliseconds(20))
        }
        if chance.next() % 100 < plan.lost { return }
        for _ in 0..<(chance.next() % 100 < plan.doubled ? 2 : 1) {
            schedule(.deliver(1 - side, message, link: link), after: .milliseconds(Int64(5 + chance.next() % 60)))
        }
    }

    // MARK: - The applications

    private mutating func roll(_ bound: UInt64) -> UInt64 { chance.next() % bound }

    private mutating func later(_ side: Int, _ command: SIPEndpointCommand, within milliseconds: UInt64) {
        schedule(.command(side, command), after: .milliseconds(Int64(roll(milliseconds))))
    }

    private mutating func scheduleCall() {
        let side = Int(roll(2))
        var invite = Rig.outgoing()
        invite.attempt = AttemptID(nextAttempt)
        nextAttempt += 1
        invite.connection = ConnectionID(1)
        invite.sessionExpires = [nil, 90, 1_800][Int(roll(3))]
        invite.requiresReliableProvisionals = roll(4) == 0
        invite.expires = roll(4) == 0 ? .seconds(5) : nil
        later(side, .invite(invite), within: 60_000)
        if roll(3) == 0 { later(side, .cancel(invite.attempt, headers: []), within: 70_000) }
    }

    private mutating func talk(_ side: Int, _ dialog: DialogID) {
        for _ in 0..<roll(5) {
            let target = NameAddress("<sip:+49555@carrier.example>")
            let commands: [SIPEndpointCommand] = [
                .reoffer(dialog, offer), .update(dialog, offer), .refer(dialog, to: target, replaces: dialog, headers: []),
                .probeDialog(dialog),
            ]
            later(side, commands[Int(roll(4))], within: 100_000)
        }
        later(side, .hangUp(dialog, refusal: SIPAnswer(480), headers: []), within: 200_000)
    }

    private mutating func react(_ side: Int, _ event: SIPEndpointEvent) {
        switch event {
        case .inviteArrived(let arrived):
            var ringing = SIPAnswer([180, 183][Int(roll(2))], body: roll(2) == 0 ? offer : nil)
            ringing.reliable = roll(2) == 0
            later(side, .answer(arrived.invite, ringing), within: 2_000)
            if roll(3) == 0 { later(side, .answer(arrived.invite, ringing), within: 4_000) }
            if roll(3) == 0 { later(side, .update(arrived.dialog, offer), within: 6_000) }
            let status = [200, 200, 200, 200, 486, 302][Int(roll(6))]
            let answer = SIPAnswer(UInt16(status), body: status == 200 ? offer : nil)
            if roll(8) != 0 { later(side, .answer(arrived.invite, answer), within: 15_000) }
            later(side, .hangUp(arrived.dialog, refusal: SIPAnswer(480), headers: []), within: 250_000)
        case .reinviteArrived(let arrived):
            later(side, .answer(arrived.invite, SIPAnswer(roll(4) == 0 ? 488 : 200, body: offer)), within: 3_000)
        case .updateArrived(let arrived):
            later(side, .answerUpdate(arrived.update, SIPAnswer(roll(4) == 0 ? 488 : 200, body: offer)), within: 1_000)
        case .referArrived(let arrived):
            later(side, .answerRefer(arrived.refer, SIPAnswer(roll(3) == 0 ? 603 : 202)), within: 1_000)
            later(side, .notifyReferral(arrived.refer, status: roll(2) == 0 ? 180 : 200), within: 20_000)
        case .attemptProgressed(_, let dialog, _):
            if roll(3) == 0 { later(side, .update(dialog, offer), within: 1_000) }
        case .attemptAnswered(_, let dialog, _), .acknowledged(let dialog, _, _):
            if event.isFirst(of: dialog, in: sides[side]) { talk(side, dialog) }
        case .refreshDue(let dialog):
            later(side, .reoffer(dialog, offer), within: 100)
        default:
            break
        }
    }

    private mutating func schedule(_ step: Step, after delay: Duration) {
        order += 1
        queue.append((now + delay, order, step))
    }
}

extension SIPEndpointEvent {
    /// An ACK comes for each re-INVITE as well.
    fileprivate func isFirst(of dialog: DialogID, in rig: Rig) -> Bool {
        let all = rig.events.filter {
            switch $0 {
            case .attemptAnswered(_, dialog, _), .acknowledged(dialog, _, _): true
            default: false
            }
        }
        return all.count == 1
    }
}
