import Consent
import Policy
import Testing

func region(_ text: String) throws -> Region { try #require(Region(text)) }

@Suite struct FactsTests {
    @Test func embeddedTableIsWhole() throws {
        let facts = ConsentFacts.embedded
        #expect(facts.dated == "2026-11-23")
        #expect(facts.rows.count == 27 + 36)
        #expect(facts.rows[try region("US-CA")]?.noticeAny == [.announcement, .tone, .consentRecorded])
        #expect(facts.rows[try region("US-WA")]?.noticeAll == [.announcementRecorded])
        #expect(facts.rows[try region("US-TX")]?.isChecked == false)
        #expect(facts.rows[try region("DE")]?.basis == "StGB 201; BetrVG 87(1) no. 6")
    }

    /// All states of the US and DC have a row.
    @Test func everyStateHasARow() {
        let states = ConsentFacts.embedded.rows.keys.filter { $0.country?.code == "US" }
        #expect(states.count == 51)
    }

    @Test func stateOfAUnionFallsBackToItsUnionAndOnlyIfItHasNoRow() throws {
        let facts = ConsentFacts.embedded
        #expect(facts.row(for: try region("AT"))?.code.code == "EU")
        #expect(facts.row(for: try region("ES"))?.parties == .one)
        #expect(facts.row(for: try region("DE-BY"))?.code.code == "DE")
        #expect(facts.row(for: try region("AT-9"))?.code.code == "EU")
        #expect(facts.row(for: try region("CH")) == nil)
        #expect(facts.row(for: try region("US-XX")) == nil)
    }

    @Test(arguments: [
        "", "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"DE\"\n",
        "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"DE\"\nparties = \"two\"\n",
        "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"DE\"\nparties = \"all\"\npartys = 1\n", "dated = 2026-01-01\n[laws]\n",
        "dated = 2026-01-01\n[[jurisdiction]]\nparties = \"all\"\n",
        "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"Germany\"\nparties = \"all\"\n",
        "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"DE\"\nparties = \"all\"\n[[jurisdiction]]\ncode = \"DE\"\nparties = \"one\"\n",
        "dated = 2026-01-01\n[[jurisdiction]]\ncode = \"DE\"\nparties = \"all\"\nnotice-any = [\"shout\"]\n",
        "dated = 2026-01-01\nx = \"a\nb",
        "dated = 2026-01-01\n[[jurisdiction]\n", "dated = 2026-01-01 2026\n", "dated = 2026-01-01\ndated = 2026-01-02\n", "= 1\n", "[",
        "dated = [\"a\" \"b\"]\n",
    ])
    func brokenTableIsRefused(_ text: String) { #expect(throws: ConsentFactsError.self) { try ConsentFacts(parsing: Array(text.utf8)) } }

    @Test func errorNamesTheLine() {
        let error = #expect(throws: ConsentFactsError.self) { try ConsentFacts(parsing: Array("dated = 2026-01-01\n\n[laws]\n".utf8)) }
        #expect(error?.line == 3 && error?.rule == "a table that is known")
    }
}

@Suite struct RegionHintTests {
    @Test(arguments: [
        ("+4930123456", "DE", false), ("+442071234567", "GB", false), ("+13055551234", "US-FL", true), ("+14165551234", "CA", true),
        ("+35312345678", "IE", false), ("+97150123456", "AE", false), ("+18765551234", "JM", true),
    ])
    func numberHints(_ number: String, _ code: String, _ isHint: Bool) throws {
        let hint = try #require(RegionHint(number: DialledNumber(user: number)))
        #expect(hint.region.code == code && hint.isHint == isHint)
    }

    /// Freephone, satellite, international networks, names, withheld, too short: nothing is known.
    @Test(arguments: ["+18005551234", "+881612345678", "+88213300655", "reception", "030123456", "+130", "+", "+999123456"])
    func otherNumbersTellNothing(_ number: String) {
        #expect(RegionHint(number: DialledNumber(user: number)) == nil)
    }

    @Test func withheldNumberTellsNothing() { #expect(RegionHint(number: nil) == nil) }
}

@Suite struct PlanTests {
    private func plan(
        caller: String? = "+442071234567", callee: String = "reception", tenant: String = "GB", gateway: String = "GB",
        record: RecordMode = .announce
    ) throws -> ConsentPlan {
        ConsentFacts.embedded.plan(
            parties: ConsentParty.inbound(
                caller: caller.map { DialledNumber(user: $0) }, callee: DialledNumber(user: callee), tenantRegion: try region(tenant),
                gatewayRegion: try region(gateway)), policy: ConsentPolicy(record: record))
    }

    @Test func onePartyEverywhereIsAnnounced() throws {
        let plan = try plan()
        #expect(plan.mode == .announce && plan.notices == [.announcement] && plan.strictBecauseOf == [] && !plan.disclosesAI)
        #expect(plan.rows.map(\.party) == ["caller", "tenant", "gateway"])
        #expect(plan.rows.map(\.row) == ["GB", "GB", "GB"])
    }

    /// Each party alone makes the whole call strict.
    @Test func strictestPartyDecides() throws {
        #expect(try plan(caller: "+4930123456").strictBecauseOf == ["DE (caller)"])
        #expect(try plan(callee: "+4930123456").mode == .ask)
        #expect(try plan(tenant: "DE").mode == .ask)
        #expect(try plan(gateway: "US-PA").mode == .ask)
    }

    @Test(arguments: ["+41441234567", "+881612345678", nil] as [String?]) func unknownIsStrict(_ caller: String?) throws {
        #expect(try plan(caller: caller).mode == .ask)
    }

    @Test func contestedIsTreatedAsAll() throws { #expect(try plan(gateway: "US-DE").mode == .ask) }

    /// EU does not make ES or IT stricter.
    @Test func memberWithARowOfItsOwnIsNotMadeStricter() throws {
        let plan = try plan(caller: "+34911234567", tenant: "ES", gateway: "IT")
        #expect(plan.mode == .announce && plan.disclosesAI)
        #expect(try self.plan(caller: "+43112345678").mode == .ask)
    }

    /// An area code is a hint: it never makes a call laxer, and the duties of its state count.
    @Test func areaCodeOnlyAddsDuties() throws {
        #expect(try plan(caller: "+12125551234", tenant: "US-NY", gateway: "US-NY").mode == .ask)
        let washington = try plan(caller: "+12065551234", tenant: "US-NY", gateway: "US-NY")
        #expect(washington.notices.contains(.announcementRecorded))
        #expect(washington.rows.first.map { $0.isHint && $0.region == "US-WA" } == true)
    }

    /// California is satisfied by an announcement, Connecticut by one on the recording.
    @Test func rowThatAnAnnouncementSatisfiesIsAnnounced() throws {
        #expect(try plan(tenant: "US-CA").mode == .announce)
        let connecticut = try plan(tenant: "US-CT")
        #expect(connecticut.mode == .announce && connecticut.notices.contains(.announcementRecorded))
    }

    @Test func tenantsRuleIsNeverMadeLaxer() throws {
        #expect(try plan(record: .ask).mode == .ask)
        #expect(try plan(record: .never).mode == .never)
        #expect(try plan(caller: "+4930123456", record: .never).mode == .never)
        #expect(try plan(caller: "+4930123456", record: .never).notices == [])
    }

    @Test func callWithoutPartiesIsStrict() {
        #expect(ConsentFacts.embedded.plan(parties: [], policy: ConsentPolicy(record: .announce)).mode == .ask)
    }
}
