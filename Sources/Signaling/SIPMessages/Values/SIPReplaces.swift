public import SottoBase

/// The Replaces header (RFC 3891 §6.1): the dialog of the receiver's that a new one takes the place of. It matches on all three parts.
public struct SIPReplaces: Hashable, Sendable {
    public let callID: SIPCallID
    /// The receiver's own tag.
    public let toTag: WireText
    /// `0` stands for the missing tag of an RFC 2543 peer.
    public let fromTag: WireText
    /// Only while the dialog is early: a confirmed one is answered with 486 (§3).
    public let isEarlyOnly: Bool

    public init(callID: SIPCallID, toTag: WireText, fromTag: WireText, isEarlyOnly: Bool = false) {
        self.callID = callID
        self.toTag = toTag
        self.fromTag = fromTag
        self.isEarlyOnly = isEarlyOnly
    }

    /// Nil when the value breaks the grammar: each tag stands there exactly once.
    public init?(_ text: WireText) {
        guard text.count <= 1024 else { return nil }
        let storage = text.storage
        let bytes = storage.span
        let range = Scan.trimmed(bytes, text.range)
        let semicolon = bytes.firstIndex(of: 0x3B, or: 0x3B, from: range.lowerBound, to: range.upperBound)
        callID = SIPCallID(WireText(storage, Scan.trimmed(bytes, range.lowerBound..<semicolon)))
        var index = semicolon
        guard callID.isWellFormed, Scan.parameters(bytes, &index, range.upperBound), index == range.upperBound else { return nil }
        var toTag: WireText?
        var fromTag: WireText?
        var isEarlyOnly = false
        for parameter in SIPParameters(WireText(storage, semicolon..<range.upperBound)).list {
            if parameter.name.equalsIgnoringCase("to-tag") {
                guard toTag == nil, let value = parameter.value, value.isToken else { return nil }
                toTag = value
            } else if parameter.name.equalsIgnoringCase("from-tag") {
                guard fromTag == nil, let value = parameter.value, value.isToken else { return nil }
                fromTag = value
            } else if parameter.name.equalsIgnoringCase("early-only") {
                isEarlyOnly = true
            }
        }
        guard let toTag, let fromTag else { return nil }
        self.toTag = toTag
        self.fromTag = fromTag
        self.isEarlyOnly = isEarlyOnly
    }

    /// The Replaces that a Refer-To's URI carries escaped in its headers (RFC 3891 §4); nil when there is none or it breaks the grammar.
    public init?(in uri: SIPURI) {
        guard let value = uri.embeddedHeader("Replaces") else { return nil }
        self.init(value)
    }

    public var text: WireText {
        var output = Array(callID.text.bytes)
        append(";to-tag=", to: &output)
        output.append(contentsOf: toTag.bytes)
        append(";from-tag=", to: &output)
        output.append(contentsOf: fromTag.bytes)
        if isEarlyOnly { append(";early-only", to: &output) }
        return WireText(output)
    }

    public var header: SIPHeader { SIPHeader(.replaces, text) }
    /// `Replaces=…`, escaped for the headers of a Refer-To's URI.
    public var embedded: WireText { WireText(Array("Replaces=".utf8) + escapedForURIHeader(text)) }
}

extension SIPURI {
    /// A header that the URI carries after `?` (RFC 3261 §19.1.1), escapes resolved; nil when there is none of this name.
    public func embeddedHeader(_ name: StaticString) -> WireText? {
        guard let headers else { return nil }
        for part in headers.bytes.split(separator: 0x26) {
            guard let equals = part.firstIndex(of: 0x3D), WireText(part[..<equals]).equalsIgnoringCase(name) else { continue }
            return WireText(unescaped(WireText(part[(equals + 1)...])))
        }
        return nil
    }

    /// The same URI with another text after `?`, which must be escaped already.
    public func withHeaders(_ headers: WireText) -> SIPURI {
        let end = headersSlot.isPresent ? max(0, Int(headersSlot.start) - 1) : text.count
        return SIPURI(WireText(Array(text.slice(0..<end).bytes) + [0x3F] + Array(headers.bytes)))
    }
}

/// `hvalue` of RFC 3261 §25.1: all but unreserved bytes as `%XX`.
func escapedForURIHeader(_ text: WireText) -> [UInt8] {
    let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
    var output: [UInt8] = []
    output.reserveCapacity(text.count + 16)
    for byte in text.bytes {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: output.append(byte)
        default: output += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return output
}
