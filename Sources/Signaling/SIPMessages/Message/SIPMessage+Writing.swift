internal import SottoBase

extension SIPMessage {
    /// Appends the message as it goes over the wire, with its secrets in clear: the last step before encryption. The caller wipes
    /// `output` once it is encrypted. Typed headers come first, in the order that RFC 3261 §7.3.1 recommends, then the others.
    public func serialize(into output: inout [UInt8]) {
        switch self {
        case .request(let request): request.serialize(into: &output)
        case .response(let response): response.serialize(into: &output)
        }
    }
}

extension SIPRequest {
    /// See `SIPMessage.serialize(into:)`.
    public func serialize(into output: inout [UInt8]) {
        output.reserveCapacity(output.count + requestURI.text.count + 64 + fields.largestSize)
        method.write(to: &output)
        output.append(0x20)
        LineWriter.value(requestURI.text, to: &output)
        append(" SIP/2.0\r\n", to: &output)
        fields.serialize(into: &output)
    }
}

extension SIPResponse {
    /// See `SIPMessage.serialize(into:)`.
    public func serialize(into output: inout [UInt8]) {
        output.reserveCapacity(output.count + reasonPhrase.count + 64 + fields.largestSize)
        append("SIP/2.0 ", to: &output)
        LineWriter.decimal(UInt64(status), to: &output)
        output.append(0x20)
        LineWriter.value(reasonPhrase, to: &output)
        append("\r\n", to: &output)
        fields.serialize(into: &output)
    }
}

extension SIPFields {
    /// At least what headers and body take: growing the output later would leave pieces of secrets in freed memory.
    fileprivate var largestSize: Int {
        var size = 256 + body.count + from.text.count + to.text.count + callID.text.count
        if case .other(let method) = cseq.method { size += 2 * method.count }
        for via in vias { size += via.text.count + 8 }
        for address in routes { size += address.text.count + 24 }
        for address in recordRoutes { size += address.text.count + 24 }
        for address in contacts { size += address.text.count + 24 }
        for header in headers {
            size += header.otherName.count + 32
            switch header.value {
            case .text(let text): size += text.count
            case .secret(let secret): size += secret.count
            }
        }
        return size + (contentType?.text.count ?? 0)
    }

    func serialize(into output: inout [UInt8]) {
        for via in vias { LineWriter.header("Via: ", via.text, to: &output) }
        for route in routes { LineWriter.header("Route: ", route.text, to: &output) }
        for route in recordRoutes { LineWriter.header("Record-Route: ", route.text, to: &output) }
        if let maxForwards {
            append("Max-Forwards: ", to: &output)
            LineWriter.decimal(UInt64(maxForwards), to: &output)
            append("\r\n", to: &output)
        }
        if !from.text.isEmpty { LineWriter.header("From: ", from.text, to: &output) }
        if !to.text.isEmpty { LineWriter.header("To: ", to.text, to: &output) }
        if !callID.text.isEmpty { LineWriter.header("Call-ID: ", callID.text, to: &output) }
        append("CSeq: ", to: &output)
        LineWriter.decimal(UInt64(cseq.number), to: &output)
        output.append(0x20)
        cseq.method.write(to: &output)
        append("\r\n", to: &output)
        if contactIsWildcard { append("Contact: *\r\n", to: &output) }
        for contact in contacts { LineWriter.header("Contact: ", contact.text, to: &output) }
        for header in headers { LineWriter.header(header, to: &output) }
        if let contentType { LineWriter.header("Content-Type: ", contentType.text, to: &output) }
        append("Content-Length: ", to: &output)
        LineWriter.decimal(UInt64(body.count), to: &output)
        append("\r\n\r\n", to: &output)
        body.write(to: &output)
    }
}

private enum LineWriter {
    static func header(_ name: StaticString, _ text: WireText, to output: inout [UInt8]) {
        append(name, to: &output)
        value(text, to: &output)
        append("\r\n", to: &output)
    }

    static func header(_ header: SIPHeader, to output: inout [UInt8]) {
        if header.name == .other { value(header.otherName, to: &output) } else { append(header.name.spelling, to: &output) }
        append(": ", to: &output)
        switch header.value {
        case .text(let text): value(text, to: &output)
        case .secret(let secret): secret.withBytes { output.append(contentsOf: $0) }
        }
        append("\r\n", to: &output)
    }

    /// A line end inside a value would start a header of the sender's choice: it becomes a space.
    static func value(_ text: WireText, to output: inout [UInt8]) {
        let start = output.count
        output.append(contentsOf: text.bytes)
        var index = start
        while index < output.count {
            if output[index] == 0x0D || output[index] == 0x0A { output[index] = 0x20 }
            index += 1
        }
    }

    static func decimal(_ number: UInt64, to output: inout [UInt8]) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            output.append(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
            divisor /= 10
        }
    }
}
