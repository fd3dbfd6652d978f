import Policy
import SottoBase
import Testing

/// A house with two tenants.
enum Fixture {
    static func tenantName(_ text: String) throws -> TenantName { try #require(TenantName(text)) }
    static func trunkName(_ text: String) throws -> TrunkName { try #require(TrunkName(text)) }

    static func trunk(
        _ name: String, peers: [String] = [], certificates: [String] = [], needsBoth: Bool = true, style: NumberStyle = .plus, line: Int = 1
    ) throws -> TrunkPolicy {
        TrunkPolicy(
            name: try trunkName(name),
            identity: TrunkPolicy.Identity(
                peers: try peers.map { try AddressRange($0) }, certificateIdentities: certificates, needsBoth: needsBoth),
            numberStyle: style, location: SourceLocation(file: "tenants/acme.toml", line: line))
    }

    static func tenant(
        _ name: String, trunks: [TrunkPolicy] = [], routes: [RoutePolicy] = [], consent: ConsentPolicy = ConsentPolicy(),
        speech: SpeechPolicy = SpeechPolicy(), dialogues: [String: DialogueScript] = [:]
    ) throws -> TenantPolicy {
        TenantPolicy(
            name: try tenantName(name), region: try #require(Region("DE")), trunks: trunks, routes: routes, consent: consent,
            speech: speech,
            dialogues: dialogues, location: SourceLocation(file: "tenants/\(name).toml"))
    }

    static func policy(_ tenants: [TenantPolicy], providers: [SpeechProvider] = SpeechProvider.embedded) throws -> PolicySnapshot {
        PolicySnapshot(
            version: "v1", tenants: tenants, gatewayRegion: try #require(Region("DE")), providers: providers,
            administrators: [
                AdministrationRule(role: .viewer, users: [1_000], groups: [50], location: SourceLocation(file: "sotto.toml", line: 9))
            ], location: SourceLocation(file: "sotto.toml"))
    }

    static func peer(_ text: String) throws -> PeerAddress { try #require(PeerAddress(host: text, port: 40_000)) }
}

@Suite struct IdentifyTests {
    private func identify(_ trunks: [TrunkPolicy], _ peer: String, _ certificates: [String] = []) throws -> TrunkDecision {
        try Fixture.policy([Fixture.tenant("acme", trunks: trunks)]).identify(
            peer: Fixture.peer(peer), certificateIdentities: certificates)
    }

    @Test func addressInARangeIsTheTrunkAndTheRuleIsNamed() throws {
        let decision = try identify([Fixture.trunk("a", peers: ["198.51.100.0/24"], line: 7)], "198.51.100.9")
        #expect(decision.match?.reference.description == "acme/a")
        #expect(decision.match?.reason.description == "peers 198.51.100.0/24: trunk a (tenants/acme.toml:7)")
    }

    @Test func unknownPeerIsUnknown() throws {
        let decision = try identify([Fixture.trunk("a", peers: ["198.51.100.0/24"])], "203.0.113.1")
        guard case .unknown(let reason) = decision else {
            Issue.record("it is known")
            return
        }
        #expect(reason.rule.location.file == "sotto.toml")
    }

    @Test func narrowestRangeWins() throws {
        let trunks = [try Fixture.trunk("wide", peers: ["198.51.0.0/16"]), try Fixture.trunk("narrow", peers: ["198.51.100.0/24"])]
        #expect(try identify(trunks, "198.51.100.1").match?.trunk.name.text == "narrow")
        #expect(try identify(trunks.reversed(), "198.51.100.1").match?.trunk.name.text == "narrow")
        #expect(try identify(trunks, "198.51.1.1").match?.trunk.name.text == "wide")
    }

    @Test func certificateGoesBeforeAnAddress() throws {
        let trunks = [
            try Fixture.trunk("address", peers: ["198.51.100.1"]), try Fixture.trunk("certificate", certificates: ["sbc.example"]),
        ]
        #expect(try identify(trunks, "198.51.100.1", ["sbc.example"]).match?.trunk.name.text == "certificate")
        #expect(try identify(trunks, "198.51.100.1").match?.trunk.name.text == "address")
    }

    /// RFC 5922 §7.1, §7.2: compared whole, without case, no wildcards.
    @Test(arguments: [
        ("SBC.Example", true), ("sip:sbc.example", true), ("DNS:sbc.example.", true), ("a.sbc.example", false), ("*.example", false),
        ("sbc.example.evil.test", false), ("", false),
    ])
    func certificateIdentityIsComparedWhole(_ shown: String, _ isKnown: Bool) throws {
        let trunk = try Fixture.trunk("a", certificates: ["sbc.example"])
        #expect((try identify([trunk], "203.0.113.1", [shown]).match != nil) == isKnown)
    }

    @Test func whenBothAreNamedBothMustHold() throws {
        let trunk = try Fixture.trunk("a", peers: ["198.51.100.0/24"], certificates: ["sbc.example"])
        #expect(try identify([trunk], "198.51.100.1", ["sbc.example"]).match != nil)
        #expect(try identify([trunk], "198.51.100.1").match == nil)
        #expect(try identify([trunk], "203.0.113.1", ["sbc.example"]).match == nil)
    }

    @Test func eitherIsEnoughWhenPolicySaysSo() throws {
        let trunk = try Fixture.trunk("a", peers: ["198.51.100.0/24"], certificates: ["sbc.example"], needsBoth: false)
        #expect(try identify([trunk], "198.51.100.1").match != nil)
        #expect(try identify([trunk], "203.0.113.1", ["sbc.example"]).match != nil)
        #expect(try identify([trunk], "203.0.113.1", ["other.example"]).match == nil)
    }

    @Test func trunkThatNamesNothingIsNobody() throws {
        #expect(try identify([Fixture.trunk("a")], "198.51.100.1", ["x"]).match == nil)
    }
}

@Suite struct RouteTests {
    private let script = DialogueScript(
        name: "reception", start: "bye", states: [DialogueScript.State(name: "bye", say: nil, step: .hangUp)], limits: .init())

    private func policy(_ style: NumberStyle = .plus) throws -> PolicySnapshot {
        func rule(_ name: String, _ line: Int) -> RuleReference {
            RuleReference(name, at: SourceLocation(file: "tenants/acme.toml", line: line))
        }
        let a = try Fixture.trunkName("a")
        let routes = [
            RoutePolicy(
                from: [a], toNumbers: [try #require(NumberPattern("+493099*"))], target: .reject(status: 480), rule: rule("closed", 3)),
            RoutePolicy(
                fromNumbers: [try #require(NumberPattern("+4940*"))], target: .reject(status: 603), rule: rule("hamburg", 5)),
            RoutePolicy(
                from: [a], toNumbers: [try #require(NumberPattern("+4930*"))], target: .agent("reception"), rule: rule("berlin", 7)),
        ]
        return try Fixture.policy([
            Fixture.tenant(
                "acme", trunks: [Fixture.trunk("a", style: style), Fixture.trunk("b")], routes: routes, dialogues: ["reception": script])
        ])
    }

    private func route(_ trunk: String, _ called: String, _ calling: String?, _ style: NumberStyle = .plus) throws -> RouteDecision {
        try policy(style).route(
            trunk: TrunkReference(tenant: Fixture.tenantName("acme"), trunk: Fixture.trunkName(trunk)), calledNumber: called,
            callingNumber: calling)
    }

    @Test func firstMatchWinsAndNamesItsRule() throws {
        #expect(try route("a", "+49309912", nil).outcome == .reject(status: 480))
        #expect(try route("a", "+49309912", nil).reason.rule.description == "closed (tenants/acme.toml:3)")
        #expect(try route("a", "+493012", nil).outcome == .agent(script))
    }

    @Test func callingNumberCountsAndAWithheldOneMatchesNone() throws {
        #expect(try route("a", "+493012", "+494012").outcome == .reject(status: 603))
        #expect(try route("b", "+493012", nil).outcome == .reject(status: 404))
    }

    @Test func noRouteIs404() throws { #expect(try route("b", "+493012", "+4989").outcome == .reject(status: 404)) }

    @Test func trunksNumberStyleIsApplied() throws {
        #expect(try route("a", "493012345", nil, .bare).outcome == .agent(script))
        #expect(try route("a", "493012345", nil, .plus).outcome == .reject(status: 404))
    }

    @Test func unknownTrunkIsRefused() throws {
        #expect(try route("gone", "+493012", nil).outcome == .reject(status: 403))
    }
}

@Suite struct GrantTests {
    private let house = SpeechProvider(name: "house", service: .recognizer, boundary: .external)

    private func policy(_ speech: SpeechPolicy) throws -> PolicySnapshot {
        try Fixture.policy(
            [Fixture.tenant("acme", speech: speech), Fixture.tenant("beta")], providers: SpeechProvider.embedded + [house])
    }

    private func isGranted(_ policy: PolicySnapshot, _ provider: SpeechProvider, _ tenant: String) throws -> Bool {
        switch policy.grantBoundary(recognizer: provider, tenant: try Fixture.tenantName(tenant)) {
        case .granted(let grant): grant.recipient == provider.name
        case .refused: false
        }
    }

    @Test func embeddedRecognizerIsGrantedByDefault() throws {
        #expect(try isGranted(policy(SpeechPolicy()), SpeechProvider.embedded[0], "acme"))
    }

    @Test func boundaryThatTheTenantDoesNotAllowIsRefused() throws {
        #expect(try !isGranted(policy(SpeechPolicy(recognizer: "house")), house, "acme"))
        #expect(try isGranted(policy(SpeechPolicy(recognizer: "house", allowedBoundaries: [.external])), house, "acme"))
    }

    /// One tenant's permission is not another's.
    @Test func anotherTenantsRecognizerIsRefused() throws {
        let policy = try policy(SpeechPolicy(recognizer: "house", allowedBoundaries: [.external]))
        #expect(try !isGranted(policy, house, "beta"))
        #expect(try !isGranted(policy, house, "nobody"))
    }

    /// A provider that calls itself in-process is not believed.
    @Test func madeUpProviderIsRefused() throws {
        let madeUp = SpeechProvider(name: "house", service: .recognizer, boundary: .inProcess)
        #expect(try !isGranted(policy(SpeechPolicy(recognizer: "house")), madeUp, "acme"))
    }
}

@Suite struct RedactionPolicyTests {
    @Test func everythingIsMaskedUnlessALineSaysOtherwise() {
        #expect(RedactionPolicy().all.values.allSatisfy { $0 == .mask })
        #expect(RedactionPolicy(actions: [.card: .keep]).action(for: .card) == .keep)
    }

    /// PCI DSS 3.3.1: verification codes are never stored. The value itself cannot hold it, whoever makes one.
    @Test(arguments: RedactionAction.allCases) func verificationCodesAreAlwaysMasked(_ action: RedactionAction) {
        #expect(RedactionPolicy(actions: [.cardVerification: action]).action(for: .cardVerification) == .mask)
        #expect(RedactionPolicy(actions: [.number: action]).action(for: .number) == .mask)
    }
}

@Suite struct AdministrationTests {
    @Test func rolesComeFromUsersAndGroupsAndRootHasNone() throws {
        let policy = try Fixture.policy([])
        #expect(policy.roles(user: 1_000, groups: []) == [.viewer])
        #expect(policy.roles(user: 7, groups: [50]) == [.viewer])
        #expect(policy.roles(user: 0, groups: [0]) == [])
    }

    @Test func refusalNamesTheRule() throws {
        let policy = try Fixture.policy([])
        guard case .failure(let refused) = policy.mayAct(as: .viewer, user: 0, groups: []) else {
            Issue.record("allowed")
            return
        }
        #expect(refused.description == "uid 0 has not the role viewer: admin role viewer (sotto.toml:9)")
    }
}
