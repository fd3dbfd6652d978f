public import SottoBase

/// Why a file could not be used. `description` and `hint(path:)` are for a person and hold none of the file.
public enum FileProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case notFound
    case notPermitted
    /// Larger than what is accepted, in bytes.
    case tooLarge(limit: Int)
    case notAFile
    case empty
    /// errno
    case failed(Int32)
    /// A secret that group or others may read or write; the payload is its mode.
    case exposed(mode: UInt16)
    /// A secret that belongs to somebody else.
    case foreign(owner: UInt32)
    /// `credential:` was used, but systemd set no $CREDENTIALS_DIRECTORY.
    case noCredentials

    public var description: String {
        switch self {
        case .notFound: "it does not exist"
        case .notPermitted: "it may not be read"
        case .tooLarge(let limit): "it is larger than \(limit) bytes"
        case .notAFile: "it is no regular file"
        case .empty: "it is empty"
        case .failed(let code): "reading it failed (errno \(code))"
        case .exposed(let mode): "others can open it (mode 0\(String(mode, radix: 8)))"
        case .foreign(let owner): "it belongs to another user (uid \(owner))"
        case .noCredentials: "$CREDENTIALS_DIRECTORY is not set"
        }
    }

    /// What mends it.
    public func hint(path: String, user: UInt32) -> String? {
        switch self {
        case .exposed: "chmod 600 \(Self.quoted(path))"
        case .foreign: "chown \(user) \(Self.quoted(path))"
        case .notFound: nil
        case .notPermitted: "chown \(user) \(Self.quoted(path)), or let systemd read it: LoadCredential= and credential:NAME"
        case .noCredentials: "add LoadCredential=NAME:PATH to the unit, or use file:PATH"
        case .tooLarge, .notAFile, .empty, .failed: nil
        }
    }

    /// For a shell.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x2D...0x39).contains(byte) || byte == 0x5F
        }
        return isPlain ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

/// What the loader asks of a file system, as closures: tests bring one of their own, the daemon and `sotto check` the real one.
public struct ConfigurationFiles: Sendable {
    public struct Status: Hashable, Sendable {
        public let isRegularFile: Bool
        public let isFolder: Bool
        /// The lower 12 bits of st_mode.
        public let mode: UInt16
        public let owner: UInt32

        public init(isRegularFile: Bool, isFolder: Bool = false, mode: UInt16, owner: UInt32) {
            self.isRegularFile = isRegularFile
            self.isFolder = isFolder
            self.mode = mode
            self.owner = owner
        }

        /// What is wrong with it as the file of a secret: only its owner may open it, and that is `user` or root.
        func exposure(user: UInt32) -> FileProblem? {
            if !isRegularFile { return .notAFile }
            if mode & 0o077 != 0 { return .exposed(mode: mode & 0o777) }
            return owner == user || owner == 0 ? nil : .foreign(owner: owner)
        }
    }

    /// Names in a folder, in any order.
    public let names: @Sendable (_ folder: String) -> Result<[String], FileProblem>
    /// A whole file of at most so many bytes.
    public let contents: @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], FileProblem>
    /// As `contents`, straight into locked memory. Not empty.
    public let secret: @Sendable (_ path: String, _ limit: Int) -> Result<SecretBytes, FileProblem>
    public let status: @Sendable (_ path: String) -> Result<Status, FileProblem>
    /// `$CREDENTIALS_DIRECTORY`
    public let credentialsFolder: String?
    /// The effective user.
    public let user: UInt32
    /// For validity: certificates.
    public let now: @Sendable () -> WallTime

    public init(
        credentialsFolder: String?, user: UInt32, now: @escaping @Sendable () -> WallTime,
        names: @escaping @Sendable (_ folder: String) -> Result<[String], FileProblem>,
        contents: @escaping @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], FileProblem>,
        secret: @escaping @Sendable (_ path: String, _ limit: Int) -> Result<SecretBytes, FileProblem>,
        status: @escaping @Sendable (_ path: String) -> Result<Status, FileProblem>
    ) {
        self.credentialsFolder = credentialsFolder
        self.user = user
        self.now = now
        self.names = names
        self.contents = contents
        self.secret = secret
        self.status = status
    }
}
