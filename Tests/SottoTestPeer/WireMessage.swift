/// A SIP message as text, read by hand: the peer shares no grammar with the daemon that it tests.
public struct WireMessage: Sendable {
    public struct Header: Sendable {
        public let name: String
        public let value: String
    }

    public let startLine: String
    public let headers: [Header]
    public let body: String

    /// nil for a request.
    public var status: Int? {
        let parts = startLine.split(separator: " ")
        return parts.count >= 2 && parts[0] == "SIP/2.0" ? Int(parts[1]) : nil
    }

    /// nil for a response.
    public var method: String? { status == nil ? startLine.split(separator: " ").first.map(String.init) : nil }

    public func header(_ name: String) -> String? { all(name).first }
    public func all(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value) }

    public var callID: String { header("Call-ID") ?? "" }
    public var sequence: Int { header("CSeq")?.split(separator: " ").first.flatMap { Int($0) } ?? -1 }
    /// The method that a response answers.
    public var answeredMethod: String? { header("CSeq")?.split(separator: " ").last.map(String.init) }

    /// The tag of From or To.
    public func tag(_ name: String) -> String? {
        header(name)?.split(separator: ";").compactMap { part -> String? in
            let part = part.drop { $0 == " " }
            return part.hasPrefix("tag=") ? String(part.dropFirst(4)) : nil
        }.first
    }

    /// Takes the first whole message out of `bytes`; nil when there is none yet.
    static func take(from bytes: inout [UInt8]) -> WireMessage? {
        let mark: [UInt8] = [13, 10, 13, 10]
        guard bytes.count >= 4, let end = bytes.indices.dropLast(3).first(where: { Array(bytes[$0..<$0 + 4]) == mark }) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let headers = lines.dropFirst().compactMap { line -> Header? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return Header(name: String(line[..<colon]), value: String(value))
        }
        let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        guard bytes.count >= end + 4 + length else { return nil }
        let body = String(decoding: bytes[(end + 4)..<(end + 4 + length)], as: UTF8.self)
        bytes.removeFirst(end + 4 + length)
        return WireMessage(startLine: String(lines.first ?? ""), headers: headers, body: body)
    }
}
