import AdministrationAPI
import ArgumentParser
import AuditLog
import DurableFiles
import SottoCrypto

extension Audit {
    struct Verify: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the audit log from its files.",
            discussion: """
                Every entry is hashed again and every signed head checked. With --folder and --key (or --key-file) the daemon is \
                asked nothing: a verifier must not ask the suspect. What is left out is asked of the daemon, which proves less. \
                With --head the log must contain that head, so that a roll-back shows.

                Exit code 0 when the log is sound, 1 when it is not. A notice (an end without a stop record, a clock that was \
                set) is no fault.
                """)

        @Option(name: .long, help: ArgumentHelp("The log's folder.", valueName: "path"), completion: .directory) var folder: String?
        @Option(name: .long, help: ArgumentHelp("The verifier key, as `sotto audit key` printed it.", valueName: "key")) var key: String?
        @Option(name: .long, help: ArgumentHelp("A file that holds the verifier key.", valueName: "file"), completion: .file())
        var keyFile: String?
        @Option(name: .long, help: ArgumentHelp("A signed head that was kept elsewhere.", valueName: "file"), completion: .file())
        var head: String?
        @OptionGroup var daemon: DaemonOptions

        func validate() throws {
            if key != nil, keyFile != nil { throw ValidationError("Give --key or --key-file, not both.") }
        }

        func perform() throws(Failure) {
            var keyText = key
            if let keyFile { keyText = try Self.text(keyFile) }
            var place = folder
            var isTold = false
            if keyText == nil || place == nil {
                let report = try daemon.client.report(AuditKeyReport.self, .auditKey)
                isTold = keyText == nil
                keyText = keyText ?? report.verifierKey
                place = place ?? report.folder
            }
            guard let place, let keyText, let verifier = CheckpointVerifier(Self.trimmed(keyText)) else {
                throw Failure(.data, "that is not a verifier key", hint: "it is one line, NAME+HASH+KEY: sotto audit key")
            }
            var expected: AuditHead?
            if let head {
                expected = verifier.head(ofNote: Array(try Self.text(head).utf8))
                if expected == nil { throw Failure(.data, "\(head): not a head that this key signed for this log") }
            }
            let result: AuditVerification
            do throws(AuditError) {
                result = try AuditVerifier(folder: place, key: verifier).verify(expected: expected)
            } catch {
                throw Self.failure(error)
            }
            let verdict = AuditVerdict(folder: place, origin: verifier.origin, keyFromDaemon: isTold, result)
            if output.json { Terminal.print(json: verdict) } else { Terminal.print(verdict.text) }
            if !result.isSound { throw Failure(.no) }
        }

        private static func text(_ path: String) throws(Failure) -> String {
            do throws(FileError) {
                return String(decoding: try Disk().read(path, limit: 65_536), as: UTF8.self)
            } catch {
                throw Failure(error.cause == .notPermitted ? .permission : .data, error.description)
            }
        }

        private static func trimmed(_ text: String) -> String { String(text.split(whereSeparator: \.isWhitespace).first ?? "") }

        private static func failure(_ error: AuditError) -> Failure {
            if case .disk(let error) = error, error.cause == .notPermitted {
                return Failure(.permission, error.description, hint: "the log's folder is its owner's: run it as that user or on a copy")
            }
            return Failure(.data, error.description)
        }
    }
}

/// What `audit verify` says.
struct AuditVerdict: Encodable, Equatable {
    struct Finding: Encodable, Equatable {
        /// `fault` or `notice`.
        var severity: String
        var what: String
    }

    var folder: String
    var origin: String
    /// True when the daemon itself told the key: then it could have told another.
    var keyFromDaemon: Bool
    var isSound: Bool
    var entries: UInt64
    var headsChecked: Int
    var headSize: UInt64?
    /// Base 64.
    var headRoot: String?
    var findings: [Finding]

    init(folder: String, origin: String, keyFromDaemon: Bool, _ result: AuditVerification) {
        self.folder = folder
        self.origin = origin
        self.keyFromDaemon = keyFromDaemon
        isSound = result.isSound
        entries = result.entries
        headsChecked = result.headsChecked
        headSize = result.head?.size
        headRoot = result.head.map { Base64.encode($0.root) }
        findings = result.findings.map { Finding(severity: $0.isFault ? "fault" : "notice", what: $0.description) }
    }

    var text: String {
        var table = Table()
        table.add("log", origin)
        table.add("folder", folder)
        table.add("entries", "\(entries) checked")
        table.add("heads", "\(headsChecked) checked")
        table.add("head", headSize.map { "\($0) entries, root \(headRoot ?? "-")" })
        var lines = [table.text]
        lines += findings.map { "\($0.severity): \(Terminal.harmless($0.what))" }
        if keyFromDaemon { lines.append("note: the daemon told its key itself; keep the key elsewhere and give it with --key") }
        lines.append(isSound ? "sound" : "NOT SOUND")
        return lines.joined(separator: "\n")
    }
}
