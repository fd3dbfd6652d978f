import SIPMessages
import SottoBase
import SottoTestKit
import Testing

@testable import SIPSessions

/// RFC 3261 §17.2.2.
@Suite struct ServerTransactionTests {
    let options = Caller().request("OPTIONS")
    var clock = ManualClock()

    func made(reliable: Bool) -> ServerTransaction { ServerTransaction(timings: SIPTimings(), isReliable: reliable, now: clock.now) }
    func response(_ status: UInt16) -> SIPResponse { SIPResponse(status, to: options, toTag: "t") }

    @Test func tryingIgnoresRetransmissions() {
        var machine = made(reliable: false)
        #expect(machine.retransmissionReceived() == [])
        #expect(machine.provisional(response(183)) == [.send(response(183))])
        #expect(machine.retransmissionReceived() == [.send(response(183))])
    }

    @Test mutating func timerJAnswersRetransmissionsFor64T1() {
        var machine = made(reliable: false)
        #expect(machine.final(response(200), now: clock.now) == [.send(response(200))])
        #expect(machine.retransmissionReceived() == [.send(response(200))])
        #expect(machine.nextDeadline == clock.now + .seconds(32))
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.answered)])
        #expect(machine.retransmissionReceived() == [])
    }

    @Test func onStreamsItEndsWithItsAnswer() {
        var machine = made(reliable: true)
        #expect(machine.final(response(200), now: clock.now) == [.send(response(200)), .ended(.answered)])
        #expect(machine.nextDeadline == nil)
    }

    @Test func aSecondFinalResponseIsIgnored() {
        var machine = made(reliable: false)
        _ = machine.final(response(200), now: clock.now)
        #expect(machine.final(response(500), now: clock.now) == [])
        #expect(machine.provisional(response(183)) == [])
    }

    /// RFC 4320 §4.1: no 408; the client has given up by then.
    @Test mutating func anUnansweredOneEndsSilently() {
        var machine = made(reliable: true)
        clock.advance(by: .seconds(32))
        #expect(machine.timersFired(now: clock.now) == [.ended(.unanswered)])
        #expect(machine.final(response(200), now: clock.now) == [])
    }
}
