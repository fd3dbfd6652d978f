import Foundation
import SottoBase
import SottoConfiguration
import Testing

/// `ConfigurationLoader.check`: what a start or a reload would refuse is found before. The files are those of the folder `Certificates`,
/// whose certificate names sbc.acme.example and is valid from 2026-11-25 to 2046.
@Suite struct CheckTests {
    private static let day: Int64 = 86_400_000

    private func certificate(_ name: String) throws -> [UInt8] {
        let folder = try #require(Bundle.module.url(forResource: "Certificates", withExtension: nil))
        return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private static let machine = """
        [machine]
        region = "DE"
        [[sip.listener]]
        name = "public"
        bind = "192.0.2.10"
        advertise = "sbc.acme.example"
        certificate = "sip.pem"
        key = "file:sip.key"
        client-ca = "ca.pem"
        client-ca-crl = "ca.crl"
        client-certificates = "optional"
        ocsp-staple = "good.ocsp"
        [sip.outbound]
        certificate = "sip.pem"
        key = "file:sip.key"
        server-ca = "ca.pem"
        [media]
        bind = "192.0.2.10"
        [keys]
        root-key = "credential:root"
        [[admin.role]]
        name = "viewer"
        users = [0]

        """

    private static let tenant = MemoryFiles.tenant.replacingOccurrences(
        of: "[[route]]",
        with: """
            [trunk.outbound]
            servers = "sip.carrier.example"
            certificate = "sip.pem"
            key = "file:sip.key"
            credentials = { user = "acme", password = "credential:password" }
            [[route]]
            """)

    private func house(machine: String = machine, tenant: String = tenant) throws -> MemoryFiles {
        var files = MemoryFiles.good(machine: machine, tenant: tenant)
        files.credentialsFolder = "/run/credentials"
        for name in ["sip.pem", "ca.pem", "weak.pem", "ca.crl", "good.ocsp", "revoked.ocsp"] {
            files.files["/etc/sotto/" + name] = MemoryFiles.File(bytes: try certificate(name), mode: 0o644)
        }
        for name in ["sip.key", "other.key", "encrypted.key", "weak.key"] {
            files.files["/etc/sotto/" + name] = MemoryFiles.File(bytes: try certificate(name))
        }
        files.add("/run/credentials/root", String(repeating: "0f", count: 32) + "\n", mode: 0o440, owner: 0)
        files.add("/run/credentials/password", "open sesame\n", mode: 0o440, owner: 0)
        return files
    }

    private func check(_ files: MemoryFiles) throws -> [Diagnostic] {
        let loaded = try files.load().get()
        #expect(loaded.warnings == [])
        return ConfigurationLoader.check(loaded, files: files.closures)
    }

    private func summaries(_ files: MemoryFiles) throws -> [String] { try check(files).map(\.summary) }

    private func replacing(_ old: String, _ new: String) -> String { Self.machine.replacingOccurrences(of: old, with: new) }

    @Test func nothingIsFoundWhenAllIsThere() throws { #expect(try check(house()) == []) }

    // MARK: - Places

    @Test func findingPointsAtTheKeyThatNamesTheFile() throws {
        var files = try house()
        files.files["/etc/sotto/ca.crl"] = nil
        #expect(
            try check(files).map(\.description) == [
                """
                sotto.toml:10:17: error: client-ca-crl file:/etc/sotto/ca.crl cannot be used: it does not exist
                   10 | client-ca-crl = "ca.crl"
                      |                 ^
                """
            ])
    }

    @Test func trunksFilesAreCheckedInTheTenantsFile() throws {
        var files = try house(tenant: Self.tenant.replacingOccurrences(of: "file:sip.key", with: "file:other.key"))
        files.files["/run/credentials/password"] = nil
        #expect(
            try summaries(files) == [
                "tenants/acme.toml:10:7: error: key file:/etc/sotto/other.key does not belong to certificate file:/etc/sotto/sip.pem",
                "tenants/acme.toml:11:43: error: password credential:password cannot be used: it does not exist",
            ])
    }

    // MARK: - Keys

    @Test func keyThatOthersCanReadIsRefusedWithTheCommandThatMendsIt() throws {
        var files = try house(
            machine: replacing("[sip.outbound]\ncertificate = \"sip.pem\"\nkey = \"file:sip.key\"\n", "[sip.outbound]\n"),
            tenant: MemoryFiles.tenant)
        files.files["/etc/sotto/sip.key"]?.mode = 0o644
        let found = try check(files)
        #expect(found.map(\.message) == ["key file:/etc/sotto/sip.key cannot be used: others can open it (mode 0644)"])
        #expect(found.first?.hint == "chmod 600 /etc/sotto/sip.key")
    }

    @Test(arguments: [0o600, 0o400] as [UInt16]) func closedKeysAreAccepted(_ mode: UInt16) throws {
        var files = try house()
        files.files["/etc/sotto/sip.key"]?.mode = mode
        #expect(try check(files) == [])
    }

    @Test func keyOfAnotherUserIsRefused() throws {
        var files = try house()
        files.files["/etc/sotto/sip.key"]?.owner = 33
        #expect(try check(files).first?.hint == "chown 1000 /etc/sotto/sip.key")
    }

    @Test func keyOfAnotherCertificateIsRefused() throws {
        let found = try summaries(
            house(
                machine: replacing("name = \"public\"\n", "name = \"public\"\n# a remark\n").replacingOccurrences(
                    of: "key = \"file:sip.key\"\nclient-ca", with: "key = \"file:other.key\"\nclient-ca")))
        #expect(found == ["sotto.toml:9:7: error: key file:/etc/sotto/other.key does not belong to certificate file:/etc/sotto/sip.pem"])
    }

    @Test func keyUnderAPassPhraseIsRefused() throws {
        let machine = replacing("key = \"file:sip.key\"\nclient-ca", "key = \"file:encrypted.key\"\nclient-ca")
        #expect(
            try summaries(house(machine: machine)) == [
                "sotto.toml:8:7: error: key file:/etc/sotto/encrypted.key is protected by a pass phrase"
            ])
    }

    @Test func swappedCertificateAndKeyAreSeen() throws {
        var files = try house(
            machine: replacing(
                "certificate = \"sip.pem\"\nkey = \"file:sip.key\"\nclient", "certificate = \"x.pem\"\nkey = \"file:x.key\"\nclient"))
        files.files["/etc/sotto/x.pem"] = MemoryFiles.File(bytes: try certificate("sip.key"))
        files.files["/etc/sotto/x.key"] = MemoryFiles.File(bytes: try certificate("sip.pem"))
        #expect(
            try check(files).map(\.message) == [
                "certificate file:/etc/sotto/x.pem holds no certificate", "key file:/etc/sotto/x.key holds no private key",
            ])
    }

    @Test(arguments: [31, 33, 63, 65, 128]) func rootKeyOfAWrongLengthIsRefused(_ count: Int) throws {
        var files = try house()
        files.add("/run/credentials/root", String(repeating: "a", count: count), mode: 0o440, owner: 0)
        #expect(try summaries(files) == ["sotto.toml:20:12: error: root-key credential:root is no root key: its length is wrong"])
    }

    @Test(arguments: [String(repeating: "\u{1}", count: 32), String(repeating: "A", count: 43) + "=\n"])
    func rootKeyMayBeRawOrBase64(_ text: String) throws {
        var files = try house()
        files.add("/run/credentials/root", text, mode: 0o440, owner: 0)
        #expect(try check(files) == [])
    }

    @Test func credentialWithoutSystemdSaysHow() throws {
        var files = try house(tenant: MemoryFiles.tenant)
        files.credentialsFolder = nil
        let found = try check(files)
        #expect(found.map(\.message) == ["root-key credential:root cannot be used: $CREDENTIALS_DIRECTORY is not set"])
        #expect(found.first?.hint == "add LoadCredential=NAME:PATH to the unit, or use file:PATH")
    }

    @Test func hintQuotesAPathForTheShell() {
        #expect(FileProblem.exposed(mode: 0o644).hint(path: "/a b/it's", user: 0) == "chmod 600 '/a b/it'\\''s'")
    }

    // MARK: - Certificates

    @Test func certificateIsCheckedAgainstTheClock() throws {
        var files = try house(
            machine: replacing("[sip.outbound]\ncertificate = \"sip.pem\"\nkey = \"file:sip.key\"\n", "[sip.outbound]\n")
                .replacingOccurrences(of: "ocsp-staple = \"good.ocsp\"\n", with: "").replacingOccurrences(
                    of: "client-ca-crl = \"ca.crl\"\n", with: ""), tenant: MemoryFiles.tenant)
        let loaded = try files.load().get()
        func found() -> [String] { ConfigurationLoader.check(loaded, files: files.closures).map(\.summary) }
        files.now = WallTime(milliseconds: files.now.milliseconds - 30 * Self.day)
        #expect(found().first?.contains("error: certificate file:/etc/sotto/sip.pem is valid only from 2026-11-25T") == true)
        files.now = WallTime(milliseconds: files.now.milliseconds + 7_300 * Self.day + 15 * Self.day)
        #expect(found() == ["sotto.toml:7:15: warning: certificate file:/etc/sotto/sip.pem expires in 9 days, at 2046-11-20T01:29:51.000Z"])
        files.now = WallTime(milliseconds: files.now.milliseconds + 20 * Self.day)
        #expect(found().first == "sotto.toml:7:15: error: certificate file:/etc/sotto/sip.pem expired at 2046-11-20T01:29:51.000Z")
    }

    @Test func weakKeyIsRefused() throws {
        let machine = replacing(
            "certificate = \"sip.pem\"\nkey = \"file:sip.key\"\nserver", "certificate = \"weak.pem\"\nkey = \"file:weak.key\"\nserver")
        #expect(
            try summaries(house(machine: machine)) == [
                "sotto.toml:14:15: error: certificate file:/etc/sotto/weak.pem has too weak a key for TLS"
            ])
    }

    @Test func certificateShouldNameWhatPeersAreTold() throws {
        let found = try check(house(machine: replacing("advertise = \"sbc.acme.example\"", "advertise = \"sip.acme.example\"")))
        #expect(found.map(\.severity) == [.warning])
        #expect(
            found.map(\.message) == [
                "certificate file:/etc/sotto/sip.pem names sbc.acme.example, acme.example, but peers are told sip.acme.example"
            ])
        // The domain counts as well, and an address is never compared (RFC 5922 §7.1).
        #expect(try check(house(machine: replacing("advertise = \"sbc.acme.example\"", "advertise = \"acme.example\""))) == [])
        #expect(try check(house(machine: replacing("advertise = \"sbc.acme.example\"", "advertise = \"198.51.100.9\""))) == [])
    }

    /// A start and a reload tell what `check` warns of.
    @Test func warningsJoinThoseOfTheLoad() throws {
        let files = try house(machine: replacing("advertise = \"sbc.acme.example\"", "advertise = \"sip.acme.example\""))
        let loaded = try files.load().get()
        let found = ConfigurationLoader.check(loaded, files: files.closures)
        #expect(loaded.adding(found).warnings == found && found.count == 1)
    }

    // MARK: - Revocation

    @Test func revocationListIsReadAndItsAgeTold() throws {
        var files = try house(machine: replacing("ocsp-staple = \"good.ocsp\"\n", ""))
        files.now = WallTime(milliseconds: files.now.milliseconds + 60 * Self.day)
        #expect(
            try summaries(files) == [
                "sotto.toml:10:17: warning: client-ca-crl file:/etc/sotto/ca.crl is out of date since 2026-12-25T01:29:51.000Z"
            ])
        files.files["/etc/sotto/ca.crl"] = files.files["/etc/sotto/ca.pem"]
        #expect(try summaries(files) == ["sotto.toml:10:17: error: client-ca-crl file:/etc/sotto/ca.crl holds no revocation list"])
    }

    @Test func ocspAnswerIsReadAndItsAgeAndVerdictTold() throws {
        var files = try house(machine: replacing("client-ca-crl = \"ca.crl\"\n", ""))
        let good = files.files["/etc/sotto/good.ocsp"]
        files.files["/etc/sotto/good.ocsp"] = files.files["/etc/sotto/revoked.ocsp"]
        #expect(
            try summaries(files) == [
                "sotto.toml:11:15: warning: ocsp-staple file:/etc/sotto/good.ocsp says that the certificate is revoked"
            ])
        files.files["/etc/sotto/good.ocsp"] = files.files["/etc/sotto/sip.pem"]
        #expect(
            try summaries(files) == [
                "sotto.toml:11:15: error: ocsp-staple file:/etc/sotto/good.ocsp cannot be used: it holds no OCSP answer in DER"
            ])
        files.files["/etc/sotto/good.ocsp"] = good
        files.now = WallTime(milliseconds: files.now.milliseconds + 10 * Self.day)
        #expect(try check(files).map(\.severity) == [.warning])
    }

    // MARK: - Passwords

    @Test func passwordIsReadWithoutTheLinesEnd() throws {
        let files = try house()
        let password = try FileReference.credential("password").readPassword(files.closures).get()
        #expect(password == SecretBytes(copying: Array("open sesame".utf8)[...]))
    }

    @Test func emptyPasswordIsRefused() throws {
        var files = try house()
        files.add("/run/credentials/password", "\r\n", mode: 0o440, owner: 0)
        #expect(try summaries(files) == ["tenants/acme.toml:11:43: error: password credential:password is empty"])
        #expect(FileReference.credential("password").readPassword(files.closures) == .failure(.empty))
    }

    // MARK: - Hostile files

    @Test(arguments: [
        "", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u{0}\u{30}\u{82}",
    ])
    func damagedFilesAreFaultsAndNoTraps(_ text: String) throws {
        var files = try house()
        for name in ["sip.pem", "sip.key", "ca.pem", "ca.crl", "good.ocsp"] { files.add("/etc/sotto/" + name, text) }
        let found = try check(files)
        #expect(found.count >= 7 && found.allSatisfy { $0.severity == .error })
    }
}
