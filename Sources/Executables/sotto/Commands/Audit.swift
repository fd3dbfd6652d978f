import AdministrationAPI
import ArgumentParser
import AuditLog
import DurableFiles
import SottoCrypto

struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read and check the audit log.", subcommands: [List.self, Verify.self, Key.self, Head.self])

    struct List: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "List entries of the audit log.",
            discussion: "Oldest first from --from on. Reading it is an entry as well. Needs the role auditor.")

        @Option(name: .long, help: ArgumentHelp("The first entry's number.", valueName: "entry")) var from: UInt64 = 0
        @Option(name: .long, help: ArgumentHelp("At most so many, 1 to 1000.", valueName: "number"))
        var limit = AdministrationRequest.standardLimit
        @OptionGroup var daemon: DaemonOptions

        func validate() throws { try Limits.check(limit) }

        func perform() throws(Failure) {
            let entries = try daemon.client.report([AuditReport].self, .audit(from: from, limit: limit))
            if output.json { Terminal.print(json: entries) } else { Terminal.print(ReportText.audit(entries)) }
        }
    }

    struct Key: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the audit log's verifier key.",
            discussion: """
                Keep it on another machine: `sotto audit key > audit.key`, then there \
                `sotto audit verify --folder COPY --key-file audit.key`. With --json also the folder and the newest head. \
                Needs the role auditor.
                """)

        @OptionGroup var daemon: DaemonOptions

        func perform() throws(Failure) {
            let report = try daemon.client.report(AuditKeyReport.self, .auditKey)
            if output.json { Terminal.print(json: report) } else { Terminal.print(Terminal.harmless(report.verifierKey)) }
        }
    }

    struct Head: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the audit log's newest signed head.",
            discussion: """
                Keep heads where this machine cannot change them: only they show that a log was rolled back. \
                `sotto audit head > monday.head`, later `sotto audit verify --head monday.head`. Needs the role auditor.
                """)

        @OptionGroup var daemon: DaemonOptions

        func perform() throws(Failure) {
            let report = try daemon.client.report(AuditKeyReport.self, .auditKey)
            // A note ends with its own newline.
            let note = report.head.hasSuffix("\n") ? String(report.head.dropLast()) : report.head
            if output.json { Terminal.print(json: report) } else { Terminal.print(Terminal.harmless(note, keepingLines: true)) }
        }
    }
}
