public import Policy
public import SIPSessions
public import SottoBase

/// What others may ask about calls.
extension CallTable {
    public func call(of attempt: AttemptID) -> CallID? { names.call(of: attempt) }
    /// Whose dialog it is.
    public func leg(of dialog: DialogID) -> (call: CallID, leg: CallLeg)? {
        guard let id = names.call(of: dialog), let call = calls[id] else { return nil }
        if call.caller.dialog == dialog { return (id, .caller) }
        return call.far.first { $0.session.dialog == dialog }.map { (id, $0.leg) }
    }

    public func tenant(of id: CallID) -> TenantName? { calls[id]?.tenant.name }
    /// The dialogue that speaks with the caller; nil for an echo and for a call that goes to a trunk.
    public func script(of id: CallID) -> DialogueScript? { calls[id]?.script }
    public func retention(of id: CallID) -> RetentionPolicy? { calls[id]?.tenant.retention }
    /// The record as it stands: who and when, for whoever keeps the call.
    public func record(of id: CallID) -> CallRecord? { calls[id]?.record }

    /// The policy of a leg's trunk, as the call was born with it.
    public func trunk(of id: CallID, _ leg: CallLeg) -> TrunkPolicy? {
        guard let call = calls[id] else { return nil }
        if leg == .caller { return call.trunk }
        if let running = call.far.first(where: { $0.leg == leg }) { return running.trunk }
        guard let name = call.record.farLegs.last(where: { $0.leg == leg })?.trunk.trunk else { return nil }
        return call.tenant.trunk(named: name)
    }
}
