import SIPMessages
import SottoBase

/// A request of ours by its branch. A CANCEL has the INVITE's (RFC 3261 §9.1), and is a transaction of its own.
struct ClientKey: Hashable, Sendable {
    let branch: WireText
    let isCancel: Bool

    init(branch: WireText, method: SIPMethod) {
        self.branch = branch
        isCancel = method == .cancel
    }
}

/// A request of ours that waits for its answer.
struct SentRequest: Sendable {
    enum Purpose: Hashable, Sendable {
        case bye(DialogID)
        case reoffer(DialogID)
        case probeDialog(DialogID)
        case probe(ProbeID)
        case attempt(AttemptID)
        case cancel
        case prack(DialogID)
        /// With an offer of the application's.
        case update(DialogID)
        /// Without a body, for the session timer.
        case refresh(DialogID)
        case refer(DialogID)
        case notify(DialogID, RequestID)
        case register(RegistrationID)

        /// The dialog that it is sent in.
        var dialog: DialogID? {
            switch self {
            case .bye(let id), .reoffer(let id), .probeDialog(let id), .prack(let id), .update(let id), .refresh(let id), .refer(let id),
                .notify(let id, _):
                id
            case .probe, .attempt, .cancel, .register: nil
            }
        }
    }

    enum Machine: Sendable {
        case invite(ClientInviteTransaction)
        case other(ClientTransaction)
    }

    /// What the dialogs that an INVITE of ours opens are made of.
    struct Origin: Sendable {
        /// Without its body.
        let template: SIPRequest
        /// Authorization and Proxy-Authorization, which the ACK repeats (RFC 3261 §22.1).
        let credentials: [SIPHeader]
        let contact: NameAddress
        let profile: ConnectionProfile
    }

    /// What a challenge or a 422 has made of it so far.
    struct Retries: Hashable, Sendable {
        var origin = 0
        var proxy = 0
        var intervals = 0
    }

    let purpose: Purpose
    let method: SIPMethod
    let peer: PeerID
    let redial: SIPURI?
    var connection: ConnectionID?
    var machine: Machine
    /// The request itself, to send it again: when its connection closes under it (never an INVITE), when the answer asks for credentials or
    /// for another interval. Gone with the final response, because an INVITE holds our keys.
    var request: SIPRequest?
    var retries = Retries()
    /// It went out again as another request.
    var wasRepeated = false
    /// Of an attempt.
    var origin: Origin?
    /// The ACK of each fork's 2xx to our INVITE, by To tag, for each retransmission of it (RFC 3261 §13.2.2.4).
    var acks: [WireText: SIPRequest] = [:]

    /// No final response yet.
    var isWaiting: Bool {
        switch machine {
        case .invite(let machine): machine.isWaiting
        case .other(let machine): machine.isWaiting
        }
    }

    var nextDeadline: Instant? {
        switch machine {
        case .invite(let machine): machine.nextDeadline
        case .other(let machine): machine.nextDeadline
        }
    }
}
