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
                let number = state.numbers[match.reference] ?? UInt64(state.numbers.count + 1)
                state.numbers[match.reference] = number
                state.trunks[number] = match.reference
                return (.accept(PeerID(number)), match.reason)
            case .unknown(let reason):
                return (.refuse, reason)
            }
        }
    }

    /// Trunks that were seen since the start: never more than the policies named.
    var count: Int { state.withLock { $0.numbers.count } }

    func trunk(of peer: PeerID) -> TrunkReference? { state.withLock { $0.trunks[peer.value] } }
}
