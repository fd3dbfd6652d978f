import Foundation
import Glibc
import NIOCore
import NIOPosix
import SottoTestCertificates
import SottoTestPeer
import SottoTLS
import Testing

/// The built daemon under a fake service manager: what systemd sees of start, watchdog, reload, drain and every way not to start.
/// Each test runs a process of its own; in turn, so that they leave the machine to others.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ServiceTests {
    @Test func aStartedDaemonIsReadyServesItsSocketAndPingsTheWatchdog() async throws {
        let folder = try ServiceFolder()
        // As in the unit, so that it need not start itself again.
        let daemon = try RunningDaemon(
            folder,
            environment: [
                "WATCHDOG_USEC": "2400000", "SWIFT_BACKTRACE": "enable=no",
                "GLIBC_TUNABLES": "glibc.malloc.perturb=90:glibc.malloc.tcache_count=0",
            ])
        let ready = await daemon.notice("READY")
        #expect(ready?["READY"] == "1", "\(daemon.log)")
        #expect(ready?["STATUS"]?.hasPrefix("running, policy ") == true)
        let socket = try #require(folder.status(of: "run/admin.sock"))
        #expect(socket.st_mode & S_IFMT == S_IFSOCK)
        #expect(socket.st_mode & 0o777 == 0o660)
        for _ in 0..<2 {
            let ping = await daemon.notice("WATCHDOG")
            #expect(ping == ["WATCHDOG": "1"])
        }
        daemon.send(SIGTERM)
        #expect(await daemon.end().code == 0, "\(daemon.log)")
    }

    @Test func withoutAWatchdogThereAreNoPings() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.notice("READY") != nil, "\(daemon.log)")
        daemon.send(SIGTERM)
        let (notices, code) = await daemon.end()
        #expect(code == 0)
        #expect(notices.allSatisfy { $0["WATCHDOG"] == nil })
    }

    @Test func aStopSaysSoAsksForTimeAndEndsWithSuccess() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.notice("READY") != nil, "\(daemon.log)")
        daemon.send(SIGTERM)
        let (notices, code) = await daemon.end()
        #expect(code == 0, "\(daemon.log)")
        let stopping = try #require(notices.firstIndex { $0["STOPPING"] == "1" })
        #expect(notices[stopping]["STATUS"] == "draining")
        // sd_notify(3): the first must come before TimeoutStopSec is over; the time is in microseconds.
        let extensions = notices[stopping...].compactMap { $0["EXTEND_TIMEOUT_USEC"] }
        #expect(!extensions.isEmpty)
        #expect(extensions.allSatisfy { (1_000_000...60_000_000).contains(Int($0) ?? 0) })
        #expect(folder.status(of: "run/admin.sock") == nil, "the socket is left behind")
        #expect(daemon.log.contains("daemon.stopped"))
    }

    @Test func aDrainAsksForTimeAgainAndAgainRefusesCallsAndEndsTheRunningOne() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.notice("READY") != nil, "\(daemon.log)")
        let port = try #require(daemon.port.flatMap { UInt16(exactly: $0) })
        let group = MultiThreadedEventLoopGroup.singleton
        let context = try TLSContext.client(trust: folder.authority.trust, now: .systemNow)
        let connection = try await PeerConnection.open(to: port, as: context, expecting: "sotto.example", group: group)
        let running = try PeerCall(on: connection, from: "+4930111", to: "+4930222", offer: PeerOffer(), loop: group.next())
        #expect(try await running.invite().status == 200)

        daemon.send(SIGTERM)
        #expect(await daemon.notice("STOPPING") != nil)
        let late = try PeerCall(on: connection, from: "+4930111", to: "+4930222", offer: PeerOffer(), loop: group.next())
        let refusal = try await late.invite()
        #expect(refusal.status == 503)
        #expect(refusal.header("Retry-After") != nil)
        await late.media.stop()
        // [limits] drain is 7 s here, and the time is asked for every 5 s.
        try await running.awaitBye(within: .seconds(30))
        let (notices, code) = await daemon.end()
        #expect(notices.filter { $0["EXTEND_TIMEOUT_USEC"] != nil }.count >= 2)
        #expect(code == 0, "\(daemon.log)")
        await connection.close()
    }

    @Test func aReloadIsAnnouncedWithItsTimeInTheSameDatagramAndEndsReady() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        let first = await daemon.notice("READY")
        #expect(first != nil, "\(daemon.log)")
        try folder.change("name = \"no-satellite\"", to: "name = \"no-satellites\"")
        let before = monotonicMicroseconds()
        daemon.send(SIGHUP)
        let reloading = try #require(await daemon.notice("RELOADING"))
        #expect(reloading["RELOADING"] == "1")
        let time = try #require(reloading["MONOTONIC_USEC"].flatMap { UInt64($0) })
        #expect(time >= before)
        #expect(time <= monotonicMicroseconds())
        let second = try #require(await daemon.notice("READY"))
        #expect(second["READY"] == "1")
        #expect(second["STATUS"]?.hasPrefix("running, policy ") == true)
        #expect(second["STATUS"] != first?["STATUS"], "the new policy has another version")
        daemon.send(SIGTERM)
        #expect(await daemon.end().code == 0)
    }

    @Test func aReloadOfAWrongFileLeavesTheOldOneRunning() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        let first = await daemon.notice("READY")
        #expect(first != nil, "\(daemon.log)")
        try folder.change("calls-per-second = 50", to: "calls-per-secnd = 50")
        daemon.send(SIGHUP)
        #expect(await daemon.notice("RELOADING") != nil)
        let second = await daemon.notice("READY")
        #expect(second?["STATUS"] == first?["STATUS"])
        daemon.send(SIGTERM)
        #expect(await daemon.end().code == 0)
        #expect(daemon.log.contains("policy.refused"))
        #expect(daemon.log.contains("did you mean 'calls-per-second'?"))
    }

    @Test func aReloadServesTheRenewedCertificate() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.notice("READY") != nil, "\(daemon.log)")
        let port = try #require(daemon.port)
        let before = try await Handshake.fingerprint(port: port, trust: folder.authority.trust)
        #expect(try await Handshake.fingerprint(port: port, trust: folder.authority.trust) == before)
        try folder.issueCertificate()
        daemon.send(SIGHUP)
        #expect(await daemon.notice("RELOADING") != nil)
        #expect(await daemon.notice("READY") != nil)
        let after = try await Handshake.fingerprint(port: port, trust: folder.authority.trust)
        #expect(after != before)
        // A broken one is refused, and the renewed one stays.
        try folder.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "credentials/sip-certificate", mode: 0o400)
        daemon.send(SIGHUP)
        #expect(await daemon.notice("RELOADING") != nil)
        #expect(await daemon.notice("READY") != nil)
        #expect(try await Handshake.fingerprint(port: port, trust: folder.authority.trust) == after)
        daemon.send(SIGTERM)
        #expect(await daemon.end().code == 0)
        #expect(daemon.log.contains("policy.refused"))
    }

    // MARK: - Ways not to start

    @Test func aWrongConfigurationIsShownWithItsPlaceAndCannotBeRetried() async throws {
        let folder = try ServiceFolder()
        try folder.change("region = \"DE\"", to: "reigon = \"DE\"")
        let daemon = try RunningDaemon(folder)
        let (notices, code) = await daemon.end()
        #expect(code == 78)
        #expect(notices.isEmpty)
        let lines = daemon.log.split(separator: "\n")
        let number = try #require(folder.line(of: "reigon"))
        let place = try #require(
            lines.firstIndex { $0.contains("sotto.toml:\(number):1: error: unknown key 'reigon'") }, "\(daemon.log)")
        #expect(lines[place...].contains { $0.contains("reigon = \"DE\"") }, "the line itself")
        #expect(lines[place...].contains { $0.contains("| ^") }, "a caret below its column")
        #expect(lines[place...].contains { $0.contains("did you mean 'region'?") })
    }

    @Test func aMissingConfigurationIsNamed() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder, arguments: ["--config", "\(folder.path)/nowhere"])
        #expect(await daemon.end().code == 78)
        #expect(daemon.log.contains("\(folder.path)/nowhere"))
    }

    @Test func aRootKeyThatOthersCanReadIsRefusedWithTheCommandThatMendsIt() async throws {
        let folder = try ServiceFolder()
        try folder.write(String(repeating: "5a", count: 32), to: "root.key", mode: 0o644)
        try folder.change("\"credential:root-key\"", to: "\"file:\(folder.path)/root.key\"")
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.end().code == 78)
        #expect(daemon.log.contains("chmod 600 \(folder.path)/root.key"), "\(daemon.log)")
        #expect(!daemon.log.contains("5a5a"))
    }

    @Test func aCredentialThatSystemdDidNotLoadIsNamed() async throws {
        let folder = try ServiceFolder()
        unlink("\(folder.path)/credentials/root-key")
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.end().code == 78)
        #expect(daemon.log.contains("credential:root-key"), "\(daemon.log)")
    }

    @Test func aKeyOfAnotherCertificateIsRefused() async throws {
        let folder = try ServiceFolder()
        let certificate = try String(contentsOfFile: "\(folder.path)/credentials/sip-certificate", encoding: .utf8)
        try folder.issueCertificate()
        try folder.write(certificate, to: "credentials/sip-certificate", mode: 0o400)
        let daemon = try RunningDaemon(folder)
        #expect(await daemon.end().code == 78)
        #expect(daemon.log.contains("key credential:sip-key does not belong to certificate credential:sip-certificate"), "\(daemon.log)")
    }

    @Test func aPortInUseIsNamedAndMayBeTriedAgain() async throws {
        let folder = try ServiceFolder()
        let (descriptor, port) = try #require(listenOnAnyPort())
        defer { close(descriptor) }
        try folder.change("port = 0", to: "port = \(port)")
        let daemon = try RunningDaemon(folder)
        let (notices, code) = await daemon.end()
        #expect(code == 69)
        #expect(notices.allSatisfy { $0["READY"] == nil })
        #expect(daemon.log.contains("\(port)"), "\(daemon.log)")
        #expect(daemon.log.contains("in use"), "\(daemon.log)")
    }

    @Test func aSecondDaemonOnTheSameAdminSocketDoesNotStart() async throws {
        let folder = try ServiceFolder()
        let first = try RunningDaemon(folder)
        #expect(await first.notice("READY") != nil, "\(first.log)")
        let other = try ServiceFolder()
        try other.change("\(other.path)/run/admin.sock", to: "\(folder.path)/run/admin.sock")
        let second = try RunningDaemon(other)
        #expect(await second.end().code == 69)
        #expect(second.log.contains("another daemon answers there"), "\(second.log)")
        first.send(SIGTERM)
        #expect(await first.end().code == 0)
    }

    @Test func anUnknownArgumentIsAMistakeOfTheUnit() async throws {
        let folder = try ServiceFolder()
        let daemon = try RunningDaemon(folder, arguments: ["--colour"])
        #expect(await daemon.end().code == 64)
        #expect(daemon.log.contains("unknown argument --colour"))
    }
}

private func monotonicMicroseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
}

/// A TCP port that somebody else listens on.
private func listenOnAnyPort() -> (descriptor: Int32, port: UInt16)? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
            bind(descriptor, raw, length) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, raw, &length) == 0
        }
    }
    guard isListening else {
        close(descriptor)
        return nil
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}
