import NIOCore

/// A SIP message read by hand: the generator shares no grammar with what it measures.
struct LoadMessage: Sendable {
    let startLine: String
    let headers: [(name: String, value: String)]
    let body: String

    /// nil for a request.
    var status: Int? {
        guard startLine.hasPrefix("SIP/2.0 ") else { return nil }
        return Int(startLine.dropFirst(8).prefix(3))
    }

    /// nil for a response.
    var method: String? { startLine.hasPrefix("SIP/2.0 ") ? nil : startLine.prefix { $0 != " " }.description }
    var requestUser: String {
        guard let start = startLine.firstIndex(of: ":") else { return "" }
        return startLine[startLine.index(after: start)...].prefix { $0 != "@" }.description
    }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    func all(_ name: String) -> [String] { headers.filter { $0.name == name }.map(\.value) }
    var callID: String { header("call-id") ?? "" }
    var sequence: Int { header("cseq").flatMap { Int($0.prefix { $0 != " " }) } ?? -1 }
    /// The method of CSeq.
    var answeredMethod: String { header("cseq")?.split(separator: " ").last.map(String.init) ?? "" }

    func tag(_ name: String) -> String? {
        guard let value = header(name) else { return nil }
        for part in value.split(separator: ";").dropFirst() where part.hasPrefix("tag=") { return String(part.dropFirst(4)) }
        return nil
    }

    /// The URI in angle brackets.
    func uri(_ name: String) -> String? {
        guard let value = header(name), let start = value.firstIndex(of: "<"), let end = value.firstIndex(of: ">") else { return nil }
        return String(value[value.index(after: start)..<end])
    }

    /// A response with what RFC 3261 §8.2.6.2 wants copied.
    func response(_ status: String, toTag: String? = nil, headers more: [String] = [], body: String = "") -> String {
        var lines = ["SIP/2.0 \(status)"]
        for (name, value) in headers {
            switch name {
            case "via": lines.append("Via: \(value)")
            case "from": lines.append("From: \(value)")
            case "to": lines.append("To: \(value)" + (tag("to") == nil ? toTag.map { ";tag=\($0)" } ?? "" : ""))
            case "call-id": lines.append("Call-ID: \(value)")
            case "cseq": lines.append("CSeq: \(value)")
            case "record-route": lines.append("Record-Route: \(value)")
            default: break
            }
        }
        return (lines + more + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n")
    }
}

/// Cuts a stream into messages.
struct MessageReader {
    private var buffer = ByteBuffer()
    private var searched = 0
    /// Keep-alives of the other side (RFC 5626 §4.4.1: two line ends) that wait for an answer.
    private(set) var pings = 0

    mutating func takePings() -> Int {
        defer { pings = 0 }
        return pings
    }

    mutating func append(_ bytes: inout ByteBuffer) {
        if buffer.readableBytes == 0 { buffer.clear() }
        buffer.writeBuffer(&bytes)
    }

    mutating func next() -> LoadMessage? {
        while let start = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self), start == 0x0D0A_0D0A {
            buffer.moveReaderIndex(forwardBy: 4)
            searched = 0
            pings += 1
        }
        let from = max(0, searched - 3)
        let found = buffer.withUnsafeReadableBytes { bytes -> Int? in
            var index = from
            while index + 4 <= bytes.count {
                if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 { return index }
                index += 1
            }
            return nil
        }
        guard let end = found else {
            searched = buffer.readableBytes
            return nil
        }
        guard let head = buffer.getString(at: buffer.readerIndex, length: end) else { return nil }
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)[...]
        let startLine = lines.popFirst().map(String.init) ?? ""
        let headers = lines.compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        let length = headers.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
        guard buffer.readableBytes >= end + 4 + length, let body = buffer.getString(at: buffer.readerIndex + end + 4, length: length) else {
            searched = end
            return nil
        }
        buffer.moveReaderIndex(forwardBy: end + 4 + length)
        searched = 0
        return LoadMessage(startLine: startLine, headers: headers, body: body)
    }
}
