internal import Policy
internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// What peers want to make of a call: REFER (RFC 3515) and INVITE with Replaces (RFC 3891). Obeyed only where the trunk's policy says so.
extension Call {
    /// Who may refer, and by which trunk it is; nil for anybody whom the call cannot oblige now.
    ///
    /// Deviation: only the far side of a bridge can hand its caller on. A caller who wants to be rid of us hangs up.
    func transferor(_ dialog: DialogID) -> OutboundLeg? {
        guard state == .talking, errand == nil, !isPayment else { return nil }
        return far.first { $0.session.dialog == dialog && $0.leg == partner && $0.isConnected }
    }

    /// The leg that a dialog belongs to.
    func leg(of dialog: DialogID) -> CallLeg? {
        dialog == caller.dialog ? .caller : far.first { $0.session.dialog == dialog }?.leg
    }

    /// The REFER is obeyed: another leg is called while both sides talk on; once it has answered, it takes the transferor's place.
    mutating func transfer(
        _ refer: RequestID, by transferor: CallLeg, to trunk: TrunkPolicy, _ dialled: DialledNumber, replaces: SIPHeader?,
        _ reason: DecisionReason, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        errand = .transfer(refer, by: transferor)
        return [.note(id, .transferAsked(by: transferor, .obeyed(reason))), .sip(.answerRefer(refer, SIPAnswer(202)))]
            + callOut(by: trunk, dialled, extra: replaces.map { [$0] } ?? [], time, &entropy)
    }

    /// Another dialog of the same peer takes over a leg: its media moves there, and the old dialog is hung up when that is done.
    mutating func takeOver(
        _ arrived: InviteArrived, replacing old: DialogID, _ time: CallTime, _ entropy: inout some RandomNumberGenerator
    ) -> [CallOutput] {
        let request = ChangeRequest.replacement(arrived.invite, arrived.dialog)
        guard old != caller.dialog else {
            let isOpen = state == .talking || state == .consenting
            return apply(caller.changeOffered(request, arrived.request, isOpen: isOpen, &entropy), time, &entropy)
        }
        guard let leg = far.first(where: { $0.session.dialog == old })?.leg else {
            return [.sip(.answer(arrived.invite, SIPAnswer(481)))]
        }
        return changeFar(leg, time, &entropy) { leg, entropy in
            leg.apply(leg.session.changeOffered(request, arrived.request, isOpen: leg.isConnected, &entropy), time)
        }
    }
}

extension SIPURI {
    /// The Replaces that a Refer-To's URI carries escaped (RFC 3891 §4); nil when there is none that could be a header's value.
    var escapedReplaces: SIPHeader? {
        guard let headers else { return nil }
        for field in headers.string.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "replaces" else { continue }
            guard let value = String(parts[1]).unescapedURI, (1...512).contains(value.utf8.count),
                value.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { return nil }
            return SIPHeader(.replaces, WireText(value))
        }
        return nil
    }
}

extension String {
    /// `%xx` resolved; nil when what comes out is no text.
    fileprivate var unescapedURI: String? {
        var output: [UInt8] = []
        var rest = utf8[...]
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46: byte - 0x41 + 10
            case 0x61...0x66: byte - 0x61 + 10
            default: nil
            }
        }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                output.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
            output.append(high << 4 | low)
        }
        return String(validating: output, as: UTF8.self)
    }
}
