import Policy
import SottoBase
import Testing

@Suite struct TrunkServerTests {
    @Test(
        arguments: [
            ("sip.carrier.example", "sip.carrier.example", nil, false), ("PBX.Example:5071", "pbx.example", 5_071, false),
            ("192.0.2.7", "192.0.2.7", nil, true), ("192.0.2.7:5061", "192.0.2.7", 5_061, true), ("2001:db8::7", "2001:db8::7", nil, true),
            ("[2001:DB8::7]:5071", "2001:db8::7", 5_071, true), ("localhost", "localhost", nil, false),
        ] as [(String, String, UInt16?, Bool)])
    func serverIsRead(_ text: String, _ host: String, _ port: UInt16?, _ isAddress: Bool) throws {
        let server = try #require(TrunkServer(text))
        #expect(server.host == host && server.port == port && server.isAddress == isAddress)
    }

    @Test(arguments: [
        "", ":", ":5061", "sip:a.example", "a.example:0", "a.example:65536", "a.example:", "a.example:+61", "a b.example", "0.0.0.0", "::",
        "[::]:5061", "0.0.0.0:5061", "10.0.0.300", "a..example", "-a.example", "[a.example]:5061", "[192.0.2.7", "1:2:3", "*.a.example",
        "a.example;transport=tls", "a.example/x", "user@a.example", "a_b.example", String(repeating: "a.", count: 200) + "b",
    ])
    func nonsenseIsNoServer(_ text: String) { #expect(TrunkServer(text) == nil) }

    @Test func serverIsWrittenSoThatItIsReadAgain() throws {
        for text in ["sip.carrier.example", "pbx.example:5071", "192.0.2.7:5061", "[2001:db8::7]:5071", "2001:db8::7"] {
            #expect(try #require(TrunkServer(text)).description == text)
        }
    }
}

@Suite struct PinnedKeyTests {
    /// RFC 7469 §2.1.5's first example.
    private let example = "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="

    @Test func pinIsReadAndWritten() throws {
        let pin = try #require(PinnedKey(example))
        #expect(pin.digest.count == 32 && pin.digest.prefix(4) == [0x77, 0xAA, 0xB3, 0x46])
        #expect(pin.description == example)
        #expect(PinnedKey(digest: pin.digest) == pin)
    }

    /// The last digit holds four bits that no byte has: they must be zero.
    @Test(arguments: [
        "", "sha256/", "sha256/AAAA", "sha1/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=",
        "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmN=", "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM-",
        "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM==", "sha256/d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYk=oZWmM=",
    ])
    func nonsenseIsNoPin(_ text: String) { #expect(PinnedKey(text) == nil) }

    @Test func pinOfAnotherLengthIsNone() { #expect(PinnedKey(digest: [1, 2, 3]) == nil) }
}

@Suite struct OutboundTrunkTests {
    private func trunk(_ servers: [String], tlsName: String? = nil, domain: String? = nil) throws -> OutboundTrunk {
        OutboundTrunk(servers: try servers.map { try #require(TrunkServer($0)) }, tlsName: tlsName, domain: domain)
    }

    /// RFC 5922 §7.1, §7.3: what was configured is compared, never what it resolved to.
    @Test func configuredNameIsExpectedAndNeverAnAddress() throws {
        let named = try trunk(["sip.carrier.example", "192.0.2.7"])
        #expect(named.servers.map { named.expectedName(of: $0) } == ["sip.carrier.example", nil])
        let fixed = try trunk(["sip.carrier.example", "192.0.2.7"], tlsName: "sbc.carrier.example")
        #expect(fixed.servers.map { fixed.expectedName(of: $0) } == ["sbc.carrier.example", "sbc.carrier.example"])
    }

    @Test func wildcardsCountOnlyWhereATrunkSaysSo() throws {
        #expect(try !trunk(["sip.carrier.example"]).allowsWildcard)
    }

    /// A redirect leads nowhere but into the trunk's own domains.
    @Test(arguments: [
        ("sip.carrier.example", true), ("SIP.Carrier.Example.", true), ("a.sip.carrier.example", true), ("carrier.example", true),
        ("eu.carrier.example", true), ("evilcarrier.example", false), ("carrier.example.evil.test", false), ("192.0.2.7", true),
        ("192.0.2.8", false), ("[2001:db8::7]", true), ("2001:db8:0::7", true), ("1.192.0.2.7", false), ("", false),
    ])
    func redirectsAreHeldToTheTrunksOwnDomains(_ host: String, _ expected: Bool) throws {
        let trunk = try trunk(["sip.carrier.example", "192.0.2.7", "[2001:db8::7]:5061"], domain: "carrier.example")
        #expect(trunk.isOwn(host: host) == expected)
    }

    @Test func domainIsTheFirstServerUnlessItIsNamed() throws {
        #expect(try trunk(["sip.carrier.example", "b.example"]).domain == "sip.carrier.example")
        #expect(try trunk(["sip.carrier.example"], domain: "carrier.example").domain == "carrier.example")
    }

    /// RFC 6188's suite stands behind those with authenticated encryption, a tag of 32 bits only where it is named.
    @Test func standardSuitesAreOrderedByStrength() {
        #expect(MediaPolicy.standard.suites == [.aeadAES256GCM, .aeadAES128GCM, .aes256CMSHA1_80, .aes128CMSHA1_80])
        #expect(MediaPolicy.standard.keying == .sdes && MediaPolicy.standard.packetMilliseconds == 20)
    }

    /// A peer moves calls only where its trunk says so (RFC 3515 §2.4.2).
    @Test func referIsRefusedUnlessPolicySaysObey() throws { #expect(try Fixture.trunk("a").refer == .refuse) }

    /// RFC 4028 §4: never below 90 seconds.
    @Test func sessionTimerAsksForNoLessThanItAccepts() {
        #expect(SessionTimerPolicy.standard.minimum == .seconds(90))
        #expect(SessionTimerPolicy(minimum: .seconds(600), expires: .seconds(300)).expires == .seconds(600))
    }
}

@Suite struct BridgingRouteTests {
    private func tenant(_ routes: [RoutePolicy]) throws -> TenantPolicy {
        func trunk(_ name: String, server: String?) throws -> TrunkPolicy {
            TrunkPolicy(
                name: try Fixture.trunkName(name), identity: TrunkPolicy.Identity(peers: [], certificateIdentities: ["\(name).example"]),
                outbound: try server.map { OutboundTrunk(servers: [try #require(TrunkServer($0))]) })
        }
        return try Fixture.tenant(
            "acme", trunks: [trunk("in", server: nil), trunk("a", server: "a.example"), trunk("b", server: "b.example")], routes: routes)
    }

    private func route(_ route: RoutePolicy, _ called: String) throws -> RouteDecision {
        try tenant([route]).route(trunk: Fixture.trunkName("in"), called: DialledNumber(user: called), calling: nil)
    }

    private let rule = RuleReference("route 1", at: SourceLocation(file: "tenants/acme.toml", line: 9))

    private func names(_ decision: RouteDecision) -> [String] {
        guard case .trunk(let first, _) = decision.outcome else { return [] }
        return [first.name.text] + decision.failover.map(\.name.text)
    }

    private func dialled(_ decision: RouteDecision) -> String? {
        if case .trunk(_, let number) = decision.outcome { number.text } else { nil }
    }

    @Test func echoIsAnOutcome() throws {
        #expect(try route(RoutePolicy(target: .echo, rule: rule), "+4930").outcome == .echo)
    }

    @Test func callGoesToTheTrunkThenToTheOthersInOrder() throws {
        let route = RoutePolicy(target: .trunk(try Fixture.trunkName("b")), failover: [try Fixture.trunkName("a")], rule: rule)
        let decision = try self.route(route, "+493012")
        #expect(names(decision) == ["b", "a"] && dialled(decision) == "+493012")
        #expect(decision.reason.description == "target trunk:b: route 1 (tenants/acme.toml:9)")
    }

    /// Trunks that cannot call out are passed over; when none is left the call fails rather than goes astray.
    @Test func trunkWithoutAnOutboundPartIsNeverCalled() throws {
        let route = RoutePolicy(target: .trunk(try Fixture.trunkName("in")), failover: [try Fixture.trunkName("a")], rule: rule)
        #expect(try names(self.route(route, "1")) == ["a"])
        let none = RoutePolicy(target: .trunk(try Fixture.trunkName("in")), failover: [try Fixture.trunkName("gone")], rule: rule)
        #expect(try self.route(none, "1").outcome == .reject(status: 500))
    }

    @Test(arguments: [
        ("+49", "0", "+493012", "03012"), ("", "+49", "3012", "+493012"), ("9", "", "93012", "3012"), ("9", "", "3012", "3012"),
        ("+4930", "", "+4930", "+4930"), ("+4930", "9", "+493012", "912"), ("", "", "sales", "sales"), ("sa", "", "sales", "les"),
    ])
    func numberIsRewritten(_ strip: String, _ add: String, _ called: String, _ expected: String) throws {
        let route = RoutePolicy(
            target: .trunk(try Fixture.trunkName("a")), rewriting: NumberRewriting(strip: strip, add: add), rule: rule)
        #expect(try dialled(self.route(route, called)) == expected)
    }

    @Test func rewritingStaysWithinItsBounds() {
        let number = DialledNumber(user: String(repeating: "9", count: 128))
        #expect(NumberRewriting(add: String(repeating: "1", count: 32)).apply(to: number).text.utf8.count <= 128)
    }

    /// SIPconnect 2.0 §10: E.164 with a plus, unless the trunk spells it otherwise.
    @Test(arguments: [
        (NumberStyle.plus, "+493012345", "+493012345"), (.bare, "+493012345", "493012345"), (.doubleZero, "+493012345", "00493012345"),
        (.bare, "112", "112"), (.doubleZero, "sales", "sales"), (.plus, "030123", "030123"),
    ])
    func numberIsWrittenAsTheTrunkSpellsIt(_ style: NumberStyle, _ number: String, _ expected: String) {
        #expect(DialledNumber(user: number).user(style: style) == expected)
    }

    @Test func handOverGoesToATrunkOfTheTenantAlone() throws {
        let tenant = try tenant([])
        let number = DialledNumber(user: "+493012")
        #expect(try names(tenant.handOver(to: Fixture.trunkName("a"), dialled: number, rule: rule)) == ["a"])
        #expect(try tenant.handOver(to: Fixture.trunkName("in"), dialled: number, rule: rule).outcome == .reject(status: 500))
        #expect(try tenant.handOver(to: Fixture.trunkName("others"), dialled: number, rule: rule).outcome == .reject(status: 500))
    }
}
