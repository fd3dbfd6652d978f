import AdministrationAPI
import ArgumentParser
import DurableFiles
import Keys

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "keys", abstract: "Make keys.", subcommands: [Create.self])

    struct Create: SottoCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a root key file.",
            discussion: """
                32 random bytes, mode 0600, never in place of another file. [keys] root-key names it: `file:PATH`; or give it to \
                systemd (`systemd-creds encrypt PATH …`, LoadCredentialEncrypted=) and name `credential:NAME`. Keep a copy apart \
                and closed: without it no record can ever be opened; with it, and the key files, every record can.
                """)

        @Argument(help: ArgumentHelp("The file to make.", valueName: "path"), completion: .file()) var path: String
        @OptionGroup var output: OutputOptions

        private struct Created: Encodable {
            var path: String
            var mode = "0600"
        }

        func perform() throws(Failure) {
            do throws(RootKeyError) {
                try RootKey.create(at: path)
            } catch {
                throw Self.failure(error, path)
            }
            if output.json {
                Terminal.print(json: Created(path: path))
            } else {
                Terminal.print("\(path): a new root key, mode 0600. Keep a copy apart: without it no record can be opened.")
            }
        }

        static func failure(_ error: RootKeyError, _ path: String) -> Failure {
            guard case .unreadable(let fault) = error else { return Failure(.fault, error.description) }
            return switch fault.cause {
            case .exists: Failure(.cannotCreate, "\(path): there is a file already; it was left as it is", hint: "give another name")
            case .missing: Failure(.cannotCreate, "\(path): its folder does not exist")
            case .notPermitted: Failure(.permission, "\(path): you may not write there")
            case .full, .tooLarge, .unexpectedKind, .locked, .other: Failure(.cannotCreate, fault.description)
            }
        }
    }
}
