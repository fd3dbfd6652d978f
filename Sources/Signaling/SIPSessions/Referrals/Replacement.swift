import SIPMessages
import SottoBase

/// Which dialog a new one takes the place of (RFC 3891).
extension SIPEndpoint {
    enum Replacement: Hashable, Sendable {
        case none
        case dialog(DialogID)
        case refused(UInt16)
    }

    /// RFC 3891 §3, for an INVITE outside a dialog.
    func replacement(_ arrival: Arrival) -> Replacement {
        guard arrival.request.contains(.replaces) else { return .none }
        guard let replaced = arrival.request.replaces else { return .refused(400) }
        // Another peer's dialog is none: nobody takes the calls of another over.
        guard let dialog = dialog(replaced), dialog.peer == arrival.peer else { return .refused(481) }
        switch dialog.phase {
        case .ending:
            return .refused(603)
        case .confirmed:
            return replaced.isEarlyOnly ? .refused(486) : .dialog(dialog.id)
        case .early:
            // Only one that we opened; the callee's side must not be replaced before it has answered.
            return dialog.attempt != nil ? .dialog(dialog.id) : .refused(481)
        }
    }

    /// The dialog that all three parts name.
    func dialog(_ replaced: SIPReplaces) -> Dialog? {
        // "0" stands for a missing tag of RFC 2543 peers (§6.1); ours always has one.
        let key = DialogKey(callID: replaced.callID, localTag: replaced.toTag, remoteTag: replaced.fromTag)
        if let id = dialogIndex[key] { return dialogs[id] }
        guard replaced.fromTag == "0" else { return nil }
        return dialogIndex[DialogKey(callID: replaced.callID, localTag: replaced.toTag, remoteTag: "")].flatMap { dialogs[$0] }
    }
}
