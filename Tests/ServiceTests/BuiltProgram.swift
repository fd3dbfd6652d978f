import Foundation

/// What the build made, as processes.
enum BuiltProgram {
    /// Beside the test bundle, where the build puts every product.
    static func path(_ name: String) -> String {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Arguments of a shell that becomes `program` and lets it dump as much as its own limit allows.
    static func allowingCores(_ program: String, _ arguments: [String]) -> [String] {
        ["-c", "ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\"", program] + arguments
    }

    /// Runs a program to its end. The code is a signal's number negated when one ended it.
    static func run(_ program: String, _ arguments: [String], in folder: ServiceFolder) async throws -> (code: Int32, output: Data) {
        let path = "\(folder.path)/output-\(UInt32.random(in: 0...UInt32.max))"
        guard FileManager.default.createFile(atPath: path, contents: nil), let output = FileHandle(forWritingAtPath: path) else {
            throw ServiceFolder.Failure(step: "a file for the output")
        }
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        let code = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { process in
                let status = process.terminationStatus
                continuation.resume(returning: process.terminationReason == .exit ? status : -status)
            }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return (code, FileManager.default.contents(atPath: path) ?? Data())
    }

    /// What `sotto … --json` answers.
    static func ask(_ arguments: [String], in folder: ServiceFolder) async throws -> [String: Any] {
        let arguments = arguments + ["--json", "--socket", "\(folder.path)/run/admin.sock"]
        let (code, output) = try await run(path("sotto"), arguments, in: folder)
        guard code == 0, let object = try JSONSerialization.jsonObject(with: output) as? [String: Any] else {
            throw ServiceFolder.Failure(step: "sotto \(arguments.joined(separator: " ")): \(code)")
        }
        return object
    }
}
