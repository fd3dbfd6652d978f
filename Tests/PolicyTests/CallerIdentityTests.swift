import Policy
import SottoBase
import Testing

/// Who is shown to whom on an outbound leg (RFC 3323, RFC 3325).
@Suite struct CallerIdentityTests {
    private let number = DialledNumber(user: "+4930123456")
    private let main = DialledNumber(user: "+4930100")

    private func trunk(_ rule: CallerIDRule, trusted: Bool) throws -> TrunkPolicy {
        TrunkPolicy(
            name: try Fixture.trunkName("carrier"), identity: TrunkPolicy.Identity(peers: [], certificateIdentities: ["a.example"]),
            isTrusted: trusted, outbound: OutboundTrunk(servers: [try #require(TrunkServer("sip.carrier.example"))], callerID: rule))
    }

    private func shown(_ privacy: [String], asserted: Bool = true, rule: CallerIDRule = .pass, trusted: Bool) throws -> ShownIdentity {
        try trunk(rule, trusted: trusted).shownIdentity(
            of: CallerIdentity(number: number, isAsserted: asserted, privacy: PrivacyRequest(values: privacy)))
    }

    /// RFC 3325 §5: P-Asserted-Identity is for trusted neighbours.
    @Test func assertedIdentityGoesToATrustedTrunkAlone() throws {
        #expect(try shown([], trusted: true) == ShownIdentity(from: number, asserted: number, asksForPrivacy: false))
        #expect(try shown([], trusted: false) == ShownIdentity(from: number, asserted: nil, asksForPrivacy: false))
    }

    /// What no trusted trunk asserted is never asserted by us.
    @Test func identityThatNobodyAssertedIsNotAsserted() throws {
        #expect(try shown([], asserted: false, trusted: true) == ShownIdentity(from: number, asserted: nil, asksForPrivacy: false))
    }

    /// RFC 3325 §7: with `id`, nothing of the caller leaves the trust domain.
    @Test(arguments: [["id"], ["user"], ["ID", "critical"], ["header", "session", "id"]])
    func privacyLeavesNothingToAnUntrustedTrunk(_ privacy: [String]) throws {
        #expect(try shown(privacy, trusted: false) == ShownIdentity(from: nil, asserted: nil, asksForPrivacy: true))
        #expect(try shown(privacy, trusted: true) == ShownIdentity(from: nil, asserted: number, asksForPrivacy: true))
    }

    @Test func privacyNoneShowsTheCaller() throws {
        #expect(try shown(["none", "id"], trusted: false).from == number)
        #expect(try shown(["header", "session"], trusted: false).from == number)
    }

    @Test func anonymousRuleHidesEverybodyButTellsTheTrusted() throws {
        #expect(try shown([], rule: .anonymous, trusted: false) == ShownIdentity(from: nil, asserted: nil, asksForPrivacy: true))
        #expect(try shown([], rule: .anonymous, trusted: true) == ShownIdentity(from: nil, asserted: number, asksForPrivacy: true))
    }

    @Test func fixedNumberShowsNothingOfTheCaller() throws {
        #expect(try shown(["id"], rule: .fixed(main), trusted: true) == ShownIdentity(from: main, asserted: main, asksForPrivacy: false))
        #expect(try shown([], rule: .fixed(main), trusted: false) == ShownIdentity(from: main, asserted: nil, asksForPrivacy: false))
    }

    @Test func withheldCallerIsAnonymous() throws {
        let shown = try trunk(.pass, trusted: true).shownIdentity(of: CallerIdentity(number: nil, isAsserted: false))
        #expect(shown == ShownIdentity(from: nil, asserted: nil, asksForPrivacy: false))
    }

    @Test func trunkWithoutAnOutboundPartShowsNothing() throws {
        let trunk = TrunkPolicy(
            name: try Fixture.trunkName("in"), identity: TrunkPolicy.Identity(peers: [], certificateIdentities: ["a.example"]),
            isTrusted: true)
        #expect(trunk.shownIdentity(of: CallerIdentity(number: number, isAsserted: true)).from == nil)
    }

    /// RFC 3323 §5: `critical` with what we cannot do fails the call (500); without it the call goes on.
    @Test func criticalPrivacyThatWeCannotGiveIsUnmet() {
        #expect(PrivacyRequest(values: ["id", "telepathy", "critical"]).isUnmet)
        #expect(!PrivacyRequest(values: ["id", "telepathy"]).isUnmet)
        #expect(!PrivacyRequest(values: ["header", "session", "user", "id", "history", "critical"]).isUnmet)
    }

    @Test func identityShowsNoNumberOfItsOwnAccord() {
        let identity = CallerIdentity(number: number, isAsserted: true)
        var dumped = ""
        dump(identity, to: &dumped)
        #expect(!"\(identity)\(dumped)".contains("4930123"))
    }
}
