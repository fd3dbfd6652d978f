import SottoBase
import Testing

@testable import SIPSessions

@Suite struct DeadlineQueueTests {
    /// Against the plain model: a dictionary searched for its minimum.
    @Test func agreesWithAModel() {
        var chance = Chance(42)
        var queue = DeadlineQueue<Int>()
        var model: [Int: Instant] = [:]
        for step in 0..<5_000 {
            let owner = Int(chance.next() % 50)
            switch chance.next() % 4 {
            case 0, 1:
                let deadline = Instant(nanoseconds: Int64(step) + Int64(chance.next() % 100))
                queue.set(owner, to: deadline)
                model[owner] = deadline
            case 2:
                queue.set(owner, to: nil)
                model[owner] = nil
            default:
                let now = Instant(nanoseconds: Int64(step))
                if let due = queue.popDue(now: now) {
                    #expect(model[due] == model.values.min())
                    #expect(model.removeValue(forKey: due).map { $0 <= now } == true)
                } else {
                    #expect(model.values.allSatisfy { $0 > now })
                }
            }
            #expect(queue.next == model.values.min())
            #expect(queue.count == model.count)
        }
    }
}
