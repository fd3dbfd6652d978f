import Policy
import SDP
import SIPMessages
import SottoBase
import Testing

@testable import Calls
@testable import SIPSessions

/// How bridged calls end: by either side, by a fault, and when both sides do something at once.
@Suite struct EndOfBridgeTests {
    private let q850 = ["Reason: Q.850;cause=31;text=\"inner\""]

    private func reason(_ headers: [SIPHeader]?) -> String? { headers?.first { $0.name == .reason }?.text?.string }

    /// RFC 3326 both ways: the cause that one side gave reaches the other, in our own words.
    @Test func hangUpOfEitherSideEndsTheOtherWithItsCause() {
        var desk = Desk(House.bridging())
        desk.bridged()
        #expect(
            desk.ends(desk.caller, .remoteBye(FarSide.bye(q850))) == [
                "ending completed: the caller hung up", "caller close", "callee close", "BYE callee", "record finish", "gone",
            ])
        #expect(reason(desk.hangUps.last?.headers) == "Q.850;cause=31;text=\"completed\"")
        #expect(desk.records.first?.hungUpBy == .caller && desk.records.first?.peerCause == 31)
        #expect(desk.isIdle)

        var other = Desk(House.bridging())
        other.bridged()
        #expect(
            other.ends(other.callee, .remoteBye(FarSide.bye(q850))) == [
                "callee close", "ending completed: the callee hung up", "caller close", "BYE caller", "record finish", "gone",
            ])
        #expect(reason(other.hangUps.last?.headers) == "Q.850;cause=31;text=\"completed\"")
        let record = other.records.first
        #expect(record?.hungUpBy == .callee(1) && record?.peerCause == nil)
        #expect(record?.farLegs.first?.peerCause == 31)
        #expect(record?.farLegs.first?.codec == "PCMA" && record?.farLegs.first?.suite == "AES_CM_128_HMAC_SHA1_80")
        #expect(record?.farLegs.first?.media == Switchboard.figures && record?.media == Switchboard.figures)
        #expect(record?.farLegs.first?.answeredAt != nil && record?.farLegs.first?.endedAt != nil)
        #expect(other.isIdle)
    }

    // MARK: - Before the answer

    @Test func callerGivesUpWhileItRings() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(180)
        #expect(
            desk.ends(desk.caller, .cancelled(FarSide.bye(["Reason: SIP;cause=200;text=\"x\""]))) == [
                "ending completed: the caller gave up before the answer", "caller close", "dial over alive", "callee close", "CANCEL",
                "record finish", "gone",
            ])
        #expect(reason(desk.cancels.last) == "SIP;cause=200;text=\"Call completed elsewhere\"")
        #expect(desk.isIdle)
    }

    @Test func callerGivesUpInEachStateOfTheFarLeg() {
        for state in 0..<6 {
            var desk = Desk(House.bridging())
            desk.mediaAnswers = false
            desk.calls()
            if state > 0 { desk.media(.reserved(port: 20_000)) }
            if state > 1 { desk.media(.reserved(port: 20_100), .callee(1)) }
            if state > 2 { desk.far(183, body: FarSide.answer(to: desk.offer)) }
            if state > 3 { desk.media(.started, .callee(1)) }
            if state > 4 { desk.far(200) }
            desk.ends(desk.caller, .cancelled(FarSide.bye()))
            #expect(desk.cancels.count == ((2...4).contains(state) ? 1 : 0), "state \(state)")
            #expect(desk.hangUps.count == (state == 5 ? 1 : 0))
            desk.media(.closed(nil))
            desk.media(.closed(nil), .callee(1))
            #expect(desk.isIdle, "state \(state)")
            #expect(desk.records.count == 1)
        }
    }

    /// RFC 5407 §3.1.1: the CANCEL and the 200 cross. The endpoint acknowledges and hangs up; whatever still comes finds nobody.
    @Test func calleeAnswersAsTheCallerGivesUp() {
        var desk = Desk(House.bridging())
        desk.endpointAnswers = false
        desk.calls()
        desk.far(180)
        let attempt = desk.lastAttempt
        desk.ends(desk.caller, .cancelled(FarSide.bye()))
        // An endpoint that told of the answer first.
        let answer = FarSide.response(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.sip(.attemptAnswered(attempt, desk.callee, answer)) == ["BYE callee"])
        #expect(desk.ends(desk.callee, .localBye) == ["record finish", "gone"])
        #expect(desk.isIdle)
        // And one that tells of it when all is over.
        #expect(desk.sip(.attemptAnswered(attempt, DialogID(value: 33), FarSide.response(200))) == ["BYE dialog-33"])
    }

    @Test func calleeHangsUpDuringOur200() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.state == "answered")
        let lines = desk.ends(desk.callee, .remoteBye(FarSide.bye()))
        #expect(lines.contains("BYE caller") && lines.last == "gone")
        #expect(desk.isIdle)
    }

    @Test func calleeHangsUpBeforeItsMediaRuns() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.mediaAnswers = false
        desk.far(200, body: FarSide.answer(to: desk.offer))
        #expect(desk.ends(desk.callee, .remoteBye(FarSide.bye())).contains("caller 480"))
        // What its media still says changes nothing.
        #expect(desk.media(.started, .callee(1)) == [])
        desk.media(.closed(nil), .callee(1))
        #expect(desk.media(.closed(nil)) == ["record finish", "gone"])
        #expect(desk.isIdle)
    }

    @Test func bothHangUpAtOnce() {
        var desk = Desk(House.bridging())
        desk.endpointAnswers = false
        desk.bridged()
        desk.ends(desk.caller, .remoteBye(FarSide.bye()))
        #expect(desk.ends(desk.callee, .remoteBye(FarSide.bye())) == ["record finish", "gone"])
        #expect(desk.records.first?.hungUpBy == .caller)
        #expect(desk.isIdle)
    }

    // MARK: - Faults

    @Test func silenceOfOneLegEndsBoth() {
        for leg in [CallLeg.caller, .callee(1)] {
            var desk = Desk(House.bridging())
            desk.bridged()
            let lines = desk.media(.timedOut, leg)
            #expect(lines.contains("BYE callee") && lines.contains("BYE caller"))
            #expect(desk.records.first?.termination.cause == (leg == .caller ? .callerFault : .calleeFault))
            #expect(desk.isIdle)
        }
    }

    @Test func silenceBeforeTheAnswerEndsNothing() {
        var desk = Desk(House.bridging())
        desk.calls()
        desk.far(183, body: FarSide.answer(to: desk.offer))
        #expect(desk.media(.timedOut, .callee(1)) == [])
    }

    @Test func failureOfEitherMediaSessionIsRefusedOrEndsBoth() {
        for (leg, step) in [(CallLeg.caller, 0), (.callee(1), 0), (.callee(1), 1), (.caller, 1), (.caller, 2), (.caller, 3)] {
            var desk = Desk(House.bridging())
            desk.mediaAnswers = false
            desk.calls()
            if leg != .caller || step > 0 { desk.media(.reserved(port: 20_000)) }
            if leg == .callee(1), step == 0 {
                desk.media(.failed("no port"), leg)
            } else if step > 0 {
                desk.media(.reserved(port: 20_100), .callee(1))
                desk.far(200, body: FarSide.answer(to: desk.offer))
                if leg == .caller { desk.media(.started, .callee(1)) }
                if step > 1 { desk.media(.started) }
                desk.media(.failed("by chance"), leg)
            } else {
                desk.media(.failed("no port"))
            }
            #expect(desk.answers.last?.status == 503, "\(leg) \(step)")
            desk.media(.closed(nil))
            desk.media(.closed(nil), .callee(1))
            #expect(desk.isIdle, "\(leg) \(step)")
        }
    }

    @Test func legThatNeverConfirmsItsEndIsGivenUp() {
        var desk = Desk(House.bridging())
        desk.bridged()
        desk.mediaAnswers = false
        desk.endpointAnswers = false
        desk.ends(desk.caller, .remoteBye(FarSide.bye()))
        desk.media(.closed(nil))
        #expect(desk.wait(.milliseconds(5_100)).contains("callee close"))
        desk.wait(.seconds(6))
        #expect(desk.isIdle)
        #expect(desk.records.count == 1)
        #expect(desk.media(.closed(nil), .callee(1)) == [])
    }

    @Test func administratorAndStopEndBothLegs() {
        for input in [true, false] {
            var desk = Desk(House.bridging())
            desk.bridged()
            let lines = desk.feed(input ? .end(desk.call) : .endAll)
            #expect(lines.contains("BYE callee") && lines.contains("BYE caller"))
            #expect(desk.records.first?.hungUpBy == nil)
            #expect(desk.isIdle)
        }
    }

    @Test func longestCallCountsForBridgedOnes() {
        var desk = Desk(House.bridging()) { $0.longestCall = .seconds(100) }
        desk.bridged()
        #expect(desk.wait(.seconds(101)).contains("ending completed: the longest call"))
        #expect(desk.isIdle)
    }
}
