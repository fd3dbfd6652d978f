internal import SottoBase

/// The second pass: typed fields from the lines of a message whose secrets are already out of its bytes.
struct MessageBuilder {
    let storage: [UInt8]
    let lines: HeaderLines
    let limits: SIPLimits
    private var fields = SIPFields()
    private var defects: [SIPDefect]
    private var hasCSeq = false

    init(storage: [UInt8], lines: HeaderLines, limits: SIPLimits) {
        self.storage = storage
        self.lines = lines
        self.limits = limits
        defects = lines.defects
    }

    mutating func build(body: SIPBody) throws(SIPParseError) -> SIPMessage {
        fields.headers.reserveCapacity(lines.lines.count)
        fields.body = body
        for line in lines.lines { try read(line) }
        checkRequired()
        if case .value(let announced) = lines.contentLength, announced > body.count { note(.truncatedBody) }
        return try readStartLine()
    }

    private mutating func note(_ defect: SIPDefect?) {
        guard let defect else { return }
        if defects.count < 16, !defects.contains(defect) { defects.append(defect) }
    }

    private mutating func checkRequired() {
        // RFC 3261 §8.1.1: mandatory in every request; responses copy them. Max-Forwards may be missing (RFC 2543 clients).
        if fields.vias.isEmpty { note(.missing(.via)) }
        if fields.from.text.isEmpty { note(.missing(.from)) }
        if fields.to.text.isEmpty { note(.missing(.to)) }
        if fields.callID.text.isEmpty { note(.missing(.callID)) }
        if !hasCSeq { note(.missing(.cseq)) }
    }

    // MARK: Start line

    private mutating func readStartLine() throws(SIPParseError) -> SIPMessage {
        let storage = storage
        let bytes = storage.span
        let line = lines.startLine
        if line.count >= 4, bytes[line.lowerBound] | 0x20 == 0x73, bytes[line.lowerBound + 1] | 0x20 == 0x69,
            bytes[line.lowerBound + 2] | 0x20 == 0x70, bytes[line.lowerBound + 3] == 0x2F
        {
            return try readStatusLine(bytes, line)
        }
        return try readRequestLine(bytes, line)
    }

    /// `SIP-Version SP Status-Code SP Reason-Phrase`; the phrase and the space before it may be missing.
    private mutating func readStatusLine(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(SIPParseError) -> SIPMessage {
        var index = line.lowerBound
        while index < line.upperBound, bytes[index] != 0x20 { index += 1 }
        if !isVersion2(bytes, line.lowerBound..<index) { note(.version) }
        index += 1
        let statusStart = index
        guard index < line.upperBound, let status = Scan.decimal(bytes, &index, line.upperBound, limit: 699), status >= 100,
            index - statusStart == 3, index == line.upperBound || bytes[index] == 0x20
        else { throw SIPParseError(rule: .statusCode, offset: min(statusStart, line.upperBound)) }
        let phrase = min(index + 1, line.upperBound)..<line.upperBound
        for at in phrase where bytes[at] == 0x0D || bytes[at] == 0x0A {
            note(.startLine)
            break
        }
        fields.defects = defects
        return .response(SIPResponse(status: UInt16(status), reasonPhrase: WireText(storage, phrase), fields: fields))
    }

    /// `Method SP Request-URI SP SIP-Version`: single spaces, none at the end.
    private mutating func readRequestLine(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(SIPParseError) -> SIPMessage {
        var index = line.lowerBound
        guard Scan.run(.token, bytes, &index, line.upperBound), index < line.upperBound, bytes[index] == 0x20 else {
            throw SIPParseError(rule: .startLine, offset: index)
        }
        let method = SIPMethod(WireText(storage, line.lowerBound..<index))
        var end = line.upperBound
        while end > index, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        if end < line.upperBound { note(.startLine) }
        var versionStart = end
        while versionStart > index, bytes[versionStart - 1] != 0x20 { versionStart -= 1 }
        guard versionStart - 1 > index, end - versionStart >= 4, bytes[versionStart] | 0x20 == 0x73, bytes[versionStart + 1] | 0x20 == 0x69,
            bytes[versionStart + 2] | 0x20 == 0x70, bytes[versionStart + 3] == 0x2F
        else { throw SIPParseError(rule: .startLine, offset: index) }
        if !isVersion2(bytes, versionStart..<end) { note(.version) }
        let between = index + 1..<versionStart - 1
        let uriRange = Scan.trimmed(bytes, between)
        if uriRange != between { note(.startLine) }
        let uri = SIPURI.parse(storage, uriRange)
        // §19.1.1: headers are not allowed in a Request-URI.
        if !uri.isWellFormed || uri.headersSlot.isPresent { note(.requestURI) }
        if hasCSeq, fields.cseq.method != method { note(.methodMismatch) }
        fields.defects = defects
        return .request(SIPRequest(method: method, requestURI: uri, fields: fields))
    }

    private func isVersion2(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        range.count == 7 && bytes[range.lowerBound + 4] == 0x32 && bytes[range.lowerBound + 5] == 0x2E
            && bytes[range.lowerBound + 6] == 0x30
    }

    // MARK: Headers

    private mutating func read(_ line: HeaderLines.Line) throws(SIPParseError) {
        let range = Int(line.valueRange.lowerBound)..<Int(line.valueRange.upperBound)
        switch line.name {
        case .via: try readVias(range)
        case .from: note(Self.readSingle(.from, storage, range, &fields.from))
        case .to: note(Self.readSingle(.to, storage, range, &fields.to))
        case .contact: readContacts(range)
        case .route: note(Self.readAddresses(.route, storage, range, limits, &fields.routes))
        case .recordRoute: note(Self.readAddresses(.recordRoute, storage, range, limits, &fields.recordRoutes))
        case .callID:
            if !fields.callID.text.isEmpty { return note(.repeated(.callID)) }
            fields.callID = SIPCallID(WireText(storage, range))
            if !fields.callID.isWellFormed { note(.value(.callID)) }
        case .cseq:
            if hasCSeq { return note(.repeated(.cseq)) }
            hasCSeq = true
            if let cseq = CSeq.parse(storage, range) { fields.cseq = cseq } else { note(.value(.cseq)) }
        case .maxForwards:
            if fields.maxForwards != nil { return note(.repeated(.maxForwards)) }
            let storage = storage
            let bytes = storage.span
            var index = range.lowerBound
            if let value = Scan.decimal(bytes, &index, range.upperBound, limit: 255), index == range.upperBound {
                fields.maxForwards = UInt8(value)
            } else {
                note(.value(.maxForwards))
            }
        case .contentType:
            if fields.contentType != nil { return note(.repeated(.contentType)) }
            let type = SIPContentType(WireText(storage, range))
            if !type.isWellFormed { note(.value(.contentType)) }
            fields.contentType = type
        default:
            readOther(line, range)
        }
    }

    private mutating func readOther(_ line: HeaderLines.Line, _ range: Range<Int>) {
        if line.secret >= 0, Int(line.secret) < lines.secrets.count {
            fields.headers.append(SIPHeader(line.name, secret: lines.secrets[Int(line.secret)]))
            return
        }
        let value = WireText(storage, range)
        // RFC 3261 §20.17: SIP-date is in GMT and nothing else.
        if line.name == .date, !value.slice(value.count - 4..<value.count).equals(" GMT") { note(.value(.date)) }
        if line.name == .other {
            fields.headers.append(
                SIPHeader(otherName: WireText(storage, Int(line.nameRange.lowerBound)..<Int(line.nameRange.upperBound)), value))
        } else {
            fields.headers.append(SIPHeader(line.name, value))
        }
    }

    private mutating func readVias(_ range: Range<Int>) throws(SIPParseError) {
        var index = range.lowerBound
        while true {
            guard fields.vias.count < limits.vias else { throw SIPParseError(rule: .tooManyVias, offset: index) }
            let start = index
            guard let via = Via.parse(storage, &index, range.upperBound) else {
                fields.vias.append(.malformed(WireText(storage, Scan.trimmed(storage.span, start..<range.upperBound))))
                return note(.value(.via))
            }
            fields.vias.append(via)
            guard index < range.upperBound else { return }
            index += 1  // the comma
        }
    }

    private static func readSingle(
        _ name: SIPHeaderName, _ storage: [UInt8], _ range: Range<Int>, _ address: inout NameAddress
    ) -> SIPDefect? {
        guard address.text.isEmpty else { return .repeated(name) }
        var index = range.lowerBound
        if let parsed = NameAddress.parse(storage, &index, range.upperBound), index == range.upperBound {
            address = parsed
            return nil
        }
        address = .malformed(WireText(storage, range))
        return .value(name)
    }

    private mutating func readContacts(_ range: Range<Int>) {
        if range.count == 1, storage[range.lowerBound] == 0x2A {
            if fields.contactIsWildcard || !fields.contacts.isEmpty { note(.value(.contact)) }
            fields.contactIsWildcard = true
            return
        }
        if fields.contactIsWildcard { note(.value(.contact)) }
        note(Self.readAddresses(.contact, storage, range, limits, &fields.contacts))
    }

    private static func readAddresses(
        _ name: SIPHeaderName, _ storage: [UInt8], _ range: Range<Int>, _ limits: SIPLimits, _ addresses: inout [NameAddress]
    ) -> SIPDefect? {
        var index = range.lowerBound
        while true {
            guard addresses.count < limits.values else { return .tooLarge }
            guard let address = NameAddress.parse(storage, &index, range.upperBound) else { return .value(name) }
            addresses.append(address)
            guard index < range.upperBound else { return nil }
            index += 1  // the comma
        }
    }
}
