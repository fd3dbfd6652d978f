public import SottoBase

/// From, To, Contact, Route, P-Asserted-Identity: a URI with an optional display name and header parameters (RFC 3261 §20.10).
///
/// Without `<>` all parameters belong to the header, not to the URI (§20). Over its own bytes; equality compares them.
public struct NameAddress: Hashable, Sendable {
    /// The whole value as it is written.
    public let text: WireText
    public let uri: SIPURI
    /// False when the value breaks the grammar; then only `text` means something.
    public let isWellFormed: Bool
    let displaySlot: Slot
    let parametersSlot: Slot
    let tagSlot: Slot

    /// Parses one address.
    public init(_ text: WireText) {
        var index = text.range.lowerBound
        if let address = NameAddress.parse(text.storage, &index, text.range.upperBound), index == text.range.upperBound {
            self = address
        } else {
            self = .malformed(text)
        }
    }

    /// `"name" <uri>;parameters`
    public init(_ uri: SIPURI, displayName: String? = nil, parameters: SIPParameters = SIPParameters()) {
        var output: [UInt8] = displayName.map { quoted($0) + [0x20] } ?? []
        output.append(0x3C)
        output.append(contentsOf: uri.text.bytes)
        output.append(0x3E)
        output.append(contentsOf: parameters.text.bytes)
        self.init(WireText(output))
    }

    /// Without quotes and escapes; nil when there is none. A person's name: never into a log.
    public var displayName: String? { displaySlot.text(in: text).map { unquoted($0) } }
    public var parameters: SIPParameters { SIPParameters(parametersSlot.text(in: text) ?? "") }
    public var tag: WireText? { tagSlot.text(in: text) }

    /// The same bytes with another tag.
    public func withTag(_ tag: WireText) -> NameAddress { withParameters(parameters.setting("tag", to: tag)) }

    public func withParameters(_ parameters: SIPParameters) -> NameAddress {
        let head = parametersSlot.isPresent ? Int(parametersSlot.start) : text.count
        var output = Array(text.slice(0..<head).bytes)
        output.append(contentsOf: parameters.text.bytes)
        return NameAddress(WireText(output))
    }

    /// In a buffer of its own, for what outlives the message (a dialog).
    public func detached() -> NameAddress { NameAddress(text.detached()) }

    public static func == (a: NameAddress, b: NameAddress) -> Bool { a.text == b.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// What a message without this header has.
    public static let absent = NameAddress.malformed("")
}

extension NameAddress {
    static func malformed(_ text: WireText) -> NameAddress {
        NameAddress(text: text, uri: SIPURI(""), isWellFormed: false, displaySlot: .none, parametersSlot: .none, tagSlot: .none)
    }

    private init(text: WireText, uri: SIPURI, isWellFormed: Bool, displaySlot: Slot, parametersSlot: Slot, tagSlot: Slot) {
        self.text = text
        self.uri = uri
        self.isWellFormed = isWellFormed
        self.displaySlot = displaySlot
        self.parametersSlot = parametersSlot
        self.tagSlot = tagSlot
    }

    private static func isDisplayByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x22, 0x2C, 0x3B, 0x3C, 0x3E, 0x7F: false  // " , ; < >
        default: byte >= 0x20 || byte == 0x09
        }
    }

    /// One address from `index` on; stops before a comma or at `end`. Nil when it breaks the grammar.
    static func parse(_ storage: [UInt8], _ index: inout Int, _ end: Int) -> NameAddress? {
        let bytes = storage.span
        Scan.skipSpace(bytes, &index, end)
        let start = index
        var display: Slot = .none
        var isBracketed = false
        if index < end, bytes[index] == 0x22 {
            guard Scan.quoted(bytes, &index, end) else { return nil }
            display = Slot(start..<index, from: start)
            Scan.skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3C else { return nil }
            isBracketed = true
        } else {
            // *(token LWS). Deviation: anything passes but the separators of addresses, since unquoted UTF-8 names and parentheses are
            // common (RFC 4475 §3.1.2.15 leaves it to us).
            var at = index
            while at < end, isDisplayByte(bytes[at]) { at += 1 }
            if at < end, bytes[at] == 0x3C {
                let name = Scan.trimmed(bytes, start..<at)
                if !name.isEmpty { display = Slot(name, from: start) }
                index = at
                isBracketed = true
            }
        }
        let uri: SIPURI
        if isBracketed {
            let uriStart = index + 1
            index = bytes.firstIndex(of: 0x3E, or: 0x3E, from: index, to: end)
            guard index < end else { return nil }
            uri = SIPURI.parse(storage, uriStart..<index)
            index += 1
        } else {
            let uriStart = index
            scan: while index < end {
                switch bytes[index] {
                case 0x3B, 0x2C, 0x3F, 0x20, 0x09, 0x3C, 0x3E, 0x22: break scan  // ; , ? SP HT < > "
                default: index += 1
                }
            }
            uri = SIPURI.parse(storage, uriStart..<index)
        }
        guard uri.isWellFormed else { return nil }
        let parametersStart = index
        guard Scan.parameters(bytes, &index, end) else { return nil }
        let textEnd = index
        Scan.skipSpace(bytes, &index, end)
        guard index == end || bytes[index] == 0x2C, textEnd - start <= 8192 else { return nil }
        let tag = textEnd == parametersStart ? nil : Scan.value(of: "tag", bytes, parametersStart, textEnd)
        return NameAddress(
            text: WireText(storage, start..<textEnd), uri: uri, isWellFormed: true, displaySlot: display,
            parametersSlot: textEnd == parametersStart ? .none : Slot(parametersStart..<textEnd, from: start),
            tagSlot: tag.map { Slot($0, from: start) } ?? .none)
    }
}
