internal import Policy
internal import SottoBase

/// Reads `sotto.toml`. Everything that is wrong is reported; the result counts only when nothing was.
struct MachineReader {
    let root: Section
    /// The folder of sotto.toml, for relative paths.
    let folder: String

    struct Result {
        let machine: MachineConfiguration
        let limits: AdmissionLimits
        let fraudRules: [FraudRule]
        let providers: [SpeechProvider]
        let administrators: [AdministrationRule]
    }

    /// nil only when something was reported.
    func read() -> Result? {
        for name in ["machine", "sip", "media", "keys"] where !root.has(name) {
            root.findings.error(
                at: SourceLocation(file: root.file), "table [\(name)] is missing", hint: "see `sotto check --reference \(name)`")
        }
        let machine = root.section("machine", MachineTables.machine)
        let name = machine?.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text }) ?? "sotto"
        let region = machine?.value("region", expected: "a country like DE or a state like US-CA", { Region($0) })
        let listeners = ListenerReader.readAll(root, folder: folder)
        let outbound = ListenerReader.readOutbound(root, folder: folder)
        let dns = NetworkReader(root: root).readDNS()
        let media = NetworkReader(root: root).readMedia()
        let keys = readKeys()
        let admin = root.section("admin", MachineTables.admin)
        let socket = admin.flatMap { $0.path("socket", folder: folder) } ?? "/run/sotto/admin.sock"
        if socket.utf8.count > 107 { admin?.refuse("socket", "the socket's path is too long", expected: "at most 107 bytes") }
        let administrators = admin?.sections("role", MachineTables.role, atMost: 256).compactMap(readRole) ?? []
        if administrators.isEmpty {
            root.findings.warning(
                at: admin?.location ?? SourceLocation(file: root.file), "nobody may administrate this machine",
                hint: "add an [[admin.role]]; root has no role by itself")
        }
        let log = root.section("log", MachineTables.log)
        let speech = readSpeech()
        let limits = readLimits()
        let rules = FraudReader(root: root, trunks: nil).read()
        guard let region, let media, let keys, !listeners.isEmpty else { return nil }
        return Result(
            machine: MachineConfiguration(
                name: name, region: region, listeners: listeners, outbound: outbound, dns: dns, media: media, storage: readStorage(),
                keys: keys, adminSocket: socket,
                log: LogSettings(level: log?.choice("level") ?? .info, format: log?.choice("format") ?? .journal), speech: speech),
            limits: limits, fraudRules: rules, providers: SpeechProvider.embedded + speech.external.map(\.provider),
            administrators: administrators)
    }

    // MARK: - Storage, keys

    private func readStorage() -> StorageSettings {
        let section = root.section("storage", MachineTables.storage)
        return StorageSettings(
            records: section.flatMap { $0.path("records", folder: folder) } ?? "/var/lib/sotto/records",
            audit: section.flatMap { $0.path("audit", folder: folder) } ?? "/var/lib/sotto/audit",
            index: section.flatMap { $0.path("index", folder: folder) } ?? "/var/lib/sotto/index.sqlite",
            onFull: section?.choice("on-full") ?? .continue)
    }

    private func readKeys() -> KeySettings? {
        guard let section = root.section("keys", MachineTables.keys) else { return nil }
        let later = ["pkcs11", "vault", "aws-kms", "remote"]
        let provider = section.choice(
            "provider", KeySettings.Provider.self,
            later: Dictionary(uniqueKeysWithValues: later.map { ($0, "the provider \($0) is not part of this version") }))
        guard let rootKey = section.reference("root-key", folder: folder) else { return nil }
        return KeySettings(provider: provider ?? .local, rootKey: rootKey, location: section.location)
    }

    // MARK: - Administration, speech, limits

    private func readRole(_ section: Section) -> AdministrationRule? {
        let role = section.choice("name", AdministrationRole.self)
        let range = 0...Int(UInt32.max - 1)
        let users = section.integers("users", in: range) ?? []
        let groups = section.integers("groups", in: range) ?? []
        if users.isEmpty, groups.isEmpty, !section.has("users"), !section.has("groups") {
            section.findings.error(at: section.location, "the role is nobody's", expected: "users or groups")
        }
        guard let role else { return nil }
        return AdministrationRule(
            role: role, users: Set(users.map { UInt32($0) }), groups: Set(groups.map { UInt32($0) }), location: section.location)
    }

    private func readSpeech() -> SpeechSettings {
        let section = root.section("speech", MachineTables.speech)
        var names = Set(SpeechProvider.embedded.map(\.name))
        let external = section?.sections("provider", MachineTables.provider, atMost: 64).compactMap { provider in
            readProvider(provider, &names)
        }
        return SpeechSettings(
            threads: section?.integer("threads", in: 1...64) ?? 1, model: section.flatMap { $0.path("model", folder: folder) },
            voice: section?.choice("voice") ?? .slt, external: external ?? [])
    }

    private func readProvider(_ section: Section, _ names: inout Set<String>) -> SpeechSettings.ExternalProvider? {
        let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
        if let name, !names.insert(name).inserted { section.refuse("name", "provider '\(name)' is there already") }
        let service = section.choice("service", SpeechProvider.Service.self)
        if service == .synthesizer {
            section.refuse(
                "service", "a command cannot speak yet", expected: "recognizer or model", hint: "flite is the synthesizer of this version")
        }
        let boundary: Boundary? =
            section.text("boundary") == Boundary.inProcess.rawValue
            ? {
                section.refuse(
                    "boundary", "a command is never in-process", expected: "on-premises or external",
                    hint: "what it is given leaves this process")
                return nil
            }() : section.choice("boundary", Boundary.self)
        let command = section.values("command", expected: "printable text", atMost: 64) { $0 }
        section.findings.note("command", of: section.location, at: section.place(of: "command"))
        if let command, command.first?.hasPrefix("/") != true {
            section.refuse("command", "the program has no absolute path", expected: "[\"/usr/libexec/…\", …]")
            return nil
        }
        guard let name, let service, let boundary, let command else { return nil }
        return SpeechSettings.ExternalProvider(
            provider: SpeechProvider(name: name, service: service, boundary: boundary, location: section.location), command: command)
    }

    private func readLimits() -> AdmissionLimits {
        var limits = AdmissionLimits()
        guard let section = root.section("limits", MachineTables.limits) else { return limits }
        limits.location = section.location
        if let value = section.integer("calls", in: 1...100_000) { limits.calls = value }
        if let value = section.number("calls-per-second", in: 0.1...10_000) { limits.callsPerSecond = value }
        if let value = section.integer("connections", in: 1...1_000_000) { limits.connections = value }
        if let value = section.integer("connections-per-source", in: 1...1_000_000) { limits.connectionsPerSource = value }
        if let value = section.number("connections-per-second-per-source", in: 0.1...100_000) {
            limits.connectionsPerSecondPerSource = value
        }
        if let value = section.integer("connection-burst-per-source", in: 1...100_000) { limits.connectionBurstPerSource = value }
        if let value = section.integer("handshakes", in: 1...100_000) { limits.handshakes = value }
        if let value = section.integer("calls-per-source", in: 1...100_000) { limits.callsPerSource = value }
        if let value = section.number("calls-per-second-per-source", in: 0.1...10_000) { limits.callsPerSecondPerSource = value }
        if let value = section.duration("call-duration", in: Duration.seconds(10)...Duration.seconds(7 * 86_400)) {
            limits.callDuration = value
        }
        if let value = section.duration("drain", in: Duration.seconds(1)...Duration.seconds(3_600)) { limits.drain = value }
        if let value = section.duration("retry-after", in: Duration.seconds(1)...Duration.seconds(600)) { limits.retryAfter = value }
        return limits
    }
}
