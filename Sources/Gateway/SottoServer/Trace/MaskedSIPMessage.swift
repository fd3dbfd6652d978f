internal import SIPMessages
internal import SottoBase

/// A SIP message as an operator may read it: credentials, keys and DTMF digits are replaced, names are left out, and of a subscriber's number
/// only its shape remains (`+4930xxxxx42`).
///
/// It shows what interop is about: header order within reason, parameters, addresses of the network, the session description.
struct MaskedSIPMessage {
    /// `INVITE sip:+49xxx42@…`, `183 Session Progress`.
    let summary: String
    /// The whole message, masked; lines end with LF.
    let text: String

    /// A longer body is cut: a trace is kept in memory.
    static let largestBody = 4_096
    static let largestText = 12_288

    init(_ message: SIPMessage) {
        var lines: [String] = []
        switch message {
        case .request(let request):
            summary = "\(Self.method(request.method)) \(Self.address(request.requestURI.text))"
            lines.append("\(summary) SIP/2.0")
        case .response(let response):
            summary = "\(response.status) \(response.reasonPhrase.string)"
            lines.append("SIP/2.0 \(summary)")
        }
        let fields = message.fields
        lines += fields.vias.map { "Via: \($0.text.string)" }
        lines += fields.routes.map { "Route: \(Self.address($0.text))" }
        lines += fields.recordRoutes.map { "Record-Route: \(Self.address($0.text))" }
        if let hops = fields.maxForwards { lines.append("Max-Forwards: \(hops)") }
        if !fields.from.text.isEmpty { lines.append("From: \(Self.address(fields.from.text))") }
        if !fields.to.text.isEmpty { lines.append("To: \(Self.address(fields.to.text))") }
        lines.append("Call-ID: \(fields.callID.text.string)")
        lines.append("CSeq: \(fields.cseq.number) \(Self.method(fields.cseq.method))")
        if fields.contactIsWildcard { lines.append("Contact: *") }
        lines += fields.contacts.map { "Contact: \(Self.address($0.text))" }
        lines += fields.headers.map(Self.line)
        if let type = fields.contentType { lines.append("Content-Type: \(type.text.string)") }
        lines.append("Content-Length: \(fields.body.count)")
        let body = Self.body(fields)
        if !body.isEmpty { lines += ["", body] }
        text = Self.cut(lines.joined(separator: "\n"), to: Self.largestText)
    }

    private static func line(_ header: SIPHeader) -> String {
        let name = header.name == .other ? header.otherName.string : header.name.spelling.description
        guard case .text(let text) = header.value else { return "\(name): [secret]" }
        switch Showing(header.name) {
        case .whole: return "\(name): \(text.string)"
        case .address: return "\(name): \(address(text))"
        case .nothing: return "\(name): [\(text.count) bytes]"
        }
    }

    /// What may be shown of a header that is no secret.
    private enum Showing {
        /// Its digits are no subscriber's.
        case whole
        case address
        /// Free text, or nobody knows what it holds: a number or a name may be in it.
        case nothing

        init(_ name: SIPHeaderName) {
            switch name {
            case .accept, .acceptEncoding, .acceptLanguage, .allow, .allowEvents, .contentDisposition, .contentEncoding, .contentLanguage,
                .date, .event, .expires, .mimeVersion, .minExpires, .minSE, .priority, .privacy, .proxyRequire, .rack, .reason, .require,
                .retryAfter, .rseq, .server, .sessionExpires, .subscriptionState, .supported, .timestamp, .unsupported, .userAgent, .warning,
                .wwwAuthenticate, .proxyAuthenticate:
                self = .whole
            case .pAssertedIdentity, .pPreferredIdentity, .remotePartyID, .diversion, .historyInfo, .referTo, .referredBy, .replyTo, .path:
                self = .address
            default:
                self = .nothing
            }
        }
    }

    private static func method(_ method: SIPMethod) -> String { method.description }

    private static func body(_ fields: SIPFields) -> String {
        guard !fields.body.isEmpty else { return "" }
        let isShown = fields.contentType.map { $0.isSDP || $0.text.string.lowercased().hasPrefix("message/sipfrag") } ?? false
        guard isShown else { return "[\(fields.body.count) bytes]" }
        var text = ""
        for chunk in fields.body.chunks {
            switch chunk {
            case .bytes(let bytes): text += String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
            case .secret: text += "[key]"
            }
            if text.utf8.count > largestBody { break }
        }
        return cut(text, to: largestBody)
    }

    private static func cut(_ text: String, to count: Int) -> String {
        text.utf8.count <= count ? text : String(decoding: text.utf8.prefix(count), as: UTF8.self) + "…"
    }

    // MARK: - Numbers and names

    /// An address with its display name left out and its user's digits masked. Hosts, ports and parameters stay.
    static func address(_ text: WireText) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var run: [UInt8] = []
        // Where the address that is being read begins in the output: what stands before its `<` is a name.
        var start = 0
        var isInside = false
        var isQuoted = false
        var isEscaped = false
        // What stands before an @, or after tel:, is somebody's; a host has its digits in the clear.
        let bytes = Array(text.bytes)
        let host = bytes.lastIndex(of: 0x40)
        let isTelephone = String(decoding: bytes, as: UTF8.self).lowercased().contains("tel:")
        func flush() {
            output += masked(run)
            run = []
        }
        for (index, byte) in bytes.enumerated() {
            if isQuoted {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isQuoted = false
                    output += Array("…\"".utf8)
                }
                continue
            }
            if byte == 0x3C, !isInside {
                flush()
                isInside = true
                if output[start...].contains(where: { $0 != 0x20 && $0 != 0x09 }) { output[start...] = Array("\"…\" ".utf8)[...] }
            } else if byte == 0x3E {
                isInside = false
            } else if byte == 0x2C, !isInside {
                flush()
                output += [0x2C, 0x20]
                start = output.count
                continue
            }
            if byte == 0x22 {
                flush()
                isQuoted = true
                output.append(byte)
                continue
            }
            let isSomebodys = isTelephone || host.map { index < $0 } ?? false
            if isSomebodys, (0x30...0x39).contains(byte) {
                run.append(byte)
            } else {
                flush()
                output.append(byte)
            }
        }
        flush()
        return String(decoding: output, as: UTF8.self)
    }

    /// Four digits at the beginning and two at the end of a long run stay, so that its format can be told.
    private static func masked(_ digits: [UInt8]) -> [UInt8] {
        guard digits.count > 3 else { return digits }
        let head = digits.count >= 9 ? 4 : 1
        let tail = digits.count >= 7 ? 2 : 0
        return digits.prefix(head) + Array(repeating: 0x78, count: digits.count - head - tail) + digits.suffix(tail)
    }
}
