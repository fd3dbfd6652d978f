import Policy
import SottoBase
import Testing

/// Policy trusts nobody who asks for a grant: each of these evidences lacks one thing.
@Suite struct ConsentGrantTests {
    private let time = WallTime(milliseconds: 1_000)
    private let call = CallID(high: 1, low: 2)

    private func evidence(
        _ events: [ConsentEvidence.Event], mode: RecordMode = .ask, tenant: String = "acme", outcome: ConsentEvidence.Outcome? = nil
    ) throws -> ConsentEvidence {
        ConsentEvidence(
            call: call, tenant: try Fixture.tenantName(tenant), policyVersion: "v1",
            rule: RuleReference("[consent] record = \"ask\"", at: SourceLocation(file: "tenants/acme.toml", line: 5)), mode: mode,
            factsDated: "2026-11-23", rows: [], events: events, outcome: outcome ?? .granted(at: time))
    }

    private func played(_ prompt: ConsentPrompt, whole: Bool = true) -> ConsentEvidence.Event {
        .played(prompt, text: "…", from: time, to: time, isWhole: whole)
    }

    private func grant(
        _ evidence: ConsentEvidence, record: RecordMode = .ask, uses: ConsentUses = .recording
    ) throws -> ConsentGrant? {
        try? Fixture.tenant("acme", consent: ConsentPolicy(record: record)).grantConsent(evidence: evidence, uses: uses).get()
    }

    @Test func yesByKeyIsGrantedAndTheGrantSaysHow() throws {
        let grant = try #require(try grant(evidence([played(.question), .answered(.yes, by: .key, at: time)])))
        #expect(grant.call == call && grant.basis == "key" && grant.uses == .recording && grant.policyVersion == "v1")
        #expect(grant.rule == "[consent] record = \"ask\" (tenants/acme.toml:5)")
    }

    @Test func spokenYesNeedsItsReadBackWhole() throws {
        let yes = [played(.question), .answered(.yes, by: .voice, at: time)]
        #expect(try grant(evidence(yes)) == nil)
        #expect(try grant(evidence(yes + [played(.readBack, whole: false)])) == nil)
        #expect(try grant(evidence(yes + [played(.readBack)]))?.basis == "voice, read back")
    }

    @Test func noAfterYesEndsIt() throws {
        let yes = [played(.question), .answered(.yes, by: .key, at: time)]
        #expect(try grant(evidence(yes + [.answered(.no, by: .voice, at: time)])) == nil)
        #expect(try grant(evidence(yes + [.withdrawn(by: .key, at: time)])) == nil)
    }

    @Test func answerWithoutAQuestionIsNone() throws {
        #expect(try grant(evidence([.answered(.yes, by: .key, at: time)])) == nil)
        #expect(try grant(evidence([.answered(.yes, by: .voice, at: time), played(.question), played(.readBack)])) == nil)
    }

    @Test func announcementMustHaveBeenHeardWhole() throws {
        #expect(try grant(evidence([played(.announcement)], mode: .announce), record: .announce)?.basis == "announced")
        #expect(try grant(evidence([played(.announcement, whole: false)], mode: .announce), record: .announce) == nil)
    }

    @Test func evidenceLaxerThanTheRuleIsRefused() throws {
        #expect(try grant(evidence([played(.announcement)], mode: .announce), record: .ask) == nil)
    }

    @Test func tenantThatNeverRecordsGrantsNothing() throws {
        #expect(try grant(evidence([played(.question), .answered(.yes, by: .key, at: time)]), record: .never) == nil)
    }

    @Test func evidenceOfAnotherTenantOrWithoutAGrantIsRefused() throws {
        let yes = [played(.question), ConsentEvidence.Event.answered(.yes, by: .key, at: time)]
        #expect(try grant(evidence(yes, tenant: "beta")) == nil)
        #expect(try grant(evidence(yes, outcome: .unanswered)) == nil)
        #expect(try grant(evidence(yes, outcome: .refused(at: time))) == nil)
    }

    @Test func usesThatTheRuleDoesNotCoverAreLeftOut() throws {
        let yes = try evidence([played(.question), .answered(.yes, by: .key, at: time)])
        #expect(try grant(yes, uses: [.recording, .training])?.uses == .recording)
        #expect(try grant(yes, uses: .training) == nil)
    }
}
