import Consent
import Policy
import SottoBase
import Testing

/// Drives a machine on virtual time.
struct Conversation {
    var machine: ConsentMachine
    var now = Instant(nanoseconds: 0)

    init(
        record: RecordMode = .ask, refused: RefusedAction = .continue, tenantRegion: String = "GB", caller: String? = "+442071234567",
        attempts: Int = 3, withdrawn: String? = nil
    ) throws {
        var prompts = ConsentPrompts()
        prompts.granted = nil
        prompts.refused = nil
        prompts.withdrawn = withdrawn
        let consent = ConsentPolicy(record: record, refused: refused, prompts: prompts, attempts: attempts)
        let tenant = TenantPolicy(
            name: try #require(TenantName("acme")), region: try region(tenantRegion), consent: consent)
        let plan = ConsentFacts.embedded.plan(
            parties: ConsentParty.inbound(
                caller: caller.map { DialledNumber(user: $0) }, callee: DialledNumber(user: "reception"), tenantRegion: tenant.region,
                gatewayRegion: try region("GB")), policy: consent)
        machine = ConsentMachine(call: CallID(high: 1, low: 2), tenant: tenant, policyVersion: "v1", plan: plan)
    }

    /// What came out, as short words.
    mutating func send(_ input: ConsentMachine.Input, after: Duration = .seconds(1)) -> [String] {
        now = now + after
        return machine.handle(input, now: now, wall: WallTime(milliseconds: now.nanoseconds / 1_000_000)).map(Self.word)
    }

    mutating func played(_ prompt: ConsentPrompt, whole: Bool = true) -> [String] { send(.promptPlayed(prompt, isWhole: whole)) }

    /// Lets the next timer fire.
    mutating func wait() -> [String] {
        guard let deadline = machine.nextDeadline else { return ["no timer"] }
        return send(.timerDue, after: deadline - now)
    }

    /// Up to listening.
    mutating func asked() {
        _ = send(.started)
        _ = played(.question)
    }

    static func word(_ output: ConsentMachine.Output) -> String {
        switch output {
        case .say(let prompt, _): "say \(prompt.rawValue)"
        case .stopSaying(let prompt): "stop \(prompt.rawValue)"
        case .listen: "listen"
        case .granted(let grant): "granted by \(grant.basis)"
        case .refused(let action): "refused, \(action.rawValue)"
        case .revoked: "revoked"
        case .proceed: "proceed"
        case .hangUp: "hang up"
        }
    }
}

@Suite struct AskTests {
    @Test func yesByKeyIsGrantedAtOnce() throws {
        var call = try Conversation()
        #expect(call.send(.started) == ["say question"])
        #expect(call.played(.question) == ["listen"])
        #expect(call.send(.answered(.yes, by: .key)) == ["granted by key", "proceed"])
        #expect(call.machine.isGranted && call.machine.isDone && call.machine.nextDeadline == nil)
    }

    @Test func spokenYesIsReadBackAndCountsWhenNobodyWithdraws() throws {
        var call = try Conversation()
        call.asked()
        #expect(call.send(.answered(.yes, by: .voice)) == ["say read-back"])
        #expect(!call.machine.isGranted)
        #expect(call.played(.readBack) == [])
        #expect(call.wait() == ["granted by voice, read back", "proceed"])
    }

    @Test func withdrawalAfterTheReadBackRefuses() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .voice))
        _ = call.played(.readBack)
        #expect(call.send(.answered(.no, by: .key)) == ["refused, continue", "proceed"])
        #expect(!call.machine.isGranted)
    }

    @Test func noDuringTheReadBackStopsItAndRefuses() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .voice))
        #expect(call.send(.answered(.no, by: .voice)) == ["stop read-back", "refused, continue", "proceed"])
    }

    @Test func readBackThatWasNotHeardIsNoBasis() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .voice))
        #expect(call.played(.readBack, whole: false) == ["refused, continue", "proceed"])
    }

    @Test func secondSpokenYesDoesNotCutTheReadBack() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .voice))
        #expect(call.send(.answered(.yes, by: .voice)) == [])
        _ = call.played(.readBack)
        #expect(call.send(.answered(.yes, by: .voice)) == ["granted by voice, read back", "proceed"])
    }

    @Test func keyDuringTheQuestionStopsIt() throws {
        var call = try Conversation()
        _ = call.send(.started)
        #expect(call.send(.answered(.yes, by: .key)) == ["stop question", "granted by key", "proceed"])
    }

    @Test func noRefusesAndPolicyHangsUp() throws {
        var call = try Conversation(refused: .hangUp)
        call.asked()
        #expect(call.send(.answered(.no, by: .voice)) == ["refused, hang-up", "hang up"])
    }

    @Test func unclearAnswersAreAskedAgainThenRefused() throws {
        var call = try Conversation(attempts: 2)
        call.asked()
        #expect(call.send(.answered(.unclear, by: .voice)) == ["say unclear"])
        #expect(call.played(.unclear) == ["say question"])
        #expect(call.played(.question) == ["listen"])
        #expect(call.send(.answered(.unclear, by: .voice)) == ["refused, continue", "proceed"])
    }

    @Test func silenceIsAskedAgainThenRefused() throws {
        var call = try Conversation(attempts: 2)
        call.asked()
        #expect(call.wait() == ["say question"])
        #expect(call.played(.question) == ["listen"])
        #expect(call.wait() == ["refused, continue", "proceed"])
        #expect(call.machine.evidence.outcome == .refused(at: WallTime(milliseconds: call.now.nanoseconds / 1_000_000)))
    }

    @Test func promptThatIsNeverHeardRefuses() throws {
        var call = try Conversation()
        _ = call.send(.started)
        #expect(call.wait() == ["stop question", "refused, continue", "proceed"])
    }

    @Test func endOfCallLeavesItUnansweredAndNoTimer() throws {
        var call = try Conversation()
        call.asked()
        #expect(call.send(.callEnded) == [])
        #expect(call.machine.nextDeadline == nil && !call.machine.isGranted)
        #expect(call.machine.evidence.outcome == .unanswered)
        #expect(call.send(.answered(.yes, by: .key)) == [])
    }

    @Test func laterWithdrawalRevokes() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .key))
        #expect(call.send(.withdrawn(by: .key)) == ["revoked"])
        #expect(!call.machine.isGranted)
        #expect(call.send(.withdrawn(by: .key)) == [])
        #expect(call.send(.answered(.yes, by: .key)) == [])
    }

    @Test func aWithdrawalIsConfirmedOnce() throws {
        var call = try Conversation(withdrawn: "It has stopped.")
        call.asked()
        #expect(call.send(.answered(.yes, by: .key)) == ["granted by key", "proceed"])
        // First the recording ends, then the caller is told.
        #expect(call.send(.withdrawn(by: .voice)) == ["revoked", "say withdrawn"])
        #expect(call.send(.withdrawn(by: .voice)) == [])
        #expect(call.machine.isDone && !call.machine.isGranted && !call.machine.isListening)
        #expect(call.played(.withdrawn) == [])
        #expect(call.machine.nextDeadline == nil)
        let isKept = call.machine.evidence.events.contains { event in
            if case .played(.withdrawn, "It has stopped.", _, _, isWhole: true) = event { true } else { false }
        }
        #expect(isKept)
    }

    @Test func aConfirmationThatIsNeverHeardIsGivenUp() throws {
        var call = try Conversation(withdrawn: "It has stopped.")
        call.asked()
        _ = call.send(.answered(.yes, by: .key))
        _ = call.send(.withdrawn(by: .voice))
        #expect(call.wait() == ["stop withdrawn"])
        #expect(call.machine.nextDeadline == nil)
    }

    @Test func whereARefusalEndsTheCallAWithdrawalIsConfirmedFirst() throws {
        var call = try Conversation(refused: .hangUp, withdrawn: "It has stopped.")
        call.asked()
        _ = call.send(.answered(.yes, by: .key))
        #expect(call.send(.withdrawn(by: .voice)) == ["revoked", "say withdrawn"])
        #expect(call.machine.isLeaving)
        #expect(call.played(.withdrawn) == ["hang up"])
        #expect(!call.machine.isLeaving && call.machine.nextDeadline == nil)
    }

    @Test func whereARefusalEndsTheCallAWithdrawalEndsItEvenUnheard() throws {
        var call = try Conversation(refused: .hangUp, withdrawn: "It has stopped.")
        call.asked()
        _ = call.send(.answered(.yes, by: .key))
        _ = call.send(.withdrawn(by: .voice))
        #expect(call.wait() == ["stop withdrawn", "hang up"])
        var silent = try Conversation(refused: .hangUp)
        silent.asked()
        _ = silent.send(.answered(.yes, by: .key))
        #expect(silent.send(.withdrawn(by: .key)) == ["revoked", "hang up"])
    }

    @Test func promptsAroundTheAnswerAreSaidBeforeTheConversation() throws {
        let tenant = TenantPolicy(name: try #require(TenantName("acme")), region: try region("US-WA"))
        let plan = ConsentFacts.embedded.plan(
            parties: [ConsentParty(role: .tenant, region: tenant.region)], policy: tenant.consent)
        var call = try Conversation()
        call.machine = ConsentMachine(call: CallID(high: 1, low: 2), tenant: tenant, policyVersion: "v1", plan: plan)
        call.asked()
        // RCW 9.73.030: the announcement is on the recording, so it comes after the grant.
        #expect(call.send(.answered(.yes, by: .key)) == ["granted by key", "say granted"])
        #expect(call.played(.granted) == ["say announcement"])
        #expect(call.played(.announcement) == ["proceed"])
    }

    @Test func strayInputsChangeNothing() throws {
        var call = try Conversation()
        #expect(call.send(.answered(.yes, by: .key)) == [])
        #expect(call.send(.timerDue) == [])
        #expect(call.played(.question) == [])
        #expect(call.send(.started) == ["say question"])
        #expect(call.send(.started) == [])
        #expect(call.played(.readBack) == [])
        #expect(call.played(.question) == ["listen"])
        #expect(call.played(.question) == [])
    }

    /// The evidence tells what was played, with its text and times, and what was answered.
    @Test func evidenceIsComplete() throws {
        var call = try Conversation()
        call.asked()
        _ = call.send(.answered(.yes, by: .key))
        let evidence = call.machine.evidence
        #expect(evidence.mode == .ask && evidence.factsDated == "2026-11-23" && evidence.rows.count == 3 && evidence.policyVersion == "v1")
        #expect(
            evidence.events == [
                .played(
                    .question, text: ConsentPrompts().question, from: WallTime(milliseconds: 1_000), to: WallTime(milliseconds: 2_000),
                    isWhole: true),
                .answered(.yes, by: .key, at: WallTime(milliseconds: 3_000)),
            ])
        #expect(evidence.outcome == .granted(at: WallTime(milliseconds: 3_000)))
    }
}

@Suite struct AnnounceTests {
    @Test func announcementThatWasHeardGrants() throws {
        var call = try Conversation(record: .announce)
        #expect(call.send(.started) == ["say announcement"])
        #expect(call.played(.announcement) == ["granted by announced", "proceed"])
    }

    @Test func announcementThatWasCutIsNoBasis() throws {
        var call = try Conversation(record: .announce)
        _ = call.send(.started)
        #expect(call.played(.announcement, whole: false) == ["refused, continue", "proceed"])
    }

    @Test func noDuringTheAnnouncementRefuses() throws {
        var call = try Conversation(record: .announce)
        _ = call.send(.started)
        #expect(call.send(.answered(.no, by: .key)) == ["stop announcement", "refused, continue", "proceed"])
    }

    @Test func strictRegionTurnsAnnouncingIntoAsking() throws {
        var call = try Conversation(record: .announce, caller: "+4930123456")
        #expect(call.send(.started) == ["say disclosure"])
        #expect(call.played(.disclosure) == ["say question"])
    }
}

@Suite struct NeverTests {
    @Test func nobodyIsAskedAndNothingIsGranted() throws {
        var call = try Conversation(record: .never)
        #expect(call.send(.started) == ["proceed"])
        #expect(call.machine.evidence.outcome == .notRecorded && !call.machine.isGranted)
    }

    @Test func disclosureIsStillMade() throws {
        var call = try Conversation(record: .never, refused: .hangUp, tenantRegion: "AT")
        #expect(call.send(.started) == ["say disclosure"])
        #expect(call.played(.disclosure) == ["proceed"])
    }
}

/// Whatever comes in, in whatever order: no grant without a yes or an announcement, and every wait has a timer.
@Suite struct ConsentSoakTests {
    @Test func randomInputsKeepTheInvariants() throws {
        var seed: UInt64 = 42
        func next(_ bound: UInt64) -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (seed >> 33) % bound
        }
        for _ in 0..<2_000 {
            var call = try Conversation(record: next(4) == 0 ? .announce : .ask, caller: next(2) == 0 ? "+4930123456" : "+442071234567")
            var saidYes = false
            var heard = false
            for step in 0..<40 {
                let prompts = ConsentPrompt.allCases
                let input: ConsentMachine.Input =
                    switch next(9) {
                    case 0: .started
                    case 1, 2, 3, 4: .promptPlayed(prompts[Int(next(UInt64(prompts.count)))], isWhole: next(8) != 0)
                    case 5: .answered(.no, by: .key)
                    case 6: .answered(.yes, by: next(2) == 0 ? .key : .voice)
                    case 7: .answered(.unclear, by: .voice)
                    default: step > 30 ? .callEnded : .timerDue
                    }
                if case .answered(.yes, _) = input { saidYes = true }
                if case .promptPlayed(.announcement, true) = input { heard = true }
                let outputs = call.send(input, after: .seconds(Int64(next(8))))
                if outputs.contains(where: { $0.hasPrefix("granted") }) {
                    #expect(saidYes || (heard && call.machine.plan.mode == .announce))
                }
                if call.machine.isListening { #expect(call.machine.nextDeadline != nil) }
            }
            #expect(call.machine.evidence.events.count <= 256)
        }
    }
}
