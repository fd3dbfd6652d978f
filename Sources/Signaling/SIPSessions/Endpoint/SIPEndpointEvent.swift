public import SIPMessages

/// What an endpoint tells its application.
///
/// Each `inviteArrived` opens a dialog, and each dialog ends with exactly one `dialogEnded`, after which no event names it again.
/// Whatever must be answered at once by rule (100, CANCEL, BYE, OPTIONS, refusals) has been answered when the event comes.
public enum SIPEndpointEvent: Equatable, Sendable {
    /// An INVITE that would open a dialog. A 100 was sent. Answer it with `answer`.
    case inviteArrived(InviteArrived)
    /// A re-INVITE in a confirmed dialog. Answer it with `answer`: a refusal keeps the session as it was (RFC 6141 §3.1).
    case reinviteArrived(ReinviteArrived)
    /// An UPDATE with an offer (RFC 3311). Answer it with `answerUpdate` within 64·T1. UPDATEs without a body are answered for you.
    case updateArrived(UpdateArrived)
    /// The ACK of a 2xx. The session is up; its body carries the answer when the INVITE brought no offer.
    case acknowledged(DialogID, InviteID, ack: SIPRequest)
    /// The peer withdrew a re-INVITE that was not answered yet, or ended the dialog over it; 487 was sent. The session stays as it was.
    case reinviteWithdrawn(DialogID, InviteID)
    /// What became of a `reoffer`.
    case reofferEnded(DialogID, ReofferOutcome)
    /// What became of a `probeDialog`.
    case dialogProbed(DialogID, ProbeOutcome)
    /// What became of a `probe`.
    case probed(ProbeID, ProbeOutcome)
    /// A response 101–199 to our INVITE that belongs to a dialog: a forked INVITE has several. Its body, if any, is an answer for early
    /// media; a reliable one has its PRACK already, and the 2xx may then come without a body. An early dialog has no
    /// `dialogEnded`: `attemptAnswered` says which one lives on.
    case attemptProgressed(AttemptID, DialogID, SIPResponse)
    /// The first 2xx, acknowledged already; its body is the answer. From now on the dialog is like any other, and the attempt is over.
    /// Forks that answer as well get their ACK and a BYE (RFC 3261 §13.2.2.4).
    case attemptAnswered(AttemptID, DialogID, SIPResponse)
    /// Nobody answered. No event names the attempt or its early dialogs again.
    case attemptEnded(AttemptID, AttemptEnding)
    /// What became of an `update`.
    case updateEnded(DialogID, ReofferOutcome)
    /// We are to refresh the session (RFC 4028 §10) and the peer knows no UPDATE: `reoffer` the session as it is. If nothing is done the
    /// dialog ends before the session expires.
    case refreshDue(DialogID)
    /// A REFER (RFC 3515). Answer it with `answerRefer`; 603 refuses it.
    case referArrived(ReferArrived)
    /// What became of a `refer`.
    case referralProgressed(DialogID, ReferralProgress)
    /// A key was pressed (INFO). Answered already.
    case digitArrived(DialogID, SIPDigit)
    /// The registration is up, or was refreshed.
    case registered(RegistrationID, RegistrationGrant)
    /// It is down. The next attempt is made by itself after `retry`; zero when it was never begun, because its connection is not open.
    case registrationFailed(RegistrationID, RegistrationFailure, retry: Duration)
    /// It was taken back.
    case unregistered(RegistrationID)
    /// The dialog's connection closed. The dialog lives: the peer may come back on another one, and our next request goes there.
    case connectionLost(DialogID)
    /// A request of the dialog arrived on this other connection of the same peer: what we send goes there from now on.
    case connectionMoved(DialogID, ConnectionID)
    /// We have no further part in the dialog but to let its last messages out.
    case dialogEnded(DialogID, DialogEnding)
    /// A request was refused, or a message dropped, without the application: for counters and the log.
    case turnedAway(TurnedAway, on: ConnectionID)
}

public struct InviteArrived: Equatable, Sendable {
    public let invite: InviteID
    /// The dialog that a 2xx would open.
    public let dialog: DialogID
    public let connection: ConnectionID
    public let peer: PeerID
    /// The whole request; `request.body` is the remote offer, empty when the peer wants ours in the 2xx.
    public let request: SIPRequest
    /// The dialog that this one is to take the place of (RFC 3891), matched on all three parts and of the same peer. To obey: accept this
    /// INVITE and hang up that dialog (or cancel its attempt). Not to obey: 603.
    public let replaces: DialogID?
}

public struct ReinviteArrived: Equatable, Sendable {
    public let invite: InviteID
    public let dialog: DialogID
    public let connection: ConnectionID
    /// The whole request; an empty body asks for our offer in the 2xx.
    public let request: SIPRequest
}

public struct UpdateArrived: Equatable, Sendable {
    public let update: RequestID
    public let dialog: DialogID
    public let connection: ConnectionID
    public let request: SIPRequest
}

public enum ReofferOutcome: Equatable, Sendable {
    /// A 2xx, acknowledged already; its body is the answer.
    case accepted(SIPResponse)
    /// The old session stays (RFC 6141 §3.1). 491: try again after 2.1–4 s if the dialog's first INVITE was ours, else 0–2 s
    /// (RFC 3261 §14.1).
    case refused(SIPResponse)
    /// Not sent: an INVITE is open in either direction, a 2xx is unacknowledged, or the dialog is not confirmed. Try later.
    case notNow
    /// No final response. After 64·T1 the dialog is being ended; when no connection could carry it, the session stays.
    case failed
}

public enum ProbeOutcome: Equatable, Sendable {
    /// Any final response: the peer is alive; whether the status means health is for the caller to say.
    case answered(status: UInt16)
    case timedOut
    /// No connection, or it broke.
    case unreachable
}

/// Why a dialog is over.
public enum DialogEnding: Equatable, Sendable {
    /// The INVITE was answered with a final non-2xx by the application.
    case refused(status: UInt16)
    /// The caller sent CANCEL before the answer; 487 was sent. The whole CANCEL, for its Reason header (RFC 3326).
    case cancelled(SIPRequest)
    /// The INVITE's Expires ran out before an answer; 487 was sent (RFC 3261 §13.3.1).
    case expired
    /// The application answered nothing within the configured time; 480 was sent.
    case unanswered
    /// The peer sent BYE; 200 was sent, and 487 to the INVITE if that was open. The whole BYE, for its Reason header.
    case remoteBye(SIPRequest)
    /// The application hung up and a BYE went out.
    case localBye
    /// No ACK for our 2xx within 64·T1; a BYE went out (RFC 3261 §13.3.1.4). Or no PRACK for a reliable provisional response; the INVITE
    /// was answered with 504 (RFC 3262 §3).
    case unacknowledged
    /// The session was not refreshed in time, by whoever had to; a BYE went out (RFC 4028 §10).
    case sessionExpired
    /// A request of ours inside the dialog was answered with 481 or 408 or not at all (RFC 3261 §12.2.1.2); a BYE went out.
    case lost(status: UInt16)
}

/// What was answered or dropped without the application. Carries no byte of the peer's.
public enum TurnedAway: Equatable, Sendable {
    /// Answered with this status, for this method.
    case refused(SIPMethod, status: UInt16)
    /// An ACK or a response that belongs to nothing here.
    case stray
    /// A request without a Via that could be read: it can be neither matched nor answered.
    case unanswerable
    /// From a connection that was never opened, or was closed.
    case unknownConnection
}
