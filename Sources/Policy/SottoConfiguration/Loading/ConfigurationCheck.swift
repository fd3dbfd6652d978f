internal import Policy
internal import SottoBase

extension ConfigurationLoader {
    /// Checks what the configuration points at: certificates and keys are there, readable and of the right kind, keys are closed to
    /// others, programs can be run. Done after `load`, before a reload is swapped in, and by `sotto check`.
    ///
    /// It reads key files into locked memory, looks at their first line, and lets go of them.
    public static func check(_ loaded: LoadedConfiguration, files: ConfigurationFiles) -> [Diagnostic] {
        var result: [Diagnostic] = []
        func error(_ location: SourceLocation, _ message: String, _ hint: String?) {
            result.append(Diagnostic(.error, at: location, message, hint: hint))
        }
        func problem(_ what: String, _ reference: FileReference, _ problem: FileProblem, _ location: SourceLocation) {
            let path = reference.path(credentials: files.credentialsFolder)
            error(
                location, "\(what) \(reference) cannot be used: \(problem)",
                problem.hint(path: path ?? "\(reference)", user: files.user))
        }
        func certificate(_ what: String, _ reference: FileReference, _ location: SourceLocation) {
            switch reference.read(files) {
            case .failure(let fault): problem(what, reference, fault, location)
            case .success(let bytes):
                if !bytes[...].containsSequence("-----BEGIN CERTIFICATE-----") {
                    error(location, "\(what) \(reference) holds no certificate", "it is a PEM file with -----BEGIN CERTIFICATE-----")
                }
            }
        }

        for listener in loaded.machine.listeners {
            certificate("certificate", listener.certificate, listener.location)
            if let authorities = listener.clientCA { certificate("client-ca", authorities, listener.location) }
            switch listener.key.readSecret(files) {
            case .failure(let fault): problem("key", listener.key, fault, listener.location)
            case .success(let secret):
                let isKey = secret.withBytes { $0[...].containsSequence("PRIVATE KEY-----") }
                if !isKey {
                    error(
                        listener.location, "key \(listener.key) holds no private key", "it is a PEM file with -----BEGIN PRIVATE KEY-----")
                }
            }
        }
        let keys = loaded.machine.keys
        if case .failure(let fault) = keys.rootKey.readSecret(files) { problem("root-key", keys.rootKey, fault, keys.location) }
        for external in loaded.machine.speech.external {
            guard let program = external.command.first else { continue }
            switch files.status(program) {
            case .failure(let fault): error(external.provider.location, "program \(program) cannot be used: \(fault)", nil)
            case .success(let status):
                if !status.isRegularFile || status.mode & 0o111 == 0 {
                    error(external.provider.location, "program \(program) cannot be run", "chmod +x \(program)")
                }
            }
        }
        return result
    }
}

extension Slice where Base == UnsafeRawBufferPointer {
    fileprivate func containsSequence(_ text: StaticString) -> Bool { BytesSearch.contains(self, text) }
}

extension ArraySlice<UInt8> {
    fileprivate func containsSequence(_ text: StaticString) -> Bool { BytesSearch.contains(self, text) }
}

private enum BytesSearch {
    static func contains(_ bytes: some RandomAccessCollection<UInt8>, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { wanted in
            guard let first = wanted.first, bytes.count >= wanted.count else { return false }
            var rest = bytes[...]
            while let start = rest.firstIndex(of: first) {
                if rest[start...].starts(with: wanted) { return true }
                rest = rest[rest.index(after: start)...]
            }
            return false
        }
    }
}
