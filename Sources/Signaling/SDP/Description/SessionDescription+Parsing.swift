internal import SottoBase

/// Why a session description cannot be read.
public struct SDPParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Rule: String, Sendable, CaseIterable {
        case tooLarge, tooManyMedia, tooManyLines, tooManyFormats, notALine, version, origin, connection, media
    }

    public let rule: Rule
    /// The line where it was noticed, from 1.
    public let line: Int

    public var description: String { "SDP refused at line \(line): \(rule.rawValue)" }
}

/// Bounds on a session description.
public enum SDPLimits {
    /// Bytes, keys included.
    public static let size = 16 * 1024
    public static let media = 64
    public static let lines = 1024
    public static let formats = 128
}

extension SessionDescription {
    /// Parses the chunks of a body. Lines may end in CRLF or LF (RFC 8866 §9); unknown types of line are passed over.
    public static func parse(_ chunks: [SDPChunk]) throws(SDPParseError) -> SessionDescription {
        var size = 0
        var keys = 0
        for chunk in chunks {
            switch chunk {
            case .bytes(let bytes): size += bytes.count
            case .secret(let secret):
                size += secret.count
                keys += 1
            }
            guard size <= SDPLimits.size else { throw SDPParseError(rule: .tooLarge, line: 0) }
        }
        var text: [UInt8] = []
        var secrets: [(offset: Int, secret: SecretBytes)] = []
        text.reserveCapacity(size)
        secrets.reserveCapacity(keys)
        for chunk in chunks {
            switch chunk {
            case .bytes(let bytes): text.append(contentsOf: bytes)
            case .secret(let secret): secrets.append((text.count, secret))
            }
        }
        var parser = SDPLineParser(text: text, secrets: secrets)
        return try parser.parse()
    }
}

/// One pass over the lines.
private struct SDPLineParser {
    let text: [UInt8]
    let secrets: [(offset: Int, secret: SecretBytes)]
    private var line = 0
    private var origin: SDPOrigin?
    private var sessionName: WireText = "-"
    private var connection: SDPConnection?
    private var attributes: [SDPAttribute] = []
    private var media: [MediaDescription] = []

    init(text: [UInt8], secrets: [(offset: Int, secret: SecretBytes)]) {
        self.text = text
        self.secrets = secrets
        attributes.reserveCapacity(8)
    }

    mutating func parse() throws(SDPParseError) -> SessionDescription {
        let text = text
        let bytes = text.span
        var index = 0
        var hasVersion = false
        let hasNull = bytes.firstIndex(of: 0, or: 0, from: 0, to: text.count) < text.count
        while index < text.count {
            let end = bytes.firstLineEnd(from: index, to: text.count)
            let isCRLF = end + 1 < text.count && bytes[end] == 0x0D && bytes[end + 1] == 0x0A
            let next = isCRLF ? end + 2 : end + 1
            let isStray = end < text.count && bytes[end] == 0x0D && !isCRLF && end + 1 < text.count
            defer { index = next }
            line += 1
            guard line <= SDPLimits.lines else { throw fault(.tooManyLines) }
            if end == index, !isStray { continue }
            // A byte-string holds neither NUL nor CR (RFC 8866 §9).
            guard !isStray, !hasNull || bytes.firstIndex(of: 0, or: 0, from: index, to: end) == end, end - index >= 2,
                bytes[index + 1] == 0x3D
            else { throw fault(.notALine) }
            let value = index + 2..<end
            switch bytes[index] {
            case 0x61: readAttribute(text, bytes, value)
            case 0x76:  // v=
                guard WireText(text, value).trimmed.equals("0"), !hasVersion else { throw fault(.version) }
                hasVersion = true
            case 0x6F where origin == nil: origin = try readOrigin(WireText(text, value))
            case 0x73: sessionName = value.isEmpty ? "-" : WireText(text, value)
            case 0x63: try readConnection(text, bytes, value)
            case 0x6D: try readMedia(text, bytes, value)
            default: break
            }
            if !hasVersion { throw fault(.version) }
        }
        guard hasVersion else { throw fault(.version) }
        guard let origin else { throw fault(.origin) }
        return SessionDescription(
            origin: origin, sessionName: sessionName, connection: connection, attributes: attributes, media: media)
    }

    private func fault(_ rule: SDPParseError.Rule) -> SDPParseError { SDPParseError(rule: rule, line: line) }

    /// `<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`
    private func readOrigin(_ value: WireText) throws(SDPParseError) -> SDPOrigin {
        let words = value.words
        // Deviation: some gateways write a user name of several words; the last five are the rest.
        let rest = words.count - 5
        guard rest >= 1, let session = Self.number(words[rest]), let version = Self.number(words[rest + 1]) else { throw fault(.origin) }
        return SDPOrigin(
            username: words[0], sessionID: session, version: version, addressType: words[rest + 3], address: words[rest + 4])
    }

    /// Numeric strings may exceed 64 bits in theory (RFC 8866 §5.2): the low ones are enough to notice a change.
    private static func number(_ text: WireText) -> UInt64? {
        var value: UInt64 = 0
        for byte in text.bytes {
            guard byte &- 0x30 < 10 else { return nil }
            value = value &* 10 &+ UInt64(byte &- 0x30)
        }
        return text.isEmpty || text.count > 40 ? nil : value
    }

    /// The next word between spaces and tabs; nil at the end.
    private static func nextWord(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Range<Int>? {
        while index < end, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
        let start = index
        while index < end, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
        return index > start ? start..<index : nil
    }

    /// `<nettype> <addrtype> <connection-address>`
    private mutating func readConnection(_ text: [UInt8], _ bytes: Span<UInt8>, _ value: Range<Int>) throws(SDPParseError) {
        var index = value.lowerBound
        let end = value.upperBound
        guard let network = Self.nextWord(bytes, &index, end), let type = Self.nextWord(bytes, &index, end),
            let whole = Self.nextWord(bytes, &index, end), Self.nextWord(bytes, &index, end) == nil,
            WireText(text, network).equalsIgnoringCase("IN")
        else { throw fault(.connection) }
        let address = WireText(text, whole).head(before: 0x2F)
        guard !address.isEmpty else { throw fault(.connection) }
        let connection = SDPConnection(addressType: WireText(text, type), address: address)
        if media.isEmpty {
            self.connection = connection
        } else if media[media.count - 1].connection == nil {
            media[media.count - 1].connection = connection
        }
    }

    /// `<media> <port>[/<number of ports>] <proto> <fmt> …`
    private mutating func readMedia(_ text: [UInt8], _ bytes: Span<UInt8>, _ value: Range<Int>) throws(SDPParseError) {
        guard media.count < SDPLimits.media else { throw fault(.tooManyMedia) }
        var index = value.lowerBound
        let end = value.upperBound
        guard let kind = Self.nextWord(bytes, &index, end), let ports = Self.nextWord(bytes, &index, end),
            let transport = Self.nextWord(bytes, &index, end)
        else { throw fault(.media) }
        var formats: [WireText] = []
        formats.reserveCapacity(8)
        while let format = Self.nextWord(bytes, &index, end) {
            guard formats.count < SDPLimits.formats else { throw fault(.tooManyFormats) }
            formats.append(WireText(text, format))
        }
        guard !formats.isEmpty else { throw fault(.media) }
        var at = ports.lowerBound
        guard let port = Decimal.read(bytes, &at, ports.upperBound, limit: 65535) else { throw fault(.media) }
        var count: UInt64 = 1
        if at < ports.upperBound {
            guard bytes[at] == 0x2F else { throw fault(.media) }
            at += 1
            guard let number = Decimal.read(bytes, &at, ports.upperBound, limit: 65535), number > 0, at == ports.upperBound else {
                throw fault(.media)
            }
            count = number
        }
        var attributes: [SDPAttribute] = []
        attributes.reserveCapacity(16)
        media.append(
            MediaDescription(
                kind: WireText(text, kind), port: UInt16(port), portCount: UInt16(count),
                transport: MediaTransport(WireText(text, transport)), formats: formats, attributes: attributes))
    }

    private static func isName(_ name: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start == name.utf8CodeUnitCount else { return false }
        for offset in 0..<end - start where bytes[start + offset] | 0x20 != name.utf8Start[offset] | 0x20 { return false }
        return true
    }

    private mutating func readAttribute(_ text: [UInt8], _ bytes: Span<UInt8>, _ value: Range<Int>) {
        let colon = bytes.firstIndex(of: 0x3A, or: 0x3A, from: value.lowerBound, to: value.upperBound)
        let nameCount = colon - value.lowerBound
        guard nameCount > 0 else { return }
        if nameCount == 6, Self.isName("crypto", bytes, value.lowerBound, colon) {
            guard !media.isEmpty else { return }
            readCrypto(WireText(text, min(colon + 1, value.upperBound)..<value.upperBound))
        } else if nameCount == 8, Self.isName("key-mgmt", bytes, value.lowerBound, colon) {
            return
        } else if media.isEmpty {
            attributes.append(SDPAttribute(text, value, nameCount: nameCount))
        } else {
            media[media.count - 1].attributes.append(SDPAttribute(text, value, nameCount: nameCount))
        }
    }

    private mutating func readCrypto(_ content: WireText) {
        let result = CryptoAttribute.parse(content) { offset in
            var index = 0
            while index < secrets.count {
                if secrets[index].offset == offset { return secrets[index].secret }
                index += 1
            }
            return nil
        }
        let last = media.count - 1
        switch result {
        case .success(let attribute):
            // §9.1: a tag is unique within its media line.
            if media[last].cryptos.contains(where: { $0.tag == attribute.tag }) {
                media[last].voidCryptos.append(.grammar)
            } else {
                if media[last].cryptos.isEmpty { media[last].cryptos.reserveCapacity(4) }
                media[last].cryptos.append(attribute)
            }
        case .failure(let void): media[last].voidCryptos.append(void.reason)
        }
    }
}
