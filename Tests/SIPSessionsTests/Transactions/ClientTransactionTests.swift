import SIPMessages
import SottoBase
import SottoTestKit
import Testing

@testable import SIPSessions

/// RFC 3261 §17.1.2.
@Suite struct ClientTransactionTests {
    let bye = Caller().request("BYE")
    var clock = ManualClock()

    func made(reliable: Bool) -> ClientTransaction {
        ClientTransaction(bye, timings: SIPTimings(), isReliable: reliable, now: clock.now)
    }
    func response(_ status: UInt16) -> SIPResponse { SIPResponse(status, to: bye) }

    /// E: T1, doubled up to T2; F after 64·T1.
    @Test mutating func timerEDoublesUpToT2UntilTimerF() {
        var machine = made(reliable: false)
        var sentAt: [Int64] = []
        var ending: [ClientTransaction.Output] = []
        while let deadline = machine.nextDeadline {
            clock.advance(by: deadline - clock.now)
            for output in machine.timersFired(now: clock.now) {
                if case .send = output { sentAt.append(clock.now.nanoseconds / 1_000_000) } else { ending.append(output) }
            }
        }
        #expect(sentAt == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500])
        #expect(ending == [.ended(.timedOut)])
        #expect(clock.now.nanoseconds == 32_000_000_000)
    }

    @Test mutating func onStreamsOnlyTimerFRuns() {
        var machine = made(reliable: true)
        #expect(machine.nextDeadline == clock.now + .seconds(32))
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.timedOut)])
    }

    /// In Proceeding E stays at T2, and F still ends it.
    @Test mutating func proceedingRetransmitsAtT2() {
        var machine = made(reliable: false)
        #expect(machine.responseReceived(response(100), now: clock.now) == [.received(response(100))])
        clock.advance(by: .milliseconds(500))
        #expect(machine.timersFired(now: clock.now) == [.send(bye)])
        #expect(machine.nextDeadline == clock.now + .seconds(4))
        clock.advance(by: .seconds(4))
        #expect(machine.timersFired(now: clock.now) == [.send(bye)])
        clock.advance(by: .seconds(28))
        #expect(machine.timersFired(now: clock.now).last == .ended(.timedOut))
    }

    @Test mutating func timerKAbsorbsRetransmittedResponses() {
        var machine = made(reliable: false)
        #expect(machine.responseReceived(response(200), now: clock.now) == [.received(response(200))])
        #expect(machine.responseReceived(response(200), now: clock.now) == [])
        #expect(machine.nextDeadline == clock.now + .seconds(5))
        clock.advance(by: .seconds(5))
        #expect(machine.timersFired(now: clock.now) == [.ended(.answered)])
    }

    @Test func onStreamsItEndsWithItsAnswer() {
        var machine = made(reliable: true)
        #expect(machine.responseReceived(response(481), now: clock.now) == [.received(response(481)), .ended(.answered)])
        #expect(machine.nextDeadline == nil)
    }

    @Test func aTransportErrorEndsIt() {
        var machine = made(reliable: true)
        #expect(machine.transportFailed() == [.ended(.transportFailed)])
        #expect(machine.transportFailed() == [])
        #expect(machine.responseReceived(response(200), now: clock.now) == [])
    }
}

/// RFC 3261 §17.1.1 with RFC 6026 §7.2.
@Suite struct ClientInviteTransactionTests {
    let invite = Caller().with { $0.body = Caller.offer }.request("INVITE")
    var clock = ManualClock()

    func made(reliable: Bool) -> ClientInviteTransaction {
        ClientInviteTransaction(invite, timings: SIPTimings(), isReliable: reliable, patience: .seconds(180), now: clock.now)
    }
    func response(_ status: UInt16) -> SIPResponse { SIPResponse(status, to: invite, toTag: "far") }

    /// A doubles without a cap; B after 64·T1.
    @Test mutating func timerADoublesWithoutCapUntilTimerB() {
        var machine = made(reliable: false)
        var sentAt: [Int64] = []
        var ending: [ClientInviteTransaction.Output] = []
        while let deadline = machine.nextDeadline {
            clock.advance(by: deadline - clock.now)
            for output in machine.timersFired(now: clock.now) {
                if case .send = output { sentAt.append(clock.now.nanoseconds / 1_000_000) } else { ending.append(output) }
            }
        }
        #expect(sentAt == [500, 1500, 3500, 7500, 15500, 31500])
        #expect(ending == [.ended(.timedOut)])
        #expect(clock.now.nanoseconds == 32_000_000_000)
    }

    @Test mutating func onStreamsOnlyTimerBRuns() {
        var machine = made(reliable: true)
        #expect(machine.nextDeadline == clock.now + .seconds(32))
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.timedOut)])
    }

    @Test mutating func aProvisionalStopsAAndB() {
        var machine = made(reliable: false)
        #expect(machine.responseReceived(response(180), now: clock.now) == [.received(response(180))])
        clock.advance(by: .seconds(60))
        #expect(machine.timersFired(now: clock.now) == [])
        clock.advance(by: .seconds(120))
        #expect(machine.timersFired(now: clock.now) == [.ended(.timedOut)])
    }

    /// §17.1.1.3: the ACK has the INVITE's branch, Request-URI and number, and the response's To.
    @Test mutating func failureIsAcknowledgedInTheTransactionAndAgainForDTime() {
        var machine = made(reliable: false)
        let outputs = machine.responseReceived(response(486), now: clock.now)
        guard case .send(let ack)? = outputs.first else {
            Issue.record("no ACK")
            return
        }
        #expect(outputs == [.send(ack), .received(response(486))])
        #expect(ack.method == .ack && ack.cseq == CSeq(1, .ack))
        #expect(ack.vias == invite.vias)
        #expect(ack.requestURI == invite.requestURI)
        #expect(ack.to == response(486).to && ack.from == invite.from && ack.callID == invite.callID)
        #expect(ack.body.isEmpty)
        #expect(machine.responseReceived(response(486), now: clock.now) == [.send(ack)])
        #expect(machine.nextDeadline == clock.now + .seconds(32))
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.answered)])
    }

    @Test func onStreamsAFailureEndsIt() {
        var machine = made(reliable: true)
        #expect(machine.responseReceived(response(486), now: clock.now).last == .ended(.answered))
        #expect(machine.nextDeadline == nil)
    }

    /// RFC 6026 §7.2: every 2xx goes up until M.
    @Test(arguments: [true, false]) func everySuccessGoesUpUntilTimerM(reliable: Bool) {
        var clock = ManualClock()
        var machine = made(reliable: reliable)
        #expect(machine.responseReceived(response(200), now: clock.now) == [.received(response(200))])
        #expect(machine.responseReceived(response(200), now: clock.now) == [.received(response(200))])
        #expect(machine.responseReceived(response(486), now: clock.now) == [])
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.answered)])
        #expect(machine.responseReceived(response(200), now: clock.now) == [])
    }
}
