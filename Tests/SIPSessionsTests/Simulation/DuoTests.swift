import SIPMessages
import SottoBase
import Testing

@testable import SIPSessions

/// Whole calls between two endpoints, whatever happens on the way. What must hold always: they come to rest, nothing is left on either
/// side, and each call and each dialog has exactly one end.
@Suite struct DuoTests {
    private func check(_ plan: Duo.Plan, seeds: Range<UInt64>) -> Set<String> {
        var lines: Set<String> = []
        for seed in seeds {
            var duo = Duo(plan, seed: seed)
            let rested = duo.run()
            #expect(rested, "seed \(seed): never comes to rest")
            for side in 0...1 {
                #expect(duo.sides[side].isIdle, "seed \(seed), side \(side): something is left")
                checkEnds(duo.sides[side], seed)
                lines.formUnion(duo.sides[side].events.map(line))
            }
        }
        return lines
    }

    private func checkEnds(_ rig: Rig, _ seed: UInt64) {
        var open: Set<DialogID> = []
        var attempts: Set<AttemptID> = []
        for event in rig.events {
            switch event {
            case .inviteArrived(let arrived): #expect(open.insert(arrived.dialog).inserted)
            case .attemptAnswered(let attempt, let dialog, _):
                #expect(attempts.insert(attempt).inserted && open.insert(dialog).inserted, "seed \(seed)")
            case .attemptEnded(let attempt, _): #expect(attempts.insert(attempt).inserted, "seed \(seed)")
            case .attemptProgressed(let attempt, _, _): #expect(!attempts.contains(attempt), "seed \(seed)")
            case .dialogEnded(let dialog, _): #expect(open.remove(dialog) != nil, "seed \(seed)")
            case .reofferEnded(let dialog, _), .reinviteWithdrawn(let dialog, _), .acknowledged(let dialog, _, _),
                .dialogProbed(let dialog, _), .refreshDue(let dialog), .referralProgressed(let dialog, _):
                #expect(open.contains(dialog), "seed \(seed): \(line(event))")
            default: break
            }
        }
        #expect(open.isEmpty, "seed \(seed)")
    }

    @Test func callsOverStreams() {
        let seen = check(.init(), seeds: 0..<60)
        for expected in [
            "progressed 180", "answered 200", "attempt cancelled", "attempt refused 486", "attempt refused 302", "update accepted",
            "reoffer accepted", "referral ended 200", "referral refused 603", "ended localBye", "ended remoteBye", "dialogProbed 200",
        ] {
            #expect(seen.contains(expected), "\(expected) never happened")
        }
    }

    @Test func callsOverStreamsThatBreak() {
        let seen = check(.init(breaks: 6), seeds: 100..<170)
        #expect(seen.contains("connectionLost") && seen.contains("answered 200"))
    }

    @Test func callsOverDatagrams() {
        let seen = check(.init(isReliable: false, lost: 20, doubled: 10), seeds: 200..<260)
        #expect(seen.contains("answered 200") && seen.contains("attempt cancelled"))
    }

    @Test func callsOverDatagramsAndBrokenLinks() {
        _ = check(.init(isReliable: false, lost: 60, doubled: 20, breaks: 4), seeds: 300..<350)
    }
}
