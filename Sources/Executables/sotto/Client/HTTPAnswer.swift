/// One HTTP/1.1 answer (RFC 9112), read piece by piece: status, then the body by its length, in chunks, or to the end. Bounded.
struct HTTPAnswer: ~Copyable {
    private enum Body {
        case length(Int)
        /// Bytes left of the running chunk; 0 before a chunk's size line.
        case chunk(Int)
        case untilClosed
        case finished
    }

    private(set) var status = 0
    private var body = Body.finished
    private var buffer: ArraySlice<UInt8> = []
    private let connection: UnixConnection

    private static let largestHead = 16 * 1_024

    private init(_ connection: consuming UnixConnection) { self.connection = connection }

    /// Reads the head.
    static func read(_ connection: consuming UnixConnection) throws(Failure) -> HTTPAnswer {
        var answer = HTTPAnswer(connection)
        try answer.readHead()
        return answer
    }

    private mutating func readHead() throws(Failure) {
        guard let statusLine = try line(), let code = Self.status(statusLine) else { throw Self.brokenOff }
        var length: Int?
        var isChunked = false
        var size = statusLine.utf8.count
        while true {
            guard let field = try line() else { throw Self.brokenOff }
            if field.isEmpty { break }
            size += field.utf8.count
            guard size <= Self.largestHead, let colon = field.firstIndex(of: ":") else { throw Self.notHTTP }
            let value = field[field.index(after: colon)...].drop { $0 == " " }
            switch field[..<colon].lowercased() {
            case "content-length":
                guard let number = Int(value), number >= 0 else { throw Self.notHTTP }
                length = number
            case "transfer-encoding":
                guard value.lowercased() == "chunked" else { throw Self.notHTTP }
                isChunked = true
            default: break
            }
        }
        status = code
        body = isChunked ? .chunk(0) : length.map { .length($0) } ?? .untilClosed
    }

    private static let notHTTP = Failure(.fault, "what answers at the socket is not Sotto's admin server")
    private static let brokenOff = Failure(
        .unavailable, "the daemon broke off its answer", hint: "it may have stopped, or the reading of a record failed: see its log")

    private static func status(_ line: String) -> Int? {
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let code = Int(parts[1]), (200...599).contains(code) else { return nil }
        return code
    }

    /// The next piece of the body; nil at its end. Throws when it ends before its end.
    mutating func next() throws(Failure) -> [UInt8]? {
        while true {
            switch body {
            case .finished: return nil
            case .untilClosed:
                if buffer.isEmpty, try !fill() {
                    body = .finished
                    return nil
                }
                return take(buffer.count)
            case .length(let left):
                guard left > 0 else {
                    body = .finished
                    return nil
                }
                if buffer.isEmpty, try !fill() { throw Self.brokenOff }
                let piece = take(min(left, buffer.count))
                body = .length(left - piece.count)
                return piece
            case .chunk(0):
                guard let text = try line(), let size = Int(text.prefix { $0 != ";" }, radix: 16), size >= 0 else { throw Self.brokenOff }
                if size == 0 {
                    body = .finished
                    return nil
                }
                body = .chunk(size)
            case .chunk(let left):
                if buffer.isEmpty, try !fill() { throw Self.brokenOff }
                let piece = take(min(left, buffer.count))
                body = .chunk(left - piece.count)
                if left == piece.count {
                    guard try line() == "" else { throw Self.notHTTP }
                }
                return piece
            }
        }
    }

    /// The whole body of at most so many bytes.
    mutating func whole(limit: Int) throws(Failure) -> [UInt8] {
        var result: [UInt8] = []
        while let piece = try next() {
            guard result.count + piece.count <= limit else { throw Failure(.data, "the daemon's answer is too large", hint: "use --limit") }
            result += piece
        }
        return result
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        let piece = Array(buffer.prefix(count))
        buffer = buffer.dropFirst(count)
        return piece
    }

    /// False at the end.
    private mutating func fill() throws(Failure) -> Bool {
        let more = try connection.receive()
        buffer = buffer.isEmpty ? more[...] : buffer + more
        return !more.isEmpty
    }

    /// Up to CRLF or LF, without it; nil when the connection ends first.
    private mutating func line() throws(Failure) -> String? {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                var line = buffer[..<end]
                buffer = buffer[(end + 1)...]
                if line.last == 0x0D { line = line.dropLast() }
                return String(decoding: line, as: UTF8.self)
            }
            guard buffer.count <= Self.largestHead else { throw Self.notHTTP }
            guard try fill() else { return nil }
        }
    }
}
