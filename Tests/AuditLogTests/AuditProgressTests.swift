import AuditLog
import Dispatch
import DurableFiles
import SottoBase
import Synchronization
import Testing

/// What the watchdog sees of the writer.
@Suite struct AuditProgressTests {
    /// What a row of looks, 5 s apart, says.
    private func looks(_ progress: [AuditProgress]) -> [Bool] {
        var now = Instant(nanoseconds: 0)
        var stall = AuditStall(now: now)
        return progress.map { progress in
            now = now + .seconds(5)
            return stall.isStuck(progress, now: now)
        }
    }

    private let idle = AuditProgress(turns: 7, isBusy: false)
    private func busy(_ turns: UInt64) -> AuditProgress { AuditProgress(turns: turns, isBusy: true) }

    @Test func writerWithoutWorkIsNeverStuck() {
        // Work that comes after a long rest has the whole time before it.
        #expect(looks([idle, idle, idle, idle, busy(7), busy(7), busy(7)]) == Array(repeating: false, count: 7))
    }

    @Test func busyWriterIsStuckWhenItsTurnsStandStill() {
        // It goes on after all with the last look.
        #expect(looks([busy(1), busy(1), busy(1), busy(1), busy(1), busy(2)]) == [false, false, false, true, true, false])
    }

    @Test func slowWriterThatGoesOnIsNotStuck() {
        #expect(looks((0..<20).map { busy($0 / 2) }) == Array(repeating: false, count: 20))
    }

    @Test func hungFlushWithASingleEntryIsSeen() throws {
        let house = try LogHouse()
        let hangs = Mutex(false)
        let (entered, released) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let log = try house.open(
            disk: Disk { _, _, _ in
                let hangsNow = hangs.withLock { state in
                    defer { state = false }
                    return state
                }
                if hangsNow {
                    entered.signal()
                    released.wait()
                }
                return nil
            })
        let before = log.progress.turns
        let answered = DispatchSemaphore(value: 0)
        hangs.withLock { $0 = true }
        log.submit([entry(1)]) { _ in answered.signal() }
        entered.wait()
        // The queue is empty: only the progress tells.
        #expect(log.pending == 0)
        #expect(log.progress == AuditProgress(turns: before, isBusy: true))
        // Who asks meanwhile is answered with what was durable before, and does not wait.
        #expect(log.head.size == 1)
        #expect(log.isWritable)
        #expect(!log.signedHead.isEmpty)
        released.signal()
        answered.wait()
        #expect(log.head.size == 2)
        log.submit([entry(2)]) { _ in answered.signal() }
        answered.wait()
        #expect(log.progress.turns > before)
    }
}
