import Glibc

/// A file that comes into being whole, mode 0600, and never in place of another.
///
/// It has no name until `keep`: an export that fails or is interrupted leaves nothing behind. Where the file system cannot do that, it is
/// made under its name and removed again.
struct NewFile: ~Copyable {
    private let path: String
    private let descriptor: CInt
    private let isNameless: Bool
    private var isKept = false

    /// Linux's O_TMPFILE without O_DIRECTORY, which Glibc's module does not show.
    private static let temporaryFile: CInt = 0o20000000

    private init(path: String, descriptor: CInt, isNameless: Bool) {
        self.path = path
        self.descriptor = descriptor
        self.isNameless = isNameless
    }

    static func make(_ path: String) throws(Failure) -> NewFile {
        var status = stat()
        guard lstat(path, &status) != 0 else { throw exists(path) }
        var folder = "."
        if let slash = path.lastIndex(of: "/") { folder = slash == path.startIndex ? "/" : String(path[..<slash]) }
        let nameless = open(folder, temporaryFile | O_DIRECTORY | O_WRONLY | O_CLOEXEC, 0o600)
        let descriptor = nameless >= 0 ? nameless : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", path, errno) }
        // The umask may have taken more away.
        fchmod(descriptor, 0o600)
        return NewFile(path: path, descriptor: descriptor, isNameless: nameless >= 0)
    }

    deinit {
        close(descriptor)
        if !isNameless, !isKept { unlink(path) }
    }

    func append(_ bytes: [UInt8]) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw Self.failure("write", path, errno)
            }
        }
    }

    /// Makes it durable and gives it its name.
    mutating func keep() throws(Failure) {
        guard fsync(descriptor) == 0 else { throw Self.failure("write", path, errno) }
        if isNameless {
            guard linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 else {
                throw Self.failure("make", path, errno)
            }
        }
        isKept = true
    }

    private static func exists(_ path: String) -> Failure {
        Failure(.cannotCreate, "\(path): there is a file already; it was left as it is", hint: "give another name")
    }

    private static func failure(_ operation: String, _ path: String, _ code: CInt) -> Failure {
        switch code {
        case EEXIST: exists(path)
        case ENOENT, ENOTDIR: Failure(.cannotCreate, "\(path): its folder does not exist")
        case EACCES, EPERM, EROFS: Failure(.permission, "\(path): you may not write there")
        case ENOSPC, EDQUOT: Failure(.cannotCreate, "\(path): the disk is full")
        default: Failure(.cannotCreate, "\(path): cannot \(operation) it (errno \(code))")
        }
    }
}
