import AdministrationAPI
import ArgumentParser
import Glibc
import SottoBase

struct Records: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into kept calls: list, show, export.",
        discussion: "All of it is on the audit log. Needs the role records.", subcommands: [List.self, Show.self, Export.self])

    struct List: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "List a tenant's kept calls, newest first.",
            discussion: """
                To find the calls of a number, write it to standard input: \
                `sotto records list --tenant acme --number - < number.txt`. It is never an argument: those are seen by every \
                user of the machine and stay in the shell's history.
                """)

        @Option(name: .long, help: ArgumentHelp("The tenant.", valueName: "name")) var tenant: TenantName
        @Option(name: .long, help: ArgumentHelp("Calls from or to a number; it is read from standard input.", valueName: "-"))
        var number: String?
        @Option(name: .long, help: ArgumentHelp("At most so many, 1 to 1000.", valueName: "number"))
        var limit = AdministrationRequest.standardLimit
        @OptionGroup var daemon: DaemonOptions

        func validate() throws {
            try Limits.check(limit)
            // The number that was given is not repeated.
            if let number, number != "-" {
                throw ValidationError("A number is never an argument: write --number - and give it on standard input.")
            }
        }

        func perform() throws(Failure) {
            let request: AdministrationRequest =
                if number == nil { .records(tenant, limit: limit) } else {
                    .searchRecords(tenant, number: try NumberInput.read(), limit: limit)
                }
            let records = try daemon.client.report([RecordReport].self, request)
            if output.json { Terminal.print(json: records) } else { Terminal.print(ReportText.records(records)) }
        }
    }

    struct Show: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open a kept call: its record, consent evidence and masked transcript.",
            discussion: """
                Each sealed object is checked: `closed` is whole, `unfinished` ends where the daemon died, `truncated` and \
                `tampered` were changed afterwards, `unreadable` has no key or no body.
                """)

        @Argument(help: ArgumentHelp("The call's id, as `sotto records list` shows it.", valueName: "call")) var call: CallID
        @Option(name: .long, help: ArgumentHelp("The tenant.", valueName: "name")) var tenant: TenantName
        @OptionGroup var daemon: DaemonOptions

        func perform() throws(Failure) {
            let detail = try daemon.client.report(RecordDetail.self, .record(call, tenant: tenant))
            if output.json { Terminal.print(json: detail) } else { Terminal.print(ReportText.record(detail)) }
        }
    }

    struct Export: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a kept call's masked recording as a WAV file.",
            discussion: """
                Caller left, agent right. The file is made with mode 0600 and never in place of another; nothing is left behind \
                when the export fails. Whoever has the file hears the call: the audit log says who made it.
                """)

        @Argument(help: ArgumentHelp("The call's id, as `sotto records list` shows it.", valueName: "call")) var call: CallID
        @Option(name: .long, help: ArgumentHelp("The tenant.", valueName: "name")) var tenant: TenantName
        @Option(
            name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("The file to make.", valueName: "file"),
            completion: .file(extensions: ["wav"]))
        var file: String
        @OptionGroup var daemon: DaemonOptions

        private struct Exported: Encodable {
            var path: String
            var bytes: Int
        }

        func perform() throws(Failure) {
            var target = try NewFile.make(file)
            var bytes = 0
            try daemon.client.pieces(.export(call, tenant: tenant)) { piece throws(Failure) in
                try target.append(piece)
                bytes += piece.count
                if !output.json { Terminal.progress("\(bytes / 1_024) KiB") }
            }
            if !output.json { Terminal.progress("") }
            try target.keep()
            let exported = Exported(path: file, bytes: bytes)
            if output.json { Terminal.print(json: exported) } else { Terminal.print("\(file): \(bytes) bytes, mode 0600") }
        }
    }
}

enum Limits {
    static func check(_ limit: Int) throws {
        guard (1...AdministrationRequest.largestLimit).contains(limit) else {
            throw ValidationError("--limit is 1 to \(AdministrationRequest.largestLimit).")
        }
    }
}

/// A caller's number from standard input.
enum NumberInput {
    static func read() throws(Failure) -> String {
        if isatty(STDIN_FILENO) == 1 { Terminal.progress("number: ") }
        guard let line = readLine(strippingNewline: true) else { throw Failure(.data, "there is no number on standard input") }
        let number = cleaned(line)
        guard (1...AdministrationRequest.longestNumber).contains(number.utf8.count) else {
            throw Failure(.data, "what standard input holds is not a number")
        }
        return number
    }

    /// `+49 (30) 12-34` as `+49301234`; anything but a telephone number only without the spaces around it.
    static func cleaned(_ line: String) -> String {
        let marks: Set<Character> = [" ", "-", "(", ")", "/", ".", "\t", "\u{A0}"]
        let rest = line.filter { !marks.contains($0) }
        if rest.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2B || $0 == 0x2A || $0 == 0x23 }) { return rest }
        var text = line[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
