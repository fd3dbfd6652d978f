import AuditLog
import DurableFiles
import Foundation
import Keys
import MediaPlane
import NIOCore
import NIOPosix
import SIPSessions
import SIPTransport
import SealedStorage
import SottoBase
import SottoTLS
import SottoTestCertificates
import SottoTestPeer
import Synchronization
import Testing

@testable import SottoServer

/// The certificates of all tests: one authority, the gateway, a carrier for each tenant.
struct TestIdentities: Sendable {
    let authority: TestAuthority
    let gateway: TLSCredentials
    let carriers: [String: TLSCredentials]
    /// Of the same authority, but no tenant's trunk.
    let stranger: TLSCredentials

    static let shared = Result { try TestIdentities() }

    private init() throws {
        let authority = try TestAuthority()
        self.authority = authority
        gateway = try authority.issue(.init(dnsNames: ["sbc.example"]))
        carriers = try Dictionary(
            uniqueKeysWithValues: ["acme", "globex"].map { ($0, try authority.issue(.init(dnsNames: ["\($0).carrier.example"]))) })
        stranger = try authority.issue(.init(dnsNames: ["nobody.carrier.example"]))
    }
}

/// What is held by the whole process, and returns to what it was.
struct ProcessGauges: Equatable, CustomStringConvertible {
    let words = ClearArena.words.occupied
    let keys = ClearArena.keys.occupied
    let secretBytes = SecretBytes.bytesInUse

    var description: String { "clear words \(words), clear keys \(keys), secret bytes \(secretBytes)" }
}

/// The daemon's disk, until it is full: then nothing grows any more.
final class FillableDisk: Sendable {
    let isFull: Flag
    let disk: Disk

    final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        func set(_ isSet: Bool) { value.store(isSet, ordering: .releasing) }
        var isSet: Bool { value.load(ordering: .acquiring) }
    }

    init() {
        let flag = Flag()
        isFull = flag
        disk = Disk { operation, path, bytes in
            guard flag.isSet else { return nil }
            switch operation {
            case .reserve, .createFolder: return .fail(.full)
            // What the audit log has reserved is there when it is needed.
            case .write: return path.contains("/state/audit/") ? nil : .writeOnly(bytes: bytes / 2, then: .full)
            default: return nil
            }
        }
    }
}

/// A daemon with two tenants in a folder of its own, and carriers that call it over loopback.
final class World: Sendable {
    let folder: String
    let voice = NullVoice()
    let disk = FillableDisk()
    let identities: TestIdentities
    private let running: Mutex<Daemon?>
    let events: EventRecord
    private let group: MultiThreadedEventLoopGroup
    private let before: ProcessGauges
    private let connections = Mutex<[PeerConnection]>([])

    static let signaling: SIPEndpointConfiguration = {
        var configuration = SIPEndpointConfiguration()
        // 64·T1 is 1.9 s instead of 32.
        configuration.timings = SIPTimings(t1: .milliseconds(30), t2: .milliseconds(240), t4: .milliseconds(300))
        return configuration
    }()

    /// - Parameter configure: changes the configuration before it is written.
    init(_ configure: (inout TestConfiguration) -> Void = { _ in }) async throws {
        identities = try TestIdentities.shared.get()
        before = ProcessGauges()
        folder = NSTemporaryDirectory() + "sotto-\(UInt32.random(in: 1...UInt32.max))"
        for name in ["", "/tenants", "/state", "/run"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: false)
        }
        var configuration = TestConfiguration()
        configure(&configuration)
        try Self.write(configuration, identities, folder)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let daemon = try await Self.start(folder, voice, disk)
        running = Mutex(daemon)
        events = EventRecord(daemon)
    }

    private static func start(_ folder: String, _ voice: NullVoice, _ disk: FillableDisk) async throws -> Daemon {
        var options = Daemon.Options(configuration: folder, runtimeFolder: folder + "/run")
        options.providers = voice.providers
        options.loadsEmbeddedSpeech = false
        options.signaling = signaling
        options.disk = disk.disk
        return try await Daemon.start(options)
    }

    private static func write(_ configuration: TestConfiguration, _ identities: TestIdentities, _ folder: String) throws {
        func put(_ name: String, _ bytes: [UInt8], _ mode: Int = 0o600) throws {
            let isWritten = FileManager.default.createFile(
                atPath: folder + "/" + name, contents: Data(bytes), attributes: [.posixPermissions: mode])
            guard isWritten else { throw PeerFault(description: "\(name) cannot be written") }
        }
        try put("sbc.pem", identities.gateway.certificateChain)
        try put("sbc.key", identities.gateway.privateKey.withBytes { Array($0) })
        try put("carriers.pem", identities.authority.certificate)
        try put("root.key", (0..<32).map { _ in UInt8.random(in: 0...255) })
        try put("sotto.toml", Array(configuration.machine.utf8))
        for (name, text) in configuration.tenants { try put("tenants/\(name).toml", Array(text.utf8)) }
    }

    /// Writes one configuration file anew.
    func rewrite(_ name: String, _ text: String) throws {
        try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    }

    var daemon: Daemon {
        get throws {
            guard let running = running.withLock({ $0 }) else { throw PeerFault(description: "the daemon is stopped") }
            return running
        }
    }

    // MARK: - Callers

    /// A connection of a tenant's carrier; `nil`: without a certificate.
    func connect(as carrier: String? = "acme", _ credentials: TLSCredentials? = nil) async throws -> PeerConnection {
        let credentials = credentials ?? carrier.flatMap { identities.carriers[$0] }
        let context = try TLSContext.client(credentials, trust: identities.authority.trust, now: .systemNow)
        guard let port = try daemon.addresses["main"]?.port else { throw PeerFault(description: "nobody listens") }
        let connection = try await PeerConnection.open(to: port, as: context, group: group)
        connections.withLock { $0.append(connection) }
        return connection
    }

    func caller(
        on connection: PeerConnection, offer: PeerOffer = PeerOffer(), from: String = "+49301111111", to: String = "+49302222222"
    ) throws -> PeerCall {
        try PeerCall(on: connection, from: from, to: to, offer: offer, loop: group.next())
    }

    // MARK: - The end

    /// Hangs nothing up: what still runs when the daemon drains is the test's business.
    func closeConnections() async {
        let open = connections.withLock { connections in
            defer { connections = [] }
            return connections
        }
        for connection in open { await connection.close() }
    }

    /// Stops the daemon and proves that nothing is left of it.
    func stop() async throws {
        let daemon = try daemon
        await closeConnections()
        await daemon.drainAndStop()
        let plane = daemon.media.gauges
        #expect(plane.sessions == 0)
        #expect(plane.sockets == 0)
        #expect(plane.portPairsInUse == 0)
        #expect(plane.eventsLost == 0)
        #expect(daemon.storage.pending == 0)
        #expect(daemon.storage.refused == 0)
        #expect(daemon.auditLog.pending == 0)
        #expect(daemon.transport.gauges.sockets == 0)
        #expect(daemon.transport.gauges.connections == 0)
        #expect(daemon.events.followerCount == 0)
        running.withLock { $0 = nil }
        try? await group.shutdownGracefully()
    }

    /// After `stop`, when the test has let go of its callers: the process holds what it held before, and the folder is removed.
    func proveNothingIsLeft() async throws {
        let before = before
        do {
            try await waitUntil("the process's gauges to return", within: .seconds(3)) {
                ProcessGauges() == before && voice.recognizer.streams == 0
            }
        } catch {
            Issue.record("\(before) became \(ProcessGauges()), recognizer streams \(voice.recognizer.streams)")
        }
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Runs a test in a world of its own, stops it, and proves that nothing is left.
func inWorld(_ configure: (inout TestConfiguration) -> Void = { _ in }, _ body: (World) async throws -> Void) async throws {
    let world = try await World(configure)
    do {
        try await body(world)
    } catch {
        Issue.record("\(error)\n\(world.events.text.suffix(30_000))")
    }
    try await world.stop()
    try await world.proveNothingIsLeft()
}
