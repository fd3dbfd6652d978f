import COpenSSL
import Glibc

/// A TCP connection to the daemon whose other end does what no decent peer does: says half of things, says them slowly, and goes without
/// a word. Blocking, but for no longer than its time.
final class HostileSocket {
    private let descriptor: Int32
    private var context: OpaquePointer?
    private var tls: OpaquePointer?
    private var isOpen = true

    struct Refused: Error {}

    /// - Parameter source: the last byte of our own address in 127.0.0.0/24; 1 is the trunk's.
    init(to port: Int, from source: UInt8) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw Refused() }
        var time = timeval(tv_sec: 5, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
        guard Self.with(Self.address(source, 0), { Glibc.bind(descriptor, $0, $1) }) == 0,
            Self.with(Self.address(1, UInt16(port)), { Glibc.connect(descriptor, $0, $1) }) == 0
        else {
            Glibc.close(descriptor)
            isOpen = false
            throw Refused()
        }
    }

    deinit {
        close()
        if let context { SSL_CTX_free(context) }
    }

    private static func address(_ last: UInt8, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7F00_0000 | UInt32(last)).bigEndian
        return address
    }

    private static func with(_ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    // MARK: - TLS

    /// - Parameter maximum: e.g. TLS1_2_VERSION; 0: the newest.
    func shakeHands(maximum: Int32 = 0) throws {
        context = SSL_CTX_new(TLS_client_method())
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(maximum), nil)
        tls = SSL_new(context)
        SSL_set_fd(tls, descriptor)
        guard SSL_connect(tls) == 1 else { throw Refused() }
    }

    /// A renegotiation by the client; true when the server took part.
    func renegotiate() -> Bool {
        guard SSL_renegotiate(tls) == 1, SSL_do_handshake(tls) == 1 else { return false }
        // The server's side of it would come with what is read next.
        var byte: UInt8 = 0
        return SSL_read(tls, &byte, 1) > 0
    }

    // MARK: - Bytes

    /// False when the daemon does not take them any more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        guard isOpen, !bytes.isEmpty else { return isOpen }
        if let tls { return SSL_write(tls, bytes, Int32(bytes.count)) > 0 }
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Reads what there is, up to `limit`; nil: the connection is over.
    func receive(_ limit: Int = 65_536) -> [UInt8]? {
        guard isOpen else { return nil }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = tls.map { Int(SSL_read($0, &buffer, Int32(limit))) } ?? recv(descriptor, &buffer, limit, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    /// Reads until the daemon closes; nil when it never does within `seconds`.
    func readToEnd(within seconds: Int = 15) -> Int? {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var total = 0
        while clock.now < end {
            if let bytes = receive() {
                total += bytes.count
            } else if errno != EAGAIN || isOver {
                return total
            }
        }
        return nil
    }

    /// Whether the daemon has closed, without waiting. Whatever it had said before is left unread.
    var isOver: Bool {
        guard isOpen else { return true }
        let remoteHangUp: Int16 = 0x2000  // POLLRDHUP
        var entry = pollfd(fd: descriptor, events: remoteHangUp, revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    // MARK: - The end

    /// RST, without a close_notify.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        if let tls { SSL_free(tls) }
        tls = nil
        Glibc.close(descriptor)
    }
}
