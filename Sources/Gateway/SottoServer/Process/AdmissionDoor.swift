internal import Admission
internal import Policy
internal import SIPTransport
internal import SottoBase
internal import Synchronization

/// Admission at the transport's door: one gate for all loops, under the limits of the policy that is in force when a socket arrives.
final class AdmissionDoor: SIPDoor {
    private let gate = Mutex(ConnectionGate())
    private let directory: TrunkDirectory
    private let now: @Sendable () -> Instant

    init(directory: TrunkDirectory, now: @escaping @Sendable () -> Instant = { SystemClock.now }) {
        self.directory = directory
        self.now = now
    }

    func connectionArrived(from address: PeerAddress) -> SIPTransportFault? {
        let limits = directory.policy.limits
        let now = now()
        switch gate.withLock({ $0.connectionOpened(from: address, limits: limits, now: now) }) {
        case .allow: return nil
        case .close(let limit, _):
            return switch limit {
            case .sources: .sourceTable
            case .sourceRate: .sourceRate
            case .sourceConnections: .sourceLimit
            case .connections: .connectionLimit
            case .handshakes: .handshakeLimit
            }
        }
    }

    func handshakeEnded() { gate.withLock { $0.handshakeEnded() } }
    func connectionClosed(from address: PeerAddress) { gate.withLock { $0.connectionClosed(from: address) } }
}
