public import SIPMessages
import SottoBase

/// A REFER inside a dialog (RFC 3515). Answer it with `answerRefer` within 64·T1: 202 obeys it, and `notifyReferral` then tells the peer
/// what became of it; 603 is the refusal by policy.
public struct ReferArrived: Equatable, Sendable {
    public let refer: RequestID
    public let dialog: DialogID
    public let connection: ConnectionID
    /// The one Refer-To. Its URI's headers may hold an escaped Replaces, which the application hands on as it is.
    public let referTo: NameAddress
    /// The dialog of ours that the Refer-To's Replaces names, if it is one: an attended transfer between two calls of this endpoint.
    public let replaces: DialogID?
    public let request: SIPRequest
}

/// What becomes of a REFER of ours.
public enum ReferralProgress: Equatable, Sendable {
    /// 2xx: the peer will try.
    case accepted
    /// What the peer's attempt has come to so far: 100–199.
    case progressed(status: UInt16)
    /// Over: the final status, or nil when the peer ended the subscription without one.
    case ended(status: UInt16?)
    /// A final response other than 2xx to the REFER.
    case refused(SIPResponse)
    /// Not sent: the dialog is not confirmed, or another REFER is still under way.
    case notNow
    /// No final response to the REFER.
    case failed
}
