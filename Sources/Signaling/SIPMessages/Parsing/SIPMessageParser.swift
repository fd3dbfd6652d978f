internal import SottoBase

/// Turns one framed message into typed fields over its own bytes (RFC 3261 §7 and §25).
///
/// It refuses only what it cannot represent. What breaks the grammar and can still be answered becomes a message with `defects`, for which
/// `SIPValidator` names the status. Credentials and keys move into `SecretBytes`, and their source bytes are wiped.
public struct SIPMessageParser: Sendable {
    public var limits: SIPLimits

    public init(limits: SIPLimits = .standard) {
        self.limits = limits
        self.limits.message = min(limits.message, 65_535)
    }

    /// Parses `raw` under the standard limits, taking its buffer: `raw` is empty afterwards, whatever happens.
    ///
    /// Bytes after the body that Content-Length announces are ignored, as RFC 3261 §18.3 wants for datagrams; on a stream the framer has
    /// cut them off. Without Content-Length the body is all that follows the headers.
    public static func parse(_ raw: inout [UInt8]) throws(SIPParseError) -> SIPMessage { try SIPMessageParser().parse(&raw) }

    /// As above, under this parser's limits.
    public func parse(_ raw: inout [UInt8]) throws(SIPParseError) -> SIPMessage {
        do throws(SIPParseError) {
            guard raw.count <= limits.message else { throw SIPParseError(rule: .messageTooLarge, offset: limits.message) }
            var lines = HeaderLines()
            try lines.split(&raw, limits: limits)
            let body = try readBody(&raw, lines)
            let storage = raw
            raw = []
            var builder = MessageBuilder(storage: storage, lines: lines, limits: limits)
            return try builder.build(body: body)
        } catch {
            wipe(&raw)
            throw error
        }
    }

    /// Takes the body out, secrets apart, and wipes everything behind the headers.
    private func readBody(_ raw: inout [UInt8], _ lines: HeaderLines) throws(SIPParseError) -> SIPBody {
        let start = lines.headEnd
        let available = raw.count - start
        let length: Int
        switch lines.contentLength {
        case .value(let announced): length = min(announced, available)
        case .absent: length = available
        case .malformed: length = 0  // nobody knows where it ends
        }
        defer {
            if available > 0 {
                raw.withUnsafeMutableBytes { all in
                    if let base = all.baseAddress { SottoBase.wipe(base + start, count: available) }
                }
            }
        }
        guard length > 0 else { return .empty }
        if length <= SIPBody.largestKeyBody, lines.announcesPressedKeys(raw.span) {
            return SIPBody(chunks: [.secret(SecretBytes(copying: raw[start..<start + length]))])
        }
        guard let body = SIPBody.separatingSecrets(raw, start..<start + length, limit: limits.secrets) else {
            throw SIPParseError(rule: .tooManySecrets, offset: start)
        }
        return body
    }
}
