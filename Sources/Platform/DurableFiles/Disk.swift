internal import Glibc

/// Files and folders by plain system calls, so that it is known what is on the disk when: a file's bytes survive a power cut once
/// `AppendFile.synchronize` has returned, its name once `synchronizeFolder` has.
///
/// Everything blocks: call it on a thread that may wait. Symbolic links are never followed at a path's last part.
public final class Disk: Sendable {
    /// A fault to inject: asked before each operation that can fail for want of space.
    public typealias Fault = @Sendable (_ operation: FileError.Operation, _ path: String, _ bytes: Int) -> InjectedFault?

    public enum InjectedFault: Sendable {
        case fail(FileError.Cause)
        /// Writes so many bytes, then fails: what a full disk does to a long write.
        case writeOnly(bytes: Int, then: FileError.Cause)
    }

    private let fault: Fault?

    /// - Parameter fault: tests' way to make the disk full. nil in the daemon.
    public init(fault: Fault? = nil) { self.fault = fault }

    func injected(_ operation: FileError.Operation, _ path: String, _ bytes: Int = 0) -> InjectedFault? { fault?(operation, path, bytes) }

    private func check(_ operation: FileError.Operation, _ path: String, _ bytes: Int = 0) throws(FileError) {
        switch injected(operation, path, bytes) {
        case nil: return
        case .fail(let cause), .writeOnly(_, let cause): throw FileError(cause, operation, path)
        }
    }

    // MARK: - Folders

    /// Makes `path` and the folders above it that are missing, mode 0700, each name made durable.
    public func createFolders(_ path: String) throws(FileError) {
        if isFolder(path) { return }
        let parent = Self.parent(of: path)
        if parent != path { try createFolders(parent) }
        try check(.createFolder, path)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(number: errno, .createFolder, path) }
        guard isFolder(path) else { throw FileError(.unexpectedKind, .createFolder, path) }
        try synchronizeFolder(parent)
    }

    /// Makes the names in a folder durable: new files, renames, removals.
    public func synchronizeFolder(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(number: errno, .synchronize, path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(number: errno, .synchronize, path) }
    }

    /// Names in a folder, sorted, without `.` and `..`. Empty when the folder does not exist.
    public func list(_ path: String) throws(FileError) -> [String] {
        guard let stream = opendir(path) else {
            if errno == ENOENT { return [] }
            throw FileError(number: errno, .list, path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    // MARK: - Files

    public struct Status: Equatable, Sendable {
        public enum Kind: Sendable { case file, folder, symbolicLink, other }
        public var kind: Kind
        /// Permission bits, `0o7777` at most.
        public var mode: UInt32
        public var owner: UInt32
        public var size: Int

        public init(kind: Kind, mode: UInt32, owner: UInt32, size: Int) {
            self.kind = kind
            self.mode = mode
            self.owner = owner
            self.size = size
        }
    }

    /// Of the path itself: a symbolic link is not followed. nil when nothing is there.
    public func status(_ path: String) throws(FileError) -> Status? {
        var found = stat()
        guard lstat(path, &found) == 0 else {
            if errno == ENOENT { return nil }
            throw FileError(number: errno, .status, path)
        }
        return Self.status(found)
    }

    private static func status(_ found: stat) -> Status {
        let kind: Status.Kind =
            switch found.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .symbolicLink
            default: .other
            }
        return Status(kind: kind, mode: UInt32(found.st_mode & 0o7777), owner: UInt32(found.st_uid), size: Int(found.st_size))
    }

    private func isFolder(_ path: String) -> Bool {
        var found = stat()
        return stat(path, &found) == 0 && found.st_mode & S_IFMT == S_IFDIR
    }

    /// The whole of a plain file of at most `limit` bytes.
    public func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        let file = try openForReading(path)
        guard file.size <= limit else { throw FileError(.tooLarge, .read, path) }
        return try file.read(at: 0, count: file.size)
    }

    /// A plain file's status and bytes through one descriptor, so that what was checked is what was read. `read` fills and wipes.
    public func readChecked<Result>(
        _ path: String, limit: Int, _ body: (Status, UnsafeRawBufferPointer) -> Result
    ) throws(FileError) -> Result {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(number: errno, .open, path) }
        defer { close(descriptor) }
        var found = stat()
        guard fstat(descriptor, &found) == 0 else { throw FileError(number: errno, .status, path) }
        let status = Self.status(found)
        guard status.kind == .file else { throw FileError(.unexpectedKind, .open, path) }
        guard status.size <= limit else { throw FileError(.tooLarge, .read, path) }
        let outcome: Swift.Result<Result, FileError> = withUnsafeTemporaryAllocation(
            byteCount: max(status.size, 1), alignment: 8
        ) { scratch in
            guard let start = scratch.baseAddress else { return .success(body(status, UnsafeRawBufferPointer(scratch))) }
            defer { explicit_bzero(start, scratch.count) }
            let count = pread(descriptor, start, status.size, 0)
            guard count >= 0 else { return .failure(FileError(number: errno, .read, path)) }
            return .success(body(status, UnsafeRawBufferPointer(rebasing: scratch[0..<count])))
        }
        return try outcome.get()
    }

    public func openForReading(_ path: String) throws(FileError) -> ReadFile {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(number: errno, .open, path) }
        let file = ReadFile(descriptor: descriptor, path: path)
        var found = stat()
        guard fstat(descriptor, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { throw FileError(.unexpectedKind, .open, path) }
        return file
    }

    /// Puts `bytes` at `path` whole or not at all: a temporary file is made durable, then renamed. Mode 0600.
    /// - Parameter replacing: false makes an existing file an error (`exists`).
    public func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(FileError) {
        let folder = Self.parent(of: path)
        let temporary = path + ".new"
        _ = unlink(temporary)
        let file = try create(temporary)
        do throws(FileError) {
            try file.append(bytes)
            try file.synchronize()
            file.close()
            try check(.rename, path)
            if replacing {
                guard rename(temporary, path) == 0 else { throw FileError(number: errno, .rename, path) }
            } else {
                // link refuses to replace, which rename cannot be told portably.
                guard link(temporary, path) == 0 else { throw FileError(number: errno, .rename, path) }
                _ = unlink(temporary)
            }
            try synchronizeFolder(folder)
        } catch {
            _ = unlink(temporary)
            throw error
        }
    }

    /// A new, empty file, mode 0600. An existing one is an error. Its name is not durable yet.
    public func create(_ path: String) throws(FileError) -> AppendFile {
        try check(.open, path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(number: errno, .open, path) }
        return AppendFile(descriptor: descriptor, path: path, size: 0, disk: self)
    }

    /// An existing file, to be lengthened at its end.
    public func openForAppending(_ path: String) throws(FileError) -> AppendFile {
        let descriptor = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(number: errno, .open, path) }
        var found = stat()
        guard fstat(descriptor, &found) == 0 else {
            close(descriptor)
            throw FileError(number: errno, .status, path)
        }
        return AppendFile(descriptor: descriptor, path: path, size: Int(found.st_size), disk: self)
    }

    /// Removes a file; one that is not there is no error. The removal is not durable yet.
    public func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(number: errno, .remove, path) }
    }

    /// Holds `path` for this process until the result is let go of; `locked` when another process has it.
    public func lock(_ path: String) throws(FileError) -> FileLock {
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(number: errno, .lock, path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(descriptor)
            throw FileError(number: number, .lock, path)
        }
        return FileLock(descriptor: descriptor)
    }

    /// Numeric id of the user that this process acts as.
    public static var effectiveUser: UInt32 { geteuid() }
}

/// An advisory lock that ends with its last holder or the process.
public final class FileLock: Sendable {
    private let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }
}
