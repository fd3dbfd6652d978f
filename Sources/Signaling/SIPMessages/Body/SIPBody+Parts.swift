internal import SottoBase

/// One part of a multipart body (RFC 2046 §5.1, RFC 5621).
public struct SIPBodyPart: Equatable, Sendable {
    public let contentType: SIPContentType?
    public let disposition: SIPContentDisposition?
    /// False for base64 and quoted-printable: SIP is 8-bit clean and knows no such encodings (RFC 3261 §7.4.2).
    public let isPlain: Bool
    /// Its keys still apart.
    public let body: SIPBody
}

/// Why a multipart body cannot be taken apart.
public enum SIPMultipartError: String, Error, Hashable, Sendable, CaseIterable {
    /// No `boundary` parameter, or one longer than 70 characters.
    case noBoundary
    /// No part, no closing delimiter, or headers of a part that are none.
    case malformed
    case tooManyParts
    case tooDeep
}

extension SIPBody {
    /// Parts of one body, at most.
    public static let maximumParts = 16

    /// The parts of a `multipart/…` body, in order. What stands before the first delimiter and behind the last one is passed over.
    public func parts(of type: SIPContentType) throws(SIPMultipartError) -> [SIPBodyPart] {
        guard let boundary = type.parameters.unquotedValue("boundary").map({ Array($0.utf8) }), (1...70).contains(boundary.count) else {
            throw .noBoundary
        }
        var reader = MultipartReader(self, delimiter: [0x2D, 0x2D] + boundary)
        return try reader.read()
    }
}

/// One pass over the lines of a multipart body whose secrets were taken out.
private struct MultipartReader {
    private var text: [UInt8] = []
    private var secrets: [(offset: Int, secret: SecretBytes)] = []
    private let delimiter: [UInt8]

    init(_ body: SIPBody, delimiter: [UInt8]) {
        self.delimiter = delimiter
        for chunk in body.chunks {
            switch chunk {
            case .bytes(let bytes): text.append(contentsOf: bytes)
            case .secret(let secret): secrets.append((text.count, secret))
            }
        }
    }

    mutating func read() throws(SIPMultipartError) -> [SIPBodyPart] {
        var parts: [SIPBodyPart] = []
        var partStart: Int?
        var line = 0
        while line < text.count {
            let end = text.span.firstIndex(of: 0x0A, or: 0x0A, from: line, to: text.count)
            if let isLast = delimiter(at: line, end) {
                if let start = partStart {
                    guard parts.count < SIPBody.maximumParts else { throw .tooManyParts }
                    // The line end before the delimiter belongs to the delimiter (RFC 2046 §5.1.1).
                    var partEnd = line
                    if partEnd > start, text[partEnd - 1] == 0x0A { partEnd -= 1 }
                    if partEnd > start, text[partEnd - 1] == 0x0D { partEnd -= 1 }
                    parts.append(try part(start..<partEnd))
                }
                if isLast {
                    guard partStart != nil else { throw .malformed }
                    return parts
                }
                partStart = end + 1
            }
            line = end + 1
        }
        throw .malformed
    }

    /// Nil when the line is no delimiter; true for the closing one. White space may follow it.
    private func delimiter(at line: Int, _ end: Int) -> Bool? {
        guard end - line >= delimiter.count, text[line] == 0x2D else { return nil }
        for offset in delimiter.indices where text[line + offset] != delimiter[offset] { return nil }
        var index = line + delimiter.count
        let isLast = index + 1 < end && text[index] == 0x2D && text[index + 1] == 0x2D
        if isLast { index += 2 }
        while index < end, text[index] == 0x20 || text[index] == 0x09 || text[index] == 0x0D { index += 1 }
        return index == end ? isLast : nil
    }

    /// Headers up to an empty line, then the content. Without headers the part begins with the empty line.
    private mutating func part(_ range: Range<Int>) throws(SIPMultipartError) -> SIPBodyPart {
        var contentType: SIPContentType?
        var disposition: SIPContentDisposition?
        var isPlain = true
        var line = range.lowerBound
        var count = 0
        while line < range.upperBound {
            var end = lineEnd(line, range.upperBound)
            if isEmpty(line, end) {
                line = end + 1
                break
            }
            // A line that begins with white space continues the one before.
            while end + 1 < range.upperBound, text[end + 1] == 0x20 || text[end + 1] == 0x09 {
                text[end] = 0x20
                if text[end - 1] == 0x0D { text[end - 1] = 0x20 }
                end = lineEnd(end + 1, range.upperBound)
            }
            count += 1
            guard count <= 32, end - line <= 1024 else { throw .malformed }
            let (name, value) = try header(line, end)
            if name.equalsIgnoringCase("Content-Type") || name.equalsIgnoringCase("c") {
                contentType = SIPContentType(value)
            } else if name.equalsIgnoringCase("Content-Disposition") {
                disposition = SIPContentDisposition(value)
            } else if name.equalsIgnoringCase("Content-Transfer-Encoding") {
                isPlain = ["7bit", "8bit", "binary"].contains { value.equalsIgnoringCase($0 as WireText) }
            }
            line = end + 1
        }
        return SIPBodyPart(
            contentType: contentType, disposition: disposition, isPlain: isPlain,
            body: content(min(line, range.upperBound)..<range.upperBound))
    }

    private func lineEnd(_ from: Int, _ limit: Int) -> Int { text.span.firstIndex(of: 0x0A, or: 0x0A, from: from, to: limit) }

    private func isEmpty(_ line: Int, _ end: Int) -> Bool { line == end || (line + 1 == end && text[line] == 0x0D) }

    private func header(_ line: Int, _ end: Int) throws(SIPMultipartError) -> (name: WireText, value: WireText) {
        let bytes = text.span
        var index = line
        guard Scan.run(.token, bytes, &index, end) else { throw .malformed }
        let name = line..<index
        Scan.skipSpace(bytes, &index, end)
        guard index < end, bytes[index] == 0x3A else { throw .malformed }
        let upper = end > index + 1 && bytes[end - 1] == 0x0D ? end - 1 : end
        return (WireText(text, name).detached(), WireText(text, Scan.trimmed(bytes, index + 1..<upper)).detached())
    }

    /// A secret stands inside a line, so that one at the part's end belongs to it and one at its start does not.
    private func content(_ range: Range<Int>) -> SIPBody {
        var chunks: [SIPBody.Chunk] = []
        var copied = range.lowerBound
        for (offset, secret) in secrets where offset > range.lowerBound && offset <= range.upperBound {
            if offset > copied { chunks.append(.bytes(Array(text[copied..<offset]))) }
            chunks.append(.secret(secret))
            copied = offset
        }
        if copied < range.upperBound { chunks.append(.bytes(Array(text[copied..<range.upperBound]))) }
        return SIPBody(chunks: chunks)
    }
}
