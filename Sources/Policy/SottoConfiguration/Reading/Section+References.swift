internal import Policy
internal import SottoBase

extension Section {
    /// A file or secret by reference. What was written instead is never repeated in a message: it could be the secret.
    func reference(_ key: String, folder: String, allowsPlainPath: Bool = false) -> FileReference? {
        guard let text = text(key, longest: 4_096) else { return nil }
        let expected = allowsPlainPath ? "a path, file:PATH or credential:NAME" : "file:PATH or credential:NAME"
        switch FileReference.read(text, folder: folder, allowsPlainPath: allowsPlainPath) {
        case .success(let reference):
            findings.note(key, of: location, at: place(of: key))
            return reference
        case .failure(.notAReference):
            refuse(key, "'\(key)' is no reference", expected: expected, hint: "secrets are never written into configuration files")
        case .failure(.later(let scheme)):
            refuse(key, "references by \(scheme): are not part of this version", expected: expected)
        case .failure(.badName):
            refuse(key, "'\(key)' names no file or credential", expected: expected)
        }
        return nil
    }

    func path(_ key: String, folder: String) -> String? {
        value(key, expected: "a path") { $0.isEmpty ? nil : FileReference.absolute($0, folder: folder) }
    }

    func address(_ key: String, port: UInt16) -> PeerAddress? {
        value(key, expected: "an address like 192.0.2.1 or 2001:db8::1; no name") { PeerAddress(host: $0, port: port) }
    }

    /// A certificate and its key, both or neither.
    func certificateAndKey(folder: String) -> (certificate: FileReference, key: FileReference)? {
        let certificate = reference("certificate", folder: folder, allowsPlainPath: true)
        let key = reference("key", folder: folder)
        for (mine, other) in [("certificate", "key"), ("key", "certificate")] where has(mine) && !has(other) {
            refuse(mine, "'\(mine)' without '\(other)'", expected: "both or neither")
        }
        guard let certificate, let key else { return nil }
        return (certificate, key)
    }
}
