public import Policy
internal import SottoBase

/// A configuration that was read and found good: one immutable value, ready to be swapped in.
public struct LoadedConfiguration: Sendable {
    public let machine: MachineConfiguration
    public let policy: PolicySnapshot
    /// Warnings alone.
    public let warnings: [Diagnostic]
    /// The files that were read, relative to the folder.
    public let files: [String]
    let places: ConfigurationPlaces

    /// With what `check` warns of, so that a start and a reload tell it as well.
    public func adding(_ found: [Diagnostic]) -> LoadedConfiguration {
        LoadedConfiguration(
            machine: machine, policy: policy,
            warnings: (warnings + found.filter { $0.severity == .warning }).sorted { $0.location < $1.location }, files: files,
            places: places)
    }
}

/// Reads the configuration's folder: `sotto.toml` and `tenants/*.toml`.
///
/// It is strict and reports everything that it finds at once. It opens no socket, certificate or key: `check` does that.
public enum ConfigurationLoader {
    /// Largest file that is read, in bytes.
    public static let largestFile = 256 * 1_024
    /// Most tenant files.
    public static let tenantsAtMost = 1_000

    /// Reads and checks `directory` as a whole. Nothing of a configuration with an error is ever used.
    public static func load(directory: String, files: ConfigurationFiles) -> Result<LoadedConfiguration, ConfigurationFailure> {
        let findings = Findings()
        var sources: [(name: String, bytes: [UInt8])] = []

        let machineTable = parse("sotto.toml", directory, files, findings, &sources)
        let machine = machineTable.flatMap { table in
            read("sotto.toml", MachineTables.root, table, findings) { MachineReader(root: $0, folder: directory).read() }
        }
        var tenants: [TenantPolicy] = []
        for name in tenantFiles(directory, files, findings) {
            guard let table = parse(name, directory, files, findings, &sources) else { continue }
            let tenant = read(name, TenantTables.root, table, findings) {
                TenantReader(root: $0, providers: machine?.providers, folder: directory).read()
            }
            guard let tenant else { continue }
            if let other = tenants.first(where: { $0.name == tenant.name }) {
                findings.error(at: tenant.location, "tenant '\(tenant.name)' is there already", hint: "see \(other.location)")
            } else {
                tenants.append(tenant)
            }
        }
        WholeCheck(tenants: tenants, machine: machine, findings: findings).run()

        guard let machine, !findings.hasErrors else { return .failure(ConfigurationFailure(findings.sorted)) }
        let policy = PolicySnapshot(
            version: PolicyVersion.text(of: sources), tenants: tenants, gatewayRegion: machine.machine.region, limits: machine.limits,
            fraudRules: machine.fraudRules, providers: machine.providers, administrators: machine.administrators,
            location: SourceLocation(file: "sotto.toml"))
        return .success(
            LoadedConfiguration(
                machine: machine.machine, policy: policy, warnings: findings.sorted, files: sources.map(\.name),
                places: findings.places))
    }

    /// Runs a reader. A file is never left out in silence: when nothing comes of it, there is an error.
    private static func read<Value>(
        _ file: String, _ schema: ConfigurationTable, _ table: TOMLTable, _ findings: Findings, _ read: (Section) -> Value?
    ) -> Value? {
        let value = read(Section(schema, table, file: file, findings: findings))
        if value == nil, !findings.hasErrors { findings.error(at: SourceLocation(file: file), "the file is not complete") }
        return value
    }

    private static func tenantFiles(_ directory: String, _ files: ConfigurationFiles, _ findings: Findings) -> [String] {
        switch files.names(FileReference.absolute("tenants", folder: directory)) {
        case .failure(.notFound):
            findings.warning(
                at: SourceLocation(file: "tenants"), "there is no tenant",
                hint: "write tenants/NAME.toml; without one every peer is refused")
            return []
        case .failure(let problem):
            findings.error(at: SourceLocation(file: "tenants"), "the folder cannot be read: \(problem)")
            return []
        case .success(let names):
            let wanted = names.filter { $0.hasSuffix(".toml") && !$0.hasPrefix(".") }.sorted()
            if wanted.isEmpty {
                findings.warning(
                    at: SourceLocation(file: "tenants"), "there is no tenant",
                    hint: "write tenants/NAME.toml; without one every peer is refused")
            }
            if wanted.count > tenantsAtMost {
                findings.error(at: SourceLocation(file: "tenants"), "there are too many files", expected: "at most \(tenantsAtMost)")
            }
            return wanted.prefix(tenantsAtMost).map { "tenants/\($0)" }
        }
    }

    private static func parse(
        _ name: String, _ directory: String, _ files: ConfigurationFiles, _ findings: Findings,
        _ sources: inout [(name: String, bytes: [UInt8])]
    ) -> TOMLTable? {
        let path = FileReference.absolute(name, folder: directory)
        let bytes: [UInt8]
        switch files.contents(path, largestFile) {
        case .failure(let problem):
            findings.error(
                at: SourceLocation(file: name), "the file cannot be read: \(problem)",
                hint: problem.hint(path: path, user: files.user) ?? "it was looked for at \(path)")
            return nil
        case .success(let contents): bytes = contents
        }
        sources.append((name, bytes))
        let text = SourceText(bytes)
        findings.register(name, text)
        do throws(TOMLSyntaxError) { return try TOMLDocument.parse(bytes) } catch {
            findings.error(
                at: SourceLocation(file: name, line: error.position.line, column: error.position.column),
                text.mayHoldSecret(error.position.line) ? "this value is not TOML" : error.message.harmless,
                hint: "the rest of the file was not read")
            return nil
        }
    }
}

extension String {
    /// toml++'s message on one line, without its "Error while parsing …: ".
    fileprivate var harmless: String {
        let text = String(filter { !$0.isControl }.prefix(200))
        guard text.hasPrefix("Error while parsing"), let colon = text.firstIndex(of: ":") else { return text }
        return "not TOML: " + text[text.index(after: colon)...].drop { $0 == " " }
    }
}
