import Glibc
import SottoBase
import SottoTLS
import SottoTestCertificates
import Testing

/// Holds an engine, which cannot be copied, and what it said.
final class DTLSEnd {
    private var engine: DTLSEngine
    var keys: DTLSKeys?
    var failure: DTLSError?
    var isClosed = false
    /// Every datagram that it ever sent.
    var sent: [[UInt8]] = []

    init(_ engine: consuming DTLSEngine) { self.engine = engine }

    var nextDeadline: Instant? { engine.nextDeadline }
    var isEstablished: Bool { engine.isEstablished }
    var ignored: UInt64 { engine.ignored }

    func start(_ now: Instant) { note(engine.start(now: now)) }
    func receive(_ datagram: [UInt8], _ now: Instant) { note(datagram.withUnsafeBytes { engine.receive($0, now: now) }) }
    func timer(_ now: Instant) { note(engine.timerDue(now: now)) }

    func take() -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 1_500)
        while true {
            let count = buffer.withUnsafeMutableBytes { engine.takeDatagram(into: $0) }
            if count == 0 { break }
            datagrams.append(Array(buffer[..<count]))
        }
        sent += datagrams
        return datagrams
    }

    private func note(_ step: DTLSStep) {
        switch step {
        case .waiting: break
        case .established(let keys):
            #expect(self.keys == nil, "keys are told once")
            self.keys = keys
        case .failed(let error): failure = error
        case .closedByPeer: isClosed = true
        }
    }
}

/// Two engines and a wire that the test owns.
final class DTLSPair {
    let client: DTLSEnd
    let server: DTLSEnd
    var now = Instant(nanoseconds: 1_000_000_000)
    /// Decides over each datagram; `number` counts those of one direction.
    var carry: (_ toServer: Bool, _ number: Int, _ datagram: [UInt8]) -> [[UInt8]] = { _, _, datagram in [datagram] }
    private var numbers = (toServer: 0, toClient: 0)

    struct Identities {
        let client: DTLSIdentity
        let server: DTLSIdentity
        init() throws {
            client = try .selfSigned(now: .systemNow)
            server = try .selfSigned(now: .systemNow)
        }
    }

    init(
        _ identities: Identities, clientExpects: [DTLSFingerprint]? = nil, serverExpects: [DTLSFingerprint]? = nil,
        clientProfiles: [DTLSProfile] = DTLSProfile.preferred, serverProfiles: [DTLSProfile] = DTLSProfile.preferred,
        limits: DTLSEngine.Limits = .init(retransmission: .seconds(60))
    ) throws {
        client = DTLSEnd(
            try DTLSEngine(
                role: .client, identity: identities.client, expecting: clientExpects ?? [identities.server.fingerprint],
                profiles: clientProfiles, limits: limits))
        server = DTLSEnd(
            try DTLSEngine(
                role: .server, identity: identities.server, expecting: serverExpects ?? [identities.client.fingerprint],
                profiles: serverProfiles, limits: limits))
    }

    func start() {
        server.start(now)
        client.start(now)
    }

    /// Moves datagrams until both are silent.
    func exchange() {
        for _ in 0..<200 {
            var moved = false
            for (from, to, toServer) in [(client, server, true), (server, client, false)] {
                for datagram in from.take() {
                    moved = true
                    if toServer { numbers.toServer += 1 } else { numbers.toClient += 1 }
                    let number = toServer ? numbers.toServer : numbers.toClient
                    for arrived in carry(toServer, number, datagram) { to.receive(arrived, now) }
                }
            }
            if !moved { return }
        }
        Issue.record("the ends never fell silent")
    }

    /// For tests that lose datagrams.
    static let impatient = DTLSEngine.Limits(retransmission: .milliseconds(17), longestRetransmission: .milliseconds(40))

    /// Until both have keys or one failed. The library's retransmission timers run on the machine's clock: they are asked until they are
    /// due.
    func run() {
        exchange()
        for _ in 0..<2_000_000 {
            if client.isEstablished && server.isEstablished || client.failure != nil || server.failure != nil { return }
            client.timer(now)
            server.timer(now)
            exchange()
            sched_yield()
        }
        Issue.record("no end came")
    }
}

func bytes(_ secret: SecretBytes) -> [UInt8] { secret.withBytes { Array($0) } }
