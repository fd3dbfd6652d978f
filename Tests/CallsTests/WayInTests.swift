import Admission
import Policy
import SIPMessages
import SottoBase
import Testing

@testable import Calls

/// The way in: who is turned away, with what status, and by which rule.
@Suite struct WayInTests {
    private func turnedAway(_ house: House, _ caller: Caller = Caller()) -> ([String], Switchboard) {
        var board = Switchboard(house)
        let lines = board.receive(caller.says("INVITE"))
        #expect(board.isIdle)
        #expect(board.records.isEmpty)
        return (lines, board)
    }

    @Test func fullMachineSaysWhenToTryAgain() {
        var house = House()
        house.limits.calls = 1
        var board = Switchboard(house)
        board.receive(Caller("a").says("INVITE"))
        #expect(board.receive(Caller("b").says("INVITE")) == ["refused 503 [limits] calls", "→ 503 INVITE"])
        #expect(board.lastResponse?.header(.retryAfter)?.string == "5")
        #expect(board.table.count == 1)
    }

    @Test func placeIsFreeAgainAfterACall() {
        var house = House()
        house.limits.calls = 1
        var board = Switchboard(house)
        var caller = board.talking(Caller("a"))
        board.receive(caller.next().says("BYE"))
        #expect(board.isIdle)
        #expect(board.receive(Caller("b").says("INVITE")).contains("→ 200 INVITE"))
    }

    @Test func fraudRuleRefusesWithItsStatus() {
        var house = House()
        house.rules = [
            FraudRule(name: "no-berlin", conditions: [.calleePrefix(["+4930"])], action: .refuse(status: 603), location: .builtIn)
        ]
        #expect(turnedAway(house).0 == ["refused 603 fraud rule no-berlin", "→ 603 INVITE"])
    }

    @Test func observedRuleIsOnlyTold() {
        var house = House()
        house.rules = [
            FraudRule(
                name: "no-berlin", conditions: [.calleePrefix(["+4930"])], action: .refuse(status: 603), isObserved: true,
                location: .builtIn)
        ]
        var board = Switchboard(house)
        #expect(board.receive(Caller().says("INVITE")).prefix(2) == ["observed", "arrived"])
    }

    @Test func numberWithoutARouteIsNotFound() {
        #expect(turnedAway(House(), Caller().with { $0.number = "+33123" }).0 == ["refused 404 no route matches", "→ 404 INVITE"])
    }

    @Test func rejectRouteSaysItsStatus() {
        var house = House()
        house.routes = [RoutePolicy(target: .reject(status: 486), rule: RuleReference("route 1", at: .builtIn))]
        #expect(turnedAway(house).0 == ["refused 486 route 1", "→ 486 INVITE"])
    }

    @Test func trunkThatTheNewPolicyDoesNotKnowIsForbidden() {
        var board = Switchboard()
        board.tell(.policyChanged(House(version: "v2", tenants: ["acme"]).policy))
        #expect(board.receive(Caller().says("INVITE"), on: Switchboard.beta) == ["refused 403 trunk is gone", "→ 403 INVITE"])
        #expect(board.isIdle)
    }

    @Test func drainRefusesNewCallsAndLetsOthersGoOn() {
        var board = Switchboard()
        var caller = board.talking(Caller("a"))
        board.tell(.drain(retryAfter: 30))
        #expect(board.receive(Caller("b").says("INVITE")) == ["→ 503 INVITE"])
        #expect(board.lastResponse?.header(.retryAfter)?.string == "30")
        #expect(board.state == "talking")
        board.receive(caller.next().says("BYE"))
        #expect(board.isIdle)
    }

    @Test func fullDiskRefusesNewCallsWhereTheMachineSaysSo() {
        var house = House()
        house.limits.retryAfter = .seconds(45)
        var board = Switchboard(house) { $0.refusesCallsWithoutStorage = true }
        var caller = board.talking(Caller("a"))
        board.tell(.storageChanged(isFull: true))
        #expect(board.receive(Caller("b").says("INVITE")) == [#"refused 503 [storage] on-full = "refuse-calls""#, "→ 503 INVITE"])
        #expect(board.lastResponse?.header(.retryAfter)?.string == "45")
        #expect(board.state == "talking")
        #expect(board.table.admission.counters.allowed == 1)
        board.tell(.storageChanged(isFull: false))
        #expect(board.receive(Caller("c").says("INVITE")).contains("→ 200 INVITE"))
        board.receive(caller.next().says("BYE"))
        #expect(board.table.count == 1)
    }

    @Test func fullDiskLetsCallsGoOnUnlessTheMachineSaysOtherwise() {
        var board = Switchboard()
        board.tell(.storageChanged(isFull: true))
        #expect(board.receive(Caller().says("INVITE")).contains("→ 200 INVITE"))
    }

    @Test func reloadCountsForNewCallsAlone() {
        var board = Switchboard()
        let first = board.answered(Caller("a"))
        board.tell(.policyChanged(House(version: "v2", record: .never).policy))
        #expect(board.receive(first.ack()).first == "consent ask")
        let second = board.answered(Caller("b"))
        #expect(board.receive(second.ack()).first == "consent never")
        board.tell(.endAll)
        #expect(Set(board.records.map(\.policyVersion)) == ["v1", "v2"])
    }

    @Test func tenantsDoNotMeet() {
        var board = Switchboard()
        board.receive(Caller("a").says("INVITE"))
        let acme = board.call
        // The same Call-ID and tags from another trunk are another call.
        board.receive(Caller("a").says("INVITE"), on: Switchboard.beta)
        #expect(board.call != acme)
        #expect(Set(board.table.summaries.map(\.trunk)) == [House.trunk(of: "acme"), House.trunk(of: "beta")])
        // And a CANCEL of one does not touch the other.
        #expect(board.table.tenant(of: acme ?? CallID(high: 0, low: 0))?.text == "acme")
        var caller = Caller("a")
        caller.remoteTag = board.lastResponse?.to.tag?.string
        #expect(board.receive(caller.next().says("BYE"), on: Switchboard.acme) == ["→ 481 BYE"])
        #expect(board.table.count == 2)
    }

    // MARK: - Who calls

    private func caller(_ house: House = House(), _ change: (inout Caller) -> Void) -> String? {
        var board = Switchboard(house)
        board.receive(Caller().with(change).says("INVITE"))
        return board.call.flatMap { board.table.record(of: $0)?.caller?.text }
    }

    /// RFC 3325 §9.1, RFC 3323 §4.
    @Test func assertedIdentityCountsFromTrustedTrunksAlone() {
        let asserted = "P-Asserted-Identity: <tel:+4989111>"
        #expect(caller { $0.headers = [asserted] } == "+4940999")
        #expect(caller(House(isTrusted: true)) { $0.headers = [asserted] } == "+4989111")
    }

    @Test func privacyWithholdsTheNumber() {
        let asserted = "P-Asserted-Identity: <tel:+4989111>"
        #expect(caller(House(isTrusted: true)) { $0.headers = [asserted, "Privacy: id"] } == nil)
        #expect(caller(House(isTrusted: true)) { $0.headers = [asserted, "Privacy: none"] } == "+4989111")
        #expect(caller { $0.from = "\"Anonymous\" <sip:anonymous@anonymous.invalid>" } == nil)
    }
}
