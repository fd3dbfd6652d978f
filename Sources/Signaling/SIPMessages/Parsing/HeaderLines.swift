internal import SottoBase

/// The first pass: where the start line, each header and the body are. Folded lines are joined in place, credentials taken out and wiped.
struct HeaderLines {
    struct Line {
        let name: SIPHeaderName
        let nameRange: Range<UInt16>
        let valueRange: Range<UInt16>
        /// Index into `secrets`, or -1.
        let secret: Int16
    }

    enum ContentLength: Equatable {
        case absent
        case value(Int)
        case malformed
    }

    var startLine: Range<Int> = 0..<0
    var lines: [Line] = []
    var secrets: [SecretBytes] = []
    var contentLength: ContentLength = .absent
    var defects: [SIPDefect] = []
    /// Offset of the first byte after the blank line.
    var headEnd = 0

    mutating func split(_ raw: inout [UInt8], limits: SIPLimits) throws(SIPParseError) {
        lines.reserveCapacity(24)
        let count = raw.count
        var index = 0
        // RFC 3261 §7.5: CRLF before the start line is ignored.
        while index + 1 < count, raw[index] == 0x0D, raw[index + 1] == 0x0A { index += 2 }
        var hasBareLineEnd = false
        let startEnd = Self.lineEnd(raw.span, index, count, &hasBareLineEnd)
        guard startEnd < count, startEnd - index <= limits.header else { throw SIPParseError(rule: .startLine, offset: index) }
        startLine = index..<startEnd
        index = startEnd + 2
        while true {
            guard index + 1 < count else { throw SIPParseError(rule: .noHeaderEnd, offset: index) }
            if raw[index] == 0x0D, raw[index + 1] == 0x0A {
                headEnd = index + 2
                return
            }
            let start = index
            hasBareLineEnd = false
            var end = Self.lineEnd(raw.span, start, count, &hasBareLineEnd)
            // A line that starts with white space continues the header before it (§7.3.1).
            while end + 2 < count, raw[end + 2] == 0x20 || raw[end + 2] == 0x09 {
                raw[end] = 0x20
                raw[end + 1] = 0x20
                end = Self.lineEnd(raw.span, end + 2, count, &hasBareLineEnd)
            }
            guard end < count else { throw SIPParseError(rule: .noHeaderEnd, offset: start) }
            // A bare CR or LF could be read as a line end by the next hop.
            if hasBareLineEnd { note(.headerLine) }
            // What is beyond the limits is left out: the rest is enough to answer 513. A Content-Length is read wherever it stands.
            if end - start <= limits.header { add(&raw, start, end, limits) } else { leaveOut(&raw, start, end) }
            index = end + 2
        }
    }

    /// Index of the CR of the next CRLF, or `count`. Tells of a CR or LF alone that stands before it.
    @inline(__always) private static func lineEnd(_ bytes: Span<UInt8>, _ from: Int, _ count: Int, _ hasBareLineEnd: inout Bool) -> Int {
        var index = bytes.firstLineEnd(from: from, to: count)
        while index + 1 < count {
            if bytes[index] == 0x0D, bytes[index + 1] == 0x0A { return index }
            hasBareLineEnd = true
            index = bytes.firstLineEnd(from: index + 1, to: count)
        }
        return count
    }

    /// Wiped, because nobody has looked whether it is a credential.
    private mutating func leaveOut(_ raw: inout [UInt8], _ start: Int, _ end: Int) {
        note(.tooLarge)
        raw.withUnsafeMutableBytes { all in
            if let base = all.baseAddress { wipe(base + start, count: end - start) }
        }
    }

    private mutating func add(_ raw: inout [UInt8], _ start: Int, _ end: Int, _ limits: SIPLimits) {
        guard let (known, name, value) = readLine(raw.span, start, end) else { return }
        guard lines.count < limits.headers else { return leaveOut(&raw, start, end) }
        var secret: Int16 = -1
        if known.isSecret {
            secret = Int16(secrets.count)
            secrets.append(SecretBytes(copying: raw[value]))
            raw.withUnsafeMutableBytes { all in
                if let base = all.baseAddress { wipe(base + value.lowerBound, count: value.count) }
            }
        }
        lines.append(
            Line(
                name: known, nameRange: UInt16(name.lowerBound)..<UInt16(name.upperBound),
                valueRange: UInt16(value.lowerBound)..<UInt16(value.upperBound), secret: secret))
    }

    /// Name and value of one unfolded line; nil for a line that is no header and for Content-Length, which is read at once.
    private mutating func readLine(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) -> (SIPHeaderName, name: Range<Int>, value: Range<Int>)? {
        let colon = bytes.firstIndex(of: 0x3A, or: 0x3A, from: start, to: end)
        var nameEnd = colon
        while nameEnd > start, bytes[nameEnd - 1] == 0x20 || bytes[nameEnd - 1] == 0x09 { nameEnd -= 1 }
        guard colon < end, nameEnd > start else {
            note(.headerLine)
            return nil
        }
        let name = start..<nameEnd
        let known = SIPHeaderName.lookup(bytes, start, nameEnd)
        if known == .other {
            var index = start
            guard Scan.run(.token, bytes, &index, nameEnd), index == nameEnd else {
                note(.headerLine)
                return nil
            }
        }
        let value = Scan.trimmed(bytes, colon + 1..<end)
        if known == .contentLength {
            readContentLength(bytes, value)
            return nil
        }
        return (known, name, value)
    }

    private mutating func readContentLength(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        guard contentLength == .absent else {
            contentLength = .malformed
            return note(.repeated(.contentLength))
        }
        var index = value.lowerBound
        guard let length = Scan.decimal(bytes, &index, value.upperBound, limit: UInt64(UInt32.max)), index == value.upperBound else {
            contentLength = .malformed
            return note(.value(.contentLength))
        }
        contentLength = .value(Int(length))
    }

    /// An INFO (RFC 6086 §4.2.1 names no type for its older use), or a Content-Type that carries pressed keys.
    func announcesPressedKeys(_ bytes: Span<UInt8>) -> Bool {
        if Scan.hasPrefix(bytes, startLine.lowerBound, startLine.upperBound, "INFO ") { return true }
        guard let type = lines.first(where: { $0.name == .contentType }) else { return false }
        return SIPBody.carriesPressedKeys(bytes, Int(type.valueRange.lowerBound)..<Int(type.valueRange.upperBound))
    }

    mutating func note(_ defect: SIPDefect) {
        if defects.count < 16, !defects.contains(defect) { defects.append(defect) }
    }
}
