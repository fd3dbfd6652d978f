public import SottoBase

/// The Call-ID header's value, compared byte by byte with case (RFC 3261 §8.1.1.4). Not Sotto's `CallID`.
public struct SIPCallID: Hashable, Sendable {
    public let text: WireText

    public init(_ text: WireText) { self.text = text }

    /// `word [ "@" word ]`
    public var isWellFormed: Bool {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        let end = text.range.upperBound
        guard Scan.run(.word, bytes, &index, end) else { return false }
        if index < end, bytes[index] == 0x40 {
            index += 1
            guard Scan.run(.word, bytes, &index, end) else { return false }
        }
        return index == end
    }

    /// In a buffer of its own, for keys that outlive the message.
    public func detached() -> SIPCallID { SIPCallID(text.detached()) }
}

/// The CSeq header (RFC 3261 §20.16).
public struct CSeq: Hashable, Sendable {
    /// Below 2^31 (§8.1.1.5).
    public var number: UInt32
    public var method: SIPMethod

    public init(_ number: UInt32, _ method: SIPMethod) {
        self.number = number
        self.method = method
    }

    /// Nil when the value breaks the grammar or the number is 2^31 or more.
    static func parse(_ storage: [UInt8], _ range: Range<Int>) -> CSeq? {
        let bytes = storage.span
        var index = range.lowerBound
        let end = range.upperBound
        guard let number = Scan.decimal(bytes, &index, end, limit: 0x7FFF_FFFF) else { return nil }
        let spaceStart = index
        Scan.skipSpace(bytes, &index, end)
        let methodStart = index
        guard index > spaceStart, Scan.run(.token, bytes, &index, end), index == end else { return nil }
        return CSeq(UInt32(number), SIPMethod(WireText(storage, methodStart..<index)))
    }
}

/// A media type with its parameters: Content-Type (RFC 3261 §20.15).
public struct SIPContentType: Hashable, Sendable {
    public let text: WireText

    public init(_ text: WireText) { self.text = text }

    public static let sdp = SIPContentType("application/sdp")

    /// `type/subtype` without parameters and white space, as written.
    public var mediaType: WireText {
        let storage = text.storage
        let bytes = storage.span
        var end = text.range.lowerBound
        while end < text.range.upperBound, bytes[end] != 0x3B { end += 1 }
        return WireText(storage, Scan.trimmed(bytes, text.range.lowerBound..<end))
    }

    public var parameters: SIPParameters { SIPParameters(text.slice(mediaType.range.upperBound - text.range.lowerBound..<text.count)) }

    public func isType(_ name: StaticString) -> Bool { mediaType.equalsIgnoringCase(name) }
    public var isSDP: Bool { isType("application/sdp") }
    public var isMultipart: Bool { mediaType.slice(0..<10).equalsIgnoringCase("multipart/") }

    /// `token / token` and parameters.
    public var isWellFormed: Bool {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        let end = text.range.upperBound
        guard Scan.run(.token, bytes, &index, end) else { return false }
        Scan.skipSpace(bytes, &index, end)
        guard index < end, bytes[index] == 0x2F else { return false }
        index += 1
        Scan.skipSpace(bytes, &index, end)
        guard Scan.run(.token, bytes, &index, end), Scan.parameters(bytes, &index, end) else { return false }
        Scan.skipSpace(bytes, &index, end)
        return index == end
    }
}

/// One value of a Reason header (RFC 3326): why a request was sent.
public struct SIPReason: Hashable, Sendable {
    /// `Q.850`, `SIP` or another protocol, as written.
    public let protocolName: WireText
    /// A Q.850 cause (1–127) or a SIP status; nil when there is none.
    public let cause: UInt16?
    /// What a person reads. From the peer: not for logs without masking.
    public let text: String?

    public init(protocolName: WireText, cause: UInt16?, text: String? = nil) {
        self.protocolName = protocolName
        self.cause = cause
        self.text = text
    }

    /// The Q.850 cause, if this is one.
    public var q850Cause: UInt16? { protocolName.equalsIgnoringCase("Q.850") ? cause : nil }

    /// The header to send.
    public var header: SIPHeader {
        var output = Array(protocolName.bytes)
        if let cause { output.append(contentsOf: ";cause=\(cause)".utf8) }
        if let text { output += Array(";text=".utf8) + quoted(text) }
        return SIPHeader(.reason, WireText(output))
    }

    static func parseList(_ value: WireText) -> [SIPReason] {
        commaSeparated(value).compactMap { part in
            var index = part.range.lowerBound
            let storage = part.storage
            guard Scan.run(.token, storage.span, &index, part.range.upperBound) else { return nil }
            let name = WireText(storage, part.range.lowerBound..<index)
            let parameters = SIPParameters(WireText(storage, index..<part.range.upperBound))
            return SIPReason(
                protocolName: name, cause: parameters.value("cause").flatMap { UInt16($0.string) },
                text: parameters.unquotedValue("text"))
        }
    }
}

/// A Warning header's value (RFC 3261 §20.43): a code of 3xx and a text for a person.
public struct SIPWarning: Hashable, Sendable {
    /// 300–399, see §20.43's list.
    public let code: UInt16
    /// Who warns: a host name or a pseudonym.
    public let agent: WireText
    public let text: String

    public init(code: UInt16, agent: WireText, text: String) {
        self.code = code
        self.agent = agent
        self.text = text
    }

    public var header: SIPHeader {
        SIPHeader(.warning, WireText(Array("\(code) ".utf8) + Array(agent.bytes) + [0x20] + quoted(text)))
    }
}

/// Values between commas that stand outside quotes and angle brackets, trimmed, the empty ones left out.
func commaSeparated(_ value: WireText) -> [WireText] {
    let storage = value.storage
    let bytes = storage.span
    let end = value.range.upperBound
    var parts: [WireText] = []
    var index = value.range.lowerBound
    var start = index
    var isInBrackets = false
    func add(_ upper: Int) {
        let range = Scan.trimmed(bytes, start..<upper)
        if !range.isEmpty { parts.append(WireText(storage, range)) }
    }
    while index < end {
        switch bytes[index] {
        case 0x22:
            if !Scan.quoted(bytes, &index, end) { index = end }
            continue
        case 0x3C: isInBrackets = true
        case 0x3E: isInBrackets = false
        case 0x2C where !isInBrackets:
            add(index)
            start = index + 1
        default: break
        }
        index += 1
    }
    add(end)
    return parts
}
