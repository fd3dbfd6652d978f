internal import Policy
internal import SottoBase

extension ConfigurationLoader {
    /// Checks what the configuration points at: certificates, keys, revocation lists, OCSP answers and passwords are there, readable and of
    /// the right kind, keys are closed to others and belong to their certificates, certificates are valid now, programs can be run. Done
    /// after `load`, before a start, before a reload is swapped in, and by `sotto check`.
    ///
    /// It reads keys and passwords into locked memory, looks at them, and lets go of them.
    public static func check(_ loaded: LoadedConfiguration, files: ConfigurationFiles) -> [Diagnostic] {
        let machine = loaded.machine
        var check = FileCheck(places: loaded.places, files: files)
        for listener in machine.listeners {
            let facts = check.pair(listener.certificate, listener.key, listener.location)
            if let facts { check.names(of: facts, listener) }
            if let authorities = listener.clientCA { check.authorities("client-ca", authorities, listener.location) }
            if let lists = listener.clientCRL { check.revocationLists("client-ca-crl", lists, listener.location) }
            if let staple = listener.ocspStaple { check.staple(staple, listener.location) }
        }
        let outbound = machine.outbound
        if let certificate = outbound.certificate, let key = outbound.key { _ = check.pair(certificate, key, outbound.location) }
        if let authorities = outbound.serverCA { check.authorities("server-ca", authorities, outbound.location) }
        if let lists = outbound.serverCRL { check.revocationLists("server-ca-crl", lists, outbound.location) }
        for trunk in loaded.policy.tenants.flatMap(\.trunks).compactMap(\.outbound) {
            if let own = trunk.clientCertificate { _ = check.pair(FileReference(own.chain), FileReference(own.key), trunk.location) }
            if let authorities = trunk.serverCA { check.authorities("server-ca", FileReference(authorities), trunk.location) }
            if let credentials = trunk.credentials { check.password(FileReference(credentials.password), trunk.location) }
        }
        check.rootKey(machine.keys)
        for external in machine.speech.external { check.program(external) }
        return check.found
    }
}

/// Looks at files and collects what is wrong with them.
struct FileCheck {
    let places: ConfigurationPlaces
    let files: ConfigurationFiles
    private(set) var found: [Diagnostic] = []

    init(places: ConfigurationPlaces, files: ConfigurationFiles) {
        self.places = places
        self.files = files
    }

    mutating func error(_ key: String, _ section: SourceLocation, _ message: String, _ hint: String?) {
        found.append(places.diagnostic(.error, key, in: section, message, hint: hint))
    }

    mutating func warning(_ key: String, _ section: SourceLocation, _ message: String, _ hint: String?) {
        found.append(places.diagnostic(.warning, key, in: section, message, hint: hint))
    }

    mutating func read(_ key: String, _ reference: FileReference, _ section: SourceLocation) -> [UInt8]? {
        switch reference.read(files) {
        case .success(let bytes): return bytes
        case .failure(let problem):
            report(key, reference, problem, section)
            return nil
        }
    }

    mutating func readSecret(_ key: String, _ reference: FileReference, _ section: SourceLocation) -> SecretBytes? {
        switch reference.readSecret(files) {
        case .success(let secret): return secret
        case .failure(let problem):
            report(key, reference, problem, section)
            return nil
        }
    }

    private mutating func report(_ key: String, _ reference: FileReference, _ problem: FileProblem, _ section: SourceLocation) {
        let path = reference.path(credentials: files.credentialsFolder)
        error(
            key, section, "\(key) \(reference) cannot be used: \(problem)", problem.hint(path: path ?? "\(reference)", user: files.user))
    }

    /// 32 bytes: raw, as 64 hexadecimal digits or as 44 characters of base64, which is what Keys reads.
    mutating func rootKey(_ keys: KeySettings) {
        guard let secret = readSecret("root-key", keys.rootKey, keys.location) else { return }
        let isGood = secret.withBytes { bytes -> Bool in
            if bytes.count == 32 { return true }
            var end = bytes.count
            while end > 0, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
            return end == 64 || (end == 44 && bytes[43] == 0x3D)
        }
        if !isGood {
            error(
                "root-key", keys.location, "root-key \(keys.rootKey) is no root key: its length is wrong",
                "32 bytes, raw or as 64 hexadecimal digits or base64; `sotto keys create PATH` makes one")
        }
    }

    mutating func password(_ reference: FileReference, _ section: SourceLocation) {
        guard let secret = readSecret("password", reference, section) else { return }
        let count = secret.withBytes { FileReference.passwordLength($0) }
        if count == 0 { error("password", section, "password \(reference) is empty", nil) }
        if count > FileReference.longestPassword {
            error("password", section, "password \(reference) is longer than \(FileReference.longestPassword) bytes", nil)
        }
    }

    mutating func program(_ external: SpeechSettings.ExternalProvider) {
        guard let program = external.command.first else { return }
        switch files.status(program) {
        case .failure(let fault): error("command", external.provider.location, "program \(program) cannot be used: \(fault)", nil)
        case .success(let status):
            if !status.isRegularFile || status.mode & 0o111 == 0 {
                error("command", external.provider.location, "program \(program) cannot be run", "chmod +x \(program)")
            }
        }
    }
}
