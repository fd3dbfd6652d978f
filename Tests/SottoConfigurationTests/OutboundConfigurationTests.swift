import Foundation
import Policy
import SottoBase
import SottoConfiguration
import Testing

/// The corpus's whole examples, `tenant-bridge.toml` and `machine-network.toml`, as the values that become of them.
@Suite struct OutboundConfigurationTests {
    private func corpus(_ name: String) throws -> String {
        let folder = try #require(CorpusTests.folder)
        return try String(contentsOf: folder.appendingPathComponent(name + ".toml"), encoding: .utf8)
    }

    private func bridge() throws -> TenantPolicy {
        let files = MemoryFiles.good(tenant: try corpus("tenant-bridge"))
        return try #require(try files.load().get().policy.tenants.first)
    }

    private func carrier() throws -> TrunkPolicy { try #require(try bridge().trunks.first) }

    @Test func trunksOutboundPartIsRead() throws {
        let trunk = try carrier()
        let outbound = try #require(trunk.outbound)
        #expect(outbound.servers.map(\.description) == ["sip.carrier.example", "backup.carrier.example:5071"])
        #expect(outbound.domain == "carrier.example" && outbound.fromDomain == "acme.example" && outbound.listener == "public")
        #expect(outbound.expectedName(of: outbound.servers[1]) == "backup.carrier.example" && !outbound.allowsWildcard)
        #expect(outbound.serverCA.map { FileReference($0) } == .file("/etc/sotto/carrier-ca.pem"))
        #expect(outbound.clientCertificate?.chain.text == "file:/etc/sotto/carrier.pem")
        #expect(outbound.clientCertificate.map { FileReference($0.key) } == .file("/etc/sotto/carrier.key"))
        #expect(outbound.probeInterval == nil && outbound.breaker == CircuitBreakerPolicy(failures: 5, retryAfter: .seconds(60)))
        #expect(outbound.redirects == .follow && outbound.transfer == .refer && outbound.scheme == .sips)
        #expect(outbound.ringTime == .seconds(40))
        #expect(outbound.callerID == .fixed(DialledNumber(user: "+493012345")))
        #expect(trunk.refer == .obey && trunk.isTrusted)
    }

    /// SIPconnect 2.0: registration mode for one trunk, static mode for another.
    @Test func registrationAndStaticModeAreRead() throws {
        let outbound = try #require(try carrier().outbound)
        #expect(outbound.registration == TrunkRegistration(user: "acme", contactUser: "+493012345", expires: .seconds(300)))
        #expect(
            outbound.credentials
                == TrunkCredentials(user: "acme", password: ContentReference("credential:carrier-password"), realm: "carrier.example"))
        #expect(outbound.credentials.map { FileReference($0.password) } == .credential("carrier-password"))
        let pbx = try #require(try bridge().trunks.last?.outbound)
        #expect(pbx.registration == nil && pbx.credentials == nil)
    }

    /// SIPconnect 2.0 §12: servers are asked by OPTIONS unless the file says never.
    @Test func serversAreProbedUnlessTheFileSaysNever() throws {
        #expect(try carrier().outbound?.probeInterval == nil)
        #expect(try bridge().trunks.last?.outbound?.probeInterval == .seconds(60))
    }

    @Test func pinnedKeysAndTLSNameAreRead() throws {
        let pbx = try #require(try bridge().trunks.last?.outbound)
        #expect(pbx.pinnedKeys.first?.digest == Array(0..<32))
        #expect(pbx.servers.map { pbx.expectedName(of: $0) } == ["pbx.acme.example", "pbx.acme.example"])
        #expect(pbx.domain == "192.0.2.20")
    }

    @Test func mediaAndTimersAreRead() throws {
        let trunk = try carrier()
        #expect(
            trunk.media
                == MediaPolicy(
                    suites: [.aes256CMSHA1_80, .aeadAES128GCM], keying: .any, codecs: [.g722, .pcma], packetMilliseconds: 30,
                    rollover: .reset,
                    holdSound: .noise, earlyMedia: .ring, usesComfortNoise: true))
        #expect(
            trunk.sessionTimer
                == SessionTimerPolicy(minimum: .seconds(120), expires: .seconds(1_200), refresher: .sotto, isOffered: true))
    }

    @Test func routesLeadToTrunksInOrderAndRewriteTheNumber() throws {
        let tenant = try bridge()
        let decision = tenant.route(trunk: try #require(TrunkName("carrier")), called: DialledNumber(user: "+493012"), calling: nil)
        guard case .trunk(let first, let dialled) = decision.outcome else {
            Issue.record("not bridged")
            return
        }
        #expect(first.name.text == "pbx" && decision.failover.map(\.name.text) == ["carrier"] && dialled.text == "912")
        #expect(tenant.routes.map(\.target.description) == ["echo", "trunk:carrier", "trunk:pbx", "agent:reception"])
    }

    @Test func dialogueHandsOver() throws {
        let script = try #require(try bridge().dialogues["reception"])
        guard case .handOver(let handOver)? = script.state(named: "hello")?.step else {
            Issue.record("no hand-over")
            return
        }
        #expect(
            handOver
                == DialogueScript.HandOver(
                    to: "+493012", trunk: try #require(TrunkName("pbx")), say: "One moment.", failed: "sorry"))
        #expect(script.prompts.contains("One moment."))
    }

    // MARK: - Machine

    private func network() throws -> MachineConfiguration {
        try MemoryFiles.good(machine: try corpus("machine-network")).load().get().machine
    }

    @Test func mediaHasAnAddressOfEachFamily() throws {
        let media = try network().media
        #expect(media.ranges.map(\.bind.hostText) == ["0.0.0.0", "::"])
        #expect(media.ranges.map(\.advertise.hostText) == ["192.0.2.10", "2001:db8::10"])
        #expect(media.dscp == 34 && !media.hasDTLS)
    }

    @Test func listenersHaveTheirFilesAndMarks() throws {
        let listeners = try network().listeners
        let first = try #require(listeners.first)
        #expect(first.clientCRL == .file("/etc/sotto/ca.crl") && first.ocspStaple == .file("/etc/sotto/sip.ocsp"))
        #expect(first.dscp == 26 && !first.hasSessionTickets)
        #expect(
            listeners.last?.advertisedHost == "[2001:db8::10]" && listeners.last?.dscp == 24 && listeners.last?.hasSessionTickets == true)
    }

    @Test func outboundDefaultsAndNameServersAreRead() throws {
        let machine = try network()
        #expect(machine.outbound.certificate == .file("/etc/sotto/out.pem") && machine.outbound.key == .credential("out-key"))
        #expect(
            machine.outbound.serverCA == .file("/etc/ssl/carriers.pem") && machine.outbound.serverCRL == .file("/etc/sotto/carriers.crl"))
        #expect(machine.dns.servers.map { "\($0.hostReference):\($0.port)" } == ["192.0.2.53:53", "[2001:db8::53]:5353"])
        #expect(machine.dns.timeout == .milliseconds(500) && machine.dns.attempts == 1 && machine.dns.longestCache == .seconds(600))
    }

    @Test func filesOfTLSNeedNoRestartAndSocketsDo() throws {
        let text = try corpus("machine-network")
        func machine(_ old: String, _ new: String) throws -> MachineConfiguration {
            try MemoryFiles.good(machine: text.replacingOccurrences(of: old, with: new)).load().get().machine
        }
        let running = try network()
        #expect(try machine("ca.crl", "new.crl").needsRestart(comparedTo: running) == [])
        #expect(try machine("out.pem", "new.pem").needsRestart(comparedTo: running) == [])
        #expect(try machine("dscp = 26", "dscp = 0").needsRestart(comparedTo: running) == ["[[sip.listener]] dscp"])
        #expect(try machine("attempts = 1", "attempts = 2").needsRestart(comparedTo: running) == ["[dns]"])
        #expect(try machine("dscp = 34", "dscp = 0").needsRestart(comparedTo: running) == ["[media]"])
    }

    // MARK: - Across files

    @Test func trunkThatWantsDTLSNeedsAMachineThatHasIt() throws {
        let machine = MemoryFiles.machine.replacingOccurrences(of: "[media]", with: "[media]\ndtls = false")
        func load(_ keying: String) -> Result<LoadedConfiguration, ConfigurationFailure> {
            MemoryFiles.good(
                machine: machine,
                tenant: MemoryFiles.tenant.replacingOccurrences(of: "[[route]]", with: "media = { keying = \"\(keying)\" }\n[[route]]")
            ).load()
        }
        guard case .failure(let failure) = load("dtls") else {
            Issue.record("it was loaded")
            return
        }
        #expect(failure.diagnostics.map(\.message) == ["trunk 'carrier' wants keys by DTLS, which this machine has not"])
        #expect(try load("any").get().warnings.count == 1)
        #expect(try load("sdes").get().warnings == [])
    }

    @Test func aPasswordInALineIsNeverShownWhateverIsWrongThere() throws {
        for line in [
            "credentials = { user = \"a\", password = \"hunter2hunter2\", x = 1 }",
            "credentials = { password = 'hunter2hunter2', user = 2 }",
            "credentials = { pasword = \"hunter2hunter2\", user = \"a\" }", "credentials = { user = \"a\", password = hunter2hunter2 }",
            "credentials = { \"password\" = \"hunter2hunter2\" }", "credentials = { password = [\"hunter2hunter2\"] }",
            "credentials = { user = \"a\", password = \"hunter2hunter2 }", "password = \"hunter2hunter2\"",
            "credentials = { key = \"file:x\", password = hunter2hunter2 }", "credentials.password = \"hunter2hunter2\"",
        ] {
            let tenant = MemoryFiles.tenant.replacingOccurrences(
                of: "[[route]]", with: "[trunk.outbound]\nservers = \"a.example\"\n\(line)\n[[route]]")
            guard case .failure(let failure) = MemoryFiles.good(tenant: tenant).load() else {
                Issue.record("loaded: \(line)")
                continue
            }
            #expect(!failure.description.contains("hunter2"), "\(failure)")
        }
    }
}
