import Foundation
import Glibc
import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

/// Against OpenSSL's own command, which prints what it would key SRTP with.
@Suite struct DTLSInteropTests {
    static let openssl: String? = ["/usr/bin/openssl", "/usr/local/bin/openssl"].first { (path: String) in access(path, X_OK) == 0 }

    @Test(.enabled(if: openssl != nil), arguments: [DTLSProfile.aes128CMSHA1_80, .aeadAES128GCM, .aeadAES256GCM])
    func opensslsClientGetsTheSameKeys(profile: DTLSProfile) throws {  // RFC 5764 §4.2
        let (keys, printed) = try handshake(["-use_srtp", profile.libraryName], profile: profile)
        let server = try #require(keys)
        #expect(server.profile == profile)
        // client key, server key, client salt, server salt
        let (key, salt) = (profile.keyLength, profile.saltLength)
        let (client, ours) = (bytes(server.remoteKey), bytes(server.localKey))
        let material = client[..<key] + ours[..<key] + client[key...] + ours[key...]
        #expect(printed == material.map { String(format: "%02X", $0) }.joined())
        #expect(material.count == 2 * (key + salt))
    }

    @Test(.enabled(if: openssl != nil))
    func aPeerWithoutSRTPGetsNoKeys() throws {  // RFC 5764 §4.1.1
        let (keys, _) = try handshake([], profile: .aes128CMSHA1_80)
        #expect(keys == nil)
    }

    @Test(.enabled(if: openssl != nil))
    func opensslsServerGetsTheSameKeys() throws {
        let profile = DTLSProfile.aeadAES128GCM
        let peer = try TestAuthority().issue(.init(dnsNames: ["peer.example"]))
        let folder = try Self.folder(with: peer)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (server, output) = (Process(), Pipe())
        server.executableURL = URL(fileURLWithPath: try #require(Self.openssl))
        server.arguments = [
            "s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-naccept", "1", "-listen", "-Verify", "1", "-verify_quiet", "-cert",
            folder.appending(path: "cert.pem").path, "-key", folder.appending(path: "key.pem").path, "-use_srtp", profile.libraryName,
            "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", String(2 * (profile.keyLength + profile.saltLength)),
        ]
        server.standardOutput = output
        server.standardError = FileHandle.nullDevice
        server.standardInput = Pipe()
        try server.run()
        defer { server.terminate() }
        var lines = Lines(output.fileHandleForReading)
        let accepting = try #require(lines.next { $0.hasPrefix("ACCEPT ") })
        let socket = try LoopbackSocket(to: try #require(accepting.split(separator: ":").last.flatMap { UInt16($0) }))

        let expected = try DTLSIdentity(peer, now: .systemNow).fingerprint
        let end = DTLSEnd(
            try DTLSEngine(role: .client, identity: .selfSigned(now: .systemNow), expecting: [expected], profiles: [profile]))
        let now = Instant(nanoseconds: 0)
        end.start(now)
        for datagram in end.take() { socket.send(datagram) }
        for _ in 0..<200 where end.keys == nil && end.failure == nil {
            guard let datagram = socket.receive() else { break }
            end.receive(datagram, now)
            for answer in end.take() { socket.send(answer) }
        }
        let keys = try #require(end.keys)
        let printed = try #require(lines.next { $0.contains("Keying material: ") })
        let (key, ours, theirs) = (profile.keyLength, bytes(keys.localKey), bytes(keys.remoteKey))
        let material = ours[..<key] + theirs[..<key] + ours[key...] + theirs[key...]
        #expect(printed.hasSuffix(material.map { String(format: "%02X", $0) }.joined()))
    }

    /// Lines of a pipe, as they come.
    private struct Lines {
        let handle: FileHandle
        var rest = Data()

        init(_ handle: FileHandle) { self.handle = handle }

        mutating func next(where matches: (String) -> Bool) -> String? {
            while true {
                while let end = rest.firstIndex(of: 10) {
                    let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                    rest = Data(rest[(end + 1)...])
                    if matches(line) { return line }
                }
                let more = handle.availableData
                if more.isEmpty { return nil }
                rest += more
            }
        }
    }

    private static func folder(with peer: TLSCredentials) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "dtls-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(peer.certificateChain).write(to: folder.appending(path: "cert.pem"))
        try Data(bytes(peer.privateKey)).write(to: folder.appending(path: "key.pem"))
        return folder
    }

    /// Serves one client on loopback; our keys, and what the client exported.
    private func handshake(_ arguments: [String], profile: DTLSProfile) throws -> (DTLSKeys?, String?) {
        let authority = try TestAuthority()
        let peer = try authority.issue(.init(dnsNames: ["peer.example"]))
        let folder = try Self.folder(with: peer)
        defer { try? FileManager.default.removeItem(at: folder) }

        let identity = try DTLSIdentity.selfSigned(now: .systemNow)
        let expected = try DTLSIdentity(peer, now: .systemNow).fingerprint
        let end = DTLSEnd(try DTLSEngine(role: .server, identity: identity, expecting: [expected]))
        let socket = try LoopbackSocket()

        let client = Process()
        let output = Pipe()
        client.executableURL = URL(fileURLWithPath: try #require(Self.openssl))
        client.arguments =
            [
                "s_client", "-dtls1_2", "-connect", "127.0.0.1:\(socket.port)", "-cert", folder.appending(path: "cert.pem").path, "-key",
                folder.appending(path: "key.pem").path, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen",
                String(2 * (profile.keyLength + profile.saltLength)),
            ] + arguments
        client.standardOutput = output
        client.standardError = FileHandle.nullDevice
        client.standardInput = FileHandle.nullDevice
        try client.run()
        defer { client.terminate() }

        let now = Instant(nanoseconds: 0)
        end.start(now)
        for _ in 0..<200 where end.keys == nil && end.failure == nil {
            guard let datagram = socket.receive() else { break }
            end.receive(datagram, now)
            for answer in end.take() { socket.send(answer) }
        }
        guard let keys = end.keys else {
            #expect(end.failure == .noProfile)
            return (nil, nil)
        }
        client.waitUntilExit()  // its input has ended
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.contains("Keying material: ") }
        return (keys, line?.split(separator: " ").last.map(String.init))
    }
}

/// A UDP socket that answers whom it heard last.
private final class LoopbackSocket {
    private let descriptor: Int32
    private var peer = sockaddr_in()
    private(set) var port: UInt16 = 0

    struct Failure: Error {}

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard bound else { throw Failure() }
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Speaks to `port` of the loopback first.
    convenience init(to port: UInt16) throws {
        try self.init()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        peer.sin_port = port.bigEndian
    }

    deinit { close(descriptor) }

    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 2_048)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(descriptor, &buffer, 2_048, 0, $0, &size) }
        }
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    func send(_ datagram: [UInt8]) {
        _ = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, datagram, datagram.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
