public import SIPMessages

/// What the application asks of an endpoint.
///
/// A command that comes too late (its invite was cancelled, its dialog has ended) does nothing: the event that says so is on its way
/// or was delivered before. So the application need not know about races between it and the peer.
public enum SIPEndpointCommand: Equatable, Sendable {
    /// Answers an INVITE or a re-INVITE: provisional (101–199; 100 was sent at once), or final. A final answer that is not 2xx ends the
    /// dialog that the INVITE would have opened; to a re-INVITE it changes nothing (RFC 6141 §3.1).
    case answer(InviteID, SIPAnswer)
    /// Answers an UPDATE that brought an offer. Final answers only.
    case answerUpdate(RequestID, SIPAnswer)
    /// Ends the dialog whatever its state: an INVITE still open is refused with `refusal`; a 2xx that is not acknowledged yet gets its
    /// BYE when its ACK comes or 64·T1 are over (RFC 3261 §15); a confirmed dialog gets its BYE now.
    /// `headers` go into the BYE or the refusal, e.g. Reason (RFC 3326). `dialogEnded` follows.
    case hangUp(DialogID, refusal: SIPAnswer, headers: [SIPHeader])
    /// Offers anew inside a confirmed dialog. Answered by `reofferEnded`. The body carries the offer.
    case reoffer(DialogID, SIPBody)
    /// Asks inside a dialog whether the peer still knows it. Answered by `dialogProbed`; a 481 ends the dialog.
    case probeDialog(DialogID)
    /// Asks a peer for its health outside any dialog. Answered by `probed`. `uri` is the Request-URI and To.
    case probe(ProbeID, uri: SIPURI, on: ConnectionID)
    /// Calls out. `attemptProgressed` for each provisional response of a dialog, then `attemptAnswered` or `attemptEnded`. An attempt that
    /// is known already is left as it is.
    case invite(OutgoingInvite)
    /// Withdraws an attempt: `attemptEnded(.cancelled)` follows at once, the CANCEL goes out as soon as a provisional response has come
    /// (RFC 3261 §9.1). `headers` go into it, e.g. Reason (RFC 3326).
    case cancel(AttemptID, headers: [SIPHeader])
    /// Offers anew by UPDATE, in an early dialog whose first offer has its reliable answer, or in a confirmed one (RFC 3311 §5.1). Answered
    /// by `updateEnded`.
    case update(DialogID, SIPBody)
    /// Asks the peer of a confirmed dialog to call `to` (RFC 3515), and to replace there the other end of `replaces` (RFC 3891): an
    /// attended transfer. Answered by `referralProgressed`.
    case refer(DialogID, to: NameAddress, replaces: DialogID?, headers: [SIPHeader])
    /// Answers a REFER that was received. 2xx is sent as 202 and starts the implicit subscription with a NOTIFY of 100.
    case answerRefer(RequestID, SIPAnswer)
    /// Tells the referring peer how far its REFER has come; a final status ends the subscription.
    case notifyReferral(RequestID, status: UInt16)
    /// Keeps a registration up until `unregister`. Known already: replaces what was to be registered, and registers anew.
    case register(RegistrationID, Registration)
    /// Registers now on this connection, e.g. after a new one was dialled.
    case reregister(RegistrationID, on: ConnectionID)
    /// Takes the registration back. `unregistered` follows, at the latest after 64·T1.
    case unregister(RegistrationID)
    /// From now on refuses new INVITEs and OPTIONS outside dialogs with 503 and Retry-After (seconds); nil ends that.
    case drain(retryAfter: Int?)
}

/// A response as the application words it. The endpoint adds Via, From, To with tag, Call-ID, CSeq, Record-Route, Contact, Allow,
/// Supported, Session-Expires and Content-Length.
public struct SIPAnswer: Equatable, Sendable {
    /// 101–699. Another value is sent as 500: it is our own mistake, not the peer's.
    public var status: UInt16
    /// Nil: the standard's phrase.
    public var reason: String?
    /// Further headers in order: Warning, Reason, Retry-After, Alert-Info, …
    public var headers: [SIPHeader]
    /// Nil: no body.
    public var body: SIPBody?
    /// Of the body.
    public var contentType: SIPContentType
    /// Of a provisional response to an INVITE with an offer: sent reliably if the peer supports that (RFC 3262). One that the peer requires
    /// to be reliable always is. They go out one by one, each after the last one's PRACK; a 2xx after a reliable answer waits for that too.
    public var reliable = false
    /// Of a 2xx to a session refresh request that asks for no session timer itself: the Session-Expires to propose, in seconds, if the
    /// peer supports it (RFC 4028 §9). At least 90.
    public var sessionExpires: UInt32?

    public init(
        _ status: UInt16, reason: String? = nil, headers: [SIPHeader] = [], body: SIPBody? = nil, contentType: SIPContentType = .sdp
    ) {
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.contentType = contentType
    }
}
