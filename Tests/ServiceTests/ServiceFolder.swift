import Foundation
import Glibc
import SottoBase
import SottoTestCertificates
import SottoTLS

/// A temporary folder with everything that a daemon needs: the configuration of Config/ as it is shipped, but for paths and ports, and
/// credentials as systemd would hand them over.
final class ServiceFolder {
    let path: String
    let authority: TestAuthority

    struct Failure: Error { let step: String }

    init() throws {
        var template = Array("/tmp/sotto-service-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(step: "mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        authority = try TestAuthority()
        for folder in ["tenants", "credentials", "run", "state"] { mkdir("\(path)/\(folder)", 0o700) }

        let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Config").standardized
        var machine = try String(contentsOf: shipped.appendingPathComponent("sotto.toml"), encoding: .utf8)
        for (text, other) in [
            ("/var/lib/sotto", "\(path)/state"), ("/run/sotto", "\(path)/run"), ("port = 5061", "port = 0"),
            ("users = [0]", "users = [\(getuid())]"), ("192.0.2.10", "127.0.0.1"), ("# drain = \"60s\"", "drain = \"7s\""),
        ] {
            guard machine.contains(text) else { throw Failure(step: "Config/sotto.toml no longer has \(text)") }
            machine = machine.replacingOccurrences(of: text, with: other)
        }
        try write(machine, to: "sotto.toml")
        let tenant = try String(contentsOf: shipped.appendingPathComponent("tenants/example.toml"), encoding: .utf8)
        guard tenant.contains("198.51.100.0/24") else { throw Failure(step: "Config/tenants/example.toml has other peers") }
        try write(tenant.replacingOccurrences(of: "198.51.100.0/24", with: "127.0.0.1"), to: "tenants/example.toml")
        try issueCertificate()
        try write(String(repeating: "5a", count: 32) + "\n", to: "credentials/root-key", mode: 0o400)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A new certificate and key in place of those that are there.
    func issueCertificate() throws {
        let credentials = try authority.issue(.init(commonName: "sotto.example", dnsNames: ["sotto.example"]))
        try write(String(decoding: credentials.certificateChain, as: UTF8.self), to: "credentials/sip-certificate", mode: 0o400)
        let key = credentials.privateKey.withBytes { String(decoding: $0, as: UTF8.self) }
        try write(key, to: "credentials/sip-key", mode: 0o400)
    }

    func write(_ text: String, to name: String, mode: mode_t = 0o600) throws {
        let file = "\(path)/\(name)"
        unlink(file)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        guard chmod(file, mode) == 0 else { throw Failure(step: "chmod \(name)") }
    }

    /// Replaces text of sotto.toml that must be there.
    func change(_ text: String, to other: String) throws {
        let file = try String(contentsOfFile: "\(path)/sotto.toml", encoding: .utf8)
        guard file.contains(text) else { throw Failure(step: "sotto.toml has no \(text)") }
        try write(file.replacingOccurrences(of: text, with: other), to: "sotto.toml")
    }

    /// The first line of sotto.toml that begins with `text`, counted from 1.
    func line(of text: String) -> Int? {
        let file = try? String(contentsOfFile: "\(path)/sotto.toml", encoding: .utf8)
        return file?.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.hasPrefix(text) }.map { $0 + 1 }
    }

    func status(of name: String) -> stat? {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0 ? status : nil
    }
}
