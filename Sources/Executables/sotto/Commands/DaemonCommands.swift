import AdministrationAPI
import ArgumentParser
import SottoBase

struct Status: DaemonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the daemon: listeners, what is in use, what was counted, alerts.",
        discussion: """
            What is in use (calls, transactions, sockets, streams, …) returns to zero when the daemon is idle. Alerts are what \
            somebody should look at. Needs the role viewer.
            """)

    @OptionGroup var daemon: DaemonOptions

    func perform() throws(Failure) {
        let report = try daemon.client.report(StatusReport.self, .status)
        if output.json { Terminal.print(json: report) } else { Terminal.print(ReportText.status(report)) }
    }
}

struct Calls: DaemonCommand {
    static let configuration = CommandConfiguration(abstract: "List the running calls.", discussion: "Needs the role viewer.")

    @OptionGroup var daemon: DaemonOptions

    func perform() throws(Failure) {
        let calls = try daemon.client.report([CallReport].self, .calls)
        if output.json { Terminal.print(json: calls) } else { Terminal.print(ReportText.calls(calls)) }
    }
}

struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Show or end one running call.", subcommands: [Show.self, End.self], defaultSubcommand: Show.self)

    struct Show: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a running call.",
            discussion: """
                `sotto call CALL` does the same. What is kept of an ended call: sotto records show. Needs the role viewer. With \
                --trace it shows the SIP ladder of both legs instead, also of a call that ended lately: every message as it came and \
                went, with keys, credentials, digits and names masked. That needs the role operator and is on the audit log.
                """)

        @Argument(help: ArgumentHelp("The call's id, as `sotto calls` lists it.", valueName: "call")) var call: CallID
        @Flag(name: .long, help: "Show the SIP ladder.") var trace = false
        @Flag(name: .long, help: "With --trace: start lines alone, not the whole messages.") var brief = false
        @OptionGroup var daemon: DaemonOptions

        func perform() throws(Failure) {
            if trace {
                let report = try daemon.client.report(TraceReport.self, .trace(call))
                if output.json { Terminal.print(json: report) } else { Terminal.print(ReportText.trace(report, isBrief: brief)) }
                return
            }
            let calls = try daemon.client.report([CallReport].self, .calls)
            guard let call = calls.first(where: { $0.call == call.description }) else {
                throw Failure(.no, "this call is not running", hint: "an ended one: sotto records show CALL --tenant TENANT")
            }
            if output.json { Terminal.print(json: call) } else { Terminal.print(ReportText.call(call)) }
        }
    }

    struct End: DaemonCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a running call.", discussion: "Both sides get a BYE. It is on the audit log. Needs the role operator.")

        @Argument(help: ArgumentHelp("The call's id, as `sotto calls` lists it.", valueName: "call")) var call: CallID
        @OptionGroup var daemon: DaemonOptions

        func perform() throws(Failure) {
            try daemon.client.command(.endCall(call))
            Acknowledgement.print("\(call): ended", json: output.json)
        }
    }
}

struct Events: DaemonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow what happens, as it happens.",
        discussion: """
            From now on, one line an event, until you interrupt it or the daemon stops. With --json each line is a JSON object. \
            --until and --count make it wait for something: `sotto events --until call.ended`. Needs the role viewer.
            """)

    @Flag(name: .shortAndLong, help: "Follow; it always does.") var follow = false
    @Option(name: .long, help: ArgumentHelp("Only events of this call.", valueName: "call")) var call: CallID?
    @Option(name: .long, help: ArgumentHelp("Only events whose name begins so.", valueName: "prefix")) var event: String?
    @Option(
        name: .long, help: ArgumentHelp("End with 0 after an event of this name; with 1 when the daemon stops before.", valueName: "name"))
    var until: String?
    @Option(name: .long, help: ArgumentHelp("End with 0 after so many events.", valueName: "number")) var count: Int?
    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is 1 or more.") }
    }

    func perform() throws(Failure) {
        var left = count
        var isDone = false
        try daemon.client.events { event throws(Failure) -> Bool in
            if let call, event.call != call.description { return true }
            if let prefix = self.event, !event.event.hasPrefix(prefix) { return true }
            if output.json { Terminal.print(jsonLine: event) } else { Terminal.print(ReportText.event(event)) }
            if let number = left {
                left = number - 1
                if number == 1 { isDone = true }
            }
            if event.event == until { isDone = true }
            return !isDone
        }
        if !isDone, until != nil || count != nil { throw Failure(.no, "the daemon stopped before that happened") }
    }
}

struct Reload: DaemonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have the daemon read its configuration again.",
        discussion: """
            Everything is read and checked first; only then it is swapped in, at once. Running calls keep the policy they began \
            with. A wrong configuration is refused with exit code 78, and the old one stays in force. It always waits for the \
            outcome. Needs the role operator.
            """)

    @Flag(name: .long, help: "Wait for the outcome; it always does.") var wait = false
    @OptionGroup var daemon: DaemonOptions

    func perform() throws(Failure) {
        let report = try daemon.client.report(ReloadReport.self, .reload)
        if output.json { Terminal.print(json: report) } else { Terminal.print(ReportText.reload(report)) }
        if !report.isAccepted { throw Failure(.configuration) }
    }
}

struct Drain: DaemonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take no new calls, let the running ones end, then stop the daemon.",
        discussion: """
            New calls are refused with 503 and Retry-After; running ones have the time that [limits] drain gives. It returns at \
            once: `sotto status` shows how many calls are left. Needs the role operator.
            """)

    @OptionGroup var daemon: DaemonOptions

    func perform() throws(Failure) {
        try daemon.client.command(.drain)
        Acknowledgement.print("draining: new calls are refused; the daemon stops when the running ones have ended", json: output.json)
    }
}

/// What is printed when there is nothing to report.
struct Acknowledgement: Encodable {
    let done: String

    static func print(_ text: String, json: Bool) {
        if json { Terminal.print(json: Acknowledgement(done: text)) } else { Terminal.print(text) }
    }
}
