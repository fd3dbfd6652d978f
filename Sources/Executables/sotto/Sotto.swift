import ArgumentParser
import SottoBase

/// The command line of Sotto.
@main
struct Sotto: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sotto",
        abstract: "Look after a Sotto gateway.",
        discussion: """
            Most commands ask the running daemon over its admin socket; what you may do there depends on the roles that \
            [[admin.role]] gives your user and groups. These work without a daemon: check, config reference, keys create, and \
            audit verify with --folder and --key.

            Every command takes --json. Numbers of callers are read from standard input, never from arguments, where every \
            user of the machine could see them.

            EXIT CODES
              0   yes: done, found, sound
              1   no: not found, not sound
              64  wrong usage
              65  input data is wrong
              69  the daemon cannot be reached
              70  an internal fault
              73  a file cannot be made (it exists already)
              75  not now: try again
              77  you may not do that
              78  the configuration is wrong

            COMPLETION
              sotto --generate-completion-script bash > /etc/bash_completion.d/sotto
            """,
        version: "sotto \(SottoVersion.daemon)",
        subcommands: [
            Check.self, Reload.self, Status.self, Calls.self, CallCommand.self, Events.self, Drain.self, Records.self, Audit.self,
            ConfigurationCommand.self, KeysCommand.self,
        ])
}

struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON; problems too, to standard error.")
    var json = false
}

struct DaemonOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The daemon's admin socket.", valueName: "path"), completion: .file())
    var socket = "/run/sotto/admin.sock"

    @OptionGroup var output: OutputOptions

    var client: AdministrationClient { AdministrationClient(socket: socket) }
}

/// A command of `sotto`: does its work or fails with an exit code and words for a person.
protocol SottoCommand: ParsableCommand {
    var output: OutputOptions { get }
    func perform() throws(Failure)
}

extension SottoCommand {
    func run() throws {
        do throws(Failure) {
            try perform()
        } catch {
            error.report(asJSON: output.json)
            throw ExitCode(error.code.rawValue)
        }
    }
}

/// A command that asks the daemon.
protocol DaemonCommand: SottoCommand {
    var daemon: DaemonOptions { get }
}

extension DaemonCommand {
    var output: OutputOptions { daemon.output }
}
