import Foundation
import SottoBase
import SottoTLS
import SottoTestCertificates
import SottoTestPeer

/// The daemon as a process of its own, and a configuration whose limits are out of the way of what is measured.
final class DaemonProcess: MeasuredProcess {
    struct Setup {
        /// `sottod`, or `sottod-null`, whose recognizer and voice do nothing.
        var program: String
        var core: Int?
        var niceness = 0
        /// Callers show a certificate, and are known by it; else by their address alone.
        var demandsCertificates = true
        var mediaThreads: Int?
        var nearSuites: [String] = []
        var codecs: [String] = []
        /// Where calls to +4940… go, by what suite.
        var farPort: UInt16?
        var farSuites: [String] = []
        /// Calls that are recorded (by announcement, in a region whose law is content with that).
        var records = false
        var callsPerSecond = 10_000
        var logLevel = "notice"
    }

    let authority: TestAuthority
    let carrier: TLSCredentials
    /// For whoever plays the server of the trunk that calls go out by.
    let far: TLSCredentials
    private(set) var port: UInt16 = 0
    private let setup: Setup

    var adminSocket: String { folder + "/run/admin.sock" }

    init(_ setup: Setup) throws {
        self.setup = setup
        authority = try TestAuthority()
        carrier = try authority.issue(.init(dnsNames: ["carrier.example"]))
        far = try authority.issue(.init(dnsNames: ["far.example"]))
        try super.init(core: setup.core)
        for name in ["tenants", "state", "run"] { try makeFolder(name) }
        let gateway = try authority.issue(.init(dnsNames: ["sbc.example"]))
        try put("sbc.pem", gateway.certificateChain)
        try put("sbc.key", gateway.privateKey.withBytes { Array($0) })
        try put("carriers.pem", authority.certificate)
        try put("root.key", (0..<32).map { _ in UInt8.random(in: 0...255) })
        try put("sotto.toml", Array(machine.utf8))
        try put("tenants/load.toml", Array(tenant.utf8))
        let arguments =
            setup.program.hasSuffix("-null")
            ? [setup.program, folder, folder + "/run"] : [setup.program, "--config", folder, "--runtime", folder + "/run"]
        try launch(arguments, niceness: setup.niceness)
    }

    /// Waits for the listener's line in the log, which names its port.
    func waitUntilListening() async throws {
        port = try await wait("the daemon's listener", within: .seconds(60)) {
            guard isRunning else { throw PeerFault(description: "the daemon ended: \(log)") }
            guard let line = log.split(separator: "\n").first(where: { $0.contains("listener.open") }),
                let address = line.split(separator: " ").first(where: { $0.hasPrefix("address=") })
            else { return nil }
            return address.split(separator: ":").last.flatMap { UInt16($0) }
        }
    }

    /// How its callers come: with a certificate if it asks for one.
    func callerContext() throws -> TLSContext {
        try TLSContext.client(setup.demandsCertificates ? carrier : nil, trust: authority.trust, now: .now())
    }

    /// Writes the tenant's file again with another comment in it, for a reload.
    func touchTenant(_ mark: String) throws { try put("tenants/load.toml", Array((tenant + "\n# \(mark)\n").utf8)) }

    // MARK: - Configuration

    private var machine: String {
        let ports = Int.random(in: 5_000...6_000) * 2
        return """
            [machine]
            name = "load"
            region = "US-NY"

            [[sip.listener]]
            name = "main"
            bind = "127.0.0.1"
            port = 0
            certificate = "sbc.pem"
            key = "file:sbc.key"
            client-ca = "carriers.pem"
            client-certificates = "\(setup.demandsCertificates ? "required" : "none")"

            [media]
            bind = "127.0.0.1"
            port-range = "\(ports)-\(ports + 15_999)"
            \(setup.mediaThreads.map { "threads = \($0)" } ?? "")

            [storage]
            records = "state/records"
            audit = "state/audit"
            index = "state/index.sqlite"

            [keys]
            root-key = "file:root.key"

            [admin]
            socket = "run/admin.sock"

            [[admin.role]]
            name = "viewer"
            users = [\(getuid())]

            [[admin.role]]
            name = "operator"
            users = [\(getuid())]

            [log]
            level = "\(setup.logLevel)"
            format = "text"

            [limits]
            calls = 20000
            calls-per-second = \(setup.callsPerSecond)
            calls-per-source = 20000
            calls-per-second-per-source = 10000
            connections = 30000
            connections-per-source = 30000
            connections-per-second-per-source = 10000
            connection-burst-per-source = 10000
            handshakes = 20000
            drain = "5s"
            """
    }

    private static func list(_ names: [String]) -> String { "[" + names.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }

    private func media(_ suites: [String]) -> String {
        let parts =
            (suites.isEmpty ? [] : ["suites = " + Self.list(suites)])
            + (setup.codecs.isEmpty ? [] : ["codecs = " + Self.list(setup.codecs)])
        return parts.isEmpty ? "" : "media = { \(parts.joined(separator: ", ")) }"
    }

    private var tenant: String {
        let far =
            setup.farPort.map {
                """
                [[trunk]]
                name = "far"
                peers = ["127.0.0.2"]
                limits = { calls = 20000, calls-per-second = 10000, burst = 10000 }
                \(media(setup.farSuites))

                [trunk.outbound]
                servers = ["127.0.0.1:\($0)"]
                tls-name = "far.example"
                server-ca = "carriers.pem"
                probe = "10s"

                [[route]]
                name = "bridge"
                to-number = "+4940*"
                target = "trunk:far"
                """
            } ?? ""
        return """
            [tenant]
            name = "load"
            region = "US-NY"

            [[trunk]]
            name = "carrier"
            \(setup.demandsCertificates ? "certificate-identity = \"carrier.example\"" : "peers = [\"127.0.0.1\"]")
            limits = { calls = 20000, calls-per-second = 10000, burst = 10000 }
            \(media(setup.nearSuites))

            \(far)

            [[route]]
            name = "echo"
            to-number = "+4950*"
            target = "echo"

            [[route]]
            name = "reception"
            to-number = "*"
            target = "agent:reception"

            [consent]
            record = "\(setup.records ? "announce" : "never")"

            [[dialogue]]
            name = "reception"
            start = "welcome"
            silence = "60s"
            silence-limit = 10

            [[dialogue.state]]
            name = "welcome"
            ask = "How can I help you?"
            listen = [
                { words = ["goodbye"], next = "goodbye" },
            ]

            [[dialogue.state]]
            name = "goodbye"
            say = "Goodbye."
            hang-up = true
            """
    }
}
