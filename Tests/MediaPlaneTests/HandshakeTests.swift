import Audio
import RTP
import SRTP
import SottoBase
import SottoTLS
import Testing

@testable import MediaPlane

/// A session with DTLS keys, its peer's engine and the handshake worker, all on the test's clock.
final class HandshakeHarness {
    let worker: MediaWorker
    let desk: HandshakeDesk
    let ours: DTLSIdentity
    var theirs: DTLSIdentity
    let peer: TestPeer
    var engine: DTLSEngine
    let id = MediaSessionID(3)
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var events: [MediaEvent] = []
    var keys: DTLSKeys?
    var peerFailure: DTLSError?
    /// Our datagrams to the peer's home that are DTLS.
    var flights = 0
    var isDeaf = false
    /// One in five DTLS datagrams of either side is lost, as this seed has it; 0: none.
    var lossSeed: UInt64 = 0

    private func isLost() -> Bool {
        guard lossSeed > 0 else { return false }
        lossSeed = lossSeed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 | 1
        return (lossSeed >> 33) % 5 == 0
    }

    static let wall = WallTime(milliseconds: 1_800_000_000_000)

    init(_ role: DTLSKeying.Role, expecting wrong: DTLSFingerprint? = nil, profiles: [DTLSProfile] = DTLSProfile.preferred) throws {
        ours = try DTLSIdentity.selfSigned(now: Self.wall)
        theirs = try DTLSIdentity.selfSigned(now: Self.wall)
        let first = UInt16.random(in: 20_000...50_000)
        worker = try MediaWorker(
            MediaPlaneConfiguration(
                threads: 1, sessionsPerThread: 4, ranges: [MediaPortRange(bind: [127, 0, 0, 1], first: first, last: first + 9_000)],
                identity: ours), thread: 0)
        desk = HandshakeDesk(
            identity: ours, posts: [worker.handshakes],
            limits: DTLSEngine.Limits(retransmission: .milliseconds(17), longestRetransmission: .milliseconds(40)))
        peer = try TestPeer()
        engine = try DTLSEngine(
            role: role == .active ? .server : .client, identity: theirs, expecting: [wrong ?? ours.fingerprint], profiles: profiles,
            limits: DTLSEngine.Limits(retransmission: .milliseconds(17), longestRetransmission: .milliseconds(40)))
    }

    func settings(_ role: DTLSKeying.Role, fingerprint: DTLSFingerprint? = nil, generation: UInt32 = 0) -> MediaSettings {
        var settings = peer.settings(mux: true)
        settings.keying = .dtls(
            DTLSKeying(role: role, remoteFingerprints: [fingerprint ?? theirs.fingerprint], generation: generation))
        return settings
    }

    func open(_ settings: MediaSettings) throws {
        command(.reserve(id, range: 0))
        guard case .reserved(_, let ports)? = events.last else { throw PeerFault() }
        peer.aim(at: ports)
        command(
            .start(
                id, settings,
                MediaSessionOptions(
                    owner: CallID(high: 5, low: 5), mode: .echo, mediaTimeout: nil, statisticsInterval: nil)))
    }

    func command(_ command: MediaCommand) {
        _ = worker.mailbox.submit(command)
        turn()
    }

    func startPeer() {
        note(engine.start(now: now))
        flush()
    }

    func turn() {
        worker.turn(now: now)
        desk.turn(now: now)
        worker.turn(now: now)
        worker.events.drain(limit: .max) { events.append($0) }
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            var source = SocketAddress()
            while let size = UDPSocket.receive(on: peer.home.descriptor, into: buffer, from: &source) {
                let datagram = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<size])
                if (20...63).contains(datagram[0]) {
                    flights += 1
                    if !isDeaf, !isLost() { note(engine.receive(UnsafeRawBufferPointer(datagram), now: now)) }
                } else {
                    peer.takeDatagram(datagram)
                }
            }
        }
        if let deadline = engine.nextDeadline, deadline <= now { note(engine.timerDue(now: now)) }
        flush()
    }

    func pass(milliseconds: Int) {
        for _ in 0..<(milliseconds / 5) {
            now = now + .milliseconds(5)
            turn()
        }
    }

    var isEstablished: Bool { events.contains { if case .dtlsEstablished = $0 { true } else { false } } }

    /// The handshake, without time passing: no media meanwhile.
    func settle() { for _ in 0..<20 { turn() } }

    func creep() {
        now = now + .microseconds(100)
        turn()
    }

    func talk(packets: Int) throws {
        for _ in 0..<packets {
            try peer.speak()
            pass(milliseconds: 20)
        }
    }

    /// The peer's media under the keys that its end of the handshake gave.
    func useKeys() throws {
        guard let keys else { throw PeerFault() }
        let profile = SRTPProfile(keys.profile)
        peer.sender = try SRTPSender(profile: profile, key: keys.localKey, ssrc: peer.rtp.ssrc.value)
        peer.receiver = try SRTPReceiver(profile: profile, key: keys.remoteKey)
    }

    private func note(_ step: DTLSStep) {
        switch step {
        case .established(let made): keys = made
        case .failed(let error): peerFailure = error
        case .waiting, .closedByPeer: break
        }
    }

    private func flush() {
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            while true {
                let count = engine.takeDatagram(into: buffer)
                guard count > 0 else { return }
                if !isLost() { peer.send(Array(buffer[0..<count])) }
            }
        }
    }

    var statistics: MediaStatistics? { worker.streamForTests(id)?.pointee.statistics() }
}

struct HandshakeTests {
    /// RFC 5763 §5, RFC 5764 §4.2: keys from the handshake, in both roles and for each profile.
    @Test(arguments: [DTLSKeying.Role.active, .passive], DTLSProfile.allCases)
    func mediaFlowsUnderTheHandshakesKeys(_ role: DTLSKeying.Role, _ profile: DTLSProfile) throws {
        let harness = try HandshakeHarness(role, profiles: [profile])
        if role == .active { harness.startPeer() }
        try harness.open(harness.settings(role))
        if role == .passive { harness.startPeer() }
        harness.settle()
        #expect(harness.events.contains(.dtlsEstablished(harness.id, SRTPProfile(profile))))
        try harness.useKeys()
        try harness.talk(packets: 60)
        #expect(harness.peer.notOurs == 0)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
        #expect(harness.statistics?.dtlsIgnored == 0)
    }

    /// RFC 5763 §6.2, §5: no media in or out before the fingerprint has matched.
    @Test func noMediaBeforeTheHandshakeIsDone() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        try harness.talk(packets: 20)
        #expect(harness.peer.packetsHome == 0 && harness.peer.headers.isEmpty)
        #expect(harness.statistics?.packetsReceived == 0)
        #expect(harness.statistics?.unauthenticated == 20)
        #expect(harness.statistics?.packetsSent == 0)
    }

    /// RFC 5763 §5: a certificate that signaling did not name gives no keys, whoever holds it.
    @Test(arguments: [DTLSKeying.Role.active, .passive])
    func anotherCertificateGivesNoKeys(_ role: DTLSKeying.Role) throws {
        let harness = try HandshakeHarness(role)
        let other = try DTLSIdentity.selfSigned(now: HandshakeHarness.wall)
        if role == .active { harness.startPeer() }
        try harness.open(harness.settings(role, fingerprint: other.fingerprint))
        if role == .passive { harness.startPeer() }
        harness.pass(milliseconds: 200)
        #expect(harness.events.contains(.dtlsFailed(harness.id, .fingerprintMismatch)))
        try? harness.useKeys()
        try harness.talk(packets: 10)
        #expect(harness.peer.headers.isEmpty)
        #expect(harness.statistics?.packetsReceived == 0)
        #expect(harness.desk.count == 0)
    }

    /// RFC 5763 §6.7 in spirit: only the address that signaling named may say hello.
    @Test func aHelloFromElsewhereIsIgnoredAndCounted() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        var stranger = try DTLSEngine(
            role: .client, identity: try DTLSIdentity.selfSigned(now: HandshakeHarness.wall), expecting: [harness.ours.fingerprint])
        _ = stranger.start(now: harness.now)
        withUnsafeTemporaryAllocation(byteCount: 2_048, alignment: 16) { buffer in
            let count = stranger.takeDatagram(into: buffer)
            harness.peer.send(Array(buffer[0..<count]), elsewhere: true)
        }
        harness.turn()
        #expect(harness.statistics?.dtlsIgnored == 1)
        #expect(harness.flights == 0)
        #expect(harness.peer.waitsElsewhere() == 0)
        // The genuine peer is served all the same.
        harness.startPeer()
        harness.pass(milliseconds: 100)
        #expect(harness.keys != nil)
    }

    /// A hello that is malformed, cut or forged at the peer's own address ends nothing.
    @Test func badHellosEndNothing() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        var random = SystemRandomNumberGenerator()
        for length in [13, 14, 25, 60, 200, 1_400] {
            for _ in 0..<4 {
                var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                bytes[0] = 22
                bytes[1] = 0xFE
                bytes[2] = 0xFD
                harness.peer.send(bytes)
            }
            harness.turn()
        }
        #expect((harness.statistics?.dtlsIgnored ?? 0) >= 20)
        #expect(!harness.events.contains { if case .dtlsFailed = $0 { true } else { false } })
        harness.now = harness.now + .seconds(1)
        harness.startPeer()
        harness.pass(milliseconds: 300)
        #expect(harness.keys != nil)
        #expect(harness.events.contains { if case .dtlsEstablished = $0 { true } else { false } })
    }

    /// One session cannot keep the worker busy.
    @Test func aFloodOfHandshakeDatagramsIsCutOff() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        for number in 0..<400 {
            harness.peer.send([UInt8](repeating: 22, count: 100))
            if number % 30 == 0 { harness.turn() }
        }
        harness.turn()
        #expect((harness.statistics?.dtlsIgnored ?? 0) >= UInt64(400 - HandshakeState.datagramsPerSecond))
    }

    /// Whatever datagram of a flight is lost, of either side.
    @Test(arguments: [DTLSKeying.Role.active, .passive], [UInt64(1), 2, 3])
    func aHandshakeSurvivesLossesOnBothWays(_ role: DTLSKeying.Role, _ seed: UInt64) throws {
        let harness = try HandshakeHarness(role)
        harness.lossSeed = seed
        try harness.open(harness.settings(role))
        harness.startPeer()
        for _ in 0..<200_000 where !harness.isEstablished || harness.keys == nil { harness.creep() }
        #expect(harness.isEstablished)
        try harness.useKeys()
        try harness.talk(packets: 30)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(3_200)) > 0.9)
    }

    /// RFC 6347 §4.2.4: what is lost is sent again; RFC 5763 has no media without it.
    @Test func aLostFlightIsSentAgainAndTheHandshakeEndsInTime() throws {
        let harness = try HandshakeHarness(.active)
        harness.isDeaf = true
        harness.startPeer()
        try harness.open(harness.settings(.active))
        // The library's retransmission runs on the machine's clock: it is asked until it is due.
        for _ in 0..<100_000 where harness.flights < 3 { harness.creep() }
        #expect(harness.flights >= 3)
        harness.isDeaf = false
        for _ in 0..<100_000 where !harness.isEstablished { harness.creep() }
        #expect(harness.events.contains { if case .dtlsEstablished = $0 { true } else { false } })
    }

    @Test func aPeerThatNeverAnswersFailsTheHandshake() throws {
        let harness = try HandshakeHarness(.active)
        harness.isDeaf = true
        try harness.open(harness.settings(.active))
        harness.pass(milliseconds: 20_000)
        #expect(harness.events.contains { if case .dtlsFailed(harness.id, _) = $0 { true } else { false } })
        #expect(harness.desk.count == 0 && harness.desk.underWay == 0)
    }

    /// RFC 8842 §5: the same role and fingerprint keep the association; another fingerprint starts one, and the old keys serve meanwhile.
    @Test func anotherFingerprintInAReinviteRekeys() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        harness.startPeer()
        harness.settle()
        try harness.useKeys()
        try harness.talk(packets: 30)
        harness.command(.update(harness.id, harness.settings(.passive)))
        try harness.talk(packets: 10)
        #expect(harness.events.filter { if case .dtlsEstablished = $0 { true } else { false } }.count == 1)
        let first = harness.peer.headers.last?.ssrc
        harness.theirs = try DTLSIdentity.selfSigned(now: HandshakeHarness.wall)
        harness.engine = try DTLSEngine(role: .client, identity: harness.theirs, expecting: [harness.ours.fingerprint])
        harness.keys = nil
        harness.command(.update(harness.id, harness.settings(.passive)))
        try harness.talk(packets: 20)  // the old keys still serve
        #expect(harness.peer.notOurs == 0)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(3_200)) > 0.9)
        harness.startPeer()
        harness.pass(milliseconds: 100)
        #expect(harness.events.filter { if case .dtlsEstablished = $0 { true } else { false } }.count == 2)
        try harness.useKeys()
        let notOurs = harness.peer.notOurs
        try harness.talk(packets: 60)
        #expect(harness.peer.notOurs == notOurs)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(8_000)) > 0.9)
        #expect(harness.peer.headers.last?.ssrc != first)
    }

    @Test func withoutACertificateOfOursSuchSettingsAreRefused() throws {
        let harness = try Harness()
        try harness.reserve()
        var settings = harness.peer.settings(mux: true)
        settings.keying = .dtls(DTLSKeying(role: .active, remoteFingerprints: [DTLSFingerprint(bytes: [UInt8](repeating: 1, count: 32))]))
        harness.command(.start(harness.id, settings, MediaSessionOptions(owner: harness.owner)))
        #expect(harness.events.last == .failed(harness.id, .noIdentity))
        settings.keying = .dtls(DTLSKeying(role: .active, remoteFingerprints: [DTLSFingerprint(bytes: [1, 2])]))
        harness.command(.start(harness.id, settings, MediaSessionOptions(owner: harness.owner)))
        #expect(harness.events.last == .failed(harness.id, .invalidSettings("a fingerprint's length does not fit its hash")))
    }

    @Test func aClosedSessionLeavesNoAssociation() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        #expect(harness.desk.count == 1)
        harness.command(.close(harness.id))
        harness.turn()
        #expect(harness.desk.count == 0 && harness.desk.underWay == 0)
    }

    @Test func anAssociationIsForgottenAfterAWhile() throws {
        let harness = try HandshakeHarness(.passive)
        try harness.open(harness.settings(.passive))
        harness.startPeer()
        harness.pass(milliseconds: 100)
        #expect(harness.desk.count == 1 && harness.desk.underWay == 0)
        harness.pass(milliseconds: 10_100)
        #expect(harness.desk.count == 0)
        try harness.useKeys()
        try harness.talk(packets: 30)
        #expect(share(of: 1_000, in: harness.peer.heard.suffix(3_200)) > 0.9)
    }
}
