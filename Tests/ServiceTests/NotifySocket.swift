import Dispatch
import Glibc

/// The service manager's end of NOTIFY_SOCKET: a unix datagram socket, read one datagram at a time.
final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init?(path: String) {
        self.path = path
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | O_CLOEXEC, 0)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard descriptor >= 0, bound == 0 else { return nil }
    }

    deinit { close(descriptor) }

    func source(on queue: DispatchQueue) -> any DispatchSourceRead {
        DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    }

    /// Everything that waits, a dictionary of assignments for each datagram.
    func receiveAll() -> [[String: String]] {
        var result: [[String: String]] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count >= 0 else { return result }
            var notice: [String: String] = [:]
            for line in String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                notice[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
            }
            result.append(notice)
        }
    }
}
