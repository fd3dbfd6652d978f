internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SIPTransport
internal import SottoBase
internal import SottoConfiguration
internal import SottoTLS

/// What it takes to call out by one trunk, read from its files: made at start and by each reload, before anything is swapped.
struct TrunkAccess: Sendable {
    let outbound: OutboundTrunk
    /// Whom we trust and what we show. Connections that are being opened use the newest.
    let context: TLSContext
    let credentials: DigestCredentials?
    /// Name of the listener whose address goes into Via and Contact; nil: the first.
    let listener: String?

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// For every trunk that has an outbound part.
    static func all(_ loaded: LoadedConfiguration, files: ConfigurationFiles) throws(Failure) -> [TrunkReference: TrunkAccess] {
        var result: [TrunkReference: TrunkAccess] = [:]
        for tenant in loaded.policy.tenants {
            for trunk in tenant.trunks {
                guard let outbound = trunk.outbound else { continue }
                result[TrunkReference(tenant: tenant.name, trunk: trunk.name)] = try TrunkAccess(
                    trunk: trunk, outbound, machine: loaded.machine.outbound, files: files)
            }
        }
        return result
    }

    private init(trunk: TrunkPolicy, _ outbound: OutboundTrunk, machine: OutboundSettings, files: ConfigurationFiles) throws(Failure) {
        let place = "\(outbound.location): trunk \(trunk.name)"
        self.outbound = outbound
        listener = outbound.listener
        var certificate: (chain: FileReference, key: FileReference)?
        if let own = outbound.clientCertificate {
            certificate = (FileReference(own.chain), FileReference(own.key))
        } else if let chain = machine.certificate, let key = machine.key {
            certificate = (chain, key)
        }
        let shown: TLSCredentials?
        if let certificate {
            shown = TLSCredentials(
                certificateChain: try Self.content(certificate.chain, "client certificate", place, files),
                privateKey: try Self.secret(certificate.key, "client key", place, files))
        } else {
            shown = nil
        }
        let trust: TLSTrust =
            if let authority = outbound.serverCA.map({ FileReference($0) }) ?? machine.serverCA {
                .certificates(try Self.content(authority, "server-ca", place, files))
            } else {
                .system
            }
        let revoked: [UInt8]?
        if let list = machine.serverCRL {
            revoked = try Self.content(list, "server-ca-crl", place, files)
        } else {
            revoked = nil
        }
        do throws(TLSContextError) {
            context = try TLSContext.client(shown, trust: trust, revocation: revoked, now: SystemClock.wall)
        } catch {
            throw Failure(description: "\(place): \(error)")
        }
        guard let digest = outbound.credentials else {
            credentials = nil
            return
        }
        var made = DigestCredentials(
            user: digest.user,
            password: try Self.secret(FileReference(digest.password), "password", place, files, isPassword: true), realm: digest.realm)
        made.dangerAllowsMD5 = digest.allowsMD5
        credentials = made
    }

    private static func content(
        _ reference: FileReference, _ what: String, _ place: String, _ files: ConfigurationFiles
    ) throws(Failure) -> [UInt8] {
        switch reference.read(files) {
        case .success(let bytes): return bytes
        case .failure(let problem): throw Failure(description: "\(place): \(what) \(reference) cannot be used: \(problem)")
        }
    }

    private static func secret(
        _ reference: FileReference, _ what: String, _ place: String, _ files: ConfigurationFiles, isPassword: Bool = false
    ) throws(Failure) -> SecretBytes {
        // The line's end that editors leave in a password's file is none of it.
        switch isPassword ? reference.readPassword(files) : reference.readSecret(files) {
        case .success(let secret): return secret
        case .failure(let problem): throw Failure(description: "\(place): \(what) \(reference) cannot be used: \(problem)")
        }
    }
}
