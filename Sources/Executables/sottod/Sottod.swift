import Foundation
import SottoBase
import SottoServer

/// The daemon. Everything is in its configuration; there are no other switches, so that a unit file says all.
@main
struct Sottod {
    static let usage = """
        usage: sottod [--config FOLDER] [--runtime FOLDER] [--version]

          --config FOLDER    where sotto.toml and tenants/ lie (default /etc/sotto)
          --runtime FOLDER   for generated files (default $RUNTIME_DIRECTORY, else /run/sotto)

        Signals: SIGHUP reloads, SIGTERM drains and stops. Exit codes: 78 configuration, 69 something is unavailable.

        """

    static func main() async {
        Hardening.restartWithWipingAllocator()
        var configuration = "/etc/sotto"
        var runtime = ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"] ?? "/run/sotto"
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--config", "--runtime":
                guard let value = arguments.popFirst() else { fail("\(argument) needs a folder") }
                if argument == "--config" { configuration = value } else { runtime = value }
            case "--version":
                print("sottod \(SottoVersion.daemon)")
                exit(ExitCode.ok.rawValue)
            case "--help", "-h":
                print(usage, terminator: "")
                exit(ExitCode.ok.rawValue)
            default:
                fail("unknown argument \(argument)")
            }
        }
        exit(await Service.run(Daemon.Options(configuration: configuration, runtimeFolder: runtime)).rawValue)
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("sottod: \(message)\n\(usage)".utf8))
        exit(ExitCode.usage.rawValue)
    }
}
