public import Policy
internal import SottoBase

/// Reads `[trunk.outbound]`.
struct OutboundReader {
    let section: Section
    /// The folder of sotto.toml, for relative paths.
    let folder: String
    let numbers: NumberStyle

    func read() -> OutboundTrunk? {
        let servers = section.values(
            "servers",
            expected: "a SIP domain, host or address, with a port if it is fixed: sip.carrier.example, pbx.example:5071, 192.0.2.7",
            hint: "no scheme and no parameters: Sotto speaks TLS only", atMost: 16, { TrunkServer($0) })
        if servers?.isEmpty == true { section.refuse("servers", "'servers' is empty", expected: "at least one") }
        let tlsName = hostName("tls-name")
        let pins = section.values(
            "pinned-keys", expected: "sha256/ and 44 characters of base64",
            hint: "openssl x509 -in CERT -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
            atMost: 16, { PinnedKey($0) })
        if pins?.isEmpty == true {
            section.refuse("pinned-keys", "'pinned-keys' is empty", hint: "leave the key out to check the chain alone")
        }
        checkNames(servers ?? [], pins: section.has("pinned-keys"))
        let authorities = section.reference("server-ca", folder: folder, allowsPlainPath: true)
        let own = section.certificateAndKey(folder: folder)
        let credentials = section.section("credentials", TrunkTables.credentials).flatMap(readCredentials)
        let registration = section.section("register", TrunkTables.register).flatMap(readRegistration)
        let standard = CircuitBreakerPolicy()
        let breaker = CircuitBreakerPolicy(
            failures: section.integer("failures", in: 1...100) ?? standard.failures,
            retryAfter: section.duration("retry-after", in: Duration.seconds(1)...Duration.seconds(3_600)) ?? standard.retryAfter)
        let redirects = section.choice("redirects", OutboundTrunk.Redirects.self) ?? .refuse
        let transfer = section.choice("transfer", OutboundTrunk.Transfer.self) ?? .dial
        let callerID = readCallerID()
        let domain = hostName("domain")
        let fromDomain = hostName("from-domain")
        let scheme = section.choice("scheme", OutboundTrunk.Scheme.self) ?? .sip
        let ringTime = section.duration("ring-time", in: Duration.seconds(5)...Duration.seconds(300)) ?? .seconds(60)
        let listener = section.value("listener", expected: "the name of a [[sip.listener]]", { TenantName($0)?.text })
        if section.has("listener") { section.findings.note("listener", of: section.location, at: section.place(of: "listener")) }
        let probe = readProbe()
        guard let servers, !servers.isEmpty else { return nil }
        return OutboundTrunk(
            servers: servers.unique, tlsName: tlsName, allowsWildcard: section.flag("allow-wildcard") ?? false,
            pinnedKeys: (pins ?? []).unique, serverCA: authorities?.content,
            clientCertificate: own.map { CertificateReference(chain: $0.certificate.content, key: $0.key.content) },
            credentials: credentials, registration: registration, probeInterval: probe, breaker: breaker, redirects: redirects,
            transfer: transfer, callerID: callerID, domain: domain, fromDomain: fromDomain, scheme: scheme, ringTime: ringTime,
            listener: listener, location: section.location)
    }

    /// RFC 5922 §7.1: a certificate is compared with a configured name, and an address is none.
    private func checkNames(_ servers: [TrunkServer], pins: Bool) {
        if !section.has("tls-name"), !pins, let address = servers.first(where: \.isAddress) {
            section.refuse(
                "servers", "nothing says which certificate \(address.host) must show", expected: "tls-name or pinned-keys",
                hint: "an address is never compared with a certificate (RFC 5922 §7.1)")
        }
        if section.has("allow-wildcard"), section.flag("allow-wildcard") == true {
            section.findings.warning(
                at: section.place(of: "allow-wildcard"), "certificates with wildcards are accepted from this trunk's servers",
                hint: "RFC 5922 §7.2 forbids them; ask the carrier for a proper one")
        }
    }

    private func readCredentials(_ section: Section) -> TrunkCredentials? {
        self.section.findings.note("password", of: self.section.location, at: section.place(of: "password"))
        let user = section.value("user", expected: "printable text without quotes", Self.word)
        let password = section.reference("password", folder: folder)
        let realm = section.value("realm", expected: "printable text without quotes", Self.word)
        let allowsMD5 = section.flag("allow-md5") ?? false
        guard let user, let password else { return nil }
        return TrunkCredentials(user: user, password: password.content, realm: realm, allowsMD5: allowsMD5)
    }

    private func readRegistration(_ section: Section) -> TrunkRegistration? {
        let user = section.value("user", expected: "a number or name without spaces and @", Self.userPart)
        let contact = section.value("contact-user", expected: "a number or name without spaces and @", Self.userPart)
        let expires = section.duration("expires", in: Duration.seconds(60)...Duration.seconds(86_400)) ?? .seconds(600)
        guard let user else { return nil }
        return TrunkRegistration(user: user, contactUser: contact, expires: expires)
    }

    private func readCallerID() -> CallerIDRule {
        section.value("caller-id", expected: "pass, anonymous, or a number like +4930123456") { text -> CallerIDRule? in
            switch text {
            case "pass": return .pass
            case "anonymous": return .anonymous
            default:
                let number = DialledNumber(user: text, style: numbers)
                return number.isInternational ? .fixed(number) : nil
            }
        } ?? .pass
    }

    private func readProbe() -> Duration? {
        guard section.has("probe") else { return .seconds(60) }
        if section.isText("probe", "never") { return nil }
        return section.duration("probe", in: Duration.seconds(5)...Duration.seconds(3_600))
    }

    private func hostName(_ key: String) -> String? {
        section.value(key, expected: "a host name or SIP domain, like sip.carrier.example", hint: "no wildcard and no address") { text in
            TrunkServer.isHostName(text) ? text.lowercased() : nil
        }
    }

    private static func word(_ text: String) -> String? {
        let isGood = !text.isEmpty && text.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
        return isGood ? text : nil
    }

    private static func userPart(_ text: String) -> String? {
        let isGood =
            (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "+-._~!*".utf8.contains($0)
            }
        return isGood ? text : nil
    }
}

extension FileReference {
    /// As policy names it.
    var content: ContentReference { ContentReference(description) }

    /// What a policy's reference leads to: the loader made it of a `FileReference`.
    public init(_ reference: ContentReference) {
        if reference.text.hasPrefix("credential:") {
            self = .credential(String(reference.text.dropFirst("credential:".count)))
        } else {
            self = .file(reference.text.hasPrefix("file:") ? String(reference.text.dropFirst("file:".count)) : reference.text)
        }
    }
}
