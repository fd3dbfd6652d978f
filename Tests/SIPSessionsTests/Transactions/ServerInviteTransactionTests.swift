import SIPMessages
import SottoBase
import SottoTestKit
import Testing

@testable import SIPSessions

/// RFC 3261 §17.2.1 with RFC 6026 §7.1.
@Suite struct ServerInviteTransactionTests {
    let invite = Caller().request("INVITE")
    var clock = ManualClock()

    func made(reliable: Bool) -> ServerInviteTransaction { ServerInviteTransaction(timings: SIPTimings(), isReliable: reliable) }
    func response(_ status: UInt16) -> SIPResponse { SIPResponse(status, to: invite, toTag: "t") }

    @Test func retransmittedInviteResendsLastProvisional() {
        var machine = made(reliable: false)
        #expect(machine.retransmissionReceived() == [])
        #expect(machine.provisional(response(100)) == [.send(response(100))])
        #expect(machine.retransmissionReceived() == [.send(response(100))])
        #expect(machine.provisional(response(180)) == [.send(response(180))])
        #expect(machine.retransmissionReceived() == [.send(response(180))])
        #expect(machine.nextDeadline == nil)
    }

    /// G: T1, then doubled up to T2; H ends it after 64·T1.
    @Test mutating func timerGDoublesUpToT2UntilTimerH() {
        var machine = made(reliable: false)
        #expect(machine.failure(response(486), now: clock.now) == [.send(response(486))])
        var sentAt: [Int64] = []
        var ending: [ServerInviteTransaction.Output] = []
        while let deadline = machine.nextDeadline {
            clock.advance(by: deadline - clock.now)
            for output in machine.timersFired(now: clock.now) {
                if case .send = output { sentAt.append(clock.now.nanoseconds / 1_000_000) } else { ending.append(output) }
            }
        }
        #expect(sentAt == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500])
        #expect(ending == [.ended(.unacknowledged)])
        #expect(clock.now.nanoseconds == 32_000_000_000)
    }

    /// On a reliable transport G does not run, H does.
    @Test mutating func onStreamsOnlyTimerHRuns() {
        var machine = made(reliable: true)
        _ = machine.failure(response(486), now: clock.now)
        #expect(machine.nextDeadline == clock.now + .seconds(32))
        #expect(machine.retransmissionReceived() == [.send(response(486))])
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.unacknowledged)])
        #expect(machine.nextDeadline == nil)
    }

    @Test mutating func ackEndsAtOnceOnStreams() {
        var machine = made(reliable: true)
        _ = machine.failure(response(486), now: clock.now)
        #expect(machine.ackReceived(now: clock.now) == [.ended(.acknowledged)])
        #expect(machine.nextDeadline == nil)
    }

    @Test mutating func timerIAbsorbsAcksForT4() {
        var machine = made(reliable: false)
        _ = machine.failure(response(486), now: clock.now)
        #expect(machine.ackReceived(now: clock.now) == [])
        #expect(machine.ackReceived(now: clock.now) == [])
        #expect(machine.retransmissionReceived() == [])
        #expect(machine.nextDeadline == clock.now + .seconds(5))
        clock.advance(by: .seconds(5))
        #expect(machine.timersFired(now: clock.now) == [.ended(.acknowledged)])
    }

    /// RFC 6026 §7.1: INVITEs are absorbed, the dialog's 2xx pass, an ACK goes up, L ends it, on streams as well.
    @Test(arguments: [true, false]) func acceptedLastsForTimerL(reliable: Bool) {
        var clock = ManualClock()
        var machine = made(reliable: reliable)
        #expect(machine.success(response(200), now: clock.now) == [.send(response(200))])
        #expect(machine.retransmissionReceived() == [])
        #expect(machine.success(response(200), now: clock.now) == [.send(response(200))])
        #expect(machine.ackReceived(now: clock.now) == [.acknowledgedSuccess])
        #expect(machine.failure(response(500), now: clock.now) == [])
        #expect(machine.provisional(response(180)) == [])
        clock.advance(by: .milliseconds(31_999))
        #expect(machine.timersFired(now: clock.now) == [])
        clock.advance(by: .milliseconds(1))
        #expect(machine.timersFired(now: clock.now) == [.ended(.accepted)])
        #expect(machine.success(response(200), now: clock.now) == [])
    }

    @Test mutating func aSecondFinalResponseIsIgnored() {
        var machine = made(reliable: true)
        _ = machine.failure(response(486), now: clock.now)
        #expect(machine.success(response(200), now: clock.now) == [])
        #expect(machine.failure(response(603), now: clock.now) == [])
        #expect(machine.retransmissionReceived() == [.send(response(486))])
    }

    /// A driver that wakes late sends once, not once for each interval missed.
    @Test mutating func aLateWakeSendsOnce() {
        var machine = made(reliable: false)
        _ = machine.failure(response(486), now: clock.now)
        clock.advance(by: .seconds(20))
        #expect(machine.timersFired(now: clock.now) == [.send(response(486))])
    }
}
