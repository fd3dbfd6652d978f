import Glibc

/// A connection to the daemon's admin socket. Closed when it goes out of use.
struct UnixConnection: ~Copyable {
    private let descriptor: CInt

    private init(descriptor: CInt) { self.descriptor = descriptor }

    /// - Parameter patience: how long one read waits, in seconds; nil for as long as it takes.
    static func open(_ path: String, patience: Int?) throws(Failure) -> UnixConnection {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            throw Failure(.usage, "\(path): not a unix socket's path (1 to 107 bytes)")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw Failure(.fault, "cannot make a socket (errno \(errno))") }
        let connection = UnixConnection(descriptor: descriptor)
        // A daemon whose backlog is full answers connect only when it takes the next one.
        set(descriptor, SO_SNDTIMEO, seconds: 10)
        if let patience { set(descriptor, SO_RCVTIMEO, seconds: patience) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard result == 0 else { throw failure(errno, path) }
        return connection
    }

    deinit { close(descriptor) }

    private static func set(_ descriptor: CInt, _ option: CInt, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func failure(_ code: CInt, _ path: String) -> Failure {
        switch code {
        case ENOENT, ECONNREFUSED, ENOTDIR:
            Failure(
                .unavailable, "the daemon cannot be reached: nothing answers at \(path)",
                hint: "is it running? systemctl status sottod. Is its socket elsewhere? --socket PATH")
        case EACCES, EPERM:
            Failure(.permission, "you may not open \(path)", hint: "its group may: ls -l \(path)")
        case EAGAIN, ETIMEDOUT:
            Failure(.tryAgain, "the daemon takes no connection at \(path) now", hint: "try again; if that stays so, look into its log")
        default:
            Failure(.unavailable, "the daemon cannot be reached at \(path) (errno \(code))")
        }
    }

    /// False when the daemon has closed its end; what it said before that can still be read.
    func send(_ bytes: [UInt8]) throws(Failure) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE || errno == ECONNRESET {
                return false
            } else if errno != EINTR {
                throw Failure(.tryAgain, "the daemon does not take the request (errno \(errno))")
            }
        }
        return true
    }

    /// At most 64 KiB; empty at the end.
    func receive() throws(Failure) -> [UInt8] {
        var code: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, used in
            var count: Int
            repeat { count = read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
            code = count < 0 ? errno : 0
            used = max(0, count)
        }
        switch code {
        case 0, ECONNRESET: return bytes
        case EAGAIN: throw Failure(.tryAgain, "the daemon did not answer in time", hint: "look into its log; try again")
        default: throw Failure(.unavailable, "the connection to the daemon broke (errno \(code))")
        }
    }
}
