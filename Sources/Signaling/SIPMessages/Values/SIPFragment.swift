public import SottoBase

/// The `message/sipfrag` body of a NOTIFY for a REFER (RFC 3420, RFC 3515 §2.4.5): how far the referred request came.
public struct SIPFragment: Hashable, Sendable {
    /// 100–699.
    public let status: UInt16
    /// May be empty. The peer's words: not for logs without masking.
    public let reasonPhrase: WireText

    public init(status: UInt16, reasonPhrase: WireText) {
        self.status = status
        self.reasonPhrase = reasonPhrase
    }

    /// The status line that the body starts with; nil when it starts with another line, or its status is none.
    public init?(_ body: SIPBody) {
        guard case .bytes(let storage)? = body.chunks.first else { return nil }
        let bytes = storage.span
        let end = bytes.firstIndex(of: 0x0D, or: 0x0A, from: 0, to: min(storage.count, 8192))
        let version = WireText(storage, 0..<min(8, end))
        guard version.equalsIgnoringCase("SIP/2.0 ") else { return nil }
        var index = 8
        guard let status = Scan.decimal(bytes, &index, end, limit: 699), status >= 100, index == 11, index == end || bytes[index] == 0x20
        else { return nil }
        self.status = UInt16(status)
        reasonPhrase = WireText(storage, min(index + 1, end)..<end)
    }

    public var isFinal: Bool { status >= 200 }

    /// The body to send; its type is `SIPContentType.sipfrag`.
    public var body: SIPBody {
        var output = Array("SIP/2.0 \(status) ".utf8)
        output.append(contentsOf: reasonPhrase.bytes.lazy.filter { $0 != 0x0D && $0 != 0x0A })
        append("\r\n", to: &output)
        return SIPBody(output)
    }
}

extension SIPContentType {
    public static let sipfrag = SIPContentType("message/sipfrag;version=2.0")
    public var isSipfrag: Bool { isType("message/sipfrag") }
}
