import AdministrationAPI
import ArgumentParser
import Policy
import SottoConfiguration

struct Check: SottoCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration, without the daemon.",
        discussion: """
            Reads sotto.toml and tenants/*.toml as a reload would, then looks whether certificates, keys, revocation lists, \
            passwords and programs are there, readable and closed to others, keys belong to their certificates, and certificates \
            are valid now and for 14 days. Run it as the daemon's user, who must be able to read them. Every fault is shown with \
            its file, line and column, and what mends it. Exit code 78 when there is an error; warnings alone end with 0.
            """)

    @Option(
        name: [.customShort("c"), .customLong("config")], help: ArgumentHelp("The folder of sotto.toml.", valueName: "folder"),
        completion: .directory)
    var folder = "/etc/sotto"
    @OptionGroup var output: OutputOptions

    func perform() throws(Failure) {
        let outcome = CheckOutcome(folder: folder, files: .system())
        if output.json { Terminal.print(json: outcome) } else { Terminal.print(outcome.text) }
        if !outcome.isGood { throw Failure(.configuration) }
    }
}

/// What `check` found.
struct CheckOutcome: Encodable, Equatable {
    struct Finding: Encodable, Equatable {
        var severity: String
        var file: String
        /// 0 when the whole file is meant.
        var line: Int
        var column: Int
        var message: String
        var expected: String?
        var hint: String?
        /// As a person reads it, with the line and a caret.
        var text: String
    }

    var folder: String
    var isGood: Bool
    var policyVersion: String?
    var files: [String]
    var findings: [Finding]

    init(folder: String, files: ConfigurationFiles) {
        self.folder = folder
        let diagnostics: [Diagnostic]
        switch ConfigurationLoader.load(directory: folder, files: files) {
        case .success(let loaded):
            diagnostics = (loaded.warnings + ConfigurationLoader.check(loaded, files: files)).sorted { $0.location < $1.location }
            policyVersion = loaded.policy.version
            self.files = loaded.files
        case .failure(let failure):
            diagnostics = failure.diagnostics
            self.files = []
        }
        isGood = !diagnostics.contains { $0.severity == .error }
        findings = diagnostics.map { diagnostic in
            Finding(
                severity: diagnostic.severity.rawValue, file: diagnostic.location.file, line: diagnostic.location.line,
                column: diagnostic.location.column, message: diagnostic.message, expected: diagnostic.expected, hint: diagnostic.hint,
                text: diagnostic.description)
        }
    }

    var text: String {
        var lines = findings.map { Terminal.harmless($0.text, keepingLines: true) }
        func count(_ severity: String) -> String? {
            let number = findings.count { $0.severity == severity }
            return number == 0 ? nil : "\(number) \(severity)\(number == 1 ? "" : "s")"
        }
        let counts = [count("error"), count("warning")].compactMap { $0 }.joined(separator: ", ")
        if isGood {
            let read = files.count == 1 ? "1 file" : "\(files.count) files"
            lines.append("\(folder): good, policy \(policyVersion ?? "-") of \(read)" + (counts.isEmpty ? "" : ", \(counts)"))
        } else {
            lines.append("\(folder): refused, \(counts)")
        }
        return lines.joined(separator: "\n")
    }
}
