import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Whole calls over a bad link, many seeds each. What must hold always: it comes to rest, the endpoint is empty afterwards, and each
/// dialog had exactly one end.
@Suite struct SimulationTests {
    private func check(_ plan: SimulatedPair.Plan, seeds: Range<UInt64> = 0..<30, _ also: (SimulatedPair) -> Bool = { _ in true }) {
        for seed in seeds {
            var pair = SimulatedPair(plan, seed: seed)
            let rested = pair.run()
            #expect(rested, "seed \(seed): never comes to rest")
            #expect(pair.rig.isIdle, "seed \(seed): something is left")
            let arrived = pair.rig.events.filter { if case .inviteArrived = $0 { true } else { false } }
            let ended = pair.rig.events.filter { if case .dialogEnded = $0 { true } else { false } }
            #expect(arrived.count == ended.count && arrived.count <= 1, "seed \(seed)")
            #expect(also(pair), "seed \(seed): \(pair.rig.events.map(line))")
        }
    }

    private func has(_ pair: SimulatedPair, _ text: String) -> Bool { pair.rig.events.map(line).contains(text) }

    @Test func callsSurviveLossWhenTheCallerHangsUp() {
        check(.init(lost: 25, doubled: 10, far: .init(hangsUpAfter: .seconds(40)))) { has($0, "acknowledged") && has($0, "ended remoteBye") }
    }

    @Test func callsSurviveLossWhenWeHangUp() {
        check(.init(lost: 25, doubled: 10, hangsUpAfter: .seconds(60))) { has($0, "ended localBye") && $0.far?.isOver == true }
    }

    @Test func refusalsArriveOverLoss() {
        check(.init(lost: 30, doubled: 10, status: 486)) { has($0, "ended refused 486") && $0.far?.isOver == true }
    }

    /// A caller who hears no provisional response may not cancel, and hangs up once it is answered.
    @Test func cancelsArriveOverLoss() {
        var cancelled = 0
        check(.init(lost: 25, doubled: 10, far: .init(cancelsAfter: .seconds(3), hangsUpAfter: .seconds(1)), answersAfter: .seconds(20))) {
            cancelled += has($0, "ended cancelled") ? 1 : 0
            return has($0, "ended cancelled") || has($0, "ended remoteBye")
        }
        #expect(cancelled > 20)
    }

    /// CANCEL and the answer start within the link's delay of each other: either may win, and both sides agree in the end.
    @Test func cancelAndAnswerCross() {
        let plan = SimulatedPair.Plan(
            delay: 5...200, far: .init(cancelsAfter: .seconds(2), hangsUpAfter: .seconds(1)), answersAfter: .milliseconds(1_950))
        var cancelled = 0
        var answered = 0
        check(plan, seeds: 0..<60) { pair in
            if has(pair, "ended cancelled") { cancelled += 1 } else if has(pair, "ended remoteBye") { answered += 1 } else { return false }
            return pair.far?.wasAnswered == has(pair, "ended remoteBye")
        }
        #expect(cancelled > 5 && answered > 5)
    }

    @Test func byesCross() {
        let plan = SimulatedPair.Plan(lost: 10, delay: 5...300, far: .init(hangsUpAfter: .seconds(10)), hangsUpAfter: .milliseconds(12_200))
        check(plan) { has($0, "ended remoteBye") || has($0, "ended localBye") }
    }

    @Test func aSilentApplicationHoldsNothing() {
        check(.init(lost: 20, answersAfter: nil), seeds: 0..<20) { has($0, "ended unanswered") }
    }

    /// Most is lost, often all of a kind: the ACK, the BYE, the answer. We hang up in the end, as media timeouts make us.
    @Test func aDeadLinkHoldsNothing() {
        check(.init(lost: 85, answersAfter: .seconds(1), hangsUpAfter: .seconds(100)), seeds: 0..<60)
    }
}
