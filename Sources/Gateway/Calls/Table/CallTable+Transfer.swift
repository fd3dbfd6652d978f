internal import Policy
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// REFERs that peers send: whether and where they lead.
extension CallTable {
    /// RFC 3515 §2.4.2: obeyed by the trunk's policy alone, to where the tenant's routes lead, or to the trunk's own hosts.
    mutating func referred(
        _ arrived: ReferArrived, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        guard let id = call(of: arrived.dialog), let call = calls[id] else { return [.sip(.answerRefer(arrived.refer, SIPAnswer(481)))] }
        let asking = call.leg(of: arrived.dialog) ?? .caller
        func refuse(_ why: String, _ trunk: TrunkPolicy) -> [CallOutput] {
            let note = CallOutput.note(id, .transferAsked(by: asking, .refused(DecisionReason(trunk.rule, why))))
            return [note, .sip(.answerRefer(arrived.refer, SIPAnswer(603)))]
        }
        guard let leg = call.transferor(arrived.dialog) else { return refuse("the call cannot be handed on now", call.trunk) }
        let trunk = leg.trunk
        guard trunk.refer == .obey else { return refuse("policy obeys no REFER of this trunk", trunk) }
        // Deviation: two calls of ours are not joined.
        guard arrived.replaces == nil else { return refuse("it names another call of this gateway", trunk) }
        let uri = arrived.referTo.uri
        guard arrived.referTo.isWellFormed, uri.scheme != .other, let user = uri.calledNumber else {
            return refuse("it names nobody to call", trunk)
        }
        let number = DialledNumber(user: user, style: trunk.numberStyle)
        var route = call.tenant.route(trunk: trunk.name, called: number, calling: call.record.caller)
        if case .trunk = route.outcome {} else if leg.outbound.isOwn(host: uri.host.string) {
            route = call.tenant.handOver(to: trunk.name, dialled: number, rule: trunk.rule)
        }
        guard case .trunk(let next, let dialled) = route.outcome else { return refuse("no route to a trunk leads there", trunk) }
        // Another end's dialog is told to the trunk that named it, and to no other.
        let replaces = uri.escapedReplaces
        guard replaces == nil || next.name == trunk.name else { return refuse("it names a call of another trunk", trunk) }
        return change(id, time, &entropy) {
            $0.transfer(arrived.refer, by: leg.leg, to: next, dialled, replaces: replaces, route.reason, time, &$1)
        }
    }
}
