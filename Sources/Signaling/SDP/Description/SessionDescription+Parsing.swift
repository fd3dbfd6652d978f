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
        var text: [UInt8] = []
        var secrets: [(offset: Int, secret: SecretBytes)] = []
        var size = 0
        for chunk in chunks {
            switch chunk {
            case .bytes(let bytes):
                size += bytes.count
                guard size <= SDPLimits.size else { throw SDPParseError(rule: .tooLarge, line: 0) }
                if text.isEmpty { text = bytes } else { text.append(contentsOf: bytes) }
            case .secret(let secret):
                size += secret.count
                guard size <= SDPLimits.size else { throw SDPParseError(rule: .tooLarge, line: 0) }
                secrets.append((text.count, secret))
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
        while index < text.count {
            let end = bytes.firstIndex(of: 0x0D, or: 0x0A, from: index, to: text.count)
            let isCRLF = end + 1 < text.count && bytes[end] == 0x0D && bytes[end + 1] == 0x0A
            let next = isCRLF ? end + 2 : end + 1
            let isStray = end < text.count && bytes[end] == 0x0D && !isCRLF && end + 1 < text.count
            defer { index = next }
            line += 1
            guard line <= SDPLimits.lines else { throw fault(.tooManyLines) }
            if end == index, !isStray { continue }
            // A byte-string holds neither NUL nor CR (RFC 8866 §9).
            guard !isStray, bytes.firstIndex(of: 0, or: 0, from: index, to: end) == end, end - index >= 2, bytes[index + 1] == 0x3D else { throw fault(.notALine) }
            let value = WireText(text, index + 2..<end)
            switch bytes[index] {
            case 0x76:  // v=
                guard value.trimmed.equals("0"), !hasVersion else { throw fault(.version) }
                hasVersion = true
            case 0x6F where origin == nil: origin = try readOrigin(value)
            case 0x73: sessionName = value.isEmpty ? "-" : value
            case 0x63: try readConnection(value)
            case 0x6D: try readMedia(value)
            case 0x61: readAttribute(value)
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

    private mutating func readConnection(_ value: WireText) throws(SDPParseError) {
        let words = value.words
        guard words.count == 3, words[0].equalsIgnoringCase("IN") else { throw fault(.connection) }
        let address = words[2].split(at: 0x2F)[0]
        guard !address.isEmpty else { throw fault(.connection) }
        let connection = SDPConnection(addressType: words[1], address: address)
        if media.isEmpty {
            self.connection = connection
        } else if media[media.count - 1].connection == nil {
            media[media.count - 1].connection = connection
        }
    }

    /// `<media> <port>[/<number of ports>] <proto> <fmt> …`
    private mutating func readMedia(_ value: WireText) throws(SDPParseError) {
        guard media.count < SDPLimits.media else { throw fault(.tooManyMedia) }
        let words = value.words
        guard words.count >= 4 else { throw fault(.media) }
        guard words.count - 3 <= SDPLimits.formats else { throw fault(.tooManyFormats) }
        let ports = words[1].split(at: 0x2F)
        guard ports.count <= 2, let port = Decimal.read(ports[0], limit: 65535) else { throw fault(.media) }
        var count: UInt64 = 1
        if ports.count == 2 {
            guard let number = Decimal.read(ports[1], limit: 65535), number > 0 else { throw fault(.media) }
            count = number
        }
        media.append(
            MediaDescription(
                kind: words[0], port: UInt16(port), portCount: UInt16(count), transport: MediaTransport(words[2]),
                formats: Array(words[3...])))
        media[media.count - 1].attributes.reserveCapacity(16)
    }

    private mutating func readAttribute(_ value: WireText) {
        let text = text
        let colon = text.span.firstIndex(of: 0x3A, or: 0x3A, from: value.range.lowerBound, to: value.range.upperBound)
        let name = WireText(text, value.range.lowerBound..<colon)
        guard !name.isEmpty else { return }
        let content = colon < value.range.upperBound ? WireText(text, colon + 1..<value.range.upperBound) : nil
        if name.equalsIgnoringCase("crypto") {
            guard !media.isEmpty else { return }
            readCrypto(content ?? "")
        } else if name.equalsIgnoringCase("key-mgmt") {
            return
        } else if media.isEmpty {
            attributes.append(SDPAttribute(name, content))
        } else {
            media[media.count - 1].attributes.append(SDPAttribute(name, content))
        }
    }

    private mutating func readCrypto(_ content: WireText) {
        let secrets = secrets
        let result = CryptoAttribute.parse(content) { offset in secrets.first { $0.offset == offset }?.secret }
        let last = media.count - 1
        switch result {
        case .success(let attribute):
            // §9.1: a tag is unique within its media line.
            if media[last].cryptos.contains(where: { $0.tag == attribute.tag }) {
                media[last].voidCryptos.append(.grammar)
            } else {
                media[last].cryptos.append(attribute)
            }
        case .failure(let void): media[last].voidCryptos.append(void.reason)
        }
    }
}
