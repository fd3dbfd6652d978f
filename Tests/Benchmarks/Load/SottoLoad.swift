import Foundation
import Glibc
import SottoTestPeer

/// The load generator: real calls over TLS and SRTP against a real daemon in a process of its own, on a core of its own.
@main
struct SottoLoad {
    static let usage = """
        sotto-load COMMAND --daemon PROGRAM [--core N|any] [--niceness N] [--json FILE] …

          calls       many calls at once: CPU, loss, memory, lateness, and each call's audio
                      --calls N --seconds S --suite NAME --codec NAME --target agent|echo|bridge --loss % --delay MS --jitter MS --wraps yes
                      --setups N (set up and ended before)
          peers       OPTIONS and handshakes beside kamailio's and bare OpenSSL's, bridges beside rtpengine's
                      --calls N --seconds S --only options|handshakes|bridge
          defence     call set-up under floods; memory per call, recorded and not, and per idle connection
                      --calls N --seconds S --only flood|memory
          soak        --minutes M --sotto PROGRAM: calls with holds, new keys, loss and reloads; fails on growth or lost audio
        """

    private static let known: Set = [
        "daemon", "core", "niceness", "json", "calls", "seconds", "suite", "codec", "target", "loss", "delay", "jitter", "wraps", "setups",
        "only", "minutes", "sotto", "null",
    ]

    static func main() async {
        // Sockets: one a call and side, and those of floods.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        signal(SIGPIPE, SIG_IGN)
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst(), known: known)
            switch arguments.command {
            case "calls": try await CallsRun.run(arguments)
            case "peers": try await PeersRun.run(arguments)
            case "defence": try await DefenceRun.run(arguments)
            case "soak": try await SoakRun.run(arguments)
            default:
                print(usage)
                exit(arguments.command == "help" ? 0 : 64)
            }
        } catch {
            FileHandle.standardError.write(Data("sotto-load: \(error)\n".utf8))
            exit(1)
        }
    }
}
