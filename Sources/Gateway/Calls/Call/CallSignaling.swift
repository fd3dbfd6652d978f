internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Who calls, as far as it may be believed.
enum CallerNumber {
    /// P-Asserted-Identity of a trusted peer (RFC 3325 §9.1), else From. nil when the caller withholds it: an anonymous From, or any
    /// `Privacy` but `none` (RFC 3323 §4.2; it can only hide, so whoever asks is obeyed).
    static func read(_ request: SIPRequest, isTrusted: Bool) -> String? {
        // Its values are separated by semicolons.
        if let privacy = request.header(.privacy), !privacy.equalsIgnoringCase("none") { return nil }
        if isTrusted {
            if let asserted = request.assertedIdentities.lazy.compactMap(\.uri.calledNumber).first { return asserted }
        }
        let uri = request.from.uri
        if uri.host.equalsIgnoringCase("anonymous.invalid") { return nil }
        guard let user = uri.calledNumber, user.lowercased() != "anonymous" else { return nil }
        return user
    }
}

extension SIPHeader {
    /// RFC 3326 with a Q.850 cause; `text` empty: none.
    static func reason(q850 cause: UInt16, text: String) -> SIPHeader {
        SIPReason(protocolName: "Q.850", cause: cause, text: text.isEmpty ? nil : text).header
    }

    /// RFC 3261 §20.33, in whole seconds, at least one.
    static func retryAfter(_ duration: Duration) -> SIPHeader {
        SIPHeader(.retryAfter, WireText(String(max(1, duration.wholeMilliseconds / 1_000))))
    }
}

extension Termination {
    /// Q.850 §2.2.7: what we tell the peer about it.
    var q850Cause: UInt16 {
        switch cause {
        case .completed: 16  // normal call clearing
        case .refusedByPolicy: 21  // call rejected
        case .callerFault, .calleeFault: 31  // normal, unspecified
        case .carrierFault: 38  // network out of order
        case .ourFault: 41  // temporary failure
        case .indeterminate: 31
        }
    }

    init(of ending: DialogEnding) {
        switch ending {
        case .refused(let status): self.init(.ourFault, "refused with \(status)")
        case .cancelled: self.init(.completed, "the caller gave up before the answer")
        case .expired: self.init(.completed, "the INVITE expired before the answer")
        case .unanswered: self.init(.ourFault, "not answered in time")
        case .remoteBye: self.init(.completed, "the caller hung up")
        case .localBye: self.init(.completed, "hung up")
        case .unacknowledged: self.init(.callerFault, "the 200 was never acknowledged")
        case .sessionExpired: self.init(.callerFault, "the session was not refreshed")
        case .lost(let status): self.init(.carrierFault, "the dialog was lost (\(status))")
        }
    }
}

extension SIPEndpointEvent {
    /// The dialog that an event is about; nil for probes and counters.
    var dialog: DialogID? {
        switch self {
        case .inviteArrived(let arrived): arrived.dialog
        case .reinviteArrived(let arrived): arrived.dialog
        case .updateArrived(let arrived): arrived.dialog
        case .acknowledged(let dialog, _, _), .reinviteWithdrawn(let dialog, _), .reofferEnded(let dialog, _),
            .dialogProbed(let dialog, _), .connectionLost(let dialog), .connectionMoved(let dialog, _), .dialogEnded(let dialog, _):
            dialog
        case .attemptProgressed(_, let dialog, _), .attemptAnswered(_, let dialog, _), .updateEnded(let dialog, _), .refreshDue(let dialog),
            .referralProgressed(let dialog, _), .digitArrived(let dialog, _):
            dialog
        case .referArrived(let arrived): arrived.dialog
        case .attemptEnded, .registered, .registrationFailed, .unregistered: nil
        case .probed, .turnedAway: nil
        }
    }
}
