import AdministrationAPI
import AuditLog
import Policy
import SIPTransport
import SottoBase
import SottoTestPeer
import Synchronization
import Testing

@testable import SottoServer

@Suite struct AdmissionDoorTests {
    /// A clock that stands until it is moved.
    private final class Clock: Sendable {
        private let time = Mutex(Instant(nanoseconds: 0))
        var now: Instant { time.withLock { $0 } }
        func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
    }

    private let clock = Clock()

    private func door(_ limits: AdmissionLimits) throws -> (AdmissionDoor, TrunkDirectory) {
        let directory = TrunkDirectory(policy: try policy(limits))
        return (AdmissionDoor(directory: directory, now: { [clock] in clock.now }), directory)
    }

    private func policy(_ limits: AdmissionLimits) throws -> PolicySnapshot {
        PolicySnapshot(version: "v1", tenants: [], gatewayRegion: try #require(Region("DE")), limits: limits)
    }

    private func peer(_ host: String) throws -> PeerAddress { try #require(PeerAddress(host: host, port: 40_000)) }

    @Test func aSourceThatConnectsTooFastIsTurnedAwayAndLetInAgainLater() throws {
        let (door, _) = try door(AdmissionLimits(connectionsPerSecondPerSource: 2, connectionBurstPerSource: 3))
        let scanner = try peer("198.51.100.1")
        for _ in 0..<3 {
            #expect(door.connectionArrived(from: scanner) == nil)
            door.handshakeEnded()
            door.connectionClosed(from: scanner)
        }
        #expect(door.connectionArrived(from: scanner) == .sourceRate)
        #expect(door.connectionArrived(from: try peer("198.51.100.2")) == nil, "others are not hurt")
        clock.advance(by: .milliseconds(500))
        #expect(door.connectionArrived(from: scanner) == nil)
        #expect(door.connectionArrived(from: scanner) == .sourceRate)
    }

    @Test func changedLimitsCountForTheNextConnection() throws {
        let (door, directory) = try door(AdmissionLimits(connections: 4, connectionsPerSource: 2, handshakes: 4))
        let trunk = try peer("198.51.100.1")
        #expect(door.connectionArrived(from: trunk) == nil)
        #expect(door.connectionArrived(from: trunk) == nil)
        #expect(door.connectionArrived(from: trunk) == .sourceLimit)
        directory.replace(policy: try policy(AdmissionLimits(connections: 4, connectionsPerSource: 3, handshakes: 3)))
        #expect(door.connectionArrived(from: trunk) == nil)
        #expect(door.connectionArrived(from: try peer("198.51.100.2")) == .handshakeLimit)
        door.handshakeEnded()
        directory.replace(policy: try policy(AdmissionLimits(connections: 3, connectionsPerSource: 3, handshakes: 3)))
        #expect(door.connectionArrived(from: try peer("198.51.100.2")) == .connectionLimit)
        door.connectionClosed(from: trunk)
        #expect(door.connectionArrived(from: try peer("198.51.100.2")) == nil)
    }
}

extension EndToEnd {
    /// `[limits]` over real sockets.
    @Suite struct Door {
        @Test func theBurstOfTheConfigurationIsTheBurstOfTheListenerAndFollowsAReload() async throws {
            var configuration = TestConfiguration()
            configuration.limits = "connections-per-second-per-source = 0.1\nconnection-burst-per-source = 2"
            let strict = configuration
            try await inWorld({ $0 = strict }) { world in
                let daemon = try world.daemon
                var connections: [PeerConnection] = []
                for _ in 0..<3 { connections.append(try await world.connect()) }
                try await waitUntil("one to be closed") { connections.count(where: \.isClosed) == 1 }
                #expect(daemon.transport.gauges.faults[.sourceRate] == 1)
                #expect(daemon.transport.gauges.accepted == 2)
                #expect(try await world.events.next("connection.turned-away")["fault"] == "sourceRate")

                var generous = strict
                generous.limits = "connections-per-second-per-source = 1000\nconnection-burst-per-source = 1000"
                try world.rewrite("sotto.toml", generous.machine)
                let report = await daemon.reload(by: .daemon)
                #expect(report.isAccepted)
                #expect(report.needsRestart == [])
                for _ in 0..<3 { _ = try await world.connect() }
                try await waitUntil("three to be let in") { daemon.transport.gauges.accepted == 5 }
                #expect(daemon.transport.gauges.faults[.sourceRate] == 1)
            }
        }
    }
}
