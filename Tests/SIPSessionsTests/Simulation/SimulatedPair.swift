import SIPMessages
import SottoBase
import SottoTestKit

@testable import SIPSessions

/// A far end and an endpoint with a datagram link between them that loses, doubles and reorders, on virtual time.
/// The drive is bounded: a livelock is a failure, not a hang.
struct SimulatedPair {
    struct Plan {
        /// Of 100 datagrams in either direction.
        var lost: UInt64 = 0
        var doubled: UInt64 = 0
        /// One way, in milliseconds; the spread reorders.
        var delay: ClosedRange<UInt64> = 5...40
        var far = FarEnd.Plan()
        /// Nil: the application never answers.
        var answersAfter: Duration? = .seconds(2)
        var status: UInt16 = 200
        var hangsUpAfter: Duration?
    }

    private enum Step {
        case toEndpoint(SIPMessage)
        case toFarEnd(SIPMessage)
        case command(SIPEndpointCommand)
    }

    let plan: Plan
    var rig = Rig(isReliable: false)
    var far: FarEnd?
    private var chance: Chance
    private var queue: [(at: Instant, order: Int, step: Step)] = []
    private var order = 0
    private var seen = 0
    private(set) var turns = 0

    init(_ plan: Plan, seed: UInt64) {
        self.plan = plan
        chance = Chance(seed)
        rig.chance = Chance(seed &+ 1)
    }

    /// Runs until nothing is left to happen. False when `limit` turns were not enough.
    mutating func run(limit: Int = 5_000) -> Bool {
        var sent: [SIPMessage] = []
        far = FarEnd(Caller().with { $0.body = Caller.offer }, plan: plan.far, now: rig.clock.now) { sent.append($0) }
        sent.forEach { transmit(.toEndpoint($0)) }
        while let next = nextInstant {
            turns += 1
            if turns > limit { return false }
            rig.clock.advance(by: max(next - rig.clock.now, .zero))
            turn()
        }
        return true
    }

    private var nextInstant: Instant? {
        [queue.map(\.at).min(), rig.endpoint.nextDeadline, far?.nextDeadline].compactMap { $0 }.min()
    }

    private mutating func turn() {
        let now = rig.clock.now
        var sent: [SIPMessage] = []
        if let index = queue.indices.min(by: { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }), queue[index].at <= now {
            switch queue.remove(at: index).step {
            case .toEndpoint(let message): rig.receive(message)
            case .toFarEnd(let message): far?.receive(message, now: now) { sent.append($0) }
            case .command(let command): rig.command(command)
            }
        } else {
            rig.feed(.timerDue)
            far?.timersFired(now: now) { sent.append($0) }
        }
        sent.forEach { transmit(.toEndpoint($0)) }
        for output in rig.outputs[seen...] {
            switch output {
            case .send(let message, _): transmit(.toFarEnd(message))
            case .event(let event): react(to: event)
            }
        }
        seen = rig.outputs.count
    }

    /// The application.
    private mutating func react(to event: SIPEndpointEvent) {
        switch event {
        case .inviteArrived(let arrived):
            schedule(.command(.answer(arrived.invite, SIPAnswer(180))), after: .milliseconds(100))
            if let delay = plan.answersAfter { schedule(.command(.answer(arrived.invite, SIPAnswer(plan.status))), after: delay) }
            if let delay = plan.hangsUpAfter {
                schedule(.command(.hangUp(arrived.dialog, refusal: SIPAnswer(480), headers: [])), after: delay)
            }
        default:
            break
        }
    }

    private mutating func transmit(_ step: Step) {
        if chance.next() % 100 < plan.lost { return }
        let copies = chance.next() % 100 < plan.doubled ? 2 : 1
        for _ in 0..<copies {
            let spread = plan.delay.upperBound - plan.delay.lowerBound + 1
            schedule(step, after: .milliseconds(Int64(plan.delay.lowerBound + chance.next() % spread)))
        }
    }

    private mutating func schedule(_ step: Step, after delay: Duration) {
        order += 1
        queue.append((rig.clock.now + delay, order, step))
    }
}
