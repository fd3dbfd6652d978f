public import SottoBase

/// Where a file's or secret's content is: never the content.
public enum FileReference: Hashable, Sendable, CustomStringConvertible {
    case file(String)
    /// systemd's `LoadCredential=`: a file of this name in `$CREDENTIALS_DIRECTORY`.
    case credential(String)

    public var description: String {
        switch self {
        case .file(let path): "file:\(path)"
        case .credential(let name): "credential:\(name)"
        }
    }

    /// Why a text is no reference.
    enum Problem: Error, Equatable {
        /// It could be the secret itself: the message must not repeat it.
        case notAReference
        /// A scheme of a later version.
        case later(String)
        case badName
    }

    /// - Parameters:
    ///   - folder: what relative paths are below.
    ///   - allowsPlainPath: a path without `file:` is accepted as well (certificates: nobody writes one into the file).
    static func read(_ text: String, folder: String, allowsPlainPath: Bool) -> Result<FileReference, Problem> {
        if text.hasPrefix("credential:") {
            let name = text.dropFirst("credential:".count)
            let isGood = (1...255).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte) && !name.hasPrefix(".")
            return isGood ? .success(.credential(String(name))) : .failure(.badName)
        }
        for scheme in ["vault:", "aws:"] where text.hasPrefix(scheme) { return .failure(.later(String(scheme.dropLast()))) }
        if text.hasPrefix("file:") {
            let path = String(text.dropFirst("file:".count))
            return path.isEmpty ? .failure(.badName) : .success(.file(absolute(path, folder: folder)))
        }
        guard allowsPlainPath, !text.isEmpty, !text.hasPrefix("-----") else { return .failure(.notAReference) }
        return .success(.file(absolute(text, folder: folder)))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E
            || byte == 0x5F
    }

    static func absolute(_ path: String, folder: String) -> String {
        path.hasPrefix("/") ? path : (folder.hasSuffix("/") ? folder : folder + "/") + path
    }

    /// The file's path; nil when a credential is named and systemd gave no folder of them.
    public func path(credentials folder: String?) -> String? {
        switch self {
        case .file(let path): path
        case .credential(let name): folder.map { Self.absolute(name, folder: $0) }
        }
    }

    /// Reads a file that is no secret: a certificate.
    public func read(_ files: ConfigurationFiles) -> Result<[UInt8], FileProblem> {
        guard let path = path(credentials: files.credentialsFolder) else { return .failure(.noCredentials) }
        return files.contents(path, 1 << 20)
    }

    /// Reads a secret straight into locked memory. Its permissions are checked first: a key file that others can read is refused.
    public func readSecret(_ files: ConfigurationFiles) -> Result<SecretBytes, FileProblem> {
        guard let path = path(credentials: files.credentialsFolder) else { return .failure(.noCredentials) }
        if case .file = self {
            switch files.status(path) {
            case .failure(let problem): return .failure(problem)
            case .success(let status):
                if let problem = status.exposure(user: files.user) { return .failure(problem) }
            }
        }
        return files.secret(path, 1 << 15)
    }

    /// Reads a password straight into locked memory: the file without the line's end that editors leave there. `empty` when nothing is
    /// left, `tooLarge` beyond 1,024 bytes.
    public func readPassword(_ files: ConfigurationFiles) -> Result<SecretBytes, FileProblem> {
        readSecret(files).flatMap { secret in
            let count = secret.withBytes { Self.passwordLength($0) }
            if count == 0 { return .failure(.empty) }
            if count > Self.longestPassword { return .failure(.tooLarge(limit: Self.longestPassword)) }
            return .success(secret.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count])) })
        }
    }

    static let longestPassword = 1_024

    static func passwordLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        var end = bytes.count
        if end > 0, bytes[end - 1] == 0x0A { end -= 1 }
        if end > 0, bytes[end - 1] == 0x0D { end -= 1 }
        return end
    }
}
