import Admission
import SottoBase
import Testing

@testable import Calls

/// Both sides of bridged calls, hand-overs and transfers say anything in any order; media and dialler answer, fail, lie or stay silent.
/// Whatever happens, each call ends once and nothing of either side is left.
@Suite struct TwoSidedWalkTests {
    @Test(arguments: 0..<50 as Range<UInt64>) func everythingReturnsToZero(seed: UInt64) {
        var walk = TwoSidedWalk(seed: seed)
        for _ in 0..<500 { walk.step() }
        walk.end()
        #expect(walk.faults == [])
        #expect(walk.table.count == 0 && walk.table.dialogCount == 0 && walk.table.attemptCount == 0 && walk.table.farLegCount == 0)
        #expect(walk.table.admission.calls == 0 && walk.table.admission.outboundLegs == 0)
        #expect(walk.table.nextDeadline == nil)
        #expect(walk.dialogs.isEmpty && walk.attempts.isEmpty, "the endpoint is left with what nobody ends")
        #expect(walk.records.values.allSatisfy { $0 == 1 })
        #expect(walk.records.count > 3, "the walk went somewhere")
    }

    @Test func walksReachWhatTheyAreMeantTo() {
        var seen: Set<String> = []
        for seed in 100..<130 as Range<UInt64> {
            var walk = TwoSidedWalk(seed: seed)
            for _ in 0..<800 {
                walk.step()
                seen.formUnion(walk.table.summaries.map(\.state))
                seen.formUnion(walk.table.summaries.flatMap(\.farLegs).map(\.state))
            }
            walk.end()
            seen.formUnion(walk.kinds)
        }
        let wanted: Set = [
            "dialling", "answered", "bridged", "handing-over", "talking", "echo", "ending", "inviting", "ringing", "early", "connected",
            "bridge", "next", "over", "CANCEL", "BYE", "reoffer", "REFER", "202", "callee-2", "move",
        ]
        #expect(wanted.subtracting(seen) == [])
    }
}
