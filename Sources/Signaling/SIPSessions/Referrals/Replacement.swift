import SIPMessages
import SottoBase

/// The Replaces header (RFC 3891 §6.1): which dialog of the receiver's a new one takes the place of.
struct ReplacedDialog: Hashable, Sendable {
    let callID: SIPCallID
    /// The receiver's own tag.
    let toTag: WireText
    let fromTag: WireText
    let isEarlyOnly: Bool

    init(callID: SIPCallID, toTag: WireText, fromTag: WireText, isEarlyOnly: Bool = false) {
        self.callID = callID
        self.toTag = toTag
        self.fromTag = fromTag
        self.isEarlyOnly = isEarlyOnly
    }

    /// Nil when it breaks the grammar: each tag stands there once.
    init?(_ value: WireText) {
        guard value.count <= 1_024 else { return nil }
        let bytes = value.bytes
        let end = bytes.firstIndex(of: 0x3B) ?? bytes.endIndex
        let callID = SIPCallID(WireText(value.storage, value.range.lowerBound..<end).trimmed)
        let parameters = SIPParameters(WireText(value.storage, end..<value.range.upperBound))
        guard callID.isWellFormed, let toTag = parameters.value("to-tag"), let fromTag = parameters.value("from-tag"), !toTag.isEmpty,
            !fromTag.isEmpty, parameters.list.filter({ $0.name.equalsIgnoringCase("to-tag") }).count == 1,
            parameters.list.filter({ $0.name.equalsIgnoringCase("from-tag") }).count == 1
        else { return nil }
        self.init(callID: callID, toTag: toTag, fromTag: fromTag, isEarlyOnly: parameters.contains("early-only"))
    }

    /// In the headers of a Refer-To's URI, escaped (RFC 3891 §6.1's example).
    var escaped: WireText {
        var output = Array("Replaces=".utf8)
        for part in [callID.text, ";to-tag=", toTag, ";from-tag=", fromTag] as [WireText] {
            for byte in part.bytes {
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                    output.append(byte)
                default:
                    let digits = Array("0123456789ABCDEF".utf8)
                    output += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }
        return WireText(output)
    }

    /// Of a Refer-To's URI; nil when there is none.
    init?(in uri: SIPURI) {
        guard let headers = uri.headers else { return nil }
        for part in headers.bytes.split(separator: 0x26) {
            guard let equals = part.firstIndex(of: 0x3D), WireText(part[..<equals]).equalsIgnoringCase("Replaces") else { continue }
            self.init(WireText(Self.unescaped(part[(equals + 1)...])))
            return
        }
        return nil
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        var index = bytes.startIndex
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46: byte - 0x37
            case 0x61...0x66: byte - 0x57
            default: nil
            }
        }
        while index < bytes.endIndex {
            if bytes[index] == 0x25, index + 2 < bytes.endIndex, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2]) {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }
}

extension WireText {
    /// Without blanks at both ends.
    var trimmed: WireText {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, storage[lower] == 0x20 || storage[lower] == 0x09 { lower += 1 }
        while upper > lower, storage[upper - 1] == 0x20 || storage[upper - 1] == 0x09 { upper -= 1 }
        return WireText(storage, lower..<upper)
    }
}

extension SIPEndpoint {
    enum Replacement: Hashable, Sendable {
        case none
        case dialog(DialogID)
        case refused(UInt16)
    }

    /// RFC 3891 §3, for an INVITE outside a dialog.
    func replacement(_ arrival: Arrival) -> Replacement {
        let values = arrival.request.headers.filter { $0.name == .replaces }.compactMap(\.text)
        guard let value = values.first else { return .none }
        guard values.count == 1, let replaced = ReplacedDialog(value) else { return .refused(400) }
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
    func dialog(_ replaced: ReplacedDialog) -> Dialog? {
        // "0" stands for a missing tag of RFC 2543 peers (§6.1); ours always has one.
        let key = DialogKey(callID: replaced.callID, localTag: replaced.toTag, remoteTag: replaced.fromTag)
        if let id = dialogIndex[key] { return dialogs[id] }
        guard replaced.fromTag == "0" else { return nil }
        return dialogIndex[DialogKey(callID: replaced.callID, localTag: replaced.toTag, remoteTag: "")].flatMap { dialogs[$0] }
    }
}
