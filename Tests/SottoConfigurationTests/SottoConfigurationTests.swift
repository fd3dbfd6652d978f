import Foundation
import Policy
import SottoBase
import SottoConfiguration
import Testing

@Suite struct LoaderTests {
    /// Why `files` are refused.
    private func refusal(_ files: MemoryFiles) throws -> ConfigurationFailure {
        guard case .failure(let failure) = files.load() else { throw Unexpected.loaded }
        return failure
    }
    private enum Unexpected: Error { case loaded }

    private func loaded(_ files: MemoryFiles) throws -> LoadedConfiguration { try files.load().get() }

    // MARK: - Examples

    /// The examples that are shipped load without a single warning.
    @Test func shippedExamplesLoad() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Config").path
        switch ConfigurationLoader.load(directory: folder, files: .system()) {
        case .failure(let failure): Issue.record("\(failure)")
        case .success(let loaded):
            #expect(loaded.warnings == [])
            #expect(loaded.policy.tenants.map(\.name.text) == ["example"])
            #expect(loaded.files == ["sotto.toml", "tenants/example.toml"])
            let tenant = try #require(loaded.policy.tenants.first)
            #expect(tenant.dialogues["reception"]?.states.count == 7)
            #expect(tenant.redaction.action(for: .card) == .keepLastFour)
            #expect(tenant.redaction.action(for: .cardVerification) == .mask)
            #expect(tenant.fraudRules.last?.name == "everything-else")
        }
    }

    /// The other example is copied to a name of its own before it is used.
    @Test func shippedBridgeExampleLoads() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Config/tenants/bridge.toml.example")
        let loaded = try loaded(.good(tenant: try String(contentsOf: file, encoding: .utf8)))
        #expect(loaded.warnings == [])
        let tenant = try #require(loaded.policy.tenants.first)
        #expect(tenant.trunks.compactMap(\.outbound?.registration).count == 1)
        let carrier = try #require(TrunkName("carrier-b"))
        let decision = tenant.route(trunk: carrier, called: DialledNumber(user: "+493012345678"), calling: nil)
        guard case .trunk(let trunk, let dialled) = decision.outcome else {
            Issue.record("not bridged")
            return
        }
        #expect(trunk.name.text == "pbx" && dialled.text == "5678")
    }

    // MARK: - Values

    @Test func tenantFileBecomesPolicy() throws {
        let tenant = """
            [tenant]
            name = "acme"
            region = "us-ca"
            [[trunk]]
            name = "carrier"
            peers = ["198.51.100.0/24", "2001:db8::1"]
            certificate-identity = "sip:SBC.Carrier.example"
            media = { suites = ["AES_CM_128_HMAC_SHA1_80"], codecs = ["PCMU"], guard-ms = 40 }
            limits = { calls = 7, calls-per-second = 2.5 }
            numbers = "bare"
            trusted = true
            [[route]]
            to-number = "+4930*"
            target = "reject:486"
            [consent]
            record = "announce"
            uses = ["recording"]
            refused = "hang-up"
            answer-time = "2500ms"
            [retention]
            audio = "2w"
            [[fraud.rule]]
            name = "premium"
            when = { callee-prefix = "+881" }
            then = "refuse"
            status = 403
            """
        let policy = try loaded(.good(tenant: tenant)).policy
        let acme = try #require(policy.tenants.first)
        let trunk = try #require(acme.trunks.first)
        #expect(acme.region.code == "US-CA")
        #expect(trunk.identity.peers.map(\.description) == ["198.51.100.0/24", "2001:db8::1/128"])
        #expect(trunk.identity.certificateIdentities == ["sbc.carrier.example"])
        #expect(trunk.media == MediaPolicy(suites: [.aes128CMSHA1_80], codecs: [.pcmu], guardMilliseconds: 40))
        #expect(trunk.limits.calls == 7 && trunk.limits.callsPerSecond == 2.5 && trunk.limits.burst == 5)
        #expect(trunk.numberStyle == .bare && trunk.isTrusted)
        #expect(trunk.location == Policy.SourceLocation(file: "tenants/acme.toml", line: 4, column: 1))
        #expect(acme.routes.first?.rule.description == "route 1 (tenants/acme.toml:12:1)")
        #expect(acme.consent.record == .announce && acme.consent.uses == .recording && acme.consent.refused == .hangUp)
        #expect(acme.consent.answerTime == .milliseconds(2_500))
        #expect(acme.retention.audio == .seconds(14 * 86_400))
        #expect(acme.fraudRules.map(\.name) == ["premium", "everything-else"])
        #expect(acme.fraudRules.first?.action == .refuse(status: 403))
    }

    @Test func machineFileBecomesSettings() throws {
        let machine =
            MemoryFiles.machine + """
                [limits]
                calls = 12
                drain = "2m"
                [[speech.provider]]
                name = "house"
                service = "recognizer"
                boundary = "on-premises"
                command = ["/usr/libexec/house", "-v"]
                """
        let configuration = try loaded(.good(machine: machine))
        let listener = try #require(configuration.machine.listeners.first)
        #expect(listener.advertisedHost == "192.0.2.10" && listener.bind.port == 5_061)
        #expect(listener.certificate == .file("/etc/sotto/sip.pem"))
        #expect(listener.key == .file("/etc/sotto/sip.key"))
        #expect(configuration.machine.keys.rootKey == .credential("root"))
        #expect(configuration.machine.media.ports == 20_000...29_999)
        #expect(configuration.policy.limits.calls == 12 && configuration.policy.limits.drain == .seconds(120))
        #expect(configuration.machine.speech.external.first?.command == ["/usr/libexec/house", "-v"])
        #expect(configuration.policy.providers.map(\.name) == ["pocketsphinx", "flite", "script", "house"])
    }

    // MARK: - Version

    @Test func versionIsTheSameForTheSameFilesAndChangesWithAnyByte() throws {
        let first = try loaded(.good()).policy.version
        #expect(try loaded(.good()).policy.version == first)
        #expect(try loaded(.good(tenant: MemoryFiles.tenant + "# a remark\n")).policy.version != first)
        #expect(first.count == 32)
    }

    // MARK: - Reload

    @Test func socketsNeedARestartAndPolicyDoesNot() throws {
        let running = try loaded(.good()).machine
        let moved = try loaded(
            .good(machine: MemoryFiles.machine.replacingOccurrences(of: "bind = \"192.0.2.10\"\ncert", with: "bind = \"192.0.2.11\"\ncert"))
        ).machine
        #expect(moved.needsRestart(comparedTo: running) == ["[[sip.listener]] bind, port and advertise"])
        #expect(try loaded(.good(tenant: nil)).machine.needsRestart(comparedTo: running) == [])
    }

    @Test(arguments: [
        ("bind = \"192.0.2.10\"\ncert", "bind = \"192.0.2.10\"\nadvertise = \"sbc.example\"\ncert", "[[sip.listener]] bind, port and advertise"),
        ("bind = \"192.0.2.10\"\ncert", "bind = \"192.0.2.10\"\nadvertise-port = 5071\ncert", "[[sip.listener]] bind, port and advertise"),
        ("[keys]", "[storage]\non-full = \"refuse-calls\"\n[keys]", "[storage] on-full"),
        ("[keys]", "[storage]\naudit = \"/srv/audit\"\n[keys]", "[storage] paths"),
        ("[keys]", "[log]\nlevel = \"debug\"\n[keys]", "[log]"),
    ])
    func whatWasFixedAtStartIsNamed(old: String, new: String, name: String) throws {
        let running = try loaded(.good()).machine
        let changed = try loaded(.good(machine: MemoryFiles.machine.replacingOccurrences(of: old, with: new))).machine
        #expect(changed.needsRestart(comparedTo: running) == [name])
    }

    @Test func aRemarkAboveEverythingNeedsNoRestart() throws {
        let machine = MemoryFiles.machine + """
            [[speech.provider]]
            name = "house"
            service = "recognizer"
            boundary = "on-premises"
            command = ["/usr/libexec/house", "-v"]

            """
        let running = try loaded(.good(machine: machine)).machine
        #expect(try loaded(.good(machine: "# a remark\n" + machine)).machine.needsRestart(comparedTo: running) == [])
        let changed = machine.replacingOccurrences(of: "\"-v\"", with: "\"-q\"")
        #expect(try loaded(.good(machine: changed)).machine.needsRestart(comparedTo: running) == ["[speech]"])
    }

    /// The gate at the door reads them anew for each connection.
    @Test func limitsNeedNoRestart() throws {
        let running = try loaded(.good()).machine
        let changed = try loaded(
            .good(machine: MemoryFiles.machine + "[limits]\nconnections = 5\nconnections-per-source = 2\nhandshakes = 3\n"))
        #expect(changed.machine.needsRestart(comparedTo: running) == [])
        #expect(changed.policy.limits.connections == 5)
    }

    // MARK: - Faults

    @Test func missingMachineFileIsOneClearError() throws {
        var files = MemoryFiles()
        files.add("/etc/sotto/tenants/acme.toml", MemoryFiles.tenant)
        let failure = try refusal(files)
        #expect(failure.diagnostics.map(\.summary) == ["sotto.toml: error: the file cannot be read: it does not exist"])
    }

    @Test func hugeFileIsRefusedUnread() throws {
        let files = MemoryFiles.good(tenant: String(repeating: "# remark\n", count: 40_000))
        let failure = try refusal(files)
        #expect(failure.diagnostics.first?.message == "the file cannot be read: it is larger than 262144 bytes")
    }

    @Test func errorsOfAllFilesAreReportedAtOnce() throws {
        var files = MemoryFiles.good(machine: MemoryFiles.machine + "[log]\nlevle = \"info\"\n", tenant: "[tenant]\nname = \"acme\"\n")
        files.add("/etc/sotto/tenants/beta.toml", "[tenant\n")
        let failure = try refusal(files)
        let errors = failure.diagnostics.filter { $0.severity == .error }.map(\.location.file)
        #expect(errors == ["sotto.toml", "tenants/acme.toml", "tenants/beta.toml"])
    }

    @Test func twoTenantsOfOneNameAreRefused() throws {
        var files = MemoryFiles.good()
        files.add("/etc/sotto/tenants/copy.toml", MemoryFiles.tenant.replacingOccurrences(of: "198.51.100", with: "203.0.113"))
        let failure = try refusal(files)
        #expect(failure.diagnostics.map(\.message) == ["tenant 'acme' is there already"])
    }

    /// Two tenants never share a peer.
    @Test func trunksOfTwoTenantsThatClaimOneAddressAreRefused() throws {
        var files = MemoryFiles.good()
        files.add("/etc/sotto/tenants/beta.toml", MemoryFiles.tenant.replacingOccurrences(of: "acme", with: "beta"))
        let failure = try refusal(files)
        #expect(failure.diagnostics.first?.message.contains("cannot be told from trunk 'acme/carrier'") == true)
    }

    @Test func trunkWithACertificateNeedsAListenerThatAsksForOne() throws {
        let machine = MemoryFiles.machine.replacingOccurrences(of: "client-ca = \"ca.pem\"\nclient-certificates = \"optional\"\n", with: "")
        let tenant = MemoryFiles.tenant.replacingOccurrences(
            of: "peers = [\"198.51.100.0/24\"]", with: "certificate-identity = \"a.example\"")
        let failure = try refusal(MemoryFiles.good(machine: machine, tenant: tenant))
        #expect(failure.diagnostics.first?.message == "trunk 'carrier' needs a certificate, but no listener asks for one")
    }

    // MARK: - Secrets

    @Test func diagnosticsNeverShowASecret() throws {
        let machine = MemoryFiles.machine
            .replacingOccurrences(of: "root-key = \"credential:root\"", with: "root-key = \"hunter2hunter2\"")
            .replacingOccurrences(of: "key = \"file:sip.key\"", with: "key = 'MIIEvQ")
        for text in [machine, machine.replacingOccurrences(of: "'MIIEvQ", with: "\"file:x\"")] {
            let failure = try refusal(MemoryFiles.good(machine: text))
            #expect(!failure.description.contains("hunter2") && !failure.description.contains("MIIE"))
        }
    }

    // MARK: - Reference

    /// Every table of the reference has a text, no key is there twice, and the manual names them all.
    @Test func referenceIsCompleteAndPrinted() {
        let manual = ConfigurationReference.markdown
        for table in ConfigurationReference.machine + ConfigurationReference.tenant {
            #expect(Set(table.fields.map(\.key)).count == table.fields.count)
            #expect(!table.text.isEmpty && manual.contains("### `\(table.header)`"))
            for field in table.fields { #expect(!field.text.isEmpty && manual.contains("`\(field.key)`")) }
        }
        #expect(ConfigurationReference.plainText(matching: "[retention]").contains("audio (duration, default 30d)"))
    }

    // MARK: - The real file system

    @Test func systemFilesReadOnlyRegularFilesWithinTheirLimit() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sotto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "key").path
        try Data([1, 2, 3]).write(to: URL(filePath: file))
        let files = ConfigurationFiles.system()
        #expect(files.contents(file, 3) == .success([1, 2, 3]))
        #expect(files.contents(file, 2) == .failure(.tooLarge(limit: 2)))
        #expect(files.contents(folder.path, 10) == .failure(.notAFile))
        #expect(files.contents(file + "x", 10) == .failure(.notFound))
        #expect(files.secret(file, 3) == .success(SecretBytes(copying: [1, 2, 3][...])))
        #expect(files.names(folder.path) == .success(["key"]))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
        #expect(FileReference.file(file).readSecret(files) == .failure(.exposed(mode: 0o640)))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        #expect(FileReference.file(file).readSecret(files) == .success(SecretBytes(copying: [1, 2, 3][...])))
    }
}
