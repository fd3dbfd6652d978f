import Admission
import Policy
import SottoBase
import Testing

@Suite struct FraudEngineTests {
    private func rule(_ name: String, _ conditions: [FraudCondition], _ action: FraudAction, observed: Bool = false) -> FraudRule {
        FraudRule(
            name: name, conditions: conditions, action: action, isObserved: observed,
            location: SourceLocation(file: "tenants/acme.toml", line: 40))
    }

    private func facts(called: String = "+88161", caller: String? = "+4930", at: Int64 = 0) throws -> FraudEngine.Facts {
        let attempt = try Caller.attempt(called, caller: caller)
        return FraudEngine.Facts(trunk: attempt.trunk, called: attempt.called, caller: attempt.caller, time: WallTime(milliseconds: at))
    }

    @Test func firstMatchThatDecidesWins() throws {
        let rules = [
            rule("other", [.calleePrefix(["+53"])], .refuse(status: 403)),
            rule("premium", [.calleePrefix(["+881", "+882"])], .refuse(status: 603)),
            rule("all", [], .allow),
        ]
        #expect(FraudEngine.evaluate(rules, try facts()).verdict == .refuse(status: 603, rules[1].rule))
        #expect(FraudEngine.evaluate(rules, try facts(called: "+4930")).verdict == .allow(rules[2].rule))
        #expect(rules[1].rule.description == "fraud rule premium (tenants/acme.toml:40)")
    }

    @Test func alertIsNotedAndTheNextRulesCount() throws {
        let rules = [rule("tell", [.calleePrefix(["+881"])], .alert), rule("premium", [.calleePrefix(["+881"])], .refuse(status: 603))]
        let (verdict, findings) = FraudEngine.evaluate(rules, try facts())
        #expect(verdict == .refuse(status: 603, rules[1].rule))
        #expect(findings == [FraudFinding(rule: rules[0].rule, kind: .alert)])
    }

    @Test func observedRuleOnlyReports() throws {
        let rules = [rule("premium", [.calleePrefix(["+881"])], .refuse(status: 603), observed: true)]
        let (verdict, findings) = FraudEngine.evaluate(rules, try facts())
        #expect(verdict == .allow(nil))
        #expect(findings == [FraudFinding(rule: rules[0].rule, kind: .wouldHave(.refuse(status: 603)))])
    }

    @Test func allConditionsMustHold() throws {
        let attempt = try Caller.attempt()
        let other = try #require(TrunkName("other"))
        func matches(_ conditions: [FraudCondition], _ facts: FraudEngine.Facts) -> Bool {
            FraudEngine.evaluate([rule("x", conditions, .refuse(status: 403))], facts).verdict != .allow(nil)
        }
        #expect(matches([.calleePrefix(["+881"]), .callerPrefix(["+49"])], try facts()))
        #expect(!matches([.calleePrefix(["+881"]), .callerPrefix(["+44"])], try facts()))
        #expect(!matches([.callerPrefix(["+49"])], try facts(caller: nil)))
        #expect(matches([.callerWithheld(true)], try facts(caller: nil)))
        #expect(!matches([.callerWithheld(true)], try facts()))
        #expect(matches([.trunk([attempt.trunk.trunk]), .tenant([attempt.trunk.tenant])], try facts()))
        #expect(!matches([.trunk([other])], try facts()))
        // 1970-01-01 was a Thursday.
        #expect(matches([.hours(HourWindow(days: [4], from: 0, to: 60, utcOffset: 0))], try facts()))
        #expect(!matches([.hours(HourWindow(days: [4], from: 0, to: 60, utcOffset: 0))], try facts(at: 3_600_000)))
    }

    @Test func gateAppliesTheMachinesRulesBeforeTheTenants() throws {
        var house = House()
        house.machineRules = [rule("machine", [.calleePrefix(["+881"])], .refuse(status: 403))]
        house.rules = [rule("tenant", [], .allow)]
        var caller = try Caller(house)
        #expect(try caller.call(Caller.attempt("+88161")) == "403 fraud rule machine")
        #expect(try caller.call(Caller.attempt("+4930")) == "ok")
        #expect(caller.gate.counters.refusedByFraudRule == 1 && caller.gate.counters.allowed == 1)
        #expect(caller.gate.calls == 1)
    }

    @Test func gateReportsFindings() throws {
        var house = House()
        house.rules = [rule("watch", [], .alert), rule("dry", [], .refuse(status: 403), observed: true)]
        let gate = try Caller(house)
        var copy = gate.gate
        let verdict = copy.callArrived(
            try Caller.attempt(), policy: gate.policy, now: Instant(nanoseconds: 0), wall: WallTime(milliseconds: 0))
        #expect(verdict.findings.map(\.rule.name) == ["fraud rule watch", "fraud rule dry"])
        #expect(copy.counters.alerts == 1 && copy.counters.observed == 1 && copy.calls == 1)
    }
}
