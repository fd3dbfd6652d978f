import SIPMessages
import SottoBase

/// An INVITE that was received: its transaction, and what its responses need of it. Never its body or credentials.
struct ReceivedInvite: Sendable {
    enum Wait: Hashable, Sendable {
        /// The INVITE's own Expires (RFC 3261 §13.3.1).
        case expires
        /// The application's time.
        case unanswered
        /// The next repetition of a provisional response (§13.3.1.1).
        case refresh
    }

    let key: ServerTransactionKey
    /// Set for an INVITE outside a dialog.
    let merged: MergedRequestKey?
    let dialog: DialogID
    /// What a response copies from the request.
    let template: SIPRequest
    let localTag: WireText
    let connection: ConnectionID
    let peer: PeerID
    /// False when the INVITE asks for our offer.
    let hadOffer: Bool
    /// The INVITE's Contact: the remote target once a 2xx is sent.
    let target: SIPURI?
    var session: SessionInterval
    /// What a session timer of our own choice would have to respect.
    let proposal: SessionInterval.Proposal
    var machine: ServerInviteTransaction
    /// Its reliable provisional responses.
    var reliability: ReliableProvisionals
    var waits = TimerTable<Wait>()

    /// True when it would open its dialog, false for a re-INVITE.
    var isInitial: Bool { merged != nil }

    var nextDeadline: Instant? { [machine.nextDeadline, waits.next, reliability.nextDeadline].compactMap { $0 }.min() }
}

/// A request other than INVITE that was received, and is either waiting for the application or absorbing its retransmissions.
struct ReceivedRequest: Sendable {
    let key: ServerTransactionKey
    let dialog: DialogID?
    let template: SIPRequest
    var method: SIPMethod { template.method }
    let connection: ConnectionID
    let peer: PeerID
    let target: SIPURI?
    var session: SessionInterval
    var machine: ServerTransaction
}

/// A request on its way through the endpoint.
struct Arrival {
    /// Its topmost Via already carries `received` and `rport`.
    let request: SIPRequest
    let key: ServerTransactionKey
    let connection: ConnectionID
    let profile: ConnectionProfile
    var peer: PeerID { profile.peer }
}
