internal import Policy
internal import SIPSessions
internal import SIPTransport
internal import SottoBase
internal import SottoTLS
internal import Synchronization

/// Which peer is which trunk, under the policy that is in force. Asked on every loop; a reload swaps the policy under it.
final class TrunkDirectory: Sendable {
    private struct State {
        var policy: PolicySnapshot
        /// A trunk keeps its number for the daemon's life, so that its connections find each other over a reload.
        var numbers: [TrunkReference: UInt64] = [:]
        var trunks: [UInt64: TrunkReference] = [:]

        mutating func peer(of trunk: TrunkReference) -> PeerID {
            let number = numbers[trunk] ?? UInt64(numbers.count + 1)
            numbers[trunk] = number
            trunks[number] = trunk
            return PeerID(number)
        }
    }

    private let state: Mutex<State>

    init(policy: PolicySnapshot) { state = Mutex(State(policy: policy)) }

    var policy: PolicySnapshot { state.withLock { $0.policy } }
    func replace(policy: PolicySnapshot) { state.withLock { $0.policy = policy } }

    func identify(_ info: PeerInfo) -> (decision: AcceptDecision, reason: DecisionReason) {
        let identities = info.tls.peerCertificate?.identities
        let names = (identities?.uris ?? []) + (identities?.domains ?? [])
        return state.withLock { state in
            switch state.policy.identify(peer: info.address, certificateIdentities: names) {
            case .known(let match):
                return (.accept(state.peer(of: match.reference)), match.reason)
            case .unknown(let reason):
                return (.refuse, reason)
            }
        }
    }

    /// Trunks that were seen since the start: never more than the policies named.
    var count: Int { state.withLock { $0.numbers.count } }

    /// The peer that connections to a trunk belong to, the same as that of connections from it; nil when the policy has no such trunk.
    func peer(of trunk: TrunkReference) -> PeerID? {
        state.withLock { state in state.policy.trunk(trunk) == nil ? nil : state.peer(of: trunk) }
    }

    /// Peers whose trunk the policy does not name any more.
    var orphans: [PeerID] {
        state.withLock { state in state.trunks.filter { state.policy.trunk($0.value) == nil }.map { PeerID($0.key) } }
    }

    func trunk(of peer: PeerID) -> TrunkReference? { state.withLock { $0.trunks[peer.value] } }
}
