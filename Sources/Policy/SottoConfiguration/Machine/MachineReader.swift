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
        let listeners = readListeners()
        let media = readMedia()
        let keys = readKeys()
        let admin = root.section("admin", MachineTables.admin)
        let socket = admin.flatMap { path($0, "socket") } ?? "/run/sotto/admin.sock"
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
                name: name, region: region, listeners: listeners, media: media, storage: readStorage(), keys: keys, adminSocket: socket,
                log: LogSettings(level: log?.choice("level") ?? .info, format: log?.choice("format") ?? .journal), speech: speech),
            limits: limits, fraudRules: rules, providers: SpeechProvider.embedded + speech.external.map(\.provider),
            administrators: administrators)
    }

    // MARK: - Listeners

    private func readListeners() -> [SIPListener] {
        guard let sip = root.section("sip", MachineTables.sip) else { return [] }
        let sections = sip.sections("listener", MachineTables.listener, atMost: 64)
        if sections.isEmpty, !root.findings.hasErrors {
            root.findings.error(at: sip.location, "there is no listener", expected: "at least one [[sip.listener]]")
        }
        var seen: Set<String> = []
        var ports: Set<PeerAddress> = []
        return sections.compactMap { section in
            let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
            if let name, !seen.insert(name).inserted { section.refuse("name", "listener '\(name)' is there already") }
            let port = UInt16(section.integer("port", in: 0...65_535) ?? 5_061)
            let bind = address(section, "bind", port: port) ?? (section.has("bind") ? nil : PeerAddress(bytes: [0, 0, 0, 0], port: port))
            if let bind, port != 0, !ports.insert(bind).inserted {
                section.refuse("port", "two listeners use the same address and port")
            }
            let advertised = advertisedHost(section, bind: bind)
            let advertisedPort = section.integer("advertise-port", in: 1...65_535).map { UInt16($0) }
            let certificate = reference(section, "certificate", allowsPlainPath: true)
            let key = reference(section, "key", allowsPlainPath: false)
            let clientCA = reference(section, "client-ca", allowsPlainPath: true)
            let clients = section.choice("client-certificates", SIPListener.ClientCertificates.self) ?? .none
            if clients != .none, !section.has("client-ca") {
                section.refuse(
                    "client-certificates", "client certificates cannot be checked without authorities", hint: "add client-ca = \"PATH\"")
            }
            if clients == .none, section.has("client-ca") {
                section.findings.warning(
                    at: section.place(of: "client-ca"), "client-ca has no effect", hint: "add client-certificates = \"optional\"")
            }
            let minimum = section.choice("minimum-tls", SIPListener.MinimumTLS.self, later: Self.oldTLS) ?? .tls12
            guard let name, let bind, let advertised, let certificate, let key else { return nil }
            return SIPListener(
                name: name, bind: bind, advertisedHost: advertised, advertisedPort: advertisedPort, certificate: certificate, key: key,
                clientCA: clientCA, clientCertificates: clients, minimumTLS: minimum, location: section.location)
        }
    }

    private static let oldTLS = ["1.0": "TLS 1.0 is never spoken (RFC 8996)", "1.1": "TLS 1.1 is never spoken (RFC 8996)"]

    /// The host that peers see; an unspecified address is none.
    private func advertisedHost(_ section: Section, bind: PeerAddress?) -> String? {
        guard section.has("advertise") else {
            guard let bind else { return nil }
            guard !bind.isUnspecified else {
                section.findings.error(
                    at: section.location, "key 'advertise' is missing in \(section.schema.header)", expected: "an address or host name",
                    hint: "bind is \(bind.hostText), which no peer can answer to")
                return nil
            }
            return bind.hostReference
        }
        return section.value("advertise", expected: "an address that peers can reach, or a host name") { text in
            if let address = PeerAddress(host: text, port: 0) { return address.isUnspecified ? nil : address.hostReference }
            return HostName.isGood(text) ? text.lowercased() : nil
        }
    }

    // MARK: - Media, storage, keys

    private func readMedia() -> MediaSettings? {
        guard let section = root.section("media", MachineTables.media) else { return nil }
        let bind = address(section, "bind", port: 0) ?? (section.has("bind") ? nil : PeerAddress(bytes: [0, 0, 0, 0], port: 0))
        var advertise: PeerAddress?
        if section.has("advertise") {
            advertise = section.value("advertise", expected: "an address that peers can reach; no name") {
                PeerAddress(host: $0, port: 0).flatMap { $0.isUnspecified ? nil : $0 }
            }
            if let bind, let advertise, bind.isIPv6 != advertise.isIPv6 {
                section.refuse("advertise", "bind and advertise are of different address families")
            }
        } else if let bind {
            if bind.isUnspecified {
                section.findings.error(
                    at: section.location, "key 'advertise' is missing in [media]", expected: "an address that peers can reach",
                    hint: "bind is \(bind.hostText), which never goes into SDP")
            } else {
                advertise = bind
            }
        }
        let ports: ClosedRange<UInt16>? =
            section.has("port-range")
            ? section.value("port-range", expected: "FIRST-LAST with FIRST even, LAST odd and at least two pairs, like 20000-29999") {
                text in
                let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                guard parts.count == 2, let first = UInt16(parts[0]), let last = UInt16(parts[1]), first >= 1_024, first % 2 == 0,
                    last % 2 == 1, last >= first, last - first >= 3
                else { return nil }
                return first...last
            } : 20_000...29_999
        let threads = section.integer("threads", in: 1...256)
        let guardTime = section.integer("guard-ms", in: 40...120) ?? 60
        let timeout = section.duration("media-timeout", in: Duration.seconds(5)...Duration.seconds(600)) ?? .seconds(30)
        guard let bind, let advertise, let ports else { return nil }
        return MediaSettings(
            bind: bind, advertise: advertise, ports: ports, threads: threads, guardMilliseconds: guardTime, timeout: timeout)
    }

    private func readStorage() -> StorageSettings {
        let section = root.section("storage", MachineTables.storage)
        return StorageSettings(
            records: section.flatMap { path($0, "records") } ?? "/var/lib/sotto/records",
            audit: section.flatMap { path($0, "audit") } ?? "/var/lib/sotto/audit",
            index: section.flatMap { path($0, "index") } ?? "/var/lib/sotto/index.sqlite",
            onFull: section?.choice("on-full") ?? .continue)
    }

    private func readKeys() -> KeySettings? {
        guard let section = root.section("keys", MachineTables.keys) else { return nil }
        let later = ["pkcs11", "vault", "aws-kms", "remote"]
        let provider = section.choice(
            "provider", KeySettings.Provider.self,
            later: Dictionary(uniqueKeysWithValues: later.map { ($0, "the provider \($0) is not part of this version") }))
        guard let rootKey = reference(section, "root-key", allowsPlainPath: false) else { return nil }
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
            threads: section?.integer("threads", in: 1...64) ?? 1, model: section.flatMap { path($0, "model") },
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

    // MARK: - Values

    private func address(_ section: Section, _ key: String, port: UInt16) -> PeerAddress? {
        section.value(key, expected: "an address like 192.0.2.1 or 2001:db8::1; no name") { PeerAddress(host: $0, port: port) }
    }

    private func path(_ section: Section, _ key: String) -> String? {
        section.value(key, expected: "a path") { $0.isEmpty ? nil : FileReference.absolute($0, folder: folder) }
    }

    private func reference(_ section: Section, _ key: String, allowsPlainPath: Bool) -> FileReference? {
        guard let text = section.text(key, longest: 4_096) else { return nil }
        let expected = allowsPlainPath ? "a path, file:PATH or credential:NAME" : "file:PATH or credential:NAME"
        switch FileReference.read(text, folder: folder, allowsPlainPath: allowsPlainPath) {
        case .success(let reference): return reference
        case .failure(.notAReference):
            section.refuse(
                key, "'\(key)' is no reference", expected: expected, hint: "secrets are never written into configuration files")
        case .failure(.later(let scheme)):
            section.refuse(key, "references by \(scheme): are not part of this version", expected: expected)
        case .failure(.badName):
            section.refuse(key, "'\(key)' names no file or credential", expected: expected)
        }
        return nil
    }
}

/// Host names as RFC 1123 §2.1 allows them.
enum HostName {
    static func isGood(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...253).contains(text.utf8.count) else { return false }
        // All digits in the last label would be a broken address.
        guard let last = labels.last, !last.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
                && label.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
                }
        }
    }
}
