internal import Policy
internal import SottoBase

/// Reads `[sip]`: listeners and what all outbound connections share.
enum ListenerReader {
    /// DSCP of signaling: CS3, as RFC 4594 §4.1's table of service classes has it for signaling that must not wait.
    static let standardDSCP: UInt8 = 24

    static func readAll(_ root: Section, folder: String) -> [SIPListener] {
        guard let sip = root.section("sip", MachineTables.sip) else { return [] }
        let sections = sip.sections("listener", MachineTables.listener, atMost: 64)
        if sections.isEmpty, !root.findings.hasErrors {
            root.findings.error(at: sip.location, "there is no listener", expected: "at least one [[sip.listener]]")
        }
        var seen: Set<String> = []
        var ports: Set<PeerAddress> = []
        return sections.compactMap { section in
            let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TenantName($0)?.text })
            if let name, !seen.insert(name).inserted { section.refuse("name", "listener '\(name)' is there already") }
            let port = UInt16(section.integer("port", in: 0...65_535) ?? 5_061)
            let bind = section.address("bind", port: port) ?? (section.has("bind") ? nil : PeerAddress(bytes: [0, 0, 0, 0], port: port))
            if let bind, port != 0, !ports.insert(bind).inserted {
                section.refuse("port", "two listeners use the same address and port")
            }
            let advertised = advertisedHost(section, bind: bind)
            let advertisedPort = section.integer("advertise-port", in: 1...65_535).map { UInt16($0) }
            let certificate = section.reference("certificate", folder: folder, allowsPlainPath: true)
            let key = section.reference("key", folder: folder)
            let clients = readClients(section, folder: folder)
            let staple = section.reference("ocsp-staple", folder: folder, allowsPlainPath: true)
            let minimum = section.choice("minimum-tls", SIPListener.MinimumTLS.self, later: oldTLS) ?? .tls12
            let tickets = section.flag("session-tickets") ?? true
            let dscp = section.dscp(standard: standardDSCP)
            guard let name, let bind, let advertised, let certificate, let key else { return nil }
            return SIPListener(
                name: name, bind: bind, advertisedHost: advertised, advertisedPort: advertisedPort, certificate: certificate, key: key,
                clientCA: clients.authorities, clientCRL: clients.revoked, clientCertificates: clients.mode, ocspStaple: staple,
                minimumTLS: minimum, hasSessionTickets: tickets, dscp: dscp, location: section.location)
        }
    }

    private static let oldTLS = ["1.0": "TLS 1.0 is never spoken (RFC 8996)", "1.1": "TLS 1.1 is never spoken (RFC 8996)"]

    private static func readClients(
        _ section: Section, folder: String
    ) -> (mode: SIPListener.ClientCertificates, authorities: FileReference?, revoked: FileReference?) {
        let authorities = section.reference("client-ca", folder: folder, allowsPlainPath: true)
        let revoked = section.reference("client-ca-crl", folder: folder, allowsPlainPath: true)
        let mode = section.choice("client-certificates", SIPListener.ClientCertificates.self) ?? .none
        if mode != .none, !section.has("client-ca") {
            section.refuse(
                "client-certificates", "client certificates cannot be checked without authorities", hint: "add client-ca = \"PATH\"")
        }
        for key in ["client-ca", "client-ca-crl"] where mode == .none && section.has(key) {
            section.findings.warning(
                at: section.place(of: key), "\(key) has no effect", hint: "add client-certificates = \"optional\"")
        }
        return (mode, authorities, revoked)
    }

    /// The host that peers see; an unspecified address is none.
    private static func advertisedHost(_ section: Section, bind: PeerAddress?) -> String? {
        guard section.has("advertise") else {
            guard let bind else { return nil }
            guard !bind.isUnspecified else {
                section.findings.error(
                    at: section.location, "key 'advertise' is missing in \(section.schema.header)", expected: "an address or host name",
                    hint: "bind is \(bind.hostText), which no peer can answer to")
                return nil
            }
            return bind.hostReference
        }
        return section.value("advertise", expected: "an address that peers can reach, or a host name") { text in
            if let address = PeerAddress(host: text, port: 0) { return address.isUnspecified ? nil : address.hostReference }
            return TrunkServer.isHostName(text) ? text.lowercased() : nil
        }
    }

    static func readOutbound(_ root: Section, folder: String) -> OutboundSettings {
        // A fault of [sip] itself was reported with the listeners.
        guard case .table(let sip)? = root.table["sip"]?.node.value, let entry = sip["outbound"] else {
            return OutboundSettings(certificate: nil, key: nil, serverCA: nil, serverCRL: nil, location: root.location)
        }
        guard case .table(let table) = entry.node.value else {
            root.findings.error(at: root.place(entry.node), "'outbound' is \(entry.node.kind)", expected: "a table")
            return OutboundSettings(certificate: nil, key: nil, serverCA: nil, serverCRL: nil, location: root.location)
        }
        let section = Section(MachineTables.outbound, table, file: root.file, findings: root.findings)
        let own = section.certificateAndKey(folder: folder)
        return OutboundSettings(
            certificate: own?.certificate, key: own?.key,
            serverCA: section.reference("server-ca", folder: folder, allowsPlainPath: true),
            serverCRL: section.reference("server-ca-crl", folder: folder, allowsPlainPath: true), location: section.location)
    }
}

extension Section {
    /// A DSCP by its number.
    func dscp(standard: UInt8) -> UInt8 { integer("dscp", in: 0...63).map { UInt8($0) } ?? standard }
}
