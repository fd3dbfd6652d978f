internal import Glibc

/// The socket file: made so that it is never wider open than 0660, and removed only while it is ours.
struct ListeningSocket {
    let descriptor: CInt
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Binds and listens. A folder that is missing is made, mode 0750; a socket that nobody answers on is replaced.
    init(path: String) throws(AdministrationServerError) {
        guard var address = UnixAddress(path) else { throw .pathTooLong(path) }
        try Self.prepareFolder(of: path)
        try Self.removeStale(path, &address)

        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw .failed(path, operation: "make a socket", errno: errno) }
        func fail(_ operation: String) -> AdministrationServerError {
            let code = errno
            close(descriptor)
            return code == EADDRINUSE ? .inUse(path) : .failed(path, operation: operation, errno: code)
        }
        // Linux gives the file the socket's own mode (less the umask), so it is at no time open to more than this.
        guard fchmod(descriptor, 0o660) == 0 else { throw fail("set the socket's mode") }
        guard address.call({ bind(descriptor, $0, $1) }) == 0 else { throw fail("bind") }
        guard chmod(path, 0o660) == 0 else { throw fail("set the socket's mode") }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw fail("look at the socket") }
        guard listen(descriptor, 64) == 0 else { throw fail("listen") }
        self.descriptor = descriptor
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Removes the file, unless another daemon has put its own there.
    func remove() {
        var status = stat()
        if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
    }

    private static func prepareFolder(of path: String) throws(AdministrationServerError) {
        let folder: String
        if let slash = path.lastIndex(of: "/") {
            folder = slash == path.startIndex ? "/" : String(path[..<slash])
        } else {
            folder = "."
        }
        var status = stat()
        if stat(folder, &status) != 0 {
            guard errno == ENOENT else { throw .failed(folder, operation: "look at the folder", errno: errno) }
            guard mkdir(folder, 0o750) == 0 || errno == EEXIST else { throw .failed(folder, operation: "make the folder", errno: errno) }
            guard stat(folder, &status) == 0 else { throw .failed(folder, operation: "look at the folder", errno: errno) }
        }
        // With the sticky bit (as /tmp has it) only the owner may remove the socket.
        if status.st_mode & 0o002 != 0, status.st_mode & mode_t(S_ISVTX) == 0 { throw .folderOpenToAll(folder) }
    }

    private static func removeStale(_ path: String, _ address: inout UnixAddress) throws(AdministrationServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .failed(path, operation: "look at the socket", errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard probe >= 0 else { throw .failed(path, operation: "make a socket", errno: errno) }
        defer { close(probe) }
        // Only a refusal proves that nobody listens: a full backlog (EAGAIN) is a living daemon.
        guard address.call({ connect(probe, $0, $1) }) != 0, errno == ECONNREFUSED else { throw .inUse(path) }
        guard unlink(path) == 0 || errno == ENOENT else { throw .failed(path, operation: "remove the stale socket", errno: errno) }
    }
}

/// A unix socket's address: at most 107 bytes and a zero.
struct UnixAddress {
    private var address = sockaddr_un()

    init?(_ path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    mutating func call(_ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
